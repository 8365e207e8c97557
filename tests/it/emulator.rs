//! AWS's real Runtime Interface Emulator with a bundle unpacked under it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{have, host_arch, repository, run, scrub, tools};

/// Ended when dropped, and the handler with it.
pub(crate) struct Emulator {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Emulator {
    /// Unpacks with unzip and starts, in qemu what is of another architecture; none (with a line that
    /// says so) where a tool is missing.
    pub(crate) fn start(zip: &Path, arch: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let program = tools().join(format!("rie/aws-lambda-rie-{}", host_arch()));
        let native = arch == host_arch();
        if !have(&program) || !have("unzip") || !(native || have("qemu-aarch64-static")) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut unzip = Command::new("unzip");
        run(unzip.arg("-q").arg(zip).arg("-d").arg(folder.path())).code(0);
        let mut bootstrap = folder.path().join("bootstrap");
        if !native {
            let script = folder.path().join("in-qemu");
            let line =
                "#!/bin/sh\nexec qemu-aarch64-static -L /usr/aarch64-linux-gnu ./bootstrap\n";
            std::fs::write(&script, line).unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
            bootstrap = script;
        }
        let (port, runtime_port) = (free_port(), free_port());
        let mut command = Command::new(program);
        scrub(&mut command);
        command
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{runtime_port}")])
            .arg(bootstrap)
            .env("LAMBDA_TASK_ROOT", folder.path())
            .envs(variables.iter().copied())
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
    pub(crate) fn invoke(&self, event: &str) -> Value {
        let event = std::fs::read(repository().join("examples/orders").join(event)).unwrap();
        let mut stream = self.connect();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
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
