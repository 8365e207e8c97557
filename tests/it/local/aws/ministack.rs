//! ministack, on a port of this machine until it is dropped.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tempfile::TempDir;

use super::super::server::SIGNED;
use super::super::zips::echo;
use crate::emulator::free_port;
use crate::support::{have, scrub, tools};

pub(super) struct Ministack {
    child: Child,
    port: u16,
    pub(super) endpoint: String,
    folder: TempDir,
}

impl Ministack {
    pub(super) fn start() -> Option<Self> {
        let python = tools().join("aws/bin/python3");
        if !have(&python) {
            return None;
        }
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(python);
        scrub(&mut command);
        // It binds every interface unless it is told not to.
        command.args(["-m", "ministack"]).env("BIND_HOST", "127.0.0.1");
        command.env("GATEWAY_PORT", port.to_string()).env("HOME", folder.path());
        command.env("TMPDIR", folder.path()).current_dir(folder.path()).process_group(0);
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let this = Self { child, port, endpoint: format!("http://127.0.0.1:{port}"), folder };
        let start = Instant::now();
        while this.call("GET", "/_ministack/health", "").is_none() {
            let log = fs::read_to_string(this.folder.path().join("log")).unwrap();
            assert!(start.elapsed() < Duration::from_mins(1), "it does not start: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(this)
    }

    pub(super) fn create(&self, name: &str) {
        let settings = json!({
            "FunctionName": name, "Role": "arn:aws:iam::000000000000:role/any", "Timeout": 30,
            "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Code": { "ZipFile": STANDARD.encode(echo()) },
        });
        let answer = self.call("POST", "/2015-03-31/functions", &settings.to_string()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: {SIGNED}\r\nConnection: \
             close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 2").then_some(answer)
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
