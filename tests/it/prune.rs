//! `prune`: which versions go, what keeps the others, and who else is at work meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::deploy::emulators::Emulator;
use crate::deploy::proxy::Proxy;
use crate::deploy::site::Site;
use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Run, run};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// A function `api` with so many versions.
fn versions(server: &Server, count: usize) -> Site {
    server.create("api", &zips::echo());
    for number in 1..=count {
        let settings = json!({ "Description": number.to_string() });
        server.control("PUT", &format!("{FUNCTIONS}/api/configuration"), &settings);
        server.control("POST", &format!("{FUNCTIONS}/api/versions"), &json!({}));
    }
    Site::new(&["api"])
}

fn alias(server: &Server, name: &str, version: &str, description: &str) {
    let body = json!({ "Name": name, "FunctionVersion": version, "Description": description });
    server.control("POST", &format!("{FUNCTIONS}/api/aliases"), &body);
}

fn prune(site: &Site, address: &str, args: &[&str]) -> Run {
    run(site.at(address, &["prune", "api", "--output", "json"]).args(args))
}

/// The fate of each version, the oldest first.
fn fates(run: &Run) -> Vec<String> {
    let one = |it: &Value| {
        let text = |name: &str| it[name].as_str().unwrap().to_owned();
        format!("{} {}", text("version"), text("fate"))
    };
    let all = run.records();
    all.iter().filter(|it| it["reason"] == "function-version").map(one).rev().collect()
}

fn numbers(server: &Server) -> Vec<String> {
    let all = server.control("GET", &format!("{FUNCTIONS}/api/versions"), &json!(null));
    let all = all["Versions"].as_array().unwrap().iter().skip(1);
    all.map(|version| version["Version"].as_str().unwrap().to_owned()).collect()
}

fn deletes(proxy: &Proxy) -> Vec<String> {
    let all = proxy.calls().into_iter().filter(|call| !call.starts_with("GET "));
    all.map(|call| call.replace(FUNCTIONS, "")).collect()
}

#[test]
fn what_nothing_leads_to_goes_and_only_when_told() {
    let server = Server::start(&[]);
    let site = versions(&server, 12);
    alias(&server, "live", "9", "shop [lp1 prev=5 dep=a sha=b]");
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "10": 0.1 } } });
    server.control("PUT", &format!("{FUNCTIONS}/api/aliases/live"), &weights);
    alias(&server, "beta", "3", "[lp1 from=2 dep=a sha=b]");
    let attach = |method: &str, path: &str, body: Value| server.control(method, path, &body);
    let concurrency = json!({ "ProvisionedConcurrentExecutions": 1 });
    let path = "/2019-09-30/functions/api/provisioned-concurrency?Qualifier=4";
    attach("PUT", path, concurrency);
    let path = "/2019-09-25/functions/api/event-invoke-config?Qualifier=6";
    attach("PUT", path, json!({ "MaximumRetryAttempts": 1 }));
    let queue = "arn:aws:sqs:us-east-1:123456789012:orders";
    let mapping = json!({ "FunctionName": "api:7", "EventSourceArn": queue });
    attach("POST", "/2015-03-31/event-source-mappings", mapping);
    let permission = json!({ "StatementId": "s", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com" });
    attach("POST", &format!("{FUNCTIONS}/api/policy?Qualifier=8"), permission);

    let proxy = Proxy::new(&server.address, |_, _| true);
    let shown = prune(&site, &proxy.address, &["--keep", "1"]).code(0);
    assert_eq!(deletes(&proxy), [""; 0]);
    for fate in fates(&shown) {
        let goes = ["1 ", "11 "].iter().any(|number| fate.starts_with(number));
        assert!(fate.ends_with(if goes { "goes" } else { "kept" }), "{fate}");
    }
    let records = shown.records();
    let end = records.last().unwrap();
    let bytes = records[0]["code_size"].as_u64().unwrap();
    assert_eq!(end["reason"], "pruned-versions");
    assert_eq!((&end["versions"], &end["deleted"]), (&json!(2), &json!(false)));
    assert!(bytes > 0 && end["bytes"] == 2 * bytes, "{end}");
    let why = |number: &str| {
        let one = records.iter().find(|it| it["version"] == number).unwrap();
        one["why"].as_array().unwrap().iter().map(|why| why.as_str().unwrap()).collect::<String>()
    };
    for (number, said) in [
        ("12", "newest"),
        ("10", "live sends it a part"),
        ("9", "live points at it"),
        ("8", "policy"),
        ("7", queue),
        ("6", "asynchronous"),
        ("5", "live was there before"),
        ("4", "provisioned concurrency"),
        ("3", "beta points at it"),
        ("2", "marker of beta names it (from)"),
    ] {
        assert!(why(number).contains(said), "{number}: {}", why(number));
    }
    let text = run(&mut site.at(&server.address, &["prune", "api", "--keep", "1"])).code(0);
    text.says("2 versions (").says("`--yes` deletes them").says_out("live points at it");

    let proxy = Proxy::new(&server.address, |_, _| true);
    let done = prune(&site, &proxy.address, &["--keep", "1", "--yes"]).code(0);
    assert_eq!(deletes(&proxy), ["DELETE /api?Qualifier=1", "DELETE /api?Qualifier=11"]);
    assert_eq!(done.records().last().unwrap()["deleted"], true);
    assert_eq!(numbers(&server).len(), 10);
    let again = prune(&site, &server.address, &["--keep", "1", "--yes"]).code(0);
    assert_eq!(again.records().last().unwrap()["versions"], 0);
}

#[test]
fn what_others_do_meanwhile_counts() {
    let server = Arc::new(Server::start(&[]));
    let site = versions(&server, 8);
    alias(&server, "live", "8", "");
    let (rival, lists) = (Arc::clone(&server), AtomicUsize::new(0));
    let proxy = Proxy::new(&server.address, move |_, call| {
        let body = |version: &str, description: &str| json!({ "FunctionVersion": version, "Description": description });
        let live = format!("{FUNCTIONS}/api/aliases/live");
        let is_list = call.starts_with(&format!("GET {FUNCTIONS}/api/versions"));
        if is_list && lists.fetch_add(1, Ordering::Relaxed) == 0 {
            // It was decided on this: then somebody deletes one, and moves the alias twice.
            rival.control("DELETE", &format!("{FUNCTIONS}/api?Qualifier=1"), &json!(null));
            rival.control("PUT", &live, &body("3", "[lp1 prev=2 dep=a sha=b]"));
        }
        let to = match call.strip_prefix(&format!("DELETE {FUNCTIONS}/api?Qualifier=")) {
            Some("4") => Some(body("5", "[lp1 prev=3 dep=c sha=d]")),
            Some("6") => Some(body("7", "")),
            // This one was refused, and has no alias any more when it is looked at again.
            Some("7") => Some(body("8", "")),
            _ => None,
        };
        if let Some(to) = to {
            rival.control("PUT", &live, &to);
        }
        true
    });
    let done = prune(&site, &proxy.address, &["--keep", "1", "--yes"]).code(0);
    let expected =
        ["1 gone", "2 kept", "3 kept", "4 deleted", "5 kept", "6 deleted", "7 kept", "8 kept"];
    assert_eq!(fates(&done), expected);
    assert!(done.stdout.contains("AWS does not delete it: DeleteFunction: ResourceConflict"));
    assert_eq!(numbers(&server), ["2", "3", "5", "7", "8"]);
}

#[test]
fn who_may_not_delete_or_not_look_is_told() {
    let server =
        Server::start(&["--fault", "denied:DeleteFunction@#1", "--fault", "denied:ListAliases@#3"]);
    let site = versions(&server, 5);
    let denied = prune(&site, &server.address, &["--yes"]).code(4);
    assert!(denied.stderr.contains("lambda:DeleteFunction"), "{}", denied.stderr);
    assert_eq!(fates(&denied), ["1 failed", "2 goes", "3 kept", "4 kept", "5 kept"]);
    let blind = prune(&site, &server.address, &["--yes"]).code(4);
    assert!(blind.stderr.contains("lambda:ListAliases"), "{}", blind.stderr);
    assert_eq!(numbers(&server).len(), 5);
    // Whether anything runs on a durable version, this server does not tell.
    let durable = json!({ "DurableConfig": { "ExecutionTimeout": 60 } });
    server.create_with("durable", &zips::echo(), &durable);
    for number in ["1", "2"] {
        let settings = json!({ "Description": number });
        server.control("PUT", &format!("{FUNCTIONS}/durable/configuration"), &settings);
        server.control("POST", &format!("{FUNCTIONS}/durable/versions"), &json!({}));
    }
    let mut command = site.at(&server.address, &["prune", "durable", "--keep", "1", "--yes"]);
    run(&mut command).code(0).says("Unchanged").says_out("cannot be seen");
    // The others are done.
    let args = ["prune", "ap", "durable", "--keep", "1", "--yes"];
    let nobody = run(&mut site.at(&server.address, &args)).code(2);
    nobody.says("`ap` is not there; did you mean `api`?").says_out("cannot be seen");
    let none = run(&mut site.at(&server.address, &["prune", "--keep", "0"])).code(2);
    none.says("the newest version always stays");
}

#[test]
fn ministack_is_left_with_what_is_needed() {
    let Some(emulator) = Emulator::ministack() else { return };
    let site = Site::new(&["api"]);
    for word in ["one", "two", "three", "four"] {
        site.bundle("api", word);
        site.deploy(&emulator.address);
    }
    let done = prune(&site, &emulator.address, &["--keep", "1", "--yes"]).code(0);
    assert_eq!(fates(&done), ["1 deleted", "2 deleted", "3 kept", "4 kept"]);
    let again = prune(&site, &emulator.address, &["--keep", "1", "--yes"]).code(0);
    assert_eq!(fates(&again), ["3 kept", "4 kept"]);
}
