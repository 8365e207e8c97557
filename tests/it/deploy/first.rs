//! What a deploy makes, and how it is said.

use serde_json::json;

use super::proxy::Proxy;
use super::site::{ROLE, Site, answer, leaks, state};
use crate::local::server::Server;
use crate::support::host_arch;

#[test]
fn a_first_deploy_and_one_with_nothing_to_do() {
    let server = Server::start(&[]);
    let proxy = Proxy::new(&server.address, |_, _| true);
    let site = Site::new(&["api", "worker"]);
    let records = site.deploy(&proxy.address);
    assert_eq!(records[0]["state"], "created");
    assert_eq!(records[0]["aliases"], json!({ "live": "1" }));
    assert_eq!(answer(&server, "api"), "one");
    let before = proxy.calls().len();
    let records = site.deploy(&proxy.address);
    assert_eq!(records[1]["state"], "unchanged");
    let calls = proxy.calls().split_off(before);
    assert!(calls.iter().all(|call| call.starts_with("GET ")), "{calls:#?}");
    // GetFunction, GetAlias, and GetFunction of the alias's version, for each of the two.
    assert_eq!(calls.len(), 6, "{calls:#?}");
}

#[test]
fn code_alone_and_configuration_alone() {
    let server = Server::start(&["--delay", "50ms"]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    let records = site.deploy(&server.address);
    assert_eq!(
        records[0]["changes"],
        json!(["UpdateFunctionCode", "PublishVersion", "UpdateAlias"])
    );
    assert_eq!(answer(&server, "api"), "two");
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\nmemory = 512\n"));
    let records = site.deploy(&server.address);
    assert_eq!(
        records[0]["changes"],
        json!(["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"])
    );
    let versions = &state(&server, "api")["versions"];
    let memory: Vec<_> =
        versions.as_array().unwrap().iter().map(|v| v["MemorySize"].clone()).collect();
    assert_eq!(memory, [512, 128, 128, 512]);
    assert_eq!(site.changes(&server.address), 0);
}

#[test]
fn everything_that_can_be_configured_settles() {
    let server = Server::start(&["--delay", "20ms"]);
    let site = Site::new(&["api"]);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\nmemory = 256\ntimeout = 9\n\
         description = \"orders\"\nreserved-concurrency = 7\nprovisioned-concurrency = 1\n\
         ephemeral-storage = 1024\ntracing = \"active\"\n\
         environment = {{ STAGE = \"beta\", TOKEN = \"hunter22\" }}\n\
         tags = {{ team = \"orders\" }}\n\
         dead-letter = \"arn:aws:sqs:us-east-1:123456789012:dead\"\n\
         logging = {{ format = \"json\", level = \"debug\", group = \"/own/group\" }}\n\
         vpc = {{ subnets = [\"subnet-0b\", \"subnet-0a\"], security-groups = [\"sg-01\"] }}\n\
         async = {{ retries = 1, max-age = 600, on-failure = \"arn:aws:sqs:us-east-1:123456789012:failed\" }}\n\
         url = {{ auth = \"public\", cors = {{ origins = [\"https://a.example\"] }} }}\n\
         permissions = [{{ principal = \"s3.amazonaws.com\", source-arn = \"arn:aws:s3:::bucket\", source-account = \"123456789012\" }}]\n\
         [package.api]\ntriggers = [{{ source = \"arn:aws:sqs:us-east-1:123456789012:orders\", batch-size = 5, window = 2, report-item-failures = true }}]\n"
    ));
    let run = site.run(&server.address, &["deploy", "-v"]).code(0);
    assert!(!leaks(&run, "hunter22"), "{run:?}");
    let run = site.run(&server.address, &["plan", "-v"]).code(0);
    assert!(run.stdout.contains("api: unchanged"), "{}", run.stdout);
    // All of it taken back again.
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\nmemory = \"none\"\ntimeout = \"none\"\n\
         description = \"\"\nreserved-concurrency = \"none\"\nprovisioned-concurrency = \"none\"\n\
         ephemeral-storage = \"none\"\ntracing = \"none\"\nenvironment = {{}}\ntags = {{}}\n\
         dead-letter = \"\"\nlogging = {{ format = \"text\", group = \"\" }}\n\
         vpc = {{ subnets = [] }}\n\
         async = {{ retries = \"none\", max-age = \"none\", on-failure = \"\", on-success = \"\" }}\n\
         url = {{ auth = \"none\" }}\npermissions = []\n"
    ));
    let run = site.run(&server.address, &["deploy"]).code(0);
    assert!(!leaks(&run, "hunter22"), "{run:?}");
    let run = site.run(&server.address, &["plan"]).code(0);
    assert!(run.stdout.contains("api: unchanged"), "{}", run.stdout);
    let state = state(&server, "api");
    assert_eq!(state["tags"], serde_json::Value::Null);
    assert_eq!(state["configuration"]["MemorySize"], 128);
}

#[test]
fn what_is_configured_by_hand_stays() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    let by_hand = json!({ "Timeout": 77, "Environment": { "Variables": { "HAND": "made" } } });
    server.control("PUT", "/2015-03-31/functions/api/configuration", &by_hand);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\nenvironment = {{ OURS = \"1\" }}\n"
    ));
    site.deploy(&server.address);
    let state = state(&server, "api");
    assert_eq!(state["configuration"]["Timeout"], 77);
    let variables = &state["configuration"]["Environment"]["Variables"];
    assert_eq!(variables, &json!({ "HAND": "made", "OURS": "1" }));
}

#[test]
fn a_plan_says_each_field_and_exits_with_5_if_asked() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let run = site.run(&server.address, &["plan", "--exit-code"]).code(5);
    assert!(run.stdout.contains("api (new)"), "{}", run.stdout);
    assert!(run.stdout.contains("1 to create"), "{}", run.stdout);
    assert_eq!(state(&server, "api")["configuration"], serde_json::Value::Null);
    site.deploy(&server.address);
    site.run(&server.address, &["plan", "--exit-code"]).code(0);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\nmemory = 512\nenvironment = {{ TOKEN = \"hunter22\" }}\n"
    ));
    let run = site.run(&server.address, &["deploy", "--dry-run"]).code(0);
    for said in ["MemorySize: 128 → 512", "+ Environment.TOKEN", "alias live: 1 → new"] {
        assert!(run.stdout.contains(said), "{said} in {}", run.stdout);
    }
    assert!(!leaks(&run, "hunter22"));
}

/// The account's Lambda is newer than this program: another member, another word in one that it knows.
#[test]
fn what_is_of_newer_features_is_shown_raw_and_stays() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    let proxy = Proxy::editing(&server.address, |_, _, answer| {
        for (old, new) in [("\"SnapStart\":", "\"FluxStart\":"), ("PassThrough", "WalkThrough")] {
            let at = answer.windows(old.len()).position(|found| found == old.as_bytes());
            if let Some(at) = at {
                answer[at..at + old.len()].copy_from_slice(new.as_bytes());
            }
        }
        true
    });
    site.run(&proxy.address, &["plan", "--exit-code"]).code(0);
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\nmemory = 512\n"));
    let run = site.run(&proxy.address, &["plan"]).code(0);
    assert!(run.stdout.contains("  left alone    FluxStart: {\"ApplyOn\":"), "{}", run.stdout);
    let run = site.run(&proxy.address, &["plan", "--output", "json"]).code(0);
    let left = |record: &&serde_json::Value| record["reason"] == "left-alone";
    let records = run.records();
    let left = records.iter().find(left).unwrap();
    assert_eq!(left["members"]["FluxStart"]["ApplyOn"], "None");
    site.run(&proxy.address, &["deploy"]).code(0);
    let sent = proxy.all().into_iter().map(|call| String::from_utf8(call.body).unwrap());
    assert!(sent.into_iter().all(|body| !body.contains("Flux") && !body.contains("Walk")));
    site.run(&proxy.address, &["plan", "--exit-code"]).code(0);
}

#[test]
fn what_is_refused_is_refused_before_the_first_call() {
    let server = Server::start(&[]);
    let site = Site::new(&["api", "worker"]);
    site.settings(
        "alias = [\"live\"]\n[package.worker]\nrole = \"arn:aws:iam::123456789012:role/r\"\n",
    );
    site.run(&server.address, &["deploy"]).code(2).says("no `role`");
    assert_eq!(state(&server, "worker")["configuration"], serde_json::Value::Null);
    // The others go on, if they are to.
    site.run(&server.address, &["deploy", "--keep-going"]).code(4);
    assert_eq!(answer(&server, "worker"), "one");
    site.run(&server.address, &["deploy", "wroker"]).code(2).says("worker");
}

/// What AWS would have refused, or run, after a call.
#[test]
fn a_bundle_that_was_changed_by_hand_is_not_sent() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let zip = site.workspace.path().join(format!("bundles/api/{}/bootstrap.zip", host_arch()));
    let mut bytes = std::fs::read(&zip).unwrap();
    bytes[12] ^= 1;
    std::fs::write(&zip, &bytes).unwrap();
    let run = site.run(&server.address, &["deploy"]).code(2);
    run.says("bootstrap.zip is not what lambda-pack.json beside it says: package `api` again");
    bytes.push(0);
    std::fs::write(&zip, &bytes).unwrap();
    site.run(&server.address, &["plan"]).code(2).says("package `api` again");
    std::fs::remove_file(&zip).unwrap();
    site.run(&server.address, &["plan"]).code(2).says("No such file").says("package `api` again");
    assert_eq!(state(&server, "api")["configuration"], serde_json::Value::Null);
}

#[test]
fn account_and_region_are_pinned() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let settings = |more: &str| site.settings(&format!("role = \"{ROLE}\"\n{more}\n"));
    settings("region = \"eu-west-1\"");
    site.run(&server.address, &["deploy"]).code(2).says("for Region eu-west-1");
    settings("account = \"210987654321\"");
    site.run(&server.address, &["deploy"]).code(2).says("credentials are of 123456789012");
    settings("account = \"123456789012\"\nregion = \"us-east-1\"");
    site.run(&server.address, &["deploy"]).code(0);
}

#[test]
fn weights_that_somebody_left_are_an_error() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    site.deploy(&server.address);
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.5 } },
        "Description": "by hand" });
    server.control("PUT", "/2015-03-31/functions/api/aliases/live", &weights);
    site.bundle("api", "three");
    site.run(&server.address, &["deploy"]).code(2).says("version 1 (0.5)");
    site.run(&server.address, &["deploy", "--clear-weights"]).code(0);
    let alias = server.control("GET", "/2015-03-31/functions/api/aliases/live", &json!({}));
    assert_eq!(alias["FunctionVersion"], "3");
    assert_eq!(alias["RoutingConfig"], serde_json::Value::Null);
}

#[test]
fn descriptions_at_their_limits() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let text = "x".repeat(257);
    let run = site.run(&server.address, &["deploy", "--description", &text]).code(2);
    run.says("--description has 257 characters; AWS takes 256");
    for (length, word) in [(255, "a"), (256, "b"), (95, "d"), (96, "e")] {
        site.bundle("api", word);
        let text = "x".repeat(length);
        let run = site.run(&server.address, &["deploy", "--description", &text]).code(0);
        assert_eq!(
            run.stderr.contains("95 of them stand on an alias"),
            length > 95,
            "{}",
            run.stderr
        );
        let alias = server.control("GET", "/2015-03-31/functions/api/aliases/live", &json!({}));
        let description = alias["Description"].as_str().unwrap();
        assert!(description.len() <= 256 && description.contains("[lp1 "), "{description}");
    }
}

#[test]
fn a_hundred_and_twenty_versions() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.settings(&format!("role = \"{ROLE}\"\npublish = true\n"));
    site.deploy(&server.address);
    for number in 0..120 {
        let description = json!({ "Description": number.to_string() });
        server.control("PUT", "/2015-03-31/functions/api/configuration", &description);
        server.control("POST", "/2015-03-31/functions/api/versions", &json!({}));
    }
    // The newest of them has what is wanted, but for its number.
    let records = site.deploy(&server.address);
    assert_eq!(records[0]["state"], "unchanged");
    assert_eq!(records[0]["version"], "121");
    site.bundle("api", "two");
    assert_eq!(site.deploy(&server.address)[0]["version"], "122");
}
