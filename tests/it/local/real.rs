//! The same handler and extensions under AWS's real Runtime Interface Emulator and under our server: what
//! they are answered and told must be the same.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::extensions::{PYTHON, create};
use super::server::{Server, soon};
use super::zips::{EXECUTABLE, python, zip};
use crate::emulator::free_port;
use crate::support::{have, host_arch, scrub, tools};

/// What is written down: each request to the two APIs with its answer, in order, by each process.
const WATCHED: &str = r#"
def note(*what):
    with open(os.environ["NOTES"] + "-" + who, "a") as notes: notes.write(json.dumps(what) + "\n")
def ask(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(address)
    api.request(method, path, body, headers)
    answer = api.getresponse()
    text = answer.read().decode()
    try: text = json.loads(text)
    except ValueError: pass
    # Of the errors of a JSON parser only the type is AWS's own word.
    if isinstance(text, dict) and text.get("errorType") == "InvalidRequestFormat": text.pop("errorMessage")
    names = sorted(n.lower() for n in answer.headers if n.lower().startswith("lambda-"))
    note(method, path, answer.status, answer.headers["Content-Type"], names, text)
    return answer, text
base = "/2020-01-01/extension/"
def try_all(own):
    nobody = {"Lambda-Extension-Identifier": "0b5ee3b2-8f21-4d0d-9a57-a5d4f1a3b9e2"}
    kind = {"Lambda-Extension-Function-Error-Type": "Mine.Error"}
    ask("POST", base + "register", "{}")
    ask("POST", base + "register", "no json", own)
    ask("POST", base + "register", '{"events": ["OTHER"]}', own)
    ask("POST", base + "register", '{"events": "INVOKE"}', own)
    ask("GET", base + "event/next")
    ask("GET", base + "event/next", None, {"Lambda-Extension-Identifier": "me"})
    ask("GET", base + "event/next", None, nobody)
    ask("POST", base + "init/error", "{}", nobody)
    ask("POST", base + "init/error", "{}", nobody | kind)
    ask("POST", base + "exit/error", "{}", nobody | kind)
"#;

/// Tries what is refused, registers, and writes down its events.
const EXTENSION: &str = r#"
who = name
own = {"Lambda-Extension-Name": name}
try_all(own)
answer, _ = ask("POST", base + "register", '{"events": ["INVOKE", "SHUTDOWN"]}', own)
mine = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
ask("POST", base + "register", '{"events": ["INVOKE"]}', own)
ask("POST", base + "exit/error", "{}", mine)
while True:
    _, event = ask("GET", base + "event/next", None, mine)
    if event.get("eventType") != "INVOKE": break
"#;

/// Registers an internal extension, and answers with what it was given.
const FUNCTION: &str = r#"
who = "function"
own = {"Lambda-Extension-Name": "internal"}
ask("POST", base + "register", '{"events": ["SHUTDOWN"]}', own)
answer, _ = ask("POST", base + "register", '{"events": ["INVOKE"]}', own)
mine = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
ask("POST", base + "register", '{"events": ["INVOKE"]}', own)
ask("POST", base + "register", '{"events": ["INVOKE"]}', {"Lambda-Extension-Name": "ext"})
def internal():
    global who
    while True: ask("GET", base + "event/next", None, mine)
threading.Thread(target=internal, daemon=True).start()
time.sleep(0.3)
while True:
    id, headers, event = next()
    names = sorted(n.lower() for n in headers if n.lower().startswith("lambda-"))
    ask("POST", base + "register", '{"events": ["INVOKE"]}', {"Lambda-Extension-Name": "late"})
    respond(id, {"event": event, "headers": names})
"#;

/// The real emulator, in a mount namespace of its own that has the extension in `/opt`.
struct Real {
    child: Child,
    port: u16,
}

impl Real {
    fn start(folder: &Path, notes: &Path) -> Option<Self> {
        let program = tools().join(format!("rie/aws-lambda-rie-{}", host_arch()));
        // Without the right to a mount namespace `/opt` cannot be the test's own.
        let can = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
        if !have(&program) || !have("unshare") || !can.is_ok_and(|status| status.success()) {
            return None;
        }
        let (port, api) = (free_port(), free_port());
        let mut command = Command::new("unshare");
        scrub(&mut command);
        command
            .args(["-rm", "sh", "-c", "mount --bind \"$1\" /opt && shift && exec \"$@\"", "sh"])
            .arg(folder.join("opt"))
            .arg(program)
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{api}")])
            .arg(folder.join("bootstrap"))
            .envs([("AWS_LAMBDA_FUNCTION_NAME", "f"), ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")])
            .envs([("_HANDLER", "bootstrap"), ("AWS_LAMBDA_FUNCTION_TIMEOUT", "5")])
            .env("NOTES", notes)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Some(Self { child: command.spawn().unwrap(), port })
    }

    fn invoke(&self, event: &str) -> Value {
        let start = Instant::now();
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.0\r\nHost: 127.0.0.1\r\n\
             Content-Length: {}\r\n\r\n{event}",
            event.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}")).1;
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one process wrote down, without what is another each time.
fn notes(path: &Path, who: &str) -> Vec<Value> {
    let text = fs::read_to_string(format!("{}-{who}", path.display())).unwrap_or_default();
    text.lines().map(|line| plain(serde_json::from_str(line).unwrap())).collect()
}

fn plain(value: Value) -> Value {
    match value {
        Value::Array(all) => all.into_iter().map(plain).collect(),
        Value::Object(all) => {
            let known = ["deadlineMs", "requestId", "invokedFunctionArn"];
            let hidden = |(name, value): (String, Value)| {
                let value =
                    if known.contains(&name.as_str()) { "…".into() } else { plain(value) };
                (name, value)
            };
            let all = all.into_iter().filter(|(name, _)| name != "tracing");
            Value::Object(all.map(hidden).collect())
        }
        Value::String(text) => {
            // Ids of extensions in messages.
            let word = |word: &str| match word.trim_end_matches('.').parse::<uuid::Uuid>() {
                Ok(_) => "…".to_owned(),
                Err(_) => word.to_owned(),
            };
            Value::from(text.split(' ').map(word).collect::<Vec<_>>().join(" "))
        }
        other => other,
    }
}

#[test]
fn the_real_emulator_answers_and_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let extension = format!("{PYTHON}{WATCHED}{EXTENSION}");
    let function = python(&format!("import http.client, threading, time\n{WATCHED}{FUNCTION}"));
    let start = function.windows(2).position(|window| window == b"#!").unwrap();
    let end = function.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let extensions = folder.path().join("opt/extensions");
    fs::create_dir_all(&extensions).unwrap();
    for (path, bytes) in [
        (folder.path().join("bootstrap"), &function[start..end]),
        (extensions.join("ext"), extension.as_bytes()),
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let Some(real) = Real::start(folder.path(), &theirs) else { return };
    // Both write their notes outside.
    let server = Server::start(&["--no-sandbox"]);
    let variables = json!({ "Variables": { "NOTES": ours } });
    let layer = zip(&[("extensions/ext", EXECUTABLE, extension.as_bytes())]);
    create(&server, "f", &function, &layer, &json!({ "Environment": variables, "Timeout": 5 }));
    for event in [r#"{"a": [1, "é"]}"#, "null", "\"text\""] {
        let (theirs, mut ours) = (real.invoke(event), server.answer("f", event));
        // The emulator hands on no trace.
        ours["headers"].as_array_mut().unwrap().retain(|it| it != "lambda-runtime-trace-id");
        assert_eq!(ours, theirs, "{event}");
    }
    for who in ["ext", "function"] {
        let count = || (notes(&theirs, who).len(), notes(&ours, who).len());
        let expected = if who == "ext" { 16 } else { 10 };
        soon("both have written all down", || count() == (expected, expected));
        let sorted = |path| {
            let mut all = notes(path, who);
            // The function's two threads write when they come to it.
            all.sort_by_key(Value::to_string);
            all
        };
        assert_eq!(sorted(&ours), sorted(&theirs), "{who}");
    }
}
