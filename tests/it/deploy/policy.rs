//! What a deploy calls is what its policy allows, and every write has the guard that the table names.

use std::collections::BTreeSet;

use lambda_pack::release::guard::{self, Guard};
use serde_json::{Value, json};

use super::proxy::{Call, Proxy};
use super::site::{ROLE, Site};
use crate::local::server::Server;

/// Everything that lives on an alias, and settings of the function as a whole.
const ALL: &str = "check.events = \"event.json\"\nmemory = 256\nreserved-concurrency = 7\nprovisioned-concurrency = 1\n\
    environment = { STAGE = \"beta\" }\ntags = { team = \"orders\" }\n\
    async = { retries = 1 }\nurl = { auth = \"public\" }\n\
    permissions = [{ principal = \"s3.amazonaws.com\" }]\n\
    [package.api]\ntriggers = [{ source = \"arn:aws:sqs:us-east-1:123456789012:orders\" }]\n";
/// The same, otherwise.
const OTHER: &str = "memory = 512\nreserved-concurrency = \"none\"\nprovisioned-concurrency = \"none\"\n\
    environment = { STAGE = \"prod\" }\ntags = {}\n\
    async = { retries = \"none\", max-age = \"none\", on-success = \"\", on-failure = \"\" }\n\
    url = { auth = \"iam\" }\npermissions = []\n\
    [package.api]\ntriggers = [{ source = \"arn:aws:sqs:us-east-1:123456789012:orders\", batch-size = 3 }]\n";

/// The actions that a plan's policy allows.
fn allowed(site: &Site, address: &str) -> BTreeSet<String> {
    let run = site.run(address, &["plan", "--iam-policy", "--output", "json"]).code(0);
    let policy = run.records().pop().unwrap()["policy"].clone();
    let statements = policy["Statement"].as_array().unwrap().clone();
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        all => all.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
    });
    actions.collect()
}

/// Plans, deploys, and holds the calls against policy and guards.
pub(super) fn hold(site: &Site, server: &Server) {
    let allowed = allowed(site, &server.address);
    let proxy = Proxy::new(&server.address, |_, _| true);
    site.deploy(&proxy.address);
    let calls = proxy.all();
    let made: BTreeSet<String> =
        calls.iter().map(|call| guard::find(call.operation()).unwrap().action()).collect();
    let missing: Vec<_> = made.difference(&allowed).collect();
    assert!(missing.is_empty(), "called and not allowed: {missing:?}");
    // What is allowed besides is what AWS asks for on behalf of a call.
    let besides = [
        "iam:PassRole",
        "lambda:TagResource",
        "lambda:ListTags",
        "lambda:GetFunction",
        "lambda:GetLayerVersion",
    ];
    let unused: Vec<_> =
        allowed.difference(&made).filter(|action| !besides.contains(&action.as_str())).collect();
    assert!(unused.is_empty(), "allowed and not called: {unused:?}");
    calls.iter().for_each(guarded);
}

/// A write carries what the table says.
fn guarded(call: &Call) {
    let entry = guard::find(call.operation()).unwrap();
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let says = |member: &str| body[member].as_str().is_some_and(|text| !text.is_empty());
    match entry.guard {
        Guard::Read => assert!(call.line.starts_with("GET "), "{}", call.line),
        Guard::Revision => assert!(says("RevisionId"), "{}: {body}", call.line),
        Guard::RevisionAndDigest => {
            assert!(says("RevisionId") && says("CodeSha256"), "{}: {body}", call.line);
        }
        // The search for it goes before: tested with layers.
        Guard::LookedFor | Guard::CreateOnly => {
            assert!(call.line.starts_with("POST "), "{}", call.line);
        }
        Guard::Idempotent | Guard::ContentAddressed | Guard::Event => {}
    }
}

#[test]
fn a_deploy_calls_what_its_policy_allows_and_each_write_is_guarded() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let settings =
        |more: &str| site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{more}"));
    site.workspace.write("event.json", "{}");
    settings(ALL);
    hold(&site, &server);
    settings(OTHER);
    site.bundle("api", "two");
    hold(&site, &server);
    // With nothing to do: reads alone.
    hold(&site, &server);
    // Somebody took the release back: the newest version is asked for, and taken up again.
    let alias = json!({ "FunctionVersion": "1" });
    server.control("PUT", "/2015-03-31/functions/api/aliases/live", &alias);
    hold(&site, &server);
    // The same where the newest is gone: a version is published first of all.
    server.control("PUT", "/2015-03-31/functions/api/aliases/live", &alias);
    server.control("DELETE", "/2015-03-31/functions/api?Qualifier=2", &Value::Null);
    hold(&site, &server);
}
