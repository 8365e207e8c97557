//! `logs`: what a function has written, each line once.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Run, lambda_pack, run, scrub};

/// Writes what the event says, and answers.
fn talker() -> Vec<u8> {
    zips::python("def talk(event):\n    for line in event: say(line)\nloop(talk)")
}

fn command(server: &Server, args: &[&str]) -> Command {
    let port = server.address.rsplit(':').next().unwrap();
    let mut command = lambda_pack(server.folder());
    command.args(["logs", "--local", "--port", port]).args(args);
    command
}

fn logs(server: &Server, args: &[&str]) -> Run {
    run(&mut command(server, args))
}

fn server() -> Server {
    let server = Server::start(&[]);
    server.create("talker", &talker());
    server
}

/// The messages of the function's own.
fn own(run: &Run) -> Vec<String> {
    let records = run.records().into_iter();
    let messages = records.map(|record| record["message"].as_str().unwrap().trim_end().to_owned());
    let platform = ["START ", "END ", "REPORT ", "INIT_START "];
    messages.filter(|message| !platform.iter().any(|begin| message.starts_with(begin))).collect()
}

#[test]
fn lines_are_readable_and_records_are_whole() {
    let server = server();
    let line = r#"{"level":"warn","fields":{"message":"slow order","ms":812},"target":"shop"}"#;
    server.answer("talker", &json!(["plain text", line]).to_string());
    let text = logs(&server, &["talker"]).code(0).stdout;
    let mut lines = text.lines().filter(|line| line.contains("order") || line.contains("plain"));
    let (plain, json) = (lines.next().unwrap(), lines.next().unwrap());
    // 2026-11-28T04:25:01.123Z
    assert_eq!((&plain[4..5], &plain[23..]), ("-", "Z plain text"), "{text}");
    assert_eq!(&json[24..], " WARN  slow order ms=812 target=shop", "{text}");
    assert!(text.contains("REPORT RequestId: "), "{text}");
    assert!(!text.contains('\x1b') && !text.contains('\t'), "{text:?}");
    let coloured = logs(&server, &["talker", "--color", "always"]).code(0).stdout;
    assert!(coloured.contains("\x1b[33mWARN"), "{coloured:?}");

    let run = logs(&server, &["talker", "--output", "json"]).code(0);
    assert_eq!(own(&run), ["plain text", line]);
    let records = run.records();
    let record = records.iter().find(|record| record["json"].is_object()).unwrap();
    assert_eq!((&record["reason"], &record["function"]), (&json!("log"), &json!("talker")));
    assert_eq!(record["group"], "/aws/lambda/talker");
    assert_eq!(record["json"]["fields"]["ms"], 812);
    assert!(record["stream"].as_str().unwrap().contains("[$LATEST]"), "{record}");
}

#[test]
fn a_pattern_and_a_time_select() {
    let server = server();
    server.answer("talker", "[\"an order\", \"a report\", \"another order\"]");
    let json = ["talker", "--output", "json"];
    let with = |more: &[&str]| logs(&server, &[&json, more].concat()).code(0);
    assert_eq!(own(&with(&["--filter", "order"])), ["an order", "another order"]);
    assert_eq!(own(&with(&["--filter", "order -another"])), ["an order"]);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(own(&with(&["--since", "1ms"])), [""; 0]);
    assert_eq!(own(&with(&["--since", "1h"])).len(), 3);
    let wrong = logs(&server, &["talker", "--filter", "\"open"]).code(4);
    assert!(wrong.stderr.contains("InvalidParameterException"), "{}", wrong.stderr);
}

/// More than a page.
#[test]
fn every_page_is_read() {
    let server = Server::start(&[]);
    let script = "def talk(event):\n    print('\\n'.join(str(n) for n in range(12000)), flush=True)\nloop(talk)";
    server.create("loud", &zips::python(script));
    server.answer("loud", "1");
    let lines = own(&logs(&server, &["loud", "--output", "json"]).code(0));
    let expected: Vec<String> = (0..12_000).map(|number| number.to_string()).collect();
    assert!(lines == expected, "{} lines", lines.len());
}

#[test]
fn the_group_is_the_functions_own() {
    let server = Server::start(&[]);
    let more = json!({ "LoggingConfig": { "LogGroup": "/own/group" } });
    server.create_with("talker", &talker(), &more);
    server.answer("talker", "[\"here\"]");
    let run = logs(&server, &["talker", "--output", "json"]).code(0);
    assert_eq!(run.records()[0]["group"], "/own/group");
    assert_eq!(own(&run), ["here"]);
}

#[test]
fn a_log_that_is_not_there_yet_is_no_error_and_a_function_that_is_not_there_is() {
    let server = server();
    let silent = logs(&server, &["talker"]).code(0).says("no log group /aws/lambda/talker yet");
    assert_eq!(silent.stdout, "");
    for follow in [&["nothing"][..], &["nothing", "--follow"]] {
        logs(&server, follow).code(2).says("there is no function `nothing`, and no log group");
    }
    // The log of one that was deleted is still there.
    server.answer("talker", "[\"the last words\"]");
    server.control("DELETE", "/2015-03-31/functions/talker", &json!(null));
    let run = logs(&server, &["talker", "--output", "json"]).code(0);
    assert_eq!(own(&run), ["the last words"]);
}

/// `logs --follow`, and the lines of its standard output as they come.
struct Followed {
    child: Child,
    lines: Receiver<String>,
}

impl Followed {
    fn start(server: &Server, args: &[&str]) -> Self {
        let mut command = command(server, &["talker", "--follow", "--output", "json"]);
        let mut child =
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next of the function's own messages.
    #[track_caller]
    fn next(&self) -> String {
        loop {
            let line =
                self.lines.recv_timeout(Duration::from_secs(10)).expect("a line within 10 s");
            let of_line = Run { code: 0, stdout: line, stderr: String::new() };
            if let Some(message) = own(&of_line).pop() {
                return message;
            }
        }
    }

    /// Ctrl-C: the exit code, and what was said besides.
    fn interrupt(mut self) -> (Option<i32>, String, Vec<String>) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        (status.code(), said, self.lines.iter().collect())
    }
}

#[test]
fn what_comes_is_shown_once_until_it_is_interrupted() {
    let server = server();
    server.answer("talker", "[\"before\"]");
    let followed = Followed::start(&server, &[]);
    assert_eq!(followed.next(), "before");
    for number in 0..4 {
        server.answer("talker", &format!("[\"{number}\", \"{number} again\"]"));
        assert_eq!(followed.next(), number.to_string());
        assert_eq!(followed.next(), format!("{number} again"));
    }
    // Two looks more: nothing is doubled.
    std::thread::sleep(Duration::from_millis(2300));
    let (code, said, rest) = followed.interrupt();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let rest = Run { code: 0, stdout: rest.join("\n"), stderr: String::new() };
    assert_eq!(own(&rest), [""; 0]);
}

#[test]
fn a_log_that_does_not_exist_yet_is_waited_for() {
    let server = server();
    let followed = Followed::start(&server, &["--filter", "first"]);
    std::thread::sleep(Duration::from_millis(1300));
    server.answer("talker", "[\"the first\", \"the second\"]");
    assert_eq!(followed.next(), "the first");
    let (code, said, _) = followed.interrupt();
    assert_eq!(code, Some(0));
    assert_eq!(said.matches("there is no log group").count(), 1, "{said}");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let server = server();
    server.answer("talker", "[\"one\", \"two\"]");
    let words = command(&server, &["talker", "--follow"]);
    let mut line = vec![format!("'{}'", words.get_program().display())];
    line.extend(words.get_args().map(|word| format!("'{}'", word.display())));
    let mut shell = Command::new("bash");
    scrub(&mut shell);
    let script = format!("set -o pipefail; {} | head -2", line.join(" "));
    let mut child =
        shell.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It notices with the next line that it writes.
    while child.try_wait().unwrap().is_none() {
        server.answer("talker", "[\"more\"]");
        std::thread::sleep(Duration::from_millis(200));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
}
