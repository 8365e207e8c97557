//! Traffic that goes over step by step, under load, with real handlers: what is wrong with a version is
//! seen and taken back, whoever is ended in between is gone on for.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::site::{ROLE, Site};
use crate::local::server::{Server, soon};
use crate::local::zips::{python, says};
use crate::support::{Run, run};

const WATCH: &str = "watch = { poll = \"100ms\", min-invocations = 5, error-rate = \"20%\" }\n";

/// Functions whose first version answers `one`, deployed; then these settings besides.
pub(super) fn site(server: &Server, functions: &[&str], settings: &str) -> Site {
    let site = Site::new(functions);
    site.deploy(&server.address);
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{settings}"));
    site
}

pub(super) fn alias(server: &Server, function: &str) -> Value {
    server.control("GET", &format!("/2015-03-31/functions/{function}/aliases/live"), &Value::Null)
}

/// All traffic is on this version, and the description is this without what differs from run to run.
#[track_caller]
pub(super) fn rests(server: &Server, function: &str, version: &str) {
    let alias = alias(server, function);
    assert_eq!(alias["FunctionVersion"], version, "{alias}");
    assert_eq!(alias.get("RoutingConfig"), None, "{alias}");
    assert!(!alias["Description"].as_str().unwrap().contains("shift="), "{alias}");
}

/// A client that calls the alias all the time: how often, how often in vain, and how often each version
/// answered.
struct Load {
    ended: Arc<AtomicBool>,
    client: JoinHandle<(usize, usize, usize)>,
}

impl Load {
    fn start(server: &Arc<Server>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (end, server) = (Arc::clone(&ended), Arc::clone(server));
        let client = thread::spawn(move || {
            let (mut all, mut failed, mut second) = (0, 0, 0);
            while !end.load(Ordering::Relaxed) {
                let reply = server.invoke_with("api:live", &[], b"{}");
                all += 1;
                failed += usize::from(reply.header("x-amz-function-error").is_some());
                second += usize::from(reply.header("x-amz-executed-version") == Some("2"));
            }
            (all, failed, second)
        });
        Self { ended, client }
    }

    fn end(self) -> (usize, usize, usize) {
        self.ended.store(true, Ordering::Relaxed);
        self.client.join().unwrap()
    }
}

/// From the last poll before it to the weights back, and how many calls that took.
#[expect(clippy::print_stdout, reason = "a figure for benches/RESULTS.md")]
fn deploy_with_clock(site: &Site, server: &Server) -> (Run, Duration, usize) {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let of_proxy = Arc::clone(&times);
    let proxy = Proxy::new(&server.address, move |_, line| {
        let what = if line.starts_with("PUT ") && line.contains("/aliases/") {
            "UpdateAlias"
        } else if line.starts_with("POST / ") || line == "POST /" || line.contains("/service/") {
            "CloudWatch"
        } else {
            "other"
        };
        of_proxy.lock().unwrap().push((what, Instant::now()));
        true
    });
    let run = site.run(&proxy.address, &["deploy"]);
    let times = times.lock().unwrap();
    let seen = times.iter().rposition(|(what, _)| *what == "CloudWatch").unwrap();
    let back = times.iter().rposition(|(what, _)| *what == "UpdateAlias").unwrap();
    assert!(seen < back, "{times:?}");
    let calls = times[seen + 1..=back].len();
    println!(
        "from the poll to the weights back: {:?}, {calls} call",
        times[back].1 - times[seen].1
    );
    (run, times[back].1 - times[seen].1, calls)
}

#[test]
fn a_version_that_fails_some_of_its_calls_goes_back() {
    let server = Arc::new(Server::start(&[]));
    let watch = "watch = { poll = \"100ms\", min-invocations = 20, error-rate = \"1%\" }\n";
    let site = site(&server, &["api"], &format!("shift = \"steps:50%/1h\"\n{watch}"));
    let failing = "n = 0\nwhile True:\n    id, _, _ = next()\n    n += 1\n    \
                   respond(id, 'two') if n % 20 else fail(id, {'errorType': 'Sold'})";
    site.bundle_of("api", &python(failing));
    let load = Load::start(&server);
    let (run, late, calls) = deploy_with_clock(&site, &server);
    let (all, failed, second) = load.end();
    run.code(4).says("all traffic is on version 1 again").says("invocations failed");
    rests(&server, "api", "1");
    assert!(late < Duration::from_secs(1) && calls == 1, "{late:?}, {calls} calls");
    // One in twenty of what went to the second version failed, and nothing else.
    let of_second = (1..=second / 20).contains(&failed);
    assert!(of_second, "{failed} of {all} failed, {second} went over");
}

#[test]
fn a_version_that_panics_while_it_starts_goes_back() {
    let server = Arc::new(Server::start(&[]));
    let site = site(&server, &["api"], &format!("shift = \"steps:20%/1h\"\n{WATCH}"));
    site.bundle_of("api", &python("say(\"thread 'main' panicked\")\nos._exit(101)"));
    let load = Load::start(&server);
    let (run, late, calls) = deploy_with_clock(&site, &server);
    let (all, failed, second) = load.end();
    run.code(4).says("all traffic is on version 1 again").says("invocations failed");
    rests(&server, "api", "1");
    assert!(late < Duration::from_secs(1) && calls == 1, "{late:?}, {calls} calls");
    // What went to the second version failed, about a fifth of what came meanwhile, and nothing else.
    assert!(failed > 0 && failed <= second, "{failed} failed, {second} went over");
    assert!(second * 2 <= all, "{second} of {all} went over");
}

/// Whoever may not shift reads what is missing, and of no traffic that would be back.
#[test]
fn a_first_step_that_is_refused_is_told_as_such() {
    let server = Server::start(&["--fault", "error=503:UpdateAlias"]);
    let site = site(&server, &["api"], "shift = \"canary:50%/1h\"\n");
    site.bundle("api", "two");
    let replaced = |answer: &mut [u8], old: &str, new: &str| {
        let found = answer.windows(old.len()).position(|window| window == old.as_bytes());
        if let Some(at) = found {
            answer[at..at + old.len()].fill(b' ');
            answer[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
        found.is_some()
    };
    let proxy = Proxy::editing(&server.address, move |_, line, answer| {
        if line.starts_with("PUT ") && line.contains("/aliases/") {
            replaced(answer, "503", "403");
            while replaced(answer, "ServiceUnavailableException", "AccessDeniedException") {}
        }
        true
    });
    let run = site.run(&proxy.address, &["deploy"]).code(4).says("UpdateAlias: AccessDenied");
    assert!(!run.stderr.contains("again"), "{}", run.stderr);
    run.says("\"Action\": \"lambda:UpdateAlias\"");
    rests(&server, "api", "1");
}

#[test]
fn a_version_that_is_slow_goes_back() {
    let server = Arc::new(Server::start(&[]));
    let settings = "shift = \"canary:50%/1h\"\nwatch = { poll = \"100ms\", min-invocations = 3, \
                    duration = \"100ms\", statistic = \"Average\" }\n";
    let site = site(&server, &["api"], settings);
    site.bundle_of("api", &python("loop(lambda event: time.sleep(0.2))"));
    let load = Load::start(&server);
    let run = site.run(&server.address, &["deploy"]);
    let (_, failed, _) = load.end();
    run.code(4).says("Average of the duration is");
    rests(&server, "api", "1");
    assert_eq!(failed, 0);
}

#[test]
fn a_good_version_gets_all_traffic_and_what_lives_on_the_alias_follows() {
    let server = Arc::new(Server::start(&[]));
    let settings = "shift = \"steps:20%/1s,60%/1s\"\nwatch = { poll = \"100ms\", probe = \"ok.json\" }\n\
                    url = { auth = \"public\" }\n";
    let site = site(&server, &["api"], settings);
    site.workspace.write("ok.json", "{}");
    site.bundle("api", "two");
    let plan = site.run(&server.address, &["plan"]).code(0);
    assert!(plan.stdout.contains("shifted by steps:20%/1s,60%/1s"), "{}", plan.stdout);
    let flags = ["plan", "--output", "json"];
    let watched = |command: &mut std::process::Command| {
        run(command.env("LAMBDA_PACK_WATCH_ERROR_RATE", "5%")).code(0).records()
    };
    let plan = watched(&mut site.command(&server.address, &flags));
    let steps = plan.iter().find(|it| it["reason"] == "shift-plan").unwrap();
    assert_eq!((&steps["alias"], &steps["needed"]), (&json!("live"), &json!(59)));
    let second = json!({ "percent": 60.0, "hold_s": 1, "invocations": 99 });
    assert_eq!(steps["steps"][1], second, "{steps}");
    let run = site.run(&server.address, &["deploy", "--output", "json"]).code(0);
    rests(&server, "api", "2");
    let records = run.records();
    let of = |event: &str| records.iter().find(|it| it["event"] == event).unwrap();
    assert_eq!((&of("begin")["percent"], &of("begin")["steps"]), (&json!(20.0), &json!(2)));
    assert_eq!((&of("step")["step"], &of("poll")["to"]), (&json!(2), &json!("2")));
    assert_eq!(of("finish")["percent"], 100.0);
    let deployed = records.iter().find(|it| it["reason"] == "deployed").unwrap();
    let changes = deployed["changes"].as_array().unwrap();
    let at = |operation: &str| changes.iter().position(|it| it == operation).unwrap();
    assert!(at("PublishVersion") < at("UpdateAlias"), "{changes:?}");
    assert!(at("UpdateAlias") < at("CreateFunctionUrlConfig"), "{changes:?}");
    assert_eq!(site.changes(&server.address), 0);
}

#[test]
fn one_that_fails_its_probe_takes_the_others_back() {
    let server = Server::start(&[]);
    let settings = "shift = \"canary:50%/1s\"\nwatch = { poll = \"100ms\", probe = \"ok.json\" }\n";
    let site = site(&server, &["api", "worker"], settings);
    site.workspace.write("ok.json", "{}");
    site.bundle("worker", "two");
    let dies = "n = 0\nwhile True:\n    id, _, _ = next()\n    n += 1\n    \
                fail(id, {'errorType': 'Dead'}) if n > 3 else respond(id, 'two')";
    site.bundle_of("api", &python(dies));
    let run = site.run(&server.address, &["deploy"]).code(4);
    run.says("the probe failed").says("Dead").says("`api` went back");
    rests(&server, "api", "1");
    rests(&server, "worker", "1");
}

/// A deploy that shifts, once half of the traffic goes over.
pub(super) fn begun(site: &Site, server: &Server) -> Child {
    let mut command = site.command(&server.address, &["deploy"]);
    command.process_group(0).stderr(Stdio::piped()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    soon("half of the traffic goes over", || alias(server, "api").get("RoutingConfig").is_some());
    child
}

pub(super) fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn ctrl_c_takes_traffic_back() {
    let server = Server::start(&[]);
    let site = site(&server, &["api"], "shift = \"canary:50%/1h\"\n");
    site.bundle("api", "two");
    let before = alias(&server, "api")["Description"].clone();
    let child = begun(&site, &server);
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("all traffic is on version 1 again: interrupted"), "{said}");
    rests(&server, "api", "1");
    assert_eq!(alias(&server, "api")["Description"], before);
}

/// A server error of a write is looked at again: at the first step, and on the way back.
#[test]
fn server_errors_of_a_write_are_not_the_end() {
    let fault = ["--fault", "error=500:UpdateAlias@#1-2", "--fault", "error=503:UpdateAlias@#4-5"];
    let server = Server::start(&fault);
    let site = site(&server, &["api"], "shift = \"canary:50%/1h\"\nwatch = { poll = \"100ms\" }\n");
    site.bundle("api", "two");
    let mut child = begun(&site, &server);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    let abort = ["release", "abort", "api", "nofn"];
    let back = run(&mut site.at(&server.address, &abort)).code(2).says("is on version 1 again");
    back.says("`nofn` is not there");
    rests(&server, "api", "1");
}

#[test]
fn a_killed_shift_is_shown_gone_on_with_and_taken_back() {
    let server = Server::start(&[]);
    let site = site(&server, &["api"], "shift = \"canary:50%/1s\"\nwatch = { poll = \"100ms\" }\n");
    let release = |args: &[&str]| {
        let mut command = site.at(&server.address, &[&["release"], args].concat());
        run(&mut command)
    };
    release(&["status"]).code(0).says("Nothing");
    site.bundle("api", "two");
    let killed = || {
        let mut child = begun(&site, &server);
        send(&child, Signal::KILL);
        child.wait().unwrap();
    };
    killed();
    let shown = release(&["status", "api", "--output", "json"]).code(0).records();
    let expected = [("event", json!("under-way")), ("percent", json!(50.0)), ("from", json!("1"))];
    for (name, value) in expected {
        assert_eq!(shown[0][name], value, "{shown:?}");
    }
    // Another release does not come between.
    site.bundle("api", "three");
    let other = site.run(&server.address, &["deploy"]).code(2);
    other.says("a shift of alias live is under way").says("release abort");
    // One that cannot be looked at holds nothing up, and is said.
    let proxy = Proxy::new(&server.address, |_, line| !line.contains("/ghost/aliases"));
    let abort = ["release", "abort", "ghost", "api"];
    let back = run(&mut site.at(&proxy.address, &abort)).code(4).says("is on version 1 again");
    back.says("could not take back the traffic of `ghost`");
    rests(&server, "api", "1");
    release(&["abort"]).code(0).says("Nothing");
    // What was named and is not there is not called well.
    release(&["abort", "apo"]).code(2).says("`apo` is not there; did you mean `api`?");
    let near = release(&["status", "api", "--alias", "liev"]).code(2);
    near.says("alias `liev` of `api` is not there; did you mean `live`?");
    release(&["resume", "--alias", "liev"]).code(2).says("did you mean `live`?");
    // By a command of its own, and by the same deploy again.
    site.bundle("api", "two");
    killed();
    // Where nobody knows what to watch, that is said and wanted, or nothing moves.
    let elsewhere = |more: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = site.at(&server.address, &[&["release", "resume", "api"], more].concat());
        run(command.current_dir(folder.path()))
    };
    let before = alias(&server, "api");
    let refused = elsewhere(&[]).code(2);
    refused
        .says("`api`: its settings are not found")
        .says("`--manifest-path`")
        .says("`--unwatched`");
    assert_eq!(alias(&server, "api"), before);
    release(&["resume", "api", "nofn"]).code(2).says("`nofn` is not there");
    release(&["resume", "api"]).code(0);
    rests(&server, "api", "2");
    site.bundle("api", "four");
    killed();
    let marked = alias(&server, "api")["Description"].as_str().unwrap().to_owned();
    let shown = run(&mut site.at(&server.address, &["status", "--output", "json"])).code(0);
    let shift = &shown.records()[0]["aliases"][0]["shift"];
    assert_eq!((&shift["to"], &shift["strategy"]), (&json!("3"), &json!("canary:50%/1s")));
    // It is one release: what says it holds for both.
    let deployed = site.deploy(&server.address);
    let deploy = deployed.iter().find(|it| it["reason"] == "deployed").unwrap()["deploy"].clone();
    assert!(marked.contains(&format!("dep={} ", deploy.as_str().unwrap())), "{marked}, {deploy}");
    assert_eq!(shift["deploy"], deploy);
    rests(&server, "api", "3");
    assert_eq!(site.changes(&server.address), 0);
    site.bundle("api", "five");
    killed();
    elsewhere(&["--unwatched"]).code(0).says("nothing is watched while its traffic shifts");
    rests(&server, "api", "4");
}

#[test]
fn what_cannot_be_shifted_is_refused_before_anything_moves() {
    let server = Server::start(&[]);
    let settings = "shift = \"canary:50%/1s\"\n";
    let site = site(&server, &["api"], settings);
    site.bundle_of("api", &says("two"));
    let alarm = format!("{settings}alarms = [\"gone\"]\n");
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{alarm}"));
    site.run(&server.address, &["deploy"]).code(2).says("there is no alarm gone");
    let queue = "dead-letter = \"arn:aws:sqs:us-east-1:123456789012:dead\"\n";
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{settings}{queue}"));
    site.run(&server.address, &["deploy"]).code(2).says("the dead letter queue");
    rests(&server, "api", "1");
    site.run(&server.address, &["plan", "--shift", "canary:100%/5m"]).code(2).says("no part of");
    site.run(&server.address, &["deploy", "--shift", "all-at-once"]).code(0);
    site.run(&server.address, &["plan", "--shift", ""]).code(2).says("`shift` is ``: it is empty");
    // The same for CodeDeploy, which AWS would refuse as well.
    let appspec = |to: &str, shift: &str| {
        let args = ["release", "appspec", "--to", to, "--shift", shift];
        run(&mut site.at(&server.address, &args))
    };
    appspec("1", "Canary10Percent5Minutes").code(2).says("the dead letter queue of version 2");
    appspec("999", "all-at-once").code(2).says("version 999 is not there");
    appspec("$LATEST", "all-at-once").code(2).says("the number of a version is wanted");
    appspec("2", "all-at-once").code(2).says("alias live is at version 2 already");
    appspec("1", "all-at-once").code(0).says("CodeDeployDefault.LambdaAllAtOnce");
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n"));
    site.bundle_of("api", &says("three"));
    site.run(&server.address, &["deploy"]).code(0);
    let spec = appspec("2", "Canary10Percent5Minutes").code(0);
    let spec = spec.says("CodeDeployDefault.LambdaCanary10Percent5Minutes");
    for line in
        ["Name: \"api\"", "Alias: \"live\"", "CurrentVersion: \"3\"", "TargetVersion: \"2\""]
    {
        assert!(spec.stdout.contains(line), "{line} in {}", spec.stdout);
    }
}
