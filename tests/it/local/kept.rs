//! What a server keeps and for whom, and what is left of one that was killed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::server::{Reply, SIGNED, Server, soon, with_argument};
use super::zips::{echo, python};

const EVENT: [(&str, &str); 1] = [("X-Amz-Invocation-Type", "Event")];

fn limited(server: &Server, name: &str, most: u32) {
    let path = format!("/2017-10-31/functions/{name}/concurrency");
    server.control("PUT", &path, &json!({ "ReservedConcurrentExecutions": most }));
}

/// What was answered with 202 is run, whatever becomes of the server: at least once.
#[test]
fn events_survive_kill_9_and_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let (data, ran) = (folder.path().join("data"), folder.path().join("ran"));
    // What it writes outside is what is looked at.
    let args = ["--no-sandbox", "--data", data.to_str().unwrap(), "--retry-wait", "10ms"];
    let script = format!(
        "def answer(event):\n    time.sleep(0.1)\n    open({ran:?}, 'a').write(f'{{event}}\\n')\n\
         loop(answer)"
    );
    let done = || fs::read_to_string(&ran).unwrap_or_default().lines().count();
    let mut server = Server::start(&args);
    server.create("slow", &python(&script));
    limited(&server, "slow", 1);
    for n in 0..6 {
        let reply = server.invoke_with("slow", &EVENT, n.to_string().as_bytes());
        assert_eq!(reply.status, 202, "{reply:?}");
    }
    soon("the first ran", || done() > 0);
    server.kill();
    let mut server = Server::start(&args);
    soon("others ran", || done() > 2);
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(&args);
    let all = || {
        let text = fs::read_to_string(&ran).unwrap_or_default();
        (0..6).all(|n| text.lines().any(|line| line == n.to_string()))
    };
    soon("all ran", all);
    let events = || fs::read_dir(data.join("events")).unwrap().count();
    soon("nothing is left of them", || events() == 0);
    drop(server);
}

/// One that has failed twice is tried once more, not three times; its id stays.
#[test]
fn attempts_are_counted_across_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut server = Server::start(&["--data", data, "--retry-wait", "1ms", "--retry-wait", "1h"]);
    let script = "while True:\n    id, _, event = next()\n    say('attempt', id)\n    \
                  fail(id, {'errorType': 'Mine'})";
    server.create("fails", &python(script));
    let reply = server.invoke_with("fails", &EVENT, b"{}");
    let id = reply.header("x-amzn-requestid").unwrap().to_owned();
    let attempts = |server: &Server| server.said().matches(&format!("attempt {id}")).count();
    soon("it waits for its third attempt", || attempts(&server) == 2);
    let event = folder.path().join("events").join(format!("{id}.json"));
    let failures = || {
        let text = fs::read_to_string(&event).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["failures"].as_u64().unwrap()
    };
    soon("that is kept", || failures() == 2);
    server.kill();
    let server = Server::start(&["--data", data, "--retry-wait", "1ms"]);
    let end = format!("event {id} of fails: RetriesExhausted, discarded");
    soon("it is given up", || server.said().contains(&end));
    assert_eq!(attempts(&server), 1, "{}", server.said());
}

fn cloudwatch(server: &Server, operation: &str, input: &Value) -> Reply {
    let body = input.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nConnection: close\r\nX-Amz-Target: \
         GraniteServiceVersion20100801.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        server.address,
        SIGNED.replace("/lambda/", "/monitoring/"),
        body.len()
    );
    server.send(request.as_bytes())
}

#[test]
fn alarms_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["-q", "--data", folder.path().to_str().unwrap()];
    let mut server = Server::start(&args);
    for name in ["errors", "other"] {
        let alarm = json!({
            "AlarmName": name, "Namespace": "AWS/Lambda", "MetricName": "Errors", "Period": 60,
            "Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        });
        assert_eq!(cloudwatch(&server, "PutMetricAlarm", &alarm).status, 200);
    }
    let state = json!({ "AlarmName": "errors", "StateValue": "ALARM", "StateReason": "rehearsed" });
    assert_eq!(cloudwatch(&server, "SetAlarmState", &state).status, 200);
    let deleted = json!({ "AlarmNames": ["other"] });
    assert_eq!(cloudwatch(&server, "DeleteAlarms", &deleted).status, 200);
    let before = cloudwatch(&server, "DescribeAlarms", &json!({})).json();
    assert_eq!(before["MetricAlarms"][0]["StateReason"], "rehearsed");
    server.kill();
    let server = Server::start(&args);
    assert_eq!(cloudwatch(&server, "DescribeAlarms", &json!({})).json(), before);
}

/// All files and folders below one.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_path_buf()];
    if folder.is_dir() && !folder.is_symlink() {
        let below = fs::read_dir(folder).unwrap().flatten();
        all.extend(below.flat_map(|item| all_below(&item.path())));
    }
    all
}

/// Environment variables and code hold secrets. (What is unpacked has the modes that the zip says, in a
/// folder that nobody else may enter.)
#[test]
fn nobody_else_may_read_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let run = |args: &[&str]| {
        let server = Server::start_as(args, |mut command| {
            command.env("TMPDIR", folder.path());
            command
        });
        server.create("f", &echo());
        assert_eq!(server.answer("f", "1"), 1);
        for path in all_below(folder.path()).iter().skip(1) {
            let inside = path.components().any(|part| part.as_os_str() == "unpacked");
            if inside && !path.ends_with("unpacked") || path.starts_with("environment-") {
                continue;
            }
            let mode = path.symlink_metadata().unwrap().permissions().mode() & 0o777;
            let below_private = path.parent() != Some(folder.path()) && path.is_dir();
            let fine = if path.is_dir() { mode == 0o700 || below_private } else { mode == 0o600 };
            assert!(fine, "{} has mode {mode:o}", path.display());
        }
    };
    run(&["-q", "--data", data.to_str().unwrap()]);
    run(&["-q"]);
    // A folder that was made by others, or by an earlier version.
    for name in ["records", "code"] {
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let server = Server::start(&["-q", "--data", data.to_str().unwrap()]);
    for name in ["records", "code", "unpacked", "events"] {
        let mode = fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{name}");
    }
    drop(server);
}

/// The next server removes the folder of one that was killed, and ends what it has left running; what
/// living ones need, and what others have put there, stays.
#[test]
fn what_a_killed_server_left_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path();
    let start = || {
        Server::start_as(&["-q"], |mut command| {
            command.env("TMPDIR", temporary);
            command
        })
    };
    let names = || {
        let items = fs::read_dir(temporary).unwrap().flatten();
        items.map(|item| item.file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let mark = format!("86{}", Uuid::new_v4().as_u128() % 1_000_000_000);
    let (living, mut killed) = (start(), start());
    living.create("echo", &echo());
    let script = format!("subprocess.Popen(['setsid', 'sleep', {mark:?}])\nloop(lambda event: 1)");
    killed.create("forks", &python(&script));
    assert_eq!(killed.answer("forks", "{}"), 1);
    fs::create_dir(temporary.join("lambda-pack-of-others")).unwrap();
    killed.kill();
    assert_eq!(names().len(), 3, "{:?}", names());
    let next = start();
    soon("what was left is removed", || names().len() == 3);
    soon("and ended", || with_argument(&mark).is_empty());
    assert!(names().contains(&"lambda-pack-of-others".to_owned()), "{:?}", names());
    assert_eq!(living.answer("echo", "1"), 1);
    next.create("echo", &echo());
    assert_eq!(next.answer("echo", "1"), 1);
    drop((living, next));
    assert_eq!(names(), ["lambda-pack-of-others"]);
}

/// A disk that takes nothing more: the call is refused, and nothing has changed.
#[test]
fn what_cannot_be_written_has_not_happened() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["-q", "--data", folder.path().to_str().unwrap()];
    // No file may grow beyond 16 blocks of 512 bytes.
    let mut server = Server::start_as(&args, |command| {
        let mut shell = Command::new("sh");
        let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
        shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
        shell.current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    });
    server.create("f", &echo());
    let update = json!({
        "Environment": { "Variables": { "AA": "x".repeat(3000), "BB": "y".repeat(900) } },
        "Description": "kept",
    });
    let reply = server.call(
        "PUT",
        "/2015-03-31/functions/f/configuration",
        &[],
        update.to_string().as_bytes(),
    );
    assert_eq!(reply.status, 200, "one is small enough: {reply:?}");
    let described = json!({ "Description": "one" }).to_string();
    let reply = server.call("POST", "/2015-03-31/functions/f/versions", &[], described.as_bytes());
    assert_eq!(reply.status, 500, "two are not: {reply:?}");
    let versions = |server: &Server| {
        let all = server.control("GET", "/2015-03-31/functions/f/versions", &json!({}));
        all["Versions"].as_array().unwrap().len()
    };
    assert_eq!(versions(&server), 1, "there is no version");
    // One that never was is not there either.
    let tags: Value = (0..45).map(|n| (n.to_string(), json!("t".repeat(250)))).collect();
    let create = json!({
        "FunctionName": "g", "Role": "arn:aws:iam::123456789012:role/orders",
        "Runtime": "provided.al2023", "Handler": "x", "Tags": tags,
        "Code": { "ZipFile": STANDARD.encode(echo()) },
    });
    let reply = server.call("POST", "/2015-03-31/functions", &[], create.to_string().as_bytes());
    assert_eq!(reply.status, 500, "{reply:?}");
    assert_eq!(server.call("GET", "/2015-03-31/functions/g", &[], b"").status, 404);
    // And what can be written is.
    limited(&server, "f", 7);
    server.kill();
    let server = Server::start(&args);
    let after = server.control("GET", "/2015-03-31/functions/f", &json!({}));
    assert_eq!(after["Configuration"]["Description"], "kept");
    assert_eq!(after["Concurrency"]["ReservedConcurrentExecutions"], 7);
    assert_eq!(versions(&server), 1);
}
