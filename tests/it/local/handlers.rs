//! Hostile handlers: whatever a function's processes do, the caller is told what Lambda would tell,
//! others are answered, and nothing lives on.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use uuid::Uuid;

use super::server::{Server, lives, soon, with_argument};
use super::zips::{PLAIN, echo, python, shell, zip};

fn seconds(count: u32) -> serde_json::Value {
    json!({ "Timeout": count })
}

/// An argument that no other process has.
fn mark() -> String {
    // What `sleep` takes for a number.
    format!("1000.{}", Uuid::new_v4().as_u128())
}

#[test]
fn one_that_never_polls_has_ten_seconds_for_its_init_and_then_its_timeout() {
    let server = Server::start(&[]);
    let mark = mark();
    server.create_with("silent", &shell(&format!("sleep {mark}")), &seconds(1));
    let start = Instant::now();
    let reply = server.invoke("silent", "{}");
    let took = start.elapsed().as_secs_f64();
    assert!((10.9..14.0).contains(&took), "{took}");
    let said = "RequestId: ID Error: Task timed out after 1.00 seconds";
    assert_eq!(reply.failure(), ("Sandbox.Timedout".to_owned(), said.to_owned()));
    soon("its processes end", || with_argument(&mark).is_empty());
}

/// Recorded: the texts of an exit with a status, and without.
#[test]
fn one_that_ends_is_reported_as_lambda_does() {
    let server = Server::start(&[]);
    for (name, script, how) in [
        ("zero", "exit 0", "Runtime exited without providing a reason"),
        ("three", "exit 3", "Runtime exited with error: exit status 3"),
        ("missing", "exec /no/such/program", "Runtime exited with error: exit status 127"),
        ("killed", "kill -9 $$", "Runtime exited with error: signal: killed"),
        ("terminated", "kill $$", "Runtime exited with error: signal: terminated"),
    ] {
        server.create(name, &shell(script));
        let reply = server.invoke(name, "{}");
        let expected = ("Runtime.ExitError".to_owned(), format!("RequestId: ID Error: {how}"));
        assert_eq!(reply.failure(), expected, "{name}");
        assert!(reply.log().contains(&format!(" {how}\n")), "{}", reply.log());
    }
}

#[test]
fn one_that_ends_in_the_midst_is_told_apart_from_one_that_ends_after_its_answer() {
    let server = Server::start(&[]);
    server.create("midst", &python("id, _, event = next()\nsay('half')\nsys.exit(event)"));
    let reply = server.invoke("midst", "5");
    let how = "RequestId: ID Error: Runtime exited with error: exit status 5";
    assert_eq!(reply.failure(), ("Runtime.ExitError".to_owned(), how.to_owned()));
    assert!(reply.log().contains("\nhalf\n"), "{}", reply.log());
    server.create("after", &python("id, _, event = next()\nrespond(id, os.getpid())\n"));
    let first = server.answer("after", "{}");
    soon("it ends", || !lives(first.as_u64().unwrap()));
    assert_ne!(server.answer("after", "{}"), first, "another environment answers");
}

/// What is left behind by the function, by its children in sessions of their own, and by those that
/// have thrown away their environment.
#[test]
fn nothing_that_it_forks_lives_on() {
    let mut server = Server::start(&[]);
    let mark = mark();
    let script = format!(
        "for words in (['setsid'], ['env', '-i', 'setsid'], ['nohup'], ['env', '-i', 'setsid', '-f']):\n    \
         subprocess.Popen(words + ['sleep', {mark:?}], stderr=subprocess.DEVNULL)\n\
         loop(lambda event: sys.exit(1) if event == 'end' else 'forked')"
    );
    server.create("forks", &python(&script));
    let count = || with_argument(&mark).len();
    assert_eq!(server.answer("forks", "{}"), "forked");
    soon("four of them live", || count() == 4);
    // The environment ends.
    assert_eq!(server.invoke("forks", "\"end\"").failure().0, "Runtime.ExitError");
    soon("nothing of the environment lives on", || count() == 0);
    // The function is deleted.
    assert_eq!(server.answer("forks", "{}"), "forked");
    soon("four of them live", || count() == 4);
    server.control("DELETE", "/2015-03-31/functions/forks", &json!({}));
    soon("nothing of the function lives on", || count() == 0);
    // The server ends.
    server.create("forks", &python(&script));
    assert_eq!(server.answer("forks", "{}"), "forked");
    soon("four of them live", || count() == 4);
    assert_eq!(server.stop(), Some(0));
    soon("nothing of the server lives on", || count() == 0);
}

/// Recorded: the time that is billed after a time-out is the time-out, and REPORT says what went wrong.
#[test]
fn the_last_line_says_how_it_ended() {
    let server = Server::start(&[]);
    let report = |name: &str, event: &str| {
        let reply = server.invoke(name, event);
        let log = reply.log();
        let id = reply.header("x-amzn-requestid").unwrap();
        assert!(log.starts_with(&format!("START RequestId: {id} Version: $LATEST\n")), "{log}");
        assert!(log.contains(&format!("\nEND RequestId: {id}\nREPORT RequestId: {id}\t")), "{log}");
        soon("it is said", || server.said().contains(&format!("END RequestId: {id}\n")));
        log.lines().last().unwrap().to_owned()
    };
    let script = "loop(lambda event: sys.exit(3) if event == 'end' else time.sleep(event))";
    server.create_with("f", &python(script), &seconds(1));
    let line = report("f", "0");
    assert!(!line.contains("Status: "), "{line}");
    let line = report("f", "60");
    assert!(line.contains("\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t"), "{line}");
    assert!(line.ends_with("\tStatus: timeout"), "{line}");
    let line = report("f", "\"end\"");
    assert!(line.ends_with("\tStatus: error\tError Type: Runtime.ExitError"), "{line}");
    // One that cannot be run takes no time, and has the same lines.
    let plain = zip(&[("bootstrap", PLAIN, b"#!/bin/sh\n")]);
    server.create("plain", &plain);
    let line = report("plain", "{}");
    assert!(line.contains("\tDuration: 0.00 ms\tBilled Duration: 0 ms\t"), "{line}");
    assert!(line.ends_with("\tStatus: error\tError Type: Runtime.InvalidEntrypoint"), "{line}");
}

#[test]
fn one_that_ignores_sigterm_ends_all_the_same() {
    let mut server = Server::start(&[]);
    let script = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                  loop(lambda event: time.sleep(event) or os.getpid())";
    server.create_with("stubborn", &python(script), &seconds(1));
    let pid = server.answer("stubborn", "0").as_u64().unwrap();
    let reply = server.invoke("stubborn", "60");
    assert_eq!(reply.failure().0, "Sandbox.Timedout");
    let log = reply.log();
    assert!(!log.contains("Max Memory Used: 0 MB"), "{log}");
    soon("it ends", || !lives(pid));
    let pid = server.answer("stubborn", "0").as_u64().unwrap();
    let start = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    soon("it ends with the server", || !lives(pid));
}

/// Ctrl-C, and the end of the terminal.
#[test]
fn other_signals_end_every_child_too() {
    for signal in [Signal::INT, Signal::HUP] {
        let mut server = Server::start(&[]);
        let mark = mark();
        let script =
            format!("subprocess.Popen(['setsid', 'sleep', {mark:?}])\nloop(lambda event: 1)");
        server.create("forks", &python(&script));
        assert_eq!(server.answer("forks", "{}"), 1);
        soon("it lives", || with_argument(&mark).len() == 1);
        assert_eq!(server.stop_by(signal), Some(0), "{signal:?}");
        soon("it ends", || with_argument(&mark).is_empty());
        assert_eq!(std::fs::read_dir(server.folder()).unwrap().count(), 1, "only stderr is left");
    }
}

/// An invocation that is running when the server is ended.
#[test]
fn one_that_is_busy_ends_with_the_server() {
    let mut server = Server::start(&[]);
    let mark = mark();
    let wait = format!("loop(lambda event: subprocess.run(['sleep', {mark:?}]))");
    server.create("busy", &python(&wait));
    // And one whose code is not the function's any more.
    server.create("old", &python(&wait));
    for name in ["busy", "old"] {
        server.invoke_with(name, &[("X-Amz-Invocation-Type", "Event")], b"{}");
    }
    soon("both run", || with_argument(&mark).len() == 2);
    server.update("old", &echo());
    assert_eq!(server.answer("old", "1"), 1);
    assert_eq!(server.stop(), Some(0));
    soon("nothing lives on", || with_argument(&mark).is_empty());
}

/// One whose init has failed, and one that has answered and asks for nothing more: both are over.
#[test]
fn one_that_lingers_is_ended() {
    let server = Server::start(&[]);
    let (init, after) = (mark(), mark());
    let wait = |mark: &str| format!("subprocess.run(['sleep', {mark:?}])");
    let script = format!("post('init/error', {{'errorType': 'Mine.Init'}})\n{}", wait(&init));
    server.create("init", &python(&script));
    let script = format!("id, _, event = next()\nrespond(id, event)\n{}", wait(&after));
    server.create_with("after", &python(&script), &seconds(1));
    for n in 0..3 {
        assert_eq!(server.invoke("init", "{}").failure().0, "Mine.Init");
        assert_eq!(server.answer("after", &n.to_string()), n);
    }
    soon("those whose init failed end", || with_argument(&init).is_empty());
    soon("those that ask for nothing end", || with_argument(&after).is_empty());
}

#[test]
fn one_that_floods_the_runtime_api_keeps_nobody_waiting() {
    let server = Server::start(&["-q"]);
    let flood = r#"
def flood(n):
    while True:
        try:
            mine = connect()
            for n in range(1000):
                path = ("invocation/none/response", "init/error", "invocation/next/", "no/such")[n % 4]
                mine.request("POST", "/2018-06-01/runtime/" + path, "x" * 1000)
                mine.getresponse().read()
        except OSError: pass
for n in range(8): threading.Thread(target=flood, args=[n], daemon=True).start()
# And connections that say nothing.
held = [socket.create_connection(address.split(":")) for n in range(200)]
time.sleep(60)
"#;
    server.create_with("flood", &python(flood), &seconds(30));
    server.create("calm", &echo());
    server.answer("calm", "1");
    server.invoke_with("flood", &[("X-Amz-Invocation-Type", "Event")], b"{}");
    let pause = Instant::now();
    let mut longest = Duration::ZERO;
    while pause.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        assert_eq!(server.answer("calm", "{\"a\": 1}"), json!({ "a": 1 }));
        longest = longest.max(start.elapsed());
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[test]
fn one_that_writes_without_end_costs_no_memory_and_the_tail_is_4_kb() {
    writes(20);
}

#[test]
#[ignore = "100 MB through the log"]
fn one_that_writes_100_mb_costs_no_memory() {
    writes(100);
}

fn writes(megabytes: usize) {
    let server = Server::start(&["-q"]);
    let script = "def answer(event):\n    line = 'x' * 99 + '\\n'\n    \
                  for n in range(event * 10): sys.stdout.write(line * 1000)\n    \
                  sys.stdout.write('no line feed: ' + 'y' * event * 100000 + ' the end')\n    \
                  sys.stdout.flush()\n    return 'done'\nloop(answer)";
    server.create_with("writes", &python(script), &seconds(120));
    server.invoke("writes", "0");
    let before = server.peak();
    let reply = server.invoke("writes", &megabytes.to_string());
    assert_eq!(reply.json(), "done");
    let more = server.peak() - before;
    assert!(more < 16, "{more} MB more");
    let log = reply.log();
    assert_eq!(log.len(), 4096);
    assert!(log.contains("y the end\nEND RequestId: "), "{log}");
    let report = log.lines().last().unwrap();
    assert!(report.starts_with("REPORT RequestId: "), "{report}");
}
