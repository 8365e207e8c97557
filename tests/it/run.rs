//! `run` and `watch`: a workspace on this machine, and what becomes of edits.

mod extensions;
mod host;
mod images;
mod streams;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::local::server::{Reply, SIGNED};
use crate::support::{Workspace, lambda_pack, repository};

/// Answers what the crate beside it says, and a variable.
const HANDLER: &str = r#"
use std::io::{Read, Write};
fn call(method: &str, path: &str, body: &str) -> String {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
fn main() {
    loop {
        let answer = call("GET", "invocation/next", "");
        let id = answer.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        let id = id.unwrap();
        println!("{{\"level\":\"info\",\"message\":\"handling\"}}");
        std::thread::sleep(std::time::Duration::from_millis(5));
        let stage = std::env::var("STAGE").unwrap_or_default();
        let said = format!("{{\"word\":\"{}\",\"stage\":\"{stage}\"}}", words::WORD);
        call("POST", &format!("invocation/{id}/response"), &said);
    }
}
"#;

/// A workspace of two handlers and a library that both use.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.library("words", "");
    for name in ["hello", "other"] {
        workspace.handler(name, "");
        let manifest = format!("crates/{name}/Cargo.toml");
        let text = std::fs::read_to_string(workspace.path().join(&manifest)).unwrap();
        let with = text.replace("[dependencies]\n", "[dependencies]\nwords.path = \"../words\"\n");
        workspace.write(&manifest, with);
        workspace.write(&format!("crates/{name}/src/main.rs"), HANDLER);
    }
    word(&workspace, "one");
    workspace.write(".gitignore", "/target\n*.log\nmade/\n");
    workspace
}

fn word(workspace: &Workspace, word: &str) {
    workspace.write("crates/words/src/lib.rs", format!("pub const WORD: &str = {word:?};\n"));
}

/// A `run` or a `watch` that serves.
struct Served {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
    /// What it has written to standard output.
    out: Arc<Mutex<String>>,
}

impl Served {
    fn start(workspace: &Workspace, args: &[&str]) -> Self {
        Self::start_by(workspace.command(args))
    }

    /// One of this repository's examples.
    fn example(name: &str, args: &[&str]) -> Self {
        let mut command = lambda_pack(&repository().join("examples").join(name));
        command.args(["run", "--locked", "--target-dir"]);
        command.arg(repository().join("target/orders")).args(args);
        Self::start_by(command)
    }

    fn start_by(mut command: Command) -> Self {
        command.args(["--port", "0", "--output", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (err, to) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in err.lines().map_while(Result::ok) {
                to.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("\"serving\"") {
            line.clear();
            let read = out.read_line(&mut line).unwrap();
            assert!(read > 0, "it has ended:\n{}", said.lock().unwrap());
        }
        let records = Arc::new(Mutex::new(line.clone()));
        let to = Arc::clone(&records);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                to.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let record: Value = serde_json::from_str(&line).unwrap();
        let address = record["endpoint"].as_str().unwrap().replace("http://", "");
        Self { child, address, said, out: records }
    }

    /// The records of this kind.
    fn records(&self, reason: &str) -> Vec<Value> {
        let out = self.out.lock().unwrap();
        let records = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record["reason"] == reason).collect()
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        call(&self.address, method, path, body)
    }

    fn invoke(&self, name: &str) -> Value {
        let reply = self.call("POST", &format!("/2015-03-31/functions/{name}/invocations"), "{}");
        assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, None), "{reply:?}");
        reply.json()
    }

    #[track_caller]
    fn soon(&self, what: &str, mut so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !so() {
            assert!(start.elapsed() < Duration::from_mins(1), "not soon: {what}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn call(address: &str, method: &str, path: &str, body: &str) -> Reply {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {SIGNED}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    Reply::read(&mut stream)
}

#[test]
fn run_serves_what_is_configured() {
    let workspace = workspace();
    workspace.write(
        "lambda-pack.toml",
        "alias = [\"live\"]\nenvironment = { STAGE = \"dev\" }\nroutes = { \"GET /hi\" = \"hello\" }\n\
         [package.hello]\nmemory = 256\nurl = { auth = \"public\" }\n",
    );
    let mut served = Served::start(&workspace, &["run", "--router"]);
    assert_eq!(served.invoke("hello"), json!({ "word": "one", "stage": "dev" }));
    assert_eq!(served.invoke("other:live"), json!({ "word": "one", "stage": "dev" }));
    let function = served.call("GET", "/2015-03-31/functions/hello", "").json();
    assert_eq!(function["Configuration"]["MemorySize"], 256);
    for path in ["/url/hello:live/any", "/routes/hi"] {
        let reply = served.call("GET", path, "");
        assert_eq!((reply.status, reply.json()["word"].as_str()), (200, Some("one")), "{path}");
    }
    served.soon("what was written is shown", || {
        let said = served.said();
        said.contains("hello INFO  handling") && said.contains("of 256 MB")
    });
    assert!(served.said().contains("Started hello, process "), "{}", served.said());
    let processes = || crate::local::server::with_argument("/var/task/bootstrap").len();
    let before = processes();
    assert_eq!(served.stop(), Some(0));
    assert!(processes() < before || before == 0);
}

/// Who calls while the first build runs is answered when it has ended.
#[test]
fn calls_wait_for_the_first_build() {
    let workspace = workspace();
    let slow = "fn main() { std::thread::sleep(std::time::Duration::from_secs(3)); }";
    workspace.write("crates/hello/build.rs", slow);
    workspace.write("lambda-pack.toml", "[package.hello]\nurl = { auth = \"public\" }\n");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = workspace.command(&["run", "--port", &port.to_string(), "-q"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let address = format!("127.0.0.1:{port}");
    let start = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        assert!(start.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
    }
    let missing = call(&address, "POST", "/2015-03-31/functions/nobody/invocations", "{}");
    let by_url = call(&address, "GET", "/url/hello/", "");
    let invoked = call(&address, "POST", "/2015-03-31/functions/hello/invocations", "{}");
    let _ = kill_process(Pid::from_child(&child), Signal::INT);
    child.wait().unwrap();
    assert_eq!(missing.status, 404, "{missing:?}");
    assert_eq!((by_url.status, invoked.status), (200, 200), "{by_url:?} {invoked:?}");
    assert_eq!(invoked.json()["word"], "one");
}

/// An extension of the workspace is in `/opt/extensions` of every function.
#[test]
fn extensions_of_the_workspace_come_along() {
    let workspace = workspace();
    let extension = "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n";
    workspace.package("audit", extension);
    let main = HANDLER.replace("words::WORD", "\"\"");
    let loops = main.find("fn main").unwrap();
    let register = "fn main() {\n    let answer = call(\"POST\", \"../../2020-01-01/extension/register\", \"{}\");\n    \
                    println!(\"{answer}\");\n}\n";
    workspace.write("crates/audit/src/main.rs", format!("{}{register}", &main[..loops]));
    let mut served = Served::start(&workspace, &["run", "--wait"]);
    let layers = served.call("GET", "/2018-10-31/layers", "").json();
    assert_eq!(layers["Layers"][0]["LayerName"], "workspace-0", "{layers}");
    let function = served.call("GET", "/2015-03-31/functions/hello", "").json();
    let layer = &layers["Layers"][0]["LatestMatchingVersion"]["LayerVersionArn"];
    assert_eq!(function["Configuration"]["Layers"][0]["Arn"], *layer);
    assert!(!served.said().contains("Started hello"), "{}", served.said());
    // It ends at once, so that there is no init.
    let reply = served.call("POST", "/2015-03-31/functions/hello/invocations", "{}");
    assert_eq!(reply.failure().0, "Extension.Crash", "{reply:?}");
    assert_eq!(served.stop(), Some(0));
}

/// An extension that asks for events, and writes what it gets.
const EXTENSION: &str = r#"
use std::io::{Read, Write};
fn call(method: &str, path: &str, headers: &str, body: &str) -> String {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "{method} /2020-01-01/extension/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
fn main() {
    let events = "{\"events\":[\"INVOKE\"]}";
    let answer = call("POST", "register", "Lambda-Extension-Name: audit\r\n", events);
    let name = "lambda-extension-identifier: ";
    let id = answer.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    loop {
        call("GET", "event/next", &format!("Lambda-Extension-Identifier: {id}\r\n"), "");
    }
}
"#;

/// What is started for whoever comes is what the event meets, and its process is told: once.
#[test]
fn each_function_is_started_once_a_build() {
    for extended in [false, true] {
        let workspace = workspace();
        if extended {
            let extension = "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n";
            workspace.package("audit", extension);
            workspace.write("crates/audit/src/main.rs", EXTENSION);
        }
        let mut served = Served::start(&workspace, &["watch", "--invoke", "{}"]);
        let times = |what: &str| served.said().matches(what).count();
        served.soon("both are invoked", || {
            times("Invoked hello") == 1 && times("Invoked other") == 1
        });
        assert_eq!((times("Started hello"), times("Started other")), (1, 1), "{}", served.said());
        word(&workspace, "two");
        served.soon("both are invoked again", || {
            times("Invoked hello") == 2 && times("Invoked other") == 2
        });
        assert_eq!((times("Started hello"), times("Started other")), (2, 2), "{}", served.said());
        assert_eq!(served.stop(), Some(0));
    }
}

#[test]
fn run_says_what_does_not_build() {
    let workspace = workspace();
    workspace.write("crates/words/src/lib.rs", "pub const WORD: &str = 7;\n");
    let run = workspace.run(&["run", "--port", "0"]).code(101);
    assert!(run.stderr.contains("mismatched types"), "{}", run.stderr);
    word(&workspace, "one");
    workspace.run(&["run", "--router", "--port", "0"]).code(2).says("without any `routes`");
    workspace
        .run(&["watch", "--invoke", "{", "--port", "0"])
        .code(2)
        .says("`--invoke` is not JSON");
    workspace
        .run(&["watch", "--invoke", "sqss", "--port", "0"])
        .code(2)
        .says("did you mean `sqs`?")
        .says("--list-events");
    workspace.run(&["run", "--invoke", "sqs"]).code(2).says("`--invoke` is of `watch`");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    workspace.run(&["run", "--port", &port]).code(2).says("`--port 0`");
}

#[test]
fn watch_takes_up_what_changes() {
    let workspace = workspace();
    let mut served = Served::start(&workspace, &["watch"]);
    assert_eq!(served.invoke("hello"), json!({ "word": "one", "stage": "" }));
    word(&workspace, "two");
    served.soon("both are new", || {
        served.invoke("hello")["word"] == "two" && served.invoke("other")["word"] == "two"
    });
    // What does not build changes nothing.
    workspace.write("crates/words/src/lib.rs", "pub const WORD: &str = 7;\n");
    served.soon("the compiler's message", || served.said().contains("mismatched types"));
    served.soon("the last good one is kept", || served.said().contains("Keeping what was built"));
    served.soon("it is a record", || !served.records("build-failed").is_empty());
    assert!(
        served.records("built").iter().any(|it| !it["replaced"].as_array().unwrap().is_empty())
    );
    assert_eq!(served.invoke("hello")["word"], "two");
    // Settings, and a file that they name and that git ignores.
    word(&workspace, "three");
    workspace.write("stage.log", "STAGE=beta\n");
    workspace.write("lambda-pack.toml", "env-file = \"stage.log\"\n");
    served.soon("the variable is there", || served.invoke("hello")["stage"] == "beta");
    workspace.write("stage.log", "STAGE=gamma\n");
    served.soon("its file is read again", || served.invoke("hello")["stage"] == "gamma");
    assert_eq!(served.invoke("hello")["word"], "three");
    // A function more, and one less.
    workspace.handler("third", "");
    workspace.write("crates/third/src/main.rs", HANDLER.replace("words::WORD", "\"new\""));
    let lives =
        |name: &str| served.call("GET", &format!("/2015-03-31/functions/{name}"), "").status == 200;
    served.soon("the new one is there", || lives("third"));
    let added = || served.records("built").iter().any(|it| it["added"] == json!(["third"]));
    served.soon("it is told as such", || added() && served.said().contains("Added third after"));
    served.soon("all are shown again", || served.records("serving").len() == 2);
    std::fs::remove_dir_all(workspace.path().join("crates/third")).unwrap();
    served.soon("it is gone", || !lives("third"));
    served.soon("that is told", || {
        served.records("removed") == [json!({ "reason": "removed", "function": "third" })]
    });
    assert_eq!(served.said().matches("Linking ").count(), 1, "{}", served.said());
    // Cargo's own settings, in a folder that was not there.
    let flags = "[build]\nrustflags = [\"--cfg\", \"flagged\"]\n";
    workspace.write(
        "crates/words/src/lib.rs",
        "pub const WORD: &str = if cfg!(flagged) { include_str!(\"../made/word.txt\") } else { \"plain\" };\n",
    );
    workspace.write("crates/words/made/word.txt", "ignored");
    served.soon("it is built without flags", || served.invoke("hello")["word"] == "plain");
    workspace.write(".cargo/config.toml", flags);
    served.soon("the flags count", || served.invoke("hello")["word"] == "ignored");
    // A source that git ignores: watched once the whole build has told of it.
    let mut before = 0;
    let mut quiet = || {
        std::thread::sleep(Duration::from_millis(700));
        std::mem::replace(&mut before, served.said().len()) == served.said().len()
    };
    served.soon("the build is over", &mut quiet);
    workspace.write("crates/words/made/word.txt", "ignored and used");
    served.soon("it is read again", || served.invoke("hello")["word"] == "ignored and used");
    // What git ignores otherwise is nobody's business.
    let mut before = 0;
    served.soon("it is quiet", || {
        std::thread::sleep(Duration::from_millis(700));
        std::mem::replace(&mut before, served.said().len()) == served.said().len()
    });
    workspace.write("crates/hello/noise.log", "noise");
    for noise in ["crates/words/made/noise.txt", "crates/made/noise.txt"] {
        std::fs::remove_file(workspace.write(noise, "noise")).unwrap();
    }
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(served.said().len(), before, "{}", served.said());
    assert_eq!(served.stop(), Some(0));
}

/// For people: each answer with its function.
#[test]
fn answers_are_told_apart() {
    let workspace = workspace();
    let mut command = workspace.command(&["watch", "--port", "0", "--invoke", "{}"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    for name in ["hello", "other"] {
        let answer = format!("{name} {{\"word\":\"one\",\"stage\":\"\"}}");
        assert!(lines.any(|line| line == answer), "{answer}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
}

/// Edits without end, good and broken ones, branches and several files at once, while somebody calls all
/// the time: no call is lost, and in the end the last good build serves.
fn edits_under_load(edits: usize) {
    let workspace = workspace();
    workspace.git(&["init", "-q", "-b", "main"]);
    workspace.git(&["add", "-A"]);
    workspace.git(&["commit", "-qm", "one"]);
    workspace.git(&["checkout", "-qb", "side"]);
    word(&workspace, "side");
    workspace.git(&["commit", "-qam", "side"]);
    workspace.git(&["checkout", "-q", "main"]);
    let mut served = Served::start(&workspace, &["watch"]);
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = ["hello", "other"]
        .map(|name| {
            let (over, calls) = (Arc::clone(&over), Arc::clone(&calls));
            let address = served.address.clone();
            std::thread::spawn(move || {
                let path = format!("/2015-03-31/functions/{name}/invocations");
                while !over.load(Ordering::Relaxed) {
                    let reply = call(&address, "POST", &path, "{}");
                    let failed = reply.header("x-amz-function-error");
                    assert_eq!((reply.status, failed), (200, None), "{reply:?}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .into();
    let mut seed = 20_261_128_u64;
    for edit in 0..edits {
        // xorshift
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        match seed % 5 {
            0 => drop(workspace.write("crates/words/src/lib.rs", "pub const WORD: &str = 7;\n")),
            1 => {
                workspace.git(&[
                    "checkout",
                    "-qf",
                    if seed.is_multiple_of(2) { "side" } else { "main" },
                ]);
            }
            2 => {
                word(&workspace, &format!("edit{edit}"));
                let main = format!("{HANDLER}\n// {edit}\n");
                workspace.write("crates/hello/src/main.rs", &main);
                workspace.write("crates/other/src/main.rs", &main);
            }
            _ => word(&workspace, &format!("edit{edit}")),
        }
        std::thread::sleep(Duration::from_millis(seed >> 8 & 511));
    }
    word(&workspace, "last");
    served.soon("the last good build serves", || {
        served.invoke("hello")["word"] == "last" && served.invoke("other")["word"] == "last"
    });
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().unwrap();
    }
    assert!(calls.load(Ordering::Relaxed) > edits, "they called all the time");
    assert_eq!(served.stop(), Some(0));
}

#[test]
fn edits_lose_no_call() {
    edits_under_load(12);
}

/// Minutes: `cargo test --test it -- --ignored two_hundred_edits`.
#[test]
#[ignore = "takes minutes"]
fn two_hundred_edits_lose_no_call() {
    edits_under_load(200);
}
