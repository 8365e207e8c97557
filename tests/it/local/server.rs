//! A server that ends with the test, and requests as raw as they are wanted.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::lambda_pack;

/// What clients of AWS send; the signature is not checked.
pub(crate) const SIGNED: &str = "AWS4-HMAC-SHA256 \
     Credential=local/20261120/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
const FUNCTIONS: &str = "/2015-03-31/functions";

/// `cargo lambda-pack local`, ended by SIGTERM when dropped.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// What it prints for its clients.
    environment: Value,
    folder: TempDir,
}

/// An answer, with its body in one piece.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_as(args, |command| command)
    }

    /// Started by what becomes of the command.
    pub(crate) fn start_as(args: &[&str], become_: impl FnOnce(Command) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = lambda_pack(folder.path());
        command.args(["local", "--port", "0", "--output", "json"]).args(args);
        let said = File::create(folder.path().join("stderr")).unwrap();
        // What the server keeps for a while lies here, so that nothing is left of one that was killed.
        command.env("TMPDIR", folder.path());
        let mut child = become_(command).stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let record: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let said = fs::read_to_string(folder.path().join("stderr")).unwrap();
            panic!("{error}: {line:?}\n{said}")
        });
        assert_eq!(record["reason"], "listening");
        assert_eq!(record["process"], child.id());
        let endpoint = record["endpoint"].as_str().unwrap();
        assert_eq!(record["environment"]["AWS_ENDPOINT_URL_LAMBDA"], endpoint);
        let address = endpoint.strip_prefix("http://").unwrap().to_owned();
        let environment = record["environment"].clone();
        Self { child, address, environment, folder }
    }

    /// The variables that make clients use it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let all = self.environment.as_object().unwrap();
        all.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// A folder that is gone with the server.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has said by now.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("stderr")).unwrap()).into_owned()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream
    }

    /// The bytes of a request of a client of AWS.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {SIGNED}\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }

    /// One request on a connection of its own.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let close = [headers, &[("Connection", "close")]].concat();
        self.send(&self.request(method, path, &close, body))
    }

    /// Bytes on a connection of their own, and what comes until it is closed.
    pub(crate) fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // A server that refuses may have hung up before all was sent.
        let _ = stream.write_all(bytes);
        Reply::read(&mut stream)
    }

    /// A call of the control API, which must succeed.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let reply = self.call(method, path, &[], body.to_string().as_bytes());
        assert!(reply.status < 300, "{method} {path}: {reply:?}");
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn create(&self, name: &str, zip: &[u8]) -> Value {
        self.create_with(name, zip, &json!({}))
    }

    /// With these settings besides.
    #[track_caller]
    pub(crate) fn create_with(&self, name: &str, zip: &[u8], more: &Value) -> Value {
        let mut settings = json!({
            "FunctionName": name,
            "Role": "arn:aws:iam::123456789012:role/orders",
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": { "ZipFile": STANDARD.encode(zip) },
        });
        let members = settings.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.control("POST", FUNCTIONS, &settings)
    }

    /// New code.
    #[track_caller]
    pub(crate) fn update(&self, name: &str, zip: &[u8]) -> Value {
        let code = json!({ "ZipFile": STANDARD.encode(zip) });
        self.control("PUT", &format!("{FUNCTIONS}/{name}/code"), &code)
    }

    /// `Invoke`, with the end of the log.
    pub(crate) fn invoke(&self, name: &str, payload: &str) -> Reply {
        self.invoke_with(name, &[("X-Amz-Log-Type", "Tail")], payload.as_bytes())
    }

    pub(crate) fn invoke_with(
        &self,
        name: &str,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Reply {
        self.call("POST", &format!("{FUNCTIONS}/{name}/invocations"), headers, payload)
    }

    /// Invokes a function that is to answer.
    #[track_caller]
    pub(crate) fn answer(&self, name: &str, payload: &str) -> Value {
        let reply = self.invoke(name, payload);
        assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, None), "{reply:?}");
        reply.json()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has had, in MB.
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The memory that it has now, in MB.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it by SIGTERM and gives its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.stop_by(Signal::TERM)
    }

    pub(crate) fn stop_by(&mut self, signal: Signal) -> Option<i32> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return status.code();
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            if start.elapsed() > Duration::from_secs(10) {
                let _ = self.child.kill();
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let code = self.stop();
        if !std::thread::panicking() {
            // One that was killed on purpose has no code.
            assert!(code == Some(0) || code.is_none(), "{code:?}: {}", self.said());
        }
    }
}

impl Reply {
    /// Reads until the connection is closed.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A connection that is reset has said what it had to.
        let _ = stream.read_to_end(&mut bytes);
        Self::parse(&bytes).0
    }

    /// The first answer in these bytes, and how long it is.
    pub(crate) fn parse(bytes: &[u8]) -> (Self, usize) {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Self { status, head, body: Vec::new() };
        let rest = &bytes[end + 4..];
        let length = if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = unchunked(rest);
            rest.len()
        } else {
            let length = reply.header("content-length").map_or(0, |text| text.parse().unwrap());
            reply.body = rest[..length].to_vec();
            length
        };
        (reply, end + 4 + length)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// All headers of that name.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The end of the log.
    #[track_caller]
    pub(crate) fn log(&self) -> String {
        let text = self.header("x-amz-log-result").unwrap_or_else(|| panic!("no log: {self:?}"));
        String::from_utf8_lossy(&STANDARD.decode(text).unwrap()).into_owned()
    }

    /// An error of the function: its type, and its message without the request's id.
    #[track_caller]
    pub(crate) fn failure(&self) -> (String, String) {
        let unhandled = self.header("x-amz-function-error") == Some("Unhandled");
        assert!(self.status == 200 && unhandled, "{self:?}");
        let error = self.json();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let id = self.header("x-amzn-requestid").unwrap();
        (text("errorType"), text("errorMessage").replace(id, "ID"))
    }

    /// A refusal: its status, code and message.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let error = self.json();
        let message = error.get("message").or_else(|| error.get("Message"));
        let message = message.and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = self.header("x-amzn-errortype").unwrap_or_default().to_owned();
        (self.status, code, message)
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}

/// Whether a process is there, and not merely waited for by nobody.
pub(crate) fn lives(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The processes that have this among their arguments.
pub(crate) fn with_argument(argument: &str) -> Vec<u64> {
    let has = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|item| {
        let pid = item.file_name().to_str()?.parse().ok()?;
        has(item.path()).then_some(pid)
    });
    numbers.filter(|pid| lives(*pid)).collect()
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn soon(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
