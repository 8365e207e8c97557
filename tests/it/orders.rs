//! `examples/orders`: the README's own input, packaged and answering under AWS's real Runtime
//! Interface Emulator.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{have, lambda_pack, repository, run, scrub, tools};

/// Where the bundles are, packaged once for all tests of this file.
static BUNDLES: LazyLock<PathBuf> = LazyLock::new(|| {
    let orders = repository().join("examples/orders");
    let out = repository().join("target/orders-bundles");
    let mut command = lambda_pack(&orders);
    command.args(["package", "--locked", "--target-dir"]);
    command.arg(repository().join("target/orders")).arg("--out").arg(&out);
    let answer = run(&mut command).code(0);
    let functions: Vec<_> =
        answer.stdout.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    let expected =
        ["orders-api", "orders-audit", "orders-notify", "orders-report", "orders-worker"];
    assert_eq!(functions, expected, "the S3 handler stands outside of the default members");
    out.join("")
});

fn zip(function: &str) -> PathBuf {
    BUNDLES.join(function).join(crate::support::host_arch()).join("bootstrap.zip")
}

/// The real emulator with a bundle unpacked under it. Ended when dropped.
struct Emulator {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Emulator {
    /// Unpacks with unzip and starts; none (with a line that says so) where a tool is missing.
    fn start(function: &str) -> Option<Self> {
        Self::start_zip(&|| zip(function), None)
    }

    /// The same of a zip, which is made when all tools are there, and whose program is started by
    /// another (qemu).
    fn start_zip(zip: &dyn Fn() -> PathBuf, by: Option<&str>) -> Option<Self> {
        let program = tools().join(format!("rie/aws-lambda-rie-{}", crate::support::host_arch()));
        if !have(&program) || !have("unzip") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut unzip = Command::new("unzip");
        run(unzip.arg("-q").arg(zip()).arg("-d").arg(folder.path())).code(0);
        let bootstrap = folder.path().join("bootstrap");
        if let Some(by) = by {
            let real = folder.path().join("real");
            std::fs::rename(&bootstrap, &real).unwrap();
            std::fs::write(&bootstrap, format!("#!/bin/sh\nexec {by} '{}'\n", real.display()))
                .unwrap();
            std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let (port, runtime_port) = (free_port(), free_port());
        let mut command = Command::new(program);
        scrub(&mut command);
        command
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{runtime_port}")])
            .arg(bootstrap)
            .env("LAMBDA_TASK_ROOT", folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        Some(Self { child, port, _folder: folder })
    }

    fn connect(&self) -> TcpStream {
        let start = Instant::now();
        loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => return stream,
                Err(error) => {
                    assert!(start.elapsed() < Duration::from_secs(20), "the emulator: {error}");
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// Invokes with a sample event of the example.
    fn invoke(&self, event: &str) -> Value {
        let event = std::fs::read(repository().join("examples/orders").join(event)).unwrap();
        let mut stream = self.connect();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.0\r\nHost: 127.0.0.1\r\n\
             Content-Length: {}\r\n\r\n",
            event.len()
        );
        stream.write_all(&[head.as_bytes(), &event].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}")).1;
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_http_api_answers_under_the_real_emulator() {
    let Some(emulator) = Emulator::start("orders-api") else { return };
    let placed = emulator.invoke("orders-api/events/place-order.json");
    assert_eq!(placed["statusCode"], 201, "{placed}");
    let order: Value = serde_json::from_str(placed["body"].as_str().unwrap()).unwrap();
    assert_eq!(order["totalCents"], 3299);
    let got = emulator.invoke("orders-api/events/get-order.json");
    assert_eq!((&got["statusCode"], &got["body"]), (&json!(200), &placed["body"]));
    let invalid = emulator.invoke("orders-api/events/place-invalid-order.json");
    assert_eq!(invalid["statusCode"], 400, "{invalid}");
    let deleted = emulator.invoke("orders-api/events/delete-order.json");
    assert_eq!(deleted["statusCode"], 204, "{deleted}");
    assert_eq!(emulator.invoke("orders-api/events/get-order.json")["statusCode"], 404);
}

#[test]
fn the_worker_reports_partial_failures_under_the_real_emulator() {
    let Some(emulator) = Emulator::start("orders-worker") else { return };
    let failures = emulator.invoke("orders-worker/events/batch.json");
    assert_eq!(failures["batchItemFailures"].as_array().map(Vec::len), Some(2), "{failures}");
    let none = emulator.invoke("orders-worker/events/good-batch.json");
    assert_eq!(none, json!({ "batchItemFailures": [] }));
}

/// Compiled, linked and audited for Graviton here, and really run: by qemu, under the real emulator.
#[test]
fn the_worker_of_arm64_answers_too() {
    let (rustc, python) = (tools().join("arm64/bin/rustc"), tools().join("zig/bin/python3"));
    let qemu = "qemu-aarch64-static";
    if ![rustc.as_os_str(), python.as_os_str(), qemu.as_ref()].iter().all(have) {
        return;
    }
    let zip = || {
        let target = repository().join("target/orders-arm64");
        let mut command = lambda_pack(&repository().join("examples/orders"));
        command.args(["package", "--locked", "--arch", "arm64", "-p", "orders-worker"]);
        command.arg("--target-dir").arg(&target).env("RUSTC", &rustc);
        run(command.env("CARGO_ZIGBUILD_PYTHON_PATH", &python)).code(0).says("with zig cc 0.");
        target.join("lambda-pack/orders-worker/arm64/bootstrap.zip")
    };
    let by = format!("{qemu} -L /usr/aarch64-linux-gnu");
    let Some(emulator) = Emulator::start_zip(&zip, Some(&by)) else { return };
    let failures = emulator.invoke("orders-worker/events/batch.json");
    assert_eq!(failures["batchItemFailures"].as_array().map(Vec::len), Some(2), "{failures}");
}

#[test]
fn the_report_finds_the_files_that_were_packed_with_it() {
    let Some(emulator) = Emulator::start("orders-report") else { return };
    let report = emulator.invoke("orders-report/events/scheduled.json");
    assert_eq!(report["orders"], 3, "{report}");
    assert!(report["text"].as_str().unwrap().starts_with("Orders report of 2026-03-02"));
}

#[test]
fn every_bundle_is_sound_and_check_says_so() {
    let mut command = lambda_pack(Path::new(&*BUNDLES));
    let audit = BUNDLES.join("orders-audit").join(crate::support::host_arch());
    command.args(["check", "--output", "json"]).arg(audit.join("orders-audit.zip"));
    for function in ["orders-api", "orders-notify", "orders-report", "orders-worker"] {
        command.arg(zip(function));
    }
    let answer = run(&mut command).code(0);
    assert_eq!(answer.findings(), [""; 0], "{}", answer.stdout);
    assert_eq!(answer.records().len(), 5);
}
