//! Ctrl-C, a server that `deploy` starts for itself, and jobs of GitHub Actions.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::site::{Site, answer};
use crate::emulator::free_port;
use crate::local::server::Server;

/// Ctrl-C in the middle: what became of each function is said, and the next run completes the work.
#[test]
fn ctrl_c_ends_with_a_report() {
    interrupted_by(Signal::INT);
}

/// The same by what a job's end sends.
#[test]
fn sigterm_ends_with_a_report() {
    interrupted_by(Signal::TERM);
}

fn interrupted_by(signal: Signal) {
    let server = Server::start(&["--fault", "slow=3s:CreateFunction"]);
    let site = Site::new(&["api", "worker"]);
    let mut command = site.command(&server.address, &["deploy"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Creating") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it has ended before");
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    let (mut rest, mut report) = (String::new(), String::new());
    said.read_to_string(&mut rest).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    let code = if signal == Signal::TERM { 143 } else { 130 };
    assert_eq!(child.wait().unwrap().code(), Some(code), "{rest}");
    assert!(report.contains("api") && report.contains("worker"), "{report}");
    assert!(rest.contains("interrupted"), "{rest}");
    site.run(&server.address, &["deploy"]).code(0);
    assert_eq!(answer(&server, "worker"), "one");
}

/// No server, no account, no role: one command until the function answers.
#[test]
fn a_server_that_it_starts_stays_until_ctrl_c() {
    let site = Site::new(&["api"]);
    site.settings("alias = [\"live\"]\n");
    let port = free_port().to_string();
    let local = ["--local", "--port", &port];
    let mut command = site.workspace.command(&["deploy", "--from", "bundles", "--serve"]);
    let mut child =
        command.args(local).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Serving") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it has ended before");
    }
    let invoke = ["invoke", "api", "--qualifier", "live"];
    let run = crate::support::run(site.workspace.command(&invoke).args(local)).code(0);
    assert_eq!(run.stdout.trim(), "\"one\"");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    // Without --serve the error says what would help.
    let mut command = site.workspace.command(&["deploy", "--from", "bundles"]);
    crate::support::run(command.args(local)).code(2).says("--serve");
}

/// On a terminal a function has one line, which changes; piped, each step has one.
#[test]
fn a_terminal_gets_a_line_for_each_function() {
    let server = Server::start(&[]);
    let site = Site::new(&["api", "worker"]);
    let deploy = site.command(&server.address, &["deploy", "--color", "always"]);
    let words: Vec<String> = std::iter::once(deploy.get_program())
        .chain(deploy.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .collect();
    // From `bsdutils`, which each Debian has.
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &words.join(" "), "/dev/null"]).current_dir(site.workspace.path());
    for (name, value) in deploy.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let run = crate::support::run(script.env("TERM", "xterm").stdin(Stdio::null())).code(0);
    let up = "\u{1b}[1A";
    assert!(run.stdout.contains(up), "it goes back to lines above: {:?}", run.stdout);
    assert!(run.stdout.contains("Publishing"), "{:?}", run.stdout);
    let last = run.stdout.rsplit("\u{1b}[2K").next().unwrap();
    assert!(!last.contains("Creating") && last.contains("live → 1"), "{last:?}");
    site.bundle("api", "two");
    let run = site.run(&server.address, &["deploy"]).code(0);
    assert!(!run.stderr.contains(up) && run.stderr.contains("Publishing"), "{}", run.stderr);
}

#[test]
fn a_job_of_github_gets_a_summary_and_outputs() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let folder = site.workspace.path();
    let (summary, outputs) = (folder.join("summary"), folder.join("outputs"));
    let mut command = site.command(&server.address, &["deploy"]);
    command.env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_OUTPUT", &outputs);
    crate::support::run(&mut command).code(0);
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.contains("| api | created | 1 | live → 1 |"), "{summary}");
    let outputs = std::fs::read_to_string(outputs).unwrap();
    assert!(outputs.contains("changed=true"), "{outputs}");
    let functions = outputs.lines().find_map(|line| line.strip_prefix("functions=")).unwrap();
    let functions: serde_json::Value = serde_json::from_str(functions).unwrap();
    assert_eq!(functions["api"]["version"], "1");
}
