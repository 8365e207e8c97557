//! What somebody does to an alias by hand while traffic shifts, or after it: it counts, and no marker is
//! believed that tells of something else.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::shift::{alias, begun, rests, send, site};
use super::site::Site;
use crate::local::server::Server;
use crate::support::{Run, run};

fn by_hand(server: &Server, members: &Value) {
    server.control("PUT", "/2015-03-31/functions/api/aliases/live", members);
}

fn run_at(site: &Site, server: &Server, args: &[&str]) -> Run {
    run(&mut site.at(&server.address, args))
}

/// A deploy that was killed when half of the traffic went over.
fn killed(site: &Site, server: &Server) {
    let mut child = begun(site, server);
    send(&child, Signal::KILL);
    child.wait().unwrap();
}

/// The description stays as it was: a marker of a shift that there is none of.
#[test]
fn an_alias_that_was_moved_by_hand_in_a_shift_is_what_it_is() {
    let server = Server::start(&[]);
    let site = site(&server, &["api"], "shift = \"canary:50%/1s\"\nwatch = { poll = \"100ms\" }\n");
    site.bundle("api", "two");
    killed(&site, &server);
    by_hand(&server, &json!({ "FunctionVersion": "2", "RoutingConfig": {} }));
    let there = alias(&server, "api");
    for command in ["status", "abort", "resume"] {
        let said = run_at(&site, &server, &["release", command, "api"]).code(0);
        said.says("Nothing shifts any traffic")
            .says("it points at version 2: somebody has moved it by hand");
    }
    let refused = run_at(&site, &server, &["rollback", "api"]).code(2);
    refused.says("where it was before that is not known").says("--to VERSION");
    let shown = run_at(&site, &server, &["status", "--output", "json"]).code(0).records();
    let shown = &shown[0]["aliases"][0];
    assert!(shown["stale"].as_str().unwrap().contains("a shift from version 1 to 2"), "{shown}");
    assert_eq!((&shown["shift"], &shown["deploy"]), (&Value::Null, &Value::Null));
    assert_eq!(alias(&server, "api"), there);
    // A release after it is one like any other, and tells of itself alone.
    site.bundle("api", "three");
    site.run(&server.address, &["deploy"]).code(0);
    rests(&server, "api", "3");
    let marker = alias(&server, "api")["Description"].as_str().unwrap().to_owned();
    assert!(marker.starts_with("[lp1 prev=2 to=3 dep="), "{marker}");
    // By hand to where no deploy has led: the marker's way back would lead forward.
    by_hand(&server, &json!({ "FunctionVersion": "1" }));
    run_at(&site, &server, &["rollback", "api"])
        .code(2)
        .says("tells of version 3")
        .says("points at version 1");
    rests(&server, "api", "1");
}

/// Nobody would find the weight again that goes with it.
#[test]
fn another_description_in_a_shift_takes_traffic_back() {
    let server = Server::start(&[]);
    let site = site(&server, &["api"], "shift = \"canary:50%/1h\"\nwatch = { poll = \"100ms\" }\n");
    site.bundle("api", "two");
    let child = begun(&site, &server);
    by_hand(&server, &json!({ "Description": "mine" }));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("somebody else has set its weights, or its description"), "{said}");
    rests(&server, "api", "1");
    assert_eq!(alias(&server, "api")["Description"], "mine");
    // Weights of another version are theirs.
    let child = begun(&site, &server);
    let weights = json!({ "AdditionalVersionWeights": { "1": 0.2 } });
    by_hand(&server, &json!({ "FunctionVersion": "2", "RoutingConfig": weights }));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("it points at version 2"), "{said}");
    assert_eq!(alias(&server, "api")["RoutingConfig"], weights);
    let status = run_at(&site, &server, &["release", "status", "api"]).code(0);
    status.says("points at version 2");
}

#[test]
fn what_becomes_of_a_shift_that_is_under_way_is_said_before() {
    let server = Server::start(&[]);
    let site = site(&server, &["api"], "shift = \"canary:50%/1s\"\nwatch = { poll = \"100ms\" }\n");
    site.bundle("api", "two");
    killed(&site, &server);
    let other = ["plan", "--shift", "steps:10%/1h"];
    let going = site.run(&server.address, &other).code(0);
    let going = going
        .says("Going on with the shift of api:live to version 2")
        .says("step 1 of 1 of canary:50%/1s")
        .says("steps:10%/1h counts from the next version on");
    assert!(going.stdout.contains("which is under way: step 1 of 1"), "{}", going.stdout);
    assert!(!going.stdout.contains("steps:10%"), "{}", going.stdout);
    let clear = ["--clear-weights", "--shift", "all-at-once"];
    let ends =
        "ends a shift of alias live that is under way: step 1 of canary:50%/1s, to version 2";
    site.run(&server.address, &[&["plan"], &clear[..]].concat()).code(0).says(ends);
    let back = ["rollback", "api", "--clear-weights"];
    run_at(&site, &server, &[&back[..], &["--dry-run"]].concat()).code(0).says(ends);
    run_at(&site, &server, &back).code(0).says(ends);
    rests(&server, "api", "1");
}
