//! `status`: what is there, and in what it is not what the configuration says.

use serde_json::{Value, json};

use crate::deploy::proxy::Proxy;
use crate::deploy::site::{ROLE, Site, leaks};
use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Run, host_arch, lambda_pack, run};

const FUNCTIONS: &str = "/2015-03-31/functions";

fn status(site: &Site, server: &Server, args: &[&str]) -> Run {
    let mut command = site.at(&server.address, &["status"]);
    run(command.args(args))
}

/// The records, by function.
#[track_caller]
fn records(site: &Site, server: &Server, args: &[&str]) -> Vec<Value> {
    let args = [&["--output", "json", "--from", "bundles"], args].concat();
    status(site, server, &args).code(0).records()
}

#[test]
fn a_function_that_is_what_it_should_be() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let deployed = site.deploy(&server.address);
    let record = &records(&site, &server, &["--exit-code"])[0];
    let sha = &deployed[0]["code_sha256"];
    for (name, value) in [
        ("reason", &json!("status")),
        ("function", &json!("api")),
        ("exists", &json!(true)),
        ("state", &json!("Active")),
        ("last_update", &json!("Successful")),
        ("advice", &Value::Null),
        ("runtime", &json!("provided.al2023")),
        ("architecture", &json!(host_arch())),
        ("package_type", &json!("Zip")),
        ("code_sha256", sha),
        ("versions", &json!(1)),
        ("newest_version", &json!("1")),
        ("bundle_deployed", &json!(true)),
        ("drift", &json!([])),
        ("refused", &Value::Null),
        ("unknown", &json!({})),
    ] {
        assert_eq!(&record[name], value, "{name} in {record:#}");
    }
    let alias = &record["aliases"][0];
    assert_eq!((&alias["name"], &alias["version"]), (&json!("live"), &json!("1")));
    assert_eq!((&alias["state"], &alias["weights"]), (&json!("Active"), &json!({})));
    assert_eq!((&alias["deploy"], &alias["marked_sha256"]), (&deployed[0]["deploy"], sha));
    assert_eq!((&alias["differs"], &alias["previous"]), (&json!([]), &Value::Null));

    let text = status(&site, &server, &["--from", "bundles"]).code(0);
    let lines: Vec<&str> = text.stdout.lines().collect();
    assert_eq!(lines[0], "api");
    assert!(
        lines[1].starts_with("  state         Active; last update Successful, 20"),
        "{lines:#?}"
    );
    let code = format!("  code          provided.al2023 on {} , ", host_arch()).replace(" ,", ",");
    assert!(lines[2].starts_with(&code), "{lines:#?}");
    assert_eq!(lines[3], "  versions      1, the newest is 1");
    assert!(lines[4].starts_with("  alias         live → 1; by deploy "), "{lines:#?}");
    let drift = format!("  drift         none; the code is that of bundles/api/{}", host_arch());
    assert_eq!(lines[5..], [drift.as_str()]);
    // A deploy that has nothing packaged to compare with says so.
    let text = status(&site, &server, &[]).code(0);
    assert!(text.stdout.contains("none; nothing is packaged"), "{}", text.stdout);
}

#[test]
fn everything_that_a_deploy_would_change_is_drift() {
    let server = Server::start(&[]);
    let site = Site::new(&["api", "worker"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\n[package.api]\nmemory = 512\n\
         environment = {{ TOKEN = \"hunter22\" }}\n"
    ));
    let args = ["--from", "bundles", "--exit-code"];
    let text = status(&site, &server, &args).code(5);
    assert!(!leaks(&text, "hunter22"));
    for line in [
        "  drift         + Environment.TOKEN",
        "                MemorySize: 128 → 512",
        "                CodeSha256: ",
        "                a new version",
        "                alias live: 1 → new",
        "                the code is not that of bundles/api/",
    ] {
        assert!(text.stdout.contains(line), "no {line:?} in\n{}", text.stdout);
    }
    let all = records(&site, &server, &[]);
    let operations: Vec<_> =
        all[0]["drift"].as_array().unwrap().iter().map(|one| one["operation"].clone()).collect();
    assert_eq!(
        operations,
        [
            "UpdateFunctionConfiguration",
            "UpdateFunctionConfiguration",
            "UpdateFunctionCode",
            "PublishVersion",
            "UpdateAlias"
        ]
    );
    assert_eq!((&all[0]["bundle_deployed"], &all[1]["drift"]), (&json!(false), &json!([])));
    // Nothing was written, and what was asked for is enough.
    let only = records(&site, &server, &["worker", "--exit-code"]);
    assert_eq!(only.len(), 1);
    assert_eq!(all, records(&site, &server, &[]));
}

#[test]
fn what_is_not_deployed_would_be_created() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let text = status(&site, &server, &["--exit-code"]).code(5);
    assert!(text.stdout.contains("  state         not there\n"), "{}", text.stdout);
    assert!(text.stdout.contains(&format!("Role: {ROLE}")), "{}", text.stdout);
    assert_eq!(records(&site, &server, &[])[0]["exists"], false);
}

#[test]
fn names_need_no_workspace_and_no_function_in_it() {
    let server = Server::start(&[]);
    server.create("foreign", &zips::echo());
    let site = Site::new(&["api"]);
    let foreign = status(&site, &server, &["foreign"]).code(0);
    assert!(foreign.stdout.contains("not compared"), "{}", foreign.stdout);
    let meant = status(&site, &server, &["apu", "--exit-code"]).code(0);
    assert!(meant.stdout.contains("not there; did you mean `api`?"), "{}", meant.stdout);
    status(&site, &server, &["a:b"]).code(2).says("cannot name a Lambda function");

    let nowhere = tempfile::tempdir().unwrap();
    let port = server.address.rsplit(':').next().unwrap();
    let local = |args: &[&str]| {
        let mut command = lambda_pack(nowhere.path());
        run(command.args(["status", "--local", "--port", port]).args(args))
    };
    let shown = local(&["foreign", "nothing", "--output", "json"]).code(0).records();
    assert_eq!((&shown[0]["exists"], &shown[0]["drift"]), (&json!(true), &Value::Null));
    assert_eq!((&shown[1]["exists"], &shown[1]["drift"]), (&json!(false), &Value::Null));
    // Without names it is the workspace's, and there is none.
    local(&[]).code(2).says("Cargo.toml");
}

#[test]
fn aliases_tell_their_weights_and_how_their_version_differs() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\nmemory = 256\n"));
    run(site.command(&server.address, &["deploy"]).args(["--description", "spring sale"])).code(0);
    let old = json!({ "Name": "old", "FunctionVersion": "1", "Description": "by hand" });
    server.control("POST", &format!("{FUNCTIONS}/api/aliases"), &old);
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.25 } } });
    server.control("PUT", &format!("{FUNCTIONS}/api/aliases/live"), &weights);
    let record = &records(&site, &server, &[])[0];
    let [live, old] = [&record["aliases"][0], &record["aliases"][1]];
    assert_eq!((&live["weights"], &live["previous"]), (&json!({ "1": 0.25 }), &json!("1")));
    assert_eq!((&live["description"], &live["differs"]), (&json!("spring sale"), &json!([])));
    assert_eq!((&old["description"], &old["deploy"]), (&json!("by hand"), &Value::Null));
    assert_eq!(old["differs"], json!(["MemorySize"]));
    // A deploy would refuse that.
    assert!(record["refused"].as_str().unwrap().contains("alias live sends a part"), "{record:#}");
    let text = status(&site, &server, &["--exit-code"]).code(5).stdout;
    for line in [
        "live → 2, 25 % to 1; spring sale; by deploy ",
        ", before it 1",
        "old → 1; by hand; differs from $LATEST in MemorySize",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
}

#[test]
fn failures_come_with_advice_and_states_are_shown_as_they_are() {
    let server = Server::start(&["--fault", "fail=InvalidSubnet:UpdateFunctionCode"]);
    let site = Site::new(&["api"]);
    site.deploy(&server.address);
    site.bundle("api", "two");
    site.run(&server.address, &["deploy"]).code(4);
    let record = &records(&site, &server, &[])[0];
    assert_eq!(
        (&record["last_update"], &record["last_update_code"]),
        (&json!("Failed"), &json!("InvalidSubnet"))
    );
    let text = status(&site, &server, &[]).code(0).stdout;
    assert!(text.contains("last update Failed (InvalidSubnet"), "{text}");
    assert!(text.contains("a subnet of `vpc.subnets` is not there"), "{text}");
}

/// More than one page of versions; the newest by its number.
#[test]
fn all_versions_are_counted() {
    let server = Server::start(&[]);
    server.create("many", &zips::echo());
    for number in 0..61 {
        let description = json!({ "Description": format!("the {number}th") });
        server.control("PUT", &format!("{FUNCTIONS}/many/configuration"), &description);
        server.control("POST", &format!("{FUNCTIONS}/many/versions"), &json!({}));
    }
    let site = Site::new(&["api"]);
    let record = &records(&site, &server, &["many"])[0];
    assert_eq!((&record["versions"], &record["newest_version"]), (&json!(61), &json!("61")));
}

#[test]
fn a_function_that_cannot_be_seen_keeps_no_other_from_being_shown() {
    let server = Server::start(&["--fault", "denied:ListAliases@#1"]);
    let site = Site::new(&["api", "worker"]);
    let run = status(&site, &server, &["--output", "json"]).code(4);
    let records = run.records();
    assert_eq!(records.len(), 2, "one that could be seen, and the error: {records:#?}");
    assert!(run.stderr.contains("cannot look at `"), "{}", run.stderr);
    assert!(run.stderr.contains("lambda:ListAliases"), "{}", run.stderr);
}

#[test]
fn the_settings_pin_account_and_region() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.settings("region = \"eu-west-1\"\n");
    status(&site, &server, &[]).code(2).says("for Region eu-west-1");
    let proxy = Proxy::new(&server.address, |_, _| true);
    site.settings("account = \"999999999999\"\n");
    run(&mut site.at(&proxy.address, &["status"])).code(2).says("for account 999999999999");
}
