//! `rollback`: from whatever a deploy has left, whoever else is at work, and whatever is lost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::emulators;
use super::layers::{LAYERS, by_hand};
use super::proxy::{Call, Proxy};
use super::site::{ROLE, Site, answer, leaks};
use crate::local::s3::s3;
use crate::local::server::Server;
use crate::local::zips::{python, says};
use crate::support::{Run, have, host_arch, run, tools};

fn alias_path(name: &str) -> String {
    format!("/2015-03-31/functions/{name}/aliases/live")
}

fn alias(server: &Server, name: &str) -> Value {
    server.control("GET", &alias_path(name), &json!(null))
}

/// The alias with what is given, whoever else may be at work.
fn set(server: &Server, name: &str, members: &Value) {
    server.control("PUT", &alias_path(name), members);
}

/// A number with as many functions.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("f{number}")).collect()
}

fn site_of(names: &[String]) -> Site {
    Site::new(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Deployed twice, `one` and `two`: the id of the second deploy.
fn twice(site: &Site, server: &Server, names: &[String]) -> String {
    site.deploy(&server.address);
    for name in names {
        site.bundle(name, "two");
    }
    let records = site.deploy(&server.address);
    records[0]["deploy"].as_str().unwrap().to_owned()
}

fn rollback(site: &Site, address: &str, args: &[&str]) -> Run {
    run(site.at(address, &["rollback"]).args(args))
}

#[test]
fn three_functions_go_back_once_and_a_second_time_only_where_it_is_said_where_to() {
    let (server, names) = (Server::start(&[]), names(3));
    let site = site_of(&names);
    let deploy = twice(&site, &server, &names);
    let dry = rollback(&site, &server.address, &["--dry-run", "--output", "json"]).code(0);
    let states: Vec<_> = dry.records().iter().map(|record| record["state"].clone()).collect();
    assert_eq!(states, ["to-move"; 3]);
    assert_eq!(answer(&server, "f0"), "two");
    let made = rollback(&site, &server.address, &["--output", "json"]).code(0).records();
    for (name, record) in names.iter().zip(&made) {
        assert_eq!(answer(&server, name), "one");
        let alias = alias(&server, name);
        let (by, sha) = (&record["deploy"], &record["code_sha256"]);
        let marker =
            format!("[lp1 from=2 to=1 dep={} sha={}]", by.as_str().unwrap(), sha.as_str().unwrap());
        assert_eq!(
            (&alias["FunctionVersion"], &alias["Description"]),
            (&json!("1"), &json!(marker))
        );
        assert_eq!(
            (&record["state"], &record["from"], &record["to"]),
            (&json!("moved"), &json!("2"), &json!("1"))
        );
        assert_ne!(by.as_str(), Some(deploy.as_str()));
    }
    // Read back by somebody else's program.
    if have(tools().join("aws/bin/python3")) {
        let args = ["lambda", "get-alias", "--function-name", "f1", "--name", "live"];
        let read = emulators::aws(&server.address, server.folder(), &args);
        assert_eq!(read["FunctionVersion"], "1", "{read}");
        assert!(read.get("RoutingConfig").is_none(), "{read}");
    }

    let again = rollback(&site, &server.address, &[]).code(2);
    let again = again.says("f2: alias live was rolled back already, from version 2 to 1");
    let listed: Vec<&str> = again.stdout.lines().take(4).collect();
    assert_eq!(listed[0], "f0");
    assert!(listed[1].starts_with("VERSION  ALIAS  WHEN "), "{}", again.stdout);
    assert!(listed[2].starts_with("      2  -      20"), "{}", again.stdout);
    assert!(listed[3].starts_with("      1  live   20"), "{}", again.stdout);
    assert!(again.stdout.lines().all(|line| line.chars().count() <= 80), "{}", again.stdout);
    let on = rollback(&site, &server.address, &["f0", "--to", "2"]).code(0);
    assert!(on.stdout.contains("f0        live   moved     1   2  "), "{}", on.stdout);
    assert_eq!((answer(&server, "f0"), answer(&server, "f1")), (json!("two"), json!("one")));
    rollback(&site, &server.address, &["f0", "--to", "2"]).code(0).says("Unchanged");
    rollback(&site, &server.address, &["--to", "2"]).code(2).says("`--to` is the version of one");
    // A deploy goes on from there as ever.
    site.deploy(&server.address);
    assert_eq!(answer(&server, "f2"), "two");
    let said = alias(&server, "f2")["Description"].as_str().unwrap().to_owned();
    assert!(said.starts_with("[lp1 prev=1 to=2 dep="), "{said}");
}

/// A deploy of ten functions, cut behind every call that changes something: what it has moved goes back and
/// nothing else is touched, once; and where it is not clear what is meant, nothing moves.
#[test]
fn from_every_partial_state_of_a_deploy_of_ten() {
    let (whole, server, names) = (Server::start(&[]), Server::start(&[]), names(10));
    let site = site_of(&names);
    site.deploy(&whole.address);
    site.deploy(&server.address);
    for name in &names {
        site.bundle(name, "two");
    }
    let proxy = Proxy::new(&whole.address, |_, _| true);
    let deploy = site.deploy(&proxy.address)[0]["deploy"].as_str().unwrap().to_owned();
    let writes: Vec<Call> =
        proxy.all().into_iter().filter(|call| !call.line.starts_with("GET ")).collect();
    let is_move = |call: &&Call| call.operation() == "UpdateAlias";
    assert_eq!((writes.len(), writes.iter().filter(is_move).count()), (30, 10));
    let again = |call: &Call| {
        let (method, path) = call.line.split_once(' ').unwrap();
        let mut body: Value = serde_json::from_slice(&call.body).unwrap();
        // Those of the other server.
        body.as_object_mut().unwrap().remove("RevisionId");
        server.control(method, path, &body);
    };
    let all = || -> Vec<Value> { names.iter().map(|name| alias(&server, name)).collect() };
    let before = all();
    for cut in 0..=writes.len() {
        // Aliases have gone back from the cut before; code and versions are there.
        let (made, moves): (Vec<&Call>, Vec<&Call>) =
            writes[..cut].iter().partition(|call| !is_move(call));
        let code = made.last().filter(|_| moves.is_empty());
        for call in code.into_iter().chain(&moves) {
            again(call);
        }
        if moves.len() == 4 {
            let there = all();
            let plain = rollback(&site, &server.address, &[]).code(2);
            plain.says("by 2 deploys").says(&format!("\n  {deploy}: f"));
            // What the first deploy made has nothing before.
            let each: Vec<&str> = names.iter().map(String::as_str).collect();
            let each = rollback(&site, &server.address, &each).code(2);
            each.says(": alias live was made by deploy").says_out("VERSION  ALIAS");
            assert_eq!(all(), there);
        }
        let back = rollback(&site, &server.address, &["--deploy", &deploy]);
        match moves.len() {
            0 => back.code(2).says("was moved last by deploy"),
            1 => back.code(0).says("Moved 1 alias "),
            count => back.code(0).says(&format!("Moved {count} aliases")),
        };
        let there = all();
        for (now, old) in there.iter().zip(&before) {
            let of = |call: &&&Call| call.line.contains(&format!("/{}/", name_of(now)));
            if moves.iter().any(|call| of(&call)) {
                assert_eq!(now["FunctionVersion"], "1", "cut at {cut}");
                let said = now["Description"].as_str().unwrap();
                assert!(said.starts_with("[lp1 from=2 to=1 dep="), "cut at {cut}: {said}");
            } else {
                assert_eq!(now, old, "cut at {cut}");
            }
        }
        if !moves.is_empty() {
            rollback(&site, &server.address, &["--deploy", &deploy]).code(2);
            assert_eq!(all(), there, "cut at {cut}");
        }
    }
}

/// The function of an alias.
fn name_of(alias: &Value) -> &str {
    alias["AliasArn"].as_str().unwrap().split(':').nth(6).unwrap()
}

#[test]
fn a_commit_names_the_version_and_a_version_that_is_gone_is_said_before_anything_moves() {
    let server = Server::start(&[]);
    let site = Site::new(&["api", "worker"]);
    let commits = ["aaaaaaa1111", "bbbbbbb2222", "ccccccc3333"];
    for (commit, word) in commits.iter().zip(["one", "two", "three"]) {
        for name in ["api", "worker"] {
            site.bundle(name, word);
            let record = format!("bundles/{name}/{}/lambda-pack.json", host_arch());
            let text = std::fs::read_to_string(site.workspace.path().join(&record)).unwrap();
            site.workspace.write(
                &record,
                text.replace("\"commit\":null", &format!("\"commit\":\"{commit}\"")),
            );
        }
        site.deploy(&server.address);
    }
    rollback(&site, &server.address, &["--to-commit", "aaaaaaa"]).code(0);
    assert_eq!((answer(&server, "api"), answer(&server, "worker")), (json!("one"), json!("one")));
    let unknown = rollback(&site, &server.address, &["--to-commit", "ddddddd"]).code(2);
    unknown.says("worker: no version says that it was made of commit ddddddd").says_out("bbbbbbb");
    // One is gone, and neither moves.
    server.call("DELETE", "/2015-03-31/functions/worker?Qualifier=2", &[], b"");
    let gone = rollback(&site, &server.address, &["--to-commit", "bbbbbbb"]).code(2);
    gone.says("cannot roll back `worker`: no version says that it was made of commit bbbbbbb");
    let gone = rollback(&site, &server.address, &["worker", "--to", "2"]).code(2);
    gone.says("version 2 is not there").says_out("      3  -      20");
    assert_eq!((answer(&server, "api"), answer(&server, "worker")), (json!("one"), json!("one")));
    // As AWS says that a version was never made.
    let proxy = Proxy::editing(&server.address, |_, call, answer| {
        let old = b"\"State\":\"Active\"";
        let at = answer.windows(old.len()).position(|found| found == old);
        if let Some(at) = at.filter(|_| call.contains("Qualifier=3")) {
            answer[at..at + old.len()].copy_from_slice(b"\"State\":\"Failed\"");
        }
        true
    });
    let failed = rollback(&site, &proxy.address, &["api", "worker", "--to-commit", "ccccccc"]);
    failed.code(2).says("worker: version 3 cannot run: it is Failed");
    assert_eq!((answer(&server, "api"), answer(&server, "worker")), (json!("one"), json!("one")));
}

#[test]
fn weights_of_somebody_else_are_refused_unless_they_are_to_go() {
    let (server, names) = (Server::start(&[]), names(2));
    let site = site_of(&names);
    twice(&site, &server, &names);
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.1 } } });
    set(&server, "f1", &weights);
    let refused = rollback(&site, &server.address, &[]).code(2);
    refused.says("alias live sends a part of its traffic to version 1 (0.1)");
    assert_eq!(answer(&server, "f0"), "two");
    rollback(&site, &server.address, &["--clear-weights"]).code(0);
    assert_eq!((answer(&server, "f0"), answer(&server, "f1")), (json!("one"), json!("one")));
    assert!(alias(&server, "f1").get("RoutingConfig").is_none());
}

/// Another rollback, or a deploy, between any two calls: one comes after the other, or is told so.
#[test]
fn two_at_once() {
    let server = Server::start(&[]);
    let ours = Site::new(&["api"]);
    twice(&ours, &server, &["api".to_owned()]);
    let after = alias(&server, "api");
    let state = json!({ "FunctionVersion": "2", "Description": after["Description"] });
    let rivals =
        [(1, "rollback"), (2, "rollback"), (3, "rollback"), (4, "rollback"), (3, "deploy")];
    for (call, command) in rivals {
        set(&server, "api", &state);
        let theirs = Site::new(&["api"]);
        theirs.bundle("api", "theirs");
        let address = server.address.clone();
        let proxy = Proxy::new(&server.address, move |number, _| {
            if number == call {
                let more: &[&str] = if command == "deploy" { &["--from", "bundles"] } else { &[] };
                let run = run(theirs.at(&address, &[command]).args(more));
                // Ours may have been there before.
                assert!(matches!(run.code, 0 | 2), "{}", run.stderr);
            }
            true
        });
        let run = rollback(&ours, &proxy.address, &[]);
        let at = alias(&server, "api")["FunctionVersion"].clone();
        // Whoever was first has it; whoever came in between is told.
        match (command, run.code) {
            ("rollback", 0 | 2) => assert_eq!(at, "1", "call {call}: {}", run.stderr),
            (_, 4) => {
                assert_eq!(at, if command == "deploy" { "3" } else { "1" }, "call {call}");
                run.says("alias live was changed by somebody else meanwhile");
            }
            (_, code) => panic!("{command} at call {call}: {code}: {}", run.stderr),
        }
    }
}

#[test]
fn every_answer_lost_in_turn() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let deploy = twice(&site, &server, &["api".to_owned()]);
    let after = alias(&server, "api");
    let state = json!({ "FunctionVersion": "2", "Description": after["Description"] });
    for call in 1..=5 {
        set(&server, "api", &state);
        let proxy = Proxy::new(&server.address, move |number, _| number != call);
        rollback(&site, &proxy.address, &["--deploy", &deploy]).code(0).says("Moved 1 alias");
        assert_eq!(answer(&server, "api"), "one", "call {call}");
        let calls = proxy.all();
        let moves = calls.iter().filter(|call| call.operation() == "UpdateAlias");
        assert_eq!(moves.count(), 1, "call {call}");
    }
}

/// Ten functions in 3 s where every call takes 100 ms, at the rate that AWS allows.
#[test]
fn ten_functions_in_three_seconds() {
    let (server, names) = (Server::start(&["--fault", "latency=100ms"]), names(10));
    let site = site_of(&names);
    twice(&site, &server, &names);
    let began = Instant::now();
    rollback(&site, &server.address, &[]).code(0).says("Moved 10 aliases");
    let took = began.elapsed();
    println!("ten functions back: {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(answer(&server, "f9"), "one");
}

/// AWS runs what has them on; what it has no copy of is another matter.
#[test]
fn a_layer_that_is_gone_is_told_of_and_an_object_that_is_gone_is_the_end() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let settings = |layers: &str| {
        site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\nlayers = [{layers}]\n"));
        site.deploy(&server.address);
    };
    settings(&format!("\"{}\"", by_hand(&server, "models")));
    settings("");
    server.call("DELETE", &format!("{LAYERS}/models/versions/1"), &[], b"");
    let told = rollback(&site, &server.address, &[]).code(0).says("Moved 1 alias");
    told.says("api: version 1 runs, but its layers cannot be used anew: arn:aws:lambda:");
    assert_eq!(answer(&server, "api"), "one");

    let (endpoint, _asked) = s3(vec![("200 OK", says("one"))]);
    let server = Server::start(&["--s3-endpoint", &endpoint]);
    let code = json!({
        "S3Bucket": "bucket", "S3Key": "key", "S3ObjectVersion": "v1", "S3ObjectStorageMode": "REFERENCE",
    });
    let functions = "/2015-03-31/functions";
    let function = json!({
        "FunctionName": "f", "Role": ROLE, "Runtime": "provided.al2023", "Handler": "bootstrap",
        "Code": code, "Publish": true,
    });
    server.control("POST", functions, &function);
    server.control("PUT", &format!("{functions}/f/configuration"), &json!({ "Timeout": 9 }));
    server.control("POST", &format!("{functions}/f/versions"), &json!({}));
    let said = "[lp1 prev=1 dep=d2 sha=s]";
    let live = json!({ "Name": "live", "FunctionVersion": "2", "Description": said });
    server.control("POST", &format!("{functions}/f/aliases"), &live);
    // Nobody has such a bucket where AWS is asked for.
    let gone = rollback(&site, &server.address, &["f"]).code(2);
    gone.says("`f`: version 1 cannot run: its code s3://bucket/key is gone");
}

/// What the settings check is checked, and traffic goes by steps where that is said; so it is with a deploy.
#[test]
fn a_rollback_is_checked_and_may_go_by_steps() {
    let server = Server::start(&[]);
    let site = site_of(&["api".to_owned()]);
    twice(&site, &server, &["api".to_owned()]);
    site.workspace.write("events/a.json", "{}");
    let settings = |expected: &str, more: &str| {
        let check = format!("events = \"events/*.json\", expect = {{ json = \"{expected}\" }}");
        site.settings(&format!(
            "role = \"{ROLE}\"\nalias = [\"live\"]\ncheck = {{ {check} }}\n{more}"
        ));
    };
    settings("two", "");
    let failed = rollback(&site, &server.address, &[]).code(4);
    failed.says("cannot roll back `api`: version 1 fails its check with events/a.json");
    assert_eq!(answer(&server, "api"), "two");
    settings("one", "");
    let by_steps = ["--shift", "steps:50%/1s"];
    rollback(&site, &server.address, &by_steps).code(0).says("Shifted api:live is on version 1");
    let there = alias(&server, "api");
    assert_eq!((&there["FunctionVersion"], there.get("RoutingConfig")), (&json!("1"), None));
    let marker = there["Description"].as_str().unwrap();
    assert!(marker.starts_with("[lp1 from=2 to=1 dep="), "{marker}");
    rollback(&site, &server.address, &by_steps).code(2).says("was rolled back already");

    settings("one", "shift = \"steps:50%/1s\"\n");
    site.bundle("api", "three");
    let failed = site.run(&server.address, &["deploy"]).code(4);
    failed.says("version 3 fails its check with events/a.json");
    let there = alias(&server, "api");
    assert_eq!((&there["FunctionVersion"], there.get("RoutingConfig")), (&json!("1"), None));
}

/// A version before has values in its environment that no settings know any more.
#[test]
fn values_of_the_version_that_is_checked_are_never_shown() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.workspace.write("events/a.json", "{}");
    site.workspace.write("events/a.expect.json", r#"{ "mode": "zz" }"#);
    let check = "check = { events = \"events/*.json\" }\n";
    for mode in ["leakyoldvalue1", "newvalue2"] {
        let environment = format!("environment = {{ MODE = \"{mode}\" }}");
        site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{environment}\n{check}"));
        let mode = "os.environ['MODE']";
        site.bundle_of(
            "api",
            &python(&format!("say({mode})\nloop(lambda event: {{'mode': {mode}}})")),
        );
        site.run(&server.address, &["deploy", "--skip-checks"]).code(0);
    }
    let json = ["--output", "json"];
    for args in [&[][..], &json] {
        let failed = rollback(&site, &server.address, args).code(4);
        assert!(!leaks(&failed, "leaky"), "{failed:?}");
        if args.is_empty() {
            failed.says("`mode` of the answer is \"…\", and \"zz\" is expected").says("api …");
        }
    }
    // As AWS answers whoever may not use the key of the environment.
    let proxy = Proxy::editing(&server.address, |_, _, answer| {
        let (old, new) = (b"\"Variables\":", b"\"Error\"    :");
        while let Some(at) = answer.windows(old.len()).position(|found| found == old) {
            answer[at..at + new.len()].copy_from_slice(new);
        }
        true
    });
    for args in [&[][..], &json] {
        let failed = rollback(&site, &proxy.address, args).code(4);
        assert!(!leaks(&failed, "leaky"), "{failed:?}");
        if args.is_empty() {
            failed
                .says("`mode` of the answer is (not shown)")
                .says("variables of this version cannot be read");
        }
    }
}
