//! `local` and `invoke` themselves: their flags, and what they say.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, soon};
use super::zips::python;
use crate::support::{Run, Workspace, lambda_pack, run};

/// A handler of its own, without the runtime's crate: notes the request id of each attempt in the file
/// that the event names, and answers the event; `{"fail": true}` fails.
pub(crate) const HANDLER: &str = r#"
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
        let (head, event) = answer.split_once("\r\n\r\n").unwrap();
        let named = |line: &&str| line.to_lowercase().starts_with("lambda-runtime-aws-request-id: ");
        let id = head.lines().find(named).unwrap().split(' ').nth(1).unwrap();
        println!("handling {id}");
        if let Some((_, rest)) = event.split_once("\"note\":\"") {
            let path = rest.split('"').next().unwrap();
            let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
            writeln!(file, "{id}").unwrap();
        }
        if event.contains("\"fail\":true") {
            let error = r"{'errorType':'Mine','errorMessage':'no'}".replace('\'', "\"");
            call("POST", &format!("invocation/{id}/error"), &error);
        } else {
            call("POST", &format!("invocation/{id}/response"), event);
        }
    }
}
"#;

fn workspace() -> Workspace {
    let workspace = Workspace::quick();
    workspace.write("crates/hello/src/main.rs", HANDLER);
    workspace
}

/// A port where nothing listens.
fn free() -> String {
    crate::emulator::free_port().to_string()
}

/// `invoke … --local` on the port of a server, from a folder that is no workspace.
fn invoke(server: &Server, args: &[&str]) -> Run {
    let port = server.address.rsplit(':').next().unwrap();
    let all = [&["invoke"], args, &["--local", "--port", port]].concat();
    run(lambda_pack(server.folder()).args(all))
}

/// Without a server the event is run before the one that was started for it ends: with its retries.
#[test]
fn an_event_without_a_server_is_run() {
    let workspace = workspace();
    let port = free();
    let notes = workspace.path().join("notes");
    let send = |event: Value| {
        let event = event.to_string();
        let args = ["invoke", "hello", "--local", "--port", &port, "--async", "--payload", &event];
        // Its notes are outside of what it would see.
        workspace.run(&[&args[..], &["--no-sandbox"]].concat())
    };
    let attempts = || fs::read_to_string(&notes).unwrap_or_default();
    send(json!({ "note": notes })).code(0).says("Ran the event of hello");
    assert_eq!(attempts().lines().count(), 1);
    let failed = send(json!({ "note": notes, "fail": true })).code(0);
    let attempts = attempts();
    let ids: Vec<&str> = attempts.lines().skip(1).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    failed.says(&format!("event {} of hello: RetriesExhausted, discarded", ids[0]));
}

/// `invoke.target` says where, for the whole workspace; elsewhere nothing is read.
#[test]
fn the_setting_says_where_it_is_invoked() {
    let workspace = workspace();
    workspace.write("lambda-pack.toml", "invoke.target = \"${TARGET:-local}\"\n");
    // Where there is one function, it need not be named.
    let answer = workspace.run(&["invoke", "--payload", "[1]"]).code(0);
    assert_eq!(answer.stdout, "[1]\n");
    let server = Server::start(&[]);
    server.create("f", &python("loop(lambda event: 'of the server')"));
    let port = server.address.rsplit(':').next().unwrap();
    let answer = workspace.run(&["invoke", "f", "--port", port]).code(0);
    assert_eq!(answer.stdout, "\"of the server\"\n");
    // A mistake in it is one of `invoke` too, and a variable may say otherwise.
    let aws = |command: &mut std::process::Command| {
        run(command.env("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1"))
    };
    let mut command = workspace.command(&["invoke", "f", "--port", port]);
    aws(command.env("LAMBDA_PACK_INVOKE_TARGET", "aws")).code(2).says("add `--local`");
    workspace.write("lambda-pack.toml", "invoke.target = \"lokal\"\n");
    workspace.run(&["invoke", "f"]).code(2).says("lambda-pack.toml:1");
    workspace.write("lambda-pack.toml", "invoke.target = \"${TARGET}\"\n");
    workspace.run(&["invoke", "f"]).code(2).says("TARGET");
    // Not a workspace: the flag alone counts.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lambda-pack.toml"), "invoke.target = \"local\"\n").unwrap();
    run(lambda_pack(folder.path()).args(["invoke", "f", "--port", port])).code(2).says("--local");
    let unnamed = run(lambda_pack(folder.path()).args(["invoke", "--local", "--port", port]));
    unnamed.code(2).says("name the function to invoke: there is no workspace here");
}

/// One record a line, each with a reason.
#[test]
fn json_is_one_record() {
    let server = Server::start(&[]);
    let script = "while True:\n    id, _, event = next()\n    say('working')\n    \
                  fail(id, {'errorType': 'Mine'}) if event == 'fail' else respond(id, event)";
    server.create("f", &python(script));
    let text = "while True:\n    id, _, event = next()\n    respond(id, b'no JSON\\n')";
    server.create("text", &python(text));
    let record = |args: &[&str], code: i32| {
        let answer = invoke(&server, &[args, &["--output", "json"]].concat()).code(code);
        let mut records = answer.records();
        assert_eq!(records.len(), if code == 0 { 1 } else { 2 }, "{}", answer.stdout);
        assert_eq!(records[0]["reason"], "invoked");
        records.swap_remove(0)
    };
    let pretty = "{\n  \"a\": [1,\n 2]\n}";
    let said = record(&["f", "--payload", pretty], 0);
    assert_eq!(said["payload"], json!({ "a": [1, 2] }));
    assert_eq!((&said["function"], &said["version"]), (&json!("f"), &json!("$LATEST")));
    assert_eq!((&said["status"], &said["failed"]), (&json!("succeeded"), &json!(false)));
    let log = said["log"].as_str().unwrap();
    assert!(log.contains("\nworking\n") && !log.contains("REPORT"), "{log}");
    for figure in ["duration_ms", "billed_ms", "init_ms", "memory_mb"] {
        assert!(said[figure].as_f64().unwrap() > 0.0, "{figure}: {said}");
    }
    let said = record(&["f", "--payload", "\"fail\""], 4);
    assert_eq!((&said["status"], &said["failed"]), (&json!("failed"), &json!(true)));
    assert_eq!(said["payload"], json!({ "errorType": "Mine" }));
    assert_eq!(record(&["text"], 0)["payload"], "no JSON\n");
    for (flag, status) in [("--async", "queued"), ("--dry-run", "checked")] {
        let said = record(&["f", flag], 0);
        assert_eq!(said["status"], status);
        for member in ["payload", "version", "log", "duration_ms"] {
            assert!(said[member].is_null(), "{member}: {said}");
        }
    }
}

/// Something that listens and says nothing is no server; one that is busy has time.
#[test]
fn a_port_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let start = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut command = lambda_pack(folder.path());
    run(command.args(["invoke", "f", "--local", "--port", &port])).code(2).says("does not answer");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_port_alone_is_no_wish_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    run(lambda_pack(folder.path()).args(["invoke", "f", "--port", "9720"])).code(2).says("--local");
}

/// The log that was asked for is shown, whatever else is to be said; and the function's own lines are
/// its own.
#[test]
fn the_log_is_shown_where_it_is_asked_for() {
    let server = Server::start(&[]);
    let script =
        "loop(lambda event: say('REPORT of the day\\nREPORT RequestId: x\\tDuration: 7777 ms'))";
    server.create("f", &python(script));
    let quiet = invoke(&server, &["f", "--log", "-q"]).code(0);
    for line in [
        "f START RequestId: ",
        "f REPORT of the day\n",
        "f REPORT RequestId: x  Duration: 7777 ms\n",
    ] {
        assert!(quiet.stderr.contains(line), "{line:?} in {}", quiet.stderr);
    }
    assert_eq!(quiet.stderr.matches("REPORT RequestId").count(), 1, "{}", quiet.stderr);
    let plain = invoke(&server, &["f"]).code(0);
    assert!(plain.stderr.contains("Invoked f, version $LATEST, "), "{}", plain.stderr);
    assert!(!plain.stderr.contains("7777"), "{}", plain.stderr);
    invoke(&server, &["f", "--async", "--log"]).code(2).says("cannot be used with");
    invoke(&server, &["f", "--dry-run", "--log"]).code(2).says("cannot be used with");
}

#[test]
fn a_server_takes_no_nonsense() {
    let folder = tempfile::tempdir().unwrap();
    let local = |args: &[&str]| {
        let mut command = lambda_pack(folder.path());
        command.arg("local").args(["--port", "0"]).args(args);
        command
    };
    for (args, why) in [
        (&["--region", "foo"][..], "no Region has such a name"),
        (&["--region", ""], "no Region has such a name"),
        (&["--s3-endpoint", "nope"], "a URL such as http://"),
        (&["--s3-endpoint", "https://s3.amazonaws.com"], "a URL such as http://"),
        (&["--fault-file", "/nope"], "/nope"),
        (&["--fault", "throttle@0%"], "no call at all"),
        (&["--fault", "slow=1s:GetFunction"], "GetFunction cannot meet `slow`"),
        (&["--fault", "deployer:ListFunctions"], "calls that name a function"),
        (&["--fault", "expired@after:18446744073709551615"], "is none of"),
    ] {
        run(&mut local(args)).code(2).says(why);
    }
    run(local(&[]).env("AWS_REGION", "foo")).code(2).says("AWS_REGION: `foo`");
    for (variable, region) in [("", "us-east-1"), ("eu-west-1", "eu-west-1")] {
        let server = Server::start_as(&[], |mut command| {
            command.env("AWS_REGION", variable);
            command
        });
        let variables = server.variables();
        let named = variables.iter().find(|(name, _)| name == "AWS_REGION").unwrap();
        assert_eq!(named.1, region);
        soon("it listens", || server.said().contains("Listening"));
    }
}
