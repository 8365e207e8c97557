//! What `rollback` and `promote` have in common with a deploy: what they refuse before anything moves, what they
//! wait for, and what they say of an end that comes too early.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::proxy::Proxy;
use super::site::{ROLE, Site, answer};
use crate::local::server::{Server, soon};
use crate::local::zips::python;
use crate::support::{Run, run};

const FUNCTIONS: &str = "/2015-03-31/functions";
const PROMOTE: [&str; 5] = ["promote", "--alias-from", "beta", "--alias", "live"];
/// As long as a step can be short.
const STEPS: [&str; 2] = ["--shift", "steps:50%/1s"];

fn path(name: &str, alias: &str) -> String {
    format!("{FUNCTIONS}/{name}/aliases/{alias}")
}

fn live(server: &Server, name: &str) -> Value {
    server.control("GET", &path(name, "live"), &json!(null))
}

/// All traffic is on this version.
#[track_caller]
fn rests(server: &Server, name: &str, version: &str) {
    let alias = live(server, name);
    assert_eq!((&alias["FunctionVersion"], alias.get("RoutingConfig")), (&json!(version), None));
}

/// Weights, as somebody else or AWS itself has them.
fn split(server: &Server, name: &str, weights: &Value) {
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": weights } });
    server.control("PUT", &path(name, "live"), &weights);
}

/// Deployed twice, `one` and `two`; `beta` stays at the second version.
fn twice(server: &Server, names: &[&str]) -> Site {
    let site = Site::new(names);
    site.deploy(&server.address);
    for name in names {
        site.bundle(name, "two");
    }
    site.deploy(&server.address);
    for name in names {
        let beta = json!({ "Name": "beta", "FunctionVersion": "2" });
        server.control("POST", &format!("{FUNCTIONS}/{name}/aliases"), &beta);
    }
    site
}

fn settings(site: &Site, more: &str) {
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{more}"));
}

fn moved(site: &Site, address: &str, args: &[&[&str]]) -> Run {
    run(&mut site.at(address, &args.concat()))
}

/// The same, not waited for.
fn begun(site: &Site, address: &str, args: &[&[&str]]) -> Child {
    let mut command = site.at(address, &args.concat());
    command.process_group(0).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// What it has said on both, and its exit code.
fn ended(child: Child) -> (String, String, Option<i32>) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code())
}

#[test]
fn weights_that_are_to_go_go_before_a_shift_begins() {
    let server = Server::start(&[]);
    let site = twice(&server, &["api", "worker"]);
    split(&server, "api", &json!({ "1": 0.1 }));
    let steps = [&["rollback", "--clear-weights"][..], &STEPS];
    moved(&site, &server.address, &steps).code(0).says("Moved 2 aliases");
    rests(&server, "api", "1");
    rests(&server, "worker", "1");
    let said = live(&server, "api")["Description"].as_str().unwrap().to_owned();
    assert!(said.starts_with("[lp1 from=2 to=1 dep="), "{said}");
    // On with a version that is on its way by another deploy.
    let killed = "[lp1 prev=1 dep=d9 shift=canary:50%/1h step=1 at=5 new=2 was=1 by=d8]";
    server.control("PUT", &path("api", "live"), &json!({ "Description": killed }));
    split(&server, "api", &json!({ "2": 0.5 }));
    moved(&site, &server.address, &[&PROMOTE, &STEPS, &["api"]]).code(2).says("is under way");
    let promoted = [&PROMOTE[..], &STEPS, &["--clear-weights"]];
    moved(&site, &server.address, &promoted).code(0).says("Moved 2 aliases");
    rests(&server, "api", "2");
    // What is on its way back already only loses its weights, and by no steps.
    let killed = "[lp1 prev=1 dep=d9 shift=canary:50%/1h step=1 at=5 new=2 was=1 by=d8]";
    let there = json!({ "FunctionVersion": "1", "Description": killed });
    server.control("PUT", &path("api", "live"), &there);
    split(&server, "api", &json!({ "2": 0.5 }));
    let back = moved(&site, &server.address, &[&steps[..], &[&["api"]]].concat()).code(0);
    assert!(!back.stderr.contains("Shifting"), "{}", back.stderr);
    rests(&server, "api", "1");
}

#[test]
fn what_may_not_run_is_not_checked_in_vain() {
    let server = Server::start(&[]);
    let site = twice(&server, &["api"]);
    site.workspace.write("events/a.json", "{}");
    settings(&site, "check = { events = \"events/*.json\" }\n");
    let concurrency = "/2017-10-31/functions/api/concurrency";
    server.control("PUT", concurrency, &json!({ "ReservedConcurrentExecutions": 0 }));
    for args in [&["rollback"][..], &["rollback", "--dry-run"]] {
        let refused = moved(&site, &server.address, &[args]).code(2);
        refused.says("cannot roll back `api`: its reserved concurrency is 0").says("--skip-checks");
    }
    moved(&site, &server.address, &[&["rollback", "--skip-checks"]]).code(0);
    let refused = moved(&site, &server.address, &[&PROMOTE]).code(2);
    refused.says("cannot promote `api`: its reserved concurrency is 0");
    rests(&server, "api", "1");
}

/// What AWS answers while it moves provisioned concurrency over.
fn in_progress(reply: &mut [u8]) {
    let at = reply.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let body = b"{\"Status\":\"IN_PROGRESS\"}";
    reply[at..].fill(b' ');
    reply[at..at + body.len()].copy_from_slice(body);
}

#[test]
fn provisioned_concurrency_that_moves_over_is_waited_for() {
    let server = Arc::new(Server::start(&[]));
    let site = twice(&server, &["api"]);
    let provisioned = "/2019-09-30/functions/api/provisioned-concurrency?Qualifier=live";
    server.control("PUT", provisioned, &json!({ "ProvisionedConcurrentExecutions": 1 }));
    split(&server, "api", &json!({ "1": 0.5 }));
    let (seen, aws) = (AtomicUsize::new(0), Arc::clone(&server));
    let proxy = Proxy::editing(&server.address, move |_, call, reply| {
        if call.contains("/provisioned-concurrency") {
            // Looked at once by the first run.
            match seen.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => in_progress(reply),
                2 => split(&aws, "api", &json!({})),
                _ => {}
            }
        }
        true
    });
    let at_once = [&PROMOTE[..], &["--wait", "0s"]];
    moved(&site, &proxy.address, &at_once).code(4).says("provisioned concurrency of live is still");
    moved(&site, &proxy.address, &[&["rollback", "-v"]]).code(0).says("is still moving over");
    rests(&server, "api", "1");
    // Weights beside which nothing moves over are somebody's.
    split(&server, "api", &json!({ "2": 0.5 }));
    let refused = moved(&site, &server.address, &[&["rollback", "--to", "2", "api"]]).code(2);
    refused.says("sends a part of its traffic to version 2");
}

/// After the last call of a shift AWS may split the traffic again, by itself.
#[test]
fn a_shift_has_ended_when_aws_has_ended_its_own() {
    let server = Arc::new(Server::start(&[]));
    let site = twice(&server, &["api"]);
    let (aws, reads) = (Arc::clone(&server), AtomicUsize::new(0));
    let proxy = Proxy::new(&server.address, move |_, call| {
        let there = live(&aws, "api");
        if call.starts_with("PUT ") && there["FunctionVersion"] == "1" {
            split(&aws, "api", &json!({ "2": 0.5 }));
            reads.store(1, Ordering::SeqCst);
        } else if call == "GET /2015-03-31/functions/api/aliases/live"
            && reads.load(Ordering::SeqCst) > 0
            && reads.fetch_add(1, Ordering::SeqCst) == 4
        {
            split(&aws, "api", &json!({}));
        }
        true
    });
    let run = moved(&site, &proxy.address, &[&["rollback", "-v"], &STEPS]).code(0);
    run.says("traffic of live still goes to two versions: 1").says("Moved 1 alias");
    rests(&server, "api", "1");
}

#[test]
fn a_dry_run_shows_checks_and_steps_and_refuses_what_would_be_refused() {
    let server = Server::start(&[]);
    let site = twice(&server, &["api"]);
    site.workspace.write("events/a.json", "{}");
    settings(&site, "check = { events = \"events/*.json\" }\nwatch.error-rate = \"1%\"\n");
    let dry: [&[&str]; 2] = [&["rollback", "--dry-run"], &["--shift", "canary:10%/5m"]];
    let shown = moved(&site, &server.address, &dry).code(0).says("To move 1 alias");
    for line in [
        "api:live: check version 1 with 1 event (events/a.json)",
        "api:live: shifted by canary:10%/5m",
        "api:live: a step is good enough from ",
    ] {
        assert!(shown.stdout.contains(line), "{line} in {}", shown.stdout);
    }
    let records = moved(&site, &server.address, &[&dry[..], &[&["--output", "json"]]].concat());
    let records = records.code(0).records();
    assert_eq!((&records[0]["state"], &records[1]["phase"]), (&json!("to-move"), &json!("check")));
    rests(&server, "api", "2");
    // The versions have another queue each; alarms tell of what a promotion goes to.
    let queue = "dead-letter = \"arn:aws:sqs:us-east-1:123456789012:dead\"\n";
    settings(&site, queue);
    site.deploy(&server.address);
    let refused = moved(&site, &server.address, &dry).code(2).says("the dead letter queue");
    refused.says("hint: move it with `--shift all-at-once`");
    moved(&site, &server.address, &[&["rollback", "--dry-run"]]).code(0);
    moved(&site, &server.address, &[&["rollback"]]).code(0);
    server.control("PUT", &path("api", "beta"), &json!({ "FunctionVersion": "1" }));
    settings(&site, "alarms = [\"gone\"]\n");
    let promoted = [&PROMOTE[..], &STEPS, &["--dry-run"]];
    moved(&site, &server.address, &promoted).code(2).says("there is no alarm gone");
}

#[test]
fn the_others_go_on_where_that_is_asked_for() {
    let server = Server::start(&[]);
    let site = twice(&server, &["api", "worker"]);
    moved(&site, &server.address, &[&["rollback"]]).code(0);
    server.call("DELETE", &path("api", "beta"), &[], b"");
    moved(&site, &server.address, &[&PROMOTE]).code(2).says("it has no alias beta");
    rests(&server, "worker", "1");
    let going = moved(&site, &server.address, &[&PROMOTE, &["--keep-going", "--output", "json"]]);
    let records = going.code(4).records();
    assert_eq!(
        (&records[0]["function"], &records[0]["state"]),
        (&json!("worker"), &json!("moved"))
    );
    rests(&server, "worker", "2");
    rests(&server, "api", "1");
}

/// Aliases that are not there yet are made behind a shift, and none if it went back.
#[test]
fn aliases_that_are_made_wait_for_those_that_shift() {
    let server = Server::start(&[]);
    let site = twice(&server, &["a", "b", "c"]);
    moved(&site, &server.address, &[&["rollback"]]).code(0);
    for name in ["a", "b"] {
        server.call("DELETE", &path(name, "live"), &[], b"");
    }
    site.workspace.write("ok.json", "{}");
    settings(&site, "watch = { poll = \"100ms\", probe = \"ok.json\" }\n");
    let fails = python("id, _, _ = next()\nfail(id, {'errorType': 'Dead'})");
    server.update("c", &fails);
    server.control("POST", &format!("{FUNCTIONS}/c/versions"), &json!({}));
    server.control("PUT", &path("c", "beta"), &json!({ "FunctionVersion": "3" }));
    let back = moved(&site, &server.address, &[&PROMOTE, &STEPS]).code(4);
    back.says("could not promote 3 functions").says("a: not finished, since another").says("Dead");
    assert_eq!(server.call("GET", &path("a", "live"), &[], b"").status, 404);
    server.control("PUT", &path("c", "beta"), &json!({ "FunctionVersion": "2" }));
    moved(&site, &server.address, &[&PROMOTE, &STEPS]).code(0).says("Moved 3 aliases");
    for name in ["a", "b", "c"] {
        rests(&server, name, "2");
    }
}

/// Nothing has moved: it ends at once, and says so. Twice in a shift: what was done is told of.
#[test]
fn ctrl_c() {
    let server = Arc::new(Server::start(&[]));
    let site = twice(&server, &["api"]);
    site.bundle_of("api", &python("loop(lambda event: time.sleep(60))"));
    site.deploy(&server.address);
    server.control("PUT", &path("api", "beta"), &json!({ "FunctionVersion": "3" }));
    moved(&site, &server.address, &[&["rollback"]]).code(0);
    site.workspace.write("events/a.json", "{}");
    settings(&site, "check = { events = \"events/*.json\" }\ntimeout = 100\n");
    let checking = Arc::new(AtomicUsize::new(0));
    let of_proxy = Arc::clone(&checking);
    let proxy = Proxy::new(&server.address, move |_, call| {
        // The version is looked at, and then its time-out.
        of_proxy.fetch_add(usize::from(call.contains("Qualifier=3")), Ordering::SeqCst);
        true
    });
    let child = begun(&site, &proxy.address, &[&PROMOTE]);
    soon("the check begins", || checking.load(Ordering::SeqCst) > 1);
    interrupt(&child);
    let (_, said, code) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("cannot promote `api`: interrupted"), "{said}");
    rests(&server, "api", "2");

    // The call that takes traffic back is not answered for a while.
    let back = Arc::new(AtomicUsize::new(0));
    let of_proxy = Arc::clone(&back);
    let proxy = Proxy::new(&server.address, move |_, call| {
        if call.starts_with("PUT ") && of_proxy.fetch_add(1, Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_secs(5));
        }
        true
    });
    let shift = ["rollback", "api", "--to", "1", "--skip-checks", "--shift", "canary:50%/1h"];
    let child = begun(&site, &proxy.address, &[&shift]);
    soon("traffic goes over", || back.load(Ordering::SeqCst) > 0);
    interrupt(&child);
    soon("it goes back", || back.load(Ordering::SeqCst) > 1);
    interrupt(&child);
    let (shown, said, code) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("could not roll back `api`: interrupted"), "{said}");
    assert!(shown.contains("api       live   stopped     2   1  "), "{shown}");
}

/// What cannot be read behind a shift takes nothing away of what is said of it.
#[test]
fn a_deploy_whose_end_cannot_be_seen_says_what_it_has_done() {
    let server = Arc::new(Server::start(&[]));
    let site = Site::new(&["api", "worker"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    settings(&site, "shift = \"steps:50%/1s\"\nwatch.poll = \"100ms\"\n");
    let aws = Arc::clone(&server);
    let proxy = Proxy::editing(&server.address, move |_, call, reply| {
        let ok = b"HTTP/1.1 200";
        if call.starts_with("GET ")
            && call.contains("/functions/api")
            && !call.contains("/aliases/")
            && reply.starts_with(ok)
            && live(&aws, "api")["FunctionVersion"] == "2"
        {
            reply[..ok.len()].copy_from_slice(b"HTTP/1.1 403");
        }
        true
    });
    let run = site.run(&proxy.address, &["deploy", "--output", "json"]).code(4);
    rests(&server, "api", "2");
    let of = |name: &str| {
        let mut all = run.records().into_iter();
        all.find(|it| it["reason"] == "deployed" && it["function"] == name).unwrap()
    };
    let (api, worker) = (of("api"), of("worker"));
    assert_eq!((&api["state"], &worker["state"]), (&json!("incomplete"), &json!("unchanged")));
    assert_eq!(api["changes"].as_array().unwrap().last(), Some(&json!("UpdateAlias")));
    assert_eq!(answer(&server, "api"), "two");
}
