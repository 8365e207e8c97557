//! Emulators that nobody here wrote, and the AWS command line that reads back what was made. Where they
//! are not as AWS is (toolchain facts), AWS counts.

use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::proxy::Proxy;
use super::site::Site;
use crate::emulator::free_port;
use crate::support::{have, run, scrub, tools};

/// The AWS command line, in a folder, of what listens at an address; its answer as JSON.
#[track_caller]
pub(super) fn aws(address: &str, folder: &Path, args: &[&str]) -> Value {
    let mut command = Command::new(tools().join("aws/bin/python3"));
    scrub(&mut command);
    command.args(["-m", "awscli", "--endpoint-url", &format!("http://{address}")]);
    command.args(["--region", "us-east-1", "--output", "json"]).args(args);
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        command.env(name, value);
    }
    let answer = run(command.current_dir(folder)).code(0);
    serde_json::from_str(&answer.stdout).unwrap_or_default()
}

/// An emulator, ended with the test.
pub(crate) struct Emulator {
    child: Child,
    pub(crate) address: String,
    folder: TempDir,
}

impl Emulator {
    /// `ministack`, which runs functions.
    pub(crate) fn ministack() -> Option<Self> {
        let port = free_port().to_string();
        Self::start(
            &["-m", "ministack"],
            &[("BIND_HOST", "127.0.0.1"), ("GATEWAY_PORT", &port)],
            &port,
        )
    }

    /// moto, which does not.
    pub(crate) fn moto() -> Option<Self> {
        let port = free_port().to_string();
        let variables = [("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")];
        Self::start(&["-m", "moto.server", "-H", "127.0.0.1", "-p", &port], &variables, &port)
    }

    /// The same, which answers `Invoke` with the event.
    fn moto_without_docker() -> Option<Self> {
        let port = free_port().to_string();
        let script = "import sys; from moto.core.config import default_user_config as config; \
                      config['lambda']['use_docker'] = False; from moto.server import main; main()";
        let variables = [("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")];
        Self::start(&["-c", script, "-H", "127.0.0.1", "-p", &port], &variables, &port)
    }

    fn start(args: &[&str], variables: &[(&str, &str)], port: &str) -> Option<Self> {
        let python = tools().join("aws/bin/python3");
        if !have(&python) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(python);
        scrub(&mut command);
        command.args(args).envs(variables.iter().copied()).current_dir(folder.path());
        command.env("HOME", folder.path()).env("TMPDIR", folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn().unwrap();
        let address = format!("127.0.0.1:{port}");
        let emulator = Self { child, address, folder };
        let start = Instant::now();
        while TcpStream::connect(&emulator.address).is_err() {
            assert!(start.elapsed() < Duration::from_mins(1), "{args:?} does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(emulator)
    }

    /// The AWS command line; its answer as JSON.
    #[track_caller]
    pub(crate) fn aws(&self, args: &[&str]) -> Value {
        aws(&self.address, self.folder.path(), args)
    }

    /// A role that exists there: moto looks for it.
    pub(crate) fn role(&self) -> String {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
        let trust = trust.to_string();
        let named = ["iam", "create-role", "--role-name", "orders"];
        let made = self.aws(&[&named[..], &["--assume-role-policy-document", &trust]].concat());
        made["Role"]["Arn"].as_str().unwrap().to_owned()
    }

    /// What a function answers.
    pub(super) fn invoked(&self, function: &str) -> Value {
        self.aws(&["lambda", "invoke", "--function-name", function, "--payload", "{}", "out"]);
        let out = std::fs::read(self.folder.path().join("out")).unwrap();
        serde_json::from_slice(&out)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Two deploys and one with nothing to do; gives the calls of the last.
fn two_deploys(emulator: &Emulator, site: &Site) -> Vec<String> {
    let role = emulator.role();
    let settings = |memory: u32| {
        site.settings(&format!(
            "role = \"{role}\"\nalias = [\"live\"]\nmemory = {memory}\ntimeout = 7\n\
             environment = {{ STAGE = \"beta\" }}\ntags = {{ team = \"orders\" }}\n"
        ));
    };
    settings(256);
    site.deploy(&emulator.address);
    let alias = |name: &str| {
        emulator.aws(&["lambda", "get-alias", "--function-name", "api", "--name", name])
    };
    assert_eq!(alias("live")["FunctionVersion"], "1");
    let made = emulator.aws(&["lambda", "get-function", "--function-name", "api"]);
    assert_eq!(made["Configuration"]["MemorySize"], 256);
    assert_eq!(made["Configuration"]["Environment"]["Variables"], json!({ "STAGE": "beta" }));
    assert_eq!(made["Tags"]["team"], "orders");
    settings(512);
    let sha = site.bundle("api", "two");
    site.deploy(&emulator.address);
    assert_eq!(alias("live")["FunctionVersion"], "2");
    let version =
        emulator.aws(&["lambda", "get-function", "--function-name", "api", "--qualifier", "2"]);
    assert_eq!(version["Configuration"]["CodeSha256"], sha.as_str());
    assert_eq!(version["Configuration"]["MemorySize"], 512);
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    assert_eq!(site.deploy(&proxy.address)[0]["state"], "unchanged");
    proxy.calls()
}

#[test]
fn ministack_runs_what_was_deployed() {
    let Some(emulator) = Emulator::ministack() else { return };
    let site = Site::new(&["api"]);
    let calls = two_deploys(&emulator, &site);
    assert!(calls.iter().all(|call| call.starts_with("GET ")), "{calls:#?}");
    assert_eq!(emulator.invoked("api:live"), "two");
}

#[test]
fn moto_has_what_was_deployed() {
    let Some(emulator) = Emulator::moto() else { return };
    let site = Site::new(&["api"]);
    let calls = two_deploys(&emulator, &site);
    assert!(calls.iter().all(|call| call.starts_with("GET ")), "{calls:#?}");
}

/// A check of a version on somebody else's server: by its number, before an alias moves, for a deploy and a
/// rollback. `expected` is what each of the two versions answers.
fn checked(emulator: &Emulator, site: &Site, expected: [&str; 2]) {
    let role = emulator.role();
    site.workspace.write("events/a.json", "\"one\"");
    let settings = |expected: &str| {
        site.settings(&format!(
            "role = \"{role}\"\nalias = [\"live\"]\n\
             check = {{ events = \"events/*.json\", expect.json = \"{expected}\" }}\n"
        ));
    };
    let invoked = |proxy: &Proxy| -> Vec<String> {
        proxy.calls().into_iter().filter(|call| call.contains("/invocations")).collect()
    };
    let of_version =
        |number: u32| [format!("POST /2015-03-31/functions/api/invocations?Qualifier={number}")];
    let live = || {
        let get = ["lambda", "get-alias", "--function-name", "api", "--name", "live"];
        emulator.aws(&get)["FunctionVersion"].clone()
    };
    settings(expected[0]);
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    site.deploy(&proxy.address);
    assert_eq!((invoked(&proxy), live()), (of_version(1).to_vec(), json!("1")));
    site.bundle("api", "two");
    settings("neither");
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    let failed = site.run(&proxy.address, &["deploy"]).code(4);
    failed.says("version 2 fails its check with events/a.json");
    assert_eq!((invoked(&proxy), live()), (of_version(2).to_vec(), json!("1")));
    settings(expected[1]);
    site.deploy(&emulator.address);
    assert_eq!(live(), "2");
    settings(expected[0]);
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    run(&mut site.at(&proxy.address, &["rollback"])).code(0).says("Moved 1 alias");
    assert_eq!((invoked(&proxy), live()), (of_version(1).to_vec(), json!("1")));
}

#[test]
fn ministack_answers_checks() {
    let Some(emulator) = Emulator::ministack() else { return };
    checked(&emulator, &Site::new(&["api"]), ["one", "two"]);
}

/// moto runs functions in docker's containers only; without, it answers with the event.
#[test]
fn moto_answers_checks() {
    let Some(emulator) = Emulator::moto_without_docker() else { return };
    checked(&emulator, &Site::new(&["api"]), ["one", "one"]);
}
