//! `promote`: from one alias to another, and the same bundle somewhere else.

use serde_json::json;

use super::site::{ROLE, Site};
use crate::local::server::Server;
use crate::support::{Run, run};

fn promote(site: &Site, address: &str, args: &[&str]) -> Run {
    run(site.at(address, &["promote"]).args(args))
}

fn answer(server: &Server, name: &str) -> serde_json::Value {
    server.answer(name, "{}")
}

#[test]
fn the_version_behind_one_alias_to_another() {
    let server = Server::start(&[]);
    let site = Site::new(&["api", "worker"]);
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"beta\"]\n"));
    site.deploy(&server.address);
    let args = ["--alias-from", "beta", "--alias", "live"];
    let made = promote(&site, &server.address, &[&args[..], &["--output", "json"]].concat());
    let made = made.code(0).records();
    assert_eq!(
        (&made[0]["state"], &made[0]["from"], &made[0]["to"]),
        (&json!("moved"), &json!(null), &json!("1"))
    );
    site.bundle("api", "two");
    site.deploy(&server.address);
    assert_eq!(
        (answer(&server, "api:live"), answer(&server, "api:beta")),
        (json!("one"), json!("two"))
    );
    let run = promote(&site, &server.address, &args).code(0).says("Moved 1 alias");
    assert!(run.stdout.contains("worker    live   unchanged     1   1"), "{}", run.stdout);
    assert_eq!(answer(&server, "api:live"), "two");
    // What was promoted is rolled back like what was deployed.
    let path = "/2015-03-31/functions/api/aliases/";
    let live = server.control("GET", &format!("{path}live"), &json!(null));
    assert!(live["Description"].as_str().unwrap().starts_with("[lp1 prev=1 to="), "{live}");
    crate::support::run(&mut site.at(&server.address, &["rollback", "api", "--alias", "live"]))
        .code(0);
    assert_eq!(answer(&server, "api:live"), "one");

    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.1 } } });
    server.control("PUT", &format!("{path}beta"), &weights);
    promote(&site, &server.address, &args).code(2).says("alias beta sends a part of its traffic");
    promote(&site, &server.address, &["--alias-from", "beta"])
        .code(2)
        .says("name it with `--alias`");
    let none = ["api", "--alias-from", "gone", "--alias", "live"];
    promote(&site, &server.address, &none).code(2).says("it has no alias gone");
    promote(&site, &server.address, &[]).code(2).says("--alias-from");
    let other = promote(&site, &server.address, &[&args[..], &["--role", ROLE]].concat());
    other.code(2).says("`--role` means nothing here");
}

/// To another environment, by the bytes that were tried in the first.
#[test]
fn the_same_bundle_to_another_environment() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\n[package.api.env.beta]\nname = \"{{handler}}-{{env}}\"\n\
         [package.api.env.prod]\nname = \"{{handler}}-{{env}}\"\n"
    ));
    let beta = ["deploy", "--env", "beta"];
    site.run(&server.address, &beta).code(0);
    let args =
        ["--env", "prod", "--from", "bundles", "--alias-from", "live", "--source-env", "beta"];
    promote(&site, &server.address, &args).code(0).says("Same api-prod: CodeSha256");
    assert_eq!(answer(&server, "api-prod:live"), "one");
    // What lies there by now was never tried.
    site.bundle("api", "two");
    let other = promote(&site, &server.address, &args).code(2);
    other
        .says("cannot promote `api-prod`: what was packaged has CodeSha256")
        .says("live of `api-beta`");
    assert_eq!(answer(&server, "api-prod:live"), "one");
    site.run(&server.address, &beta).code(0);
    promote(&site, &server.address, &args).code(0);
    assert_eq!(answer(&server, "api-prod:live"), "two");
    // What leads to two versions, or to none, says of no bundle that it was tried.
    let live = "/2015-03-31/functions/api-beta/aliases/live";
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.1 } } });
    server.control("PUT", live, &weights);
    let split = promote(&site, &server.address, &args).code(2);
    split.says("cannot promote `api-prod`: alias live sends a part of its traffic");
    let latest = json!({ "FunctionVersion": "$LATEST", "RoutingConfig": { "AdditionalVersionWeights": {} } });
    server.control("PUT", live, &latest);
    promote(&site, &server.address, &args).code(2).says("alias live points at $LATEST");
}
