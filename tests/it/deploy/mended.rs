//! What a tester with fresh eyes has found.

use std::fs;

use serde_json::{Value, json};

use super::proxy::Proxy;
use super::site::{ROLE, Site, answer, state};
use crate::local::server::Server;
use crate::local::zips::{EXECUTABLE, PLAIN, says, zip};
use crate::support::host_arch;

#[test]
fn a_zip_is_for_one_function_and_audited_as_ours_are() {
    let server = Server::start(&[]);
    let site = Site::new(&["api", "worker"]);
    let good = site.workspace.write("good.zip", says("two"));
    let good = good.to_str().unwrap().to_owned();
    let run = |args: &[&str]| crate::support::run(&mut site.at(&server.address, args));
    run(&["deploy", "--zip", &good]).code(2).says("`--zip` is the code of one function, and 2");
    run(&["deploy", "--zip", &good, "api", "worker"]).code(2).says("and 2 are selected");
    run(&["deploy", "--zip", "nowhere.zip", "api"]).code(2).says("nowhere.zip is no file");
    let mut broken = says("two");
    broken[40] ^= 1;
    let bad: [(&str, Vec<u8>); 4] = [
        ("no-program", zip(&[("other", EXECUTABLE, b"#!/bin/sh\n")])),
        ("text", zip(&[("bootstrap", PLAIN, b"hello")])),
        ("outside", zip(&[("bootstrap", EXECUTABLE, b"#!/bin/sh\n"), ("../x", PLAIN, b"x")])),
        ("torn", broken),
    ];
    for (name, bytes) in bad {
        let path = site.workspace.write(&format!("{name}.zip"), bytes);
        let refused = run(&["deploy", "--zip", path.to_str().unwrap(), "api"]);
        assert_eq!(refused.code, 3, "{name}: {}", refused.stderr);
    }
    assert_eq!(state(&server, "api")["configuration"], Value::Null);
    run(&["deploy", "--zip", &good, "api"]).code(0);
    assert_eq!(answer(&server, "api"), "two");
    assert_eq!(state(&server, "worker")["configuration"], Value::Null);
}

/// Packaged once under the handler's name, deployed under the name of an environment.
#[test]
fn bundles_are_found_by_their_handler() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\n[package.api.env.prod]\nname = \"{{handler}}-prod\"\n"
    ));
    site.run(&server.address, &["deploy", "--env", "prod"]).code(0);
    assert_eq!(answer(&server, "api-prod"), "one");
    fs::remove_dir_all(site.workspace.path().join("bundles/api")).unwrap();
    site.workspace.write("bundles/other/lambda-pack.json", "{}");
    let run = site.run(&server.address, &["deploy", "--env", "prod"]).code(2);
    run.says("there is no bundle of `api-prod`").says("package --out DIR");
    // One of another handler under this name.
    let site = Site::new(&["api"]);
    let record = format!("bundles/api/{}/lambda-pack.json", host_arch());
    let text = fs::read_to_string(site.workspace.path().join(&record)).unwrap();
    site.workspace.write(&record, text.replace("\"package\":\"api\"", "\"package\":\"else\""));
    site.run(&server.address, &["plan"])
        .code(2)
        .says("is not what lambda-pack.json beside it says");
}

#[test]
fn an_alias_of_latest_is_no_release() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    let alias = json!({ "FunctionVersion": "$LATEST" });
    server.control("PUT", "/2015-03-31/functions/api/aliases/live", &alias);
    site.run(&server.address, &["plan"]).code(0).says_out("alias live: $LATEST → 1");
    site.run(&server.address, &["deploy"]).code(0);
    assert_eq!(state(&server, "api")["aliases"], json!([{ "name": "live", "version": "1" }]));
}

/// Somebody took a release back: the next plan does not speak of a version that would not be made.
#[test]
fn a_plan_makes_no_version_that_aws_would_not() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    site.deploy(&server.address);
    let alias = json!({ "FunctionVersion": "1" });
    server.control("PUT", "/2015-03-31/functions/api/aliases/live", &alias);
    let run = site.run(&server.address, &["plan"]).code(0).says_out("alias live: 1 → 2");
    assert!(!run.stdout.contains("PublishVersion"), "{}", run.stdout);
    let records = site.deploy(&server.address);
    assert_eq!(records[0]["changes"], json!(["UpdateAlias"]));
}

/// Triggers of one function cannot be made: those of the others are, and the rest of theirs.
#[test]
fn a_failure_stops_later_phases_and_not_its_own() {
    let fault = "denied:CreateEventSourceMapping";
    let server = Server::start(&["--fault", fault]);
    let site = Site::new(&["api", "worker"]);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\n[package.api]\nurl = {{ auth = \"public\" }}\n\
         permissions = [{{ principal = \"s3.amazonaws.com\", id = \"s3\" }}]\n[package.worker]\n\
         triggers = [{{ source = \"arn:aws:sqs:us-east-1:123456789012:jobs\" }}]\n"
    ));
    let run = site.run(&server.address, &["deploy"]).code(4);
    assert!(!run.stderr.contains("Deployed"), "{}", run.stderr);
    let policy =
        server.control("GET", "/2015-03-31/functions/api/policy?Qualifier=live", &Value::Null);
    let statements = policy["Policy"].as_str().unwrap().matches("\"Sid\"").count();
    assert_eq!(statements, 3, "both of the URL, and S3's");
    assert!(run.stdout.contains("api       created"), "{}", run.stdout);
    assert!(run.stdout.contains(".lambda-url."), "the URL is said: {}", run.stdout);
}

#[test]
fn triggers_that_nobody_names_are_told_of() {
    let server = Server::start(&[]);
    let site = Site::new(&["worker"]);
    let triggers = |list: &str| {
        site.settings(&format!(
            "role = \"{ROLE}\"\nalias = [\"live\"]\n[package.worker]\ntriggers = [{list}]\n"
        ));
    };
    triggers("{ source = \"arn:aws:sqs:us-east-1:123456789012:jobs\" }");
    site.deploy(&server.address);
    triggers("");
    let run = site.run(&server.address, &["plan"]).code(0);
    run.says_out("left alone").says_out("arn:aws:sqs:us-east-1:123456789012:jobs");
    let run = crate::support::run(&mut site.at(&server.address, &["status", "--from", "bundles"]));
    run.code(0).says_out("delete-event-source-mapping --uuid");
}

#[test]
fn what_cannot_be_deployed_is_not_called_unchanged() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.settings("");
    let run = site.run(&server.address, &["plan"]).code(2);
    assert!(!run.stdout.contains("Nothing to do"), "{}", run.stdout);
    run.says_out("1 that cannot be deployed");
    let run = site.run(&server.address, &["plan", "--output", "json"]).code(2);
    let plan = run.records().into_iter().find(|record| record["reason"] == "plan").unwrap();
    assert_eq!((&plan["refused"], &plan["unchanged"]), (&json!(1), &json!(0)));
}

/// A login page, or a proxy's error.
#[test]
fn an_answer_that_is_none_of_awss_says_so() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let proxy = Proxy::editing(&server.address, |_, _, answer| {
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        answer[9..12].copy_from_slice(b"404");
        for name in ["x-amzn-errortype", "message", "Message", "__type"] {
            while let Some(at) = answer.windows(name.len()).position(|it| it == name.as_bytes()) {
                answer[at] = b'z';
            }
        }
        answer[head + 4..].fill(b' ');
        true
    });
    let run = site.run(&proxy.address, &["plan"]).code(4);
    run.says("HTTP 404").says("none of AWS's API");
}

#[test]
fn endpoints_and_regions_are_checked_before_anything_else() {
    let site = Site::new(&["api"]);
    let run = |flag: &str, value: &str| {
        crate::support::run(&mut site.workspace.command(&["plan", flag, value]))
    };
    run("--endpoint-url", "nonsense").code(2).says("a URL such as");
    run("--region", "EU West").code(2).says("no Region has such a name");
    run("--concurrency", "0").code(2);
    // Nothing is built for it.
    let mut nowhere = site.workspace.command(&["plan"]);
    crate::support::scrub(&mut nowhere);
    nowhere.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", site.workspace.path());
    let nowhere = crate::support::run(&mut nowhere).code(2);
    assert!(!nowhere.stderr.contains("Compiling"), "{}", nowhere.stderr);
    nowhere.says("no Region is named");
}

/// The key of stored code is set with the code, and only where it is another one.
#[test]
fn the_key_of_stored_code_is_applied() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let key = |number: u32| {
        let key = format!("arn:aws:kms:us-east-1:123456789012:key/{number}");
        site.settings(&format!(
            "role = \"{ROLE}\"\nalias = [\"live\"]\nsource-kms-key = \"{key}\"\n"
        ));
        key
    };
    let of_function = || {
        let function = server.control("GET", "/2015-03-31/functions/api", &Value::Null);
        function["Code"]["SourceKMSKeyArn"].clone()
    };
    let first = key(1);
    let created = site.deploy(&server.address);
    assert_eq!(created[0]["changes"], json!(["CreateFunction", "PublishVersion", "CreateAlias"]));
    assert_eq!(of_function(), first);
    assert_eq!(site.changes(&server.address), 0);
    let second = key(2);
    site.deploy(&server.address);
    assert_eq!(of_function(), second);
    assert_eq!(site.changes(&server.address), 0);
}
