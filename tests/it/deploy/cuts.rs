//! Killed after calls, and with answers lost: the next run ends where one run would have. CI takes the
//! first call of each kind of change, `tests/long` each call.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::proxy::{Call, Proxy};
use super::site::{ROLE, Site, answer, state};
use crate::local::server::Server;

/// From nothing, with two functions and something attached.
fn site() -> Site {
    let site = Site::new(&["api", "worker"]);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\nreserved-concurrency = 3\n\
         [package.api.url]\nauth = \"public\"\n"
    ));
    site
}

/// Other code and another configuration.
fn change(site: &Site) {
    site.bundle("api", "two");
    site.bundle("worker", "two");
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\nreserved-concurrency = 4\nmemory = 512\n\
         tags = {{ team = \"orders\" }}\n[package.api.url]\nauth = \"iam\"\n"
    ));
}

fn states(server: &Server) -> Vec<Value> {
    ["api", "worker"].iter().map(|name| state(server, name)).collect()
}

/// Deploys once and gives the calls, in order.
fn whole(site: &Site, server: &Server) -> Vec<Call> {
    let proxy = Proxy::new(&server.address, |_, _| true);
    site.deploy(&proxy.address);
    proxy.all()
}

/// Kills a deploy when this call has had its effect.
pub(super) fn killed_after(site: &Site, server: &Server, call: usize) {
    killed_after_of(site, server, call, &["deploy", "-q"]);
}

/// Kills a command when this call has had its effect.
pub(super) fn killed_after_of(site: &Site, server: &Server, call: usize, args: &[&str]) {
    let pid = Arc::new(AtomicI32::new(0));
    let of_proxy = Arc::clone(&pid);
    let proxy = Proxy::new(&server.address, move |number, _| {
        if number == call {
            let pid = Pid::from_raw(of_proxy.load(Ordering::SeqCst)).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        }
        number < call
    });
    let mut command = site.command(&proxy.address, args);
    command.process_group(0);
    let mut child = command.spawn().unwrap();
    pid.store(child.id().try_into().unwrap(), Ordering::SeqCst);
    child.wait().unwrap();
}

/// The numbers of all calls.
pub(super) fn each(calls: &[Call]) -> Vec<usize> {
    (1..=calls.len()).collect()
}

/// The number of the first call of each operation that changes something.
pub(super) fn of_each_kind(calls: &[Call]) -> Vec<usize> {
    let mut met = BTreeSet::new();
    let mut is_new = |call: &Call| !call.line.starts_with("GET ") && met.insert(call.operation());
    let all = calls.iter().zip(1..);
    all.filter_map(|(call, number)| is_new(call).then_some(number)).collect()
}

/// Cut at these calls, from a state to the next.
pub(super) fn at_calls(
    these: &dyn Fn(&[Call]) -> Vec<usize>,
    site: &dyn Fn() -> Site,
    prepare: &dyn Fn(&Site, &Server),
    cut: &dyn Fn(&Site, &Server, usize),
    states: &dyn Fn(&Server) -> Vec<Value>,
) {
    let expected = {
        let (site, server) = (site(), Server::start(&[]));
        prepare(&site, &server);
        let calls = whole(&site, &server);
        (calls, states(&server))
    };
    let calls = these(&expected.0);
    assert!(calls.len() > 2, "{calls:?} of {}", expected.0.len());
    for call in calls {
        let (site, server) = (site(), Server::start(&[]));
        prepare(&site, &server);
        cut(&site, &server, call);
        site.deploy(&server.address);
        assert_eq!(states(&server), expected.1, "cut at call {call}");
        assert_eq!(site.changes(&server.address), 0);
    }
}

fn first(_: &Site, _: &Server) {}

fn second(site: &Site, server: &Server) {
    site.deploy(&server.address);
    change(site);
}

#[test]
fn killed_after_calls_of_a_first_deploy() {
    at_calls(&of_each_kind, &site, &first, &killed_after, &states);
}

#[test]
fn killed_after_calls_of_a_second_deploy() {
    at_calls(&of_each_kind, &site, &second, &killed_after, &states);
}

#[test]
#[ignore = "takes minutes"]
fn killed_after_every_call() {
    at_calls(&each, &site, &first, &killed_after, &states);
    at_calls(&each, &site, &second, &killed_after, &states);
}

/// The answer to a call is lost, after it has had its effect.
pub(super) fn lost(site: &Site, server: &Server, call: usize) {
    let proxy = Proxy::new(&server.address, move |number, _| number != call);
    site.run(&proxy.address, &["deploy"]).code(0);
    assert_eq!(answer(server, "api"), answer(server, "worker"));
}

#[test]
fn answers_of_a_first_deploy_lost() {
    at_calls(&of_each_kind, &site, &first, &lost, &states);
}

#[test]
fn answers_of_a_second_deploy_lost() {
    at_calls(&of_each_kind, &site, &second, &lost, &states);
}

#[test]
#[ignore = "takes minutes"]
fn every_answer_lost_in_turn() {
    at_calls(&each, &site, &first, &lost, &states);
    at_calls(&each, &site, &second, &lost, &states);
}

/// Every write is made, and AWS's answer to its first try is an error of its own.
#[test]
fn a_server_error_of_every_write_is_looked_at_again() {
    let (site, plain, failing) = (site(), Server::start(&[]), Server::start(&[]));
    let deploy = || {
        let seen = Mutex::new(BTreeSet::new());
        let proxy = Proxy::editing(&failing.address, move |_, call, answer| {
            if !call.starts_with("GET ") && seen.lock().unwrap().insert(call.to_owned()) {
                answer[9..12].copy_from_slice(b"500");
            }
            true
        });
        site.run(&proxy.address, &["deploy"]).code(0);
        site.deploy(&plain.address);
        assert_eq!(states(&failing), states(&plain));
        assert_eq!(site.changes(&failing.address), 0);
    };
    deploy();
    change(&site);
    deploy();
}

/// The same of writes that were not made.
#[test]
fn writes_that_fail_at_first_are_made() {
    let writes = "Create*,Update*,Publish*,Put*,Add*,Tag*";
    let fault = format!("error=503:{writes}@#1-9");
    let server = Server::start(&["--fault", &fault]);
    let site = site();
    site.run(&server.address, &["deploy"]).code(0);
    assert_eq!(site.changes(&server.address), 0);
    assert_eq!(answer(&server, "api"), answer(&server, "worker"));
}
