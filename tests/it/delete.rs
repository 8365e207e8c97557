//! `delete`: what goes, in which order, and what is refused.

use std::process::Command;

use serde_json::{Value, json};

use crate::deploy::proxy::Proxy;
use crate::deploy::site::{ROLE, Site};
use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Run, have, lambda_pack, run};

const FUNCTIONS: &str = "/2015-03-31/functions";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:orders";

/// A workspace with `api`, deployed twice with a URL and a trigger on `live`, and `other` beside it.
fn deployed(server: &Server) -> Site {
    let site = Site::new(&["api", "other"]);
    site.settings(&format!(
        "role = \"{ROLE}\"\nalias = [\"live\"]\n[package.api]\nurl = {{ auth = \"iam\" }}\n\
         reserved-concurrency = 5\nprovisioned-concurrency = 2\n\
         triggers = [{{ source = \"{QUEUE}\" }}]\n\
         [package.other]\ntriggers = [{{ source = \"{QUEUE}-other\" }}]\n"
    ));
    site.deploy(&server.address);
    site.bundle("api", "two");
    site.deploy(&server.address);
    site
}

fn delete(site: &Site, address: &str, args: &[&str]) -> Run {
    run(site.at(address, &["delete"]).args(args))
}

fn exists(server: &Server, path: &str) -> bool {
    server.call("GET", path, &[], b"").status == 200
}

fn mappings(server: &Server) -> Vec<Value> {
    let all = server.control("GET", "/2015-03-31/event-source-mappings", &json!(null));
    all["EventSourceMappings"].as_array().unwrap().clone()
}

#[test]
fn without_a_terminal_nothing_is_deleted_unasked() {
    let server = Server::start(&[]);
    let site = deployed(&server);
    let proxy = Proxy::new(&server.address, |_, _| true);
    delete(&site, &proxy.address, &["api"]).code(2).says("say `--yes`");
    assert_eq!(proxy.calls(), [""; 0]);
    delete(&site, &proxy.address, &["--yes"]).code(2).says("<FUNCTION>");
}

#[test]
fn triggers_go_first_and_what_is_of_others_stays() {
    let server = Server::start(&[]);
    let site = deployed(&server);
    let id = mappings(&server).into_iter().find(|one| one["EventSourceArn"] == QUEUE).unwrap();
    let proxy = Proxy::new(&server.address, |_, _| true);
    let run = delete(&site, &proxy.address, &["api", "--yes"]).code(0).says("Deleted api");
    for line in [
        "api\n",
        "  versions      2: 1, 2\n",
        "  alias         live → 2\n",
        "  url           http",
        " (live)\n",
        &format!("  trigger       {QUEUE} (live)\n"),
        "  concurrency   5 reserved\n",
        "  concurrency   2 provisioned (live)\n",
    ] {
        assert!(run.stdout.contains(line), "no {line:?} in\n{}", run.stdout);
    }
    let deletes: Vec<_> =
        proxy.calls().into_iter().filter(|call| call.starts_with("DELETE ")).collect();
    let mapping = id["UUID"].as_str().unwrap();
    assert_eq!(
        deletes,
        [
            format!("DELETE /2015-03-31/event-source-mappings/{mapping}"),
            format!("DELETE {FUNCTIONS}/api"),
        ]
    );
    assert!(!exists(&server, &format!("{FUNCTIONS}/api")));
    assert!(exists(&server, &format!("{FUNCTIONS}/other")));
    assert_eq!(mappings(&server).len(), 1);
    // Again: it is not there, and that is no error.
    let again = delete(&site, &server.address, &["api", "--yes"]).code(0);
    assert_eq!(again.stdout, "api: not there\n");
}

#[test]
fn what_went_is_a_record() {
    let server = Server::start(&[]);
    let site = deployed(&server);
    let args = ["api", "nothing", "api", "--yes", "--output", "json"];
    let records = delete(&site, &server.address, &args).code(0).records();
    assert_eq!(records.len(), 2);
    let [api, nothing] = [&records[0], &records[1]];
    assert_eq!((&api["reason"], &api["existed"]), (&json!("deleted"), &json!(true)));
    assert_eq!((&api["versions"], &api["aliases"]), (&json!(["1", "2"]), &json!(["live"])));
    assert_eq!(api["mappings"].as_object().unwrap().values().next(), Some(&json!(QUEUE)));
    assert_eq!(api["urls"].as_array().unwrap().len(), 1);
    assert_eq!((&nothing["existed"], &nothing["versions"]), (&json!(false), &json!([])));
}

#[test]
fn a_version_goes_unless_an_alias_sends_traffic_to_it() {
    let server = Server::start(&[]);
    let site = deployed(&server);
    let version =
        |number: &str| delete(&site, &server.address, &["api", "--qualifier", number, "--yes"]);
    version("2").code(2).says("version 2 of `api` gets traffic by live");
    version("live").code(2).says("is not the number of a version");
    version("$LATEST").code(2).says("is not the number of a version");
    delete(&site, &server.address, &["api", "other", "--qualifier", "1", "--yes"])
        .code(2)
        .says("for one function");
    let weights = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.1 } } });
    server.control("PUT", &format!("{FUNCTIONS}/api/aliases/live"), &weights);
    version("1").code(2).says("version 1 of `api` gets traffic by live");
    let none = json!({ "RoutingConfig": { "AdditionalVersionWeights": {} } });
    server.control("PUT", &format!("{FUNCTIONS}/api/aliases/live"), &none);
    let gone = version("1").code(0).says("Deleted version 1 of api");
    assert!(gone.stdout.contains("live was there before"), "{}", gone.stdout);
    assert!(!exists(&server, &format!("{FUNCTIONS}/api?Qualifier=1")));
    assert!(exists(&server, &format!("{FUNCTIONS}/api?Qualifier=live")));
    assert_eq!(mappings(&server).len(), 2);
    assert_eq!(version("1").code(0).stdout, "version 1 of api: not there\n");
}

#[test]
fn an_answer_that_is_lost_is_looked_for() {
    // Mappings take a while to go, in which they cannot be deleted once more.
    let server = Server::start(&["--delay", "1s"]);
    let site = deployed(&server);
    let lost = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let proxy = Proxy::new(&server.address, move |_, call| {
        // The first answer to each deletion.
        !call.starts_with("DELETE ") || !lost.lock().unwrap().insert(call.to_owned())
    });
    delete(&site, &proxy.address, &["api", "--yes"]).code(0).says("Deleted api");
    assert!(!exists(&server, &format!("{FUNCTIONS}/api")));
}

#[test]
fn what_is_throttled_or_in_use_is_tried_again() {
    let server = Server::start(&["--fault", "throttle:Delete*@#1-2", "--delay", "300ms"]);
    server.create("busy", &zips::echo());
    let source = json!({ "FunctionName": "busy", "EventSourceArn": QUEUE });
    server.control("POST", "/2015-03-31/event-source-mappings", &source);
    let site = Site::new(&["api"]);
    delete(&site, &server.address, &["busy", "--yes"]).code(0).says("Deleted busy");
    assert!(!exists(&server, &format!("{FUNCTIONS}/busy")));
}

#[test]
fn a_permission_that_is_missing_is_named_and_the_others_go() {
    let server = Server::start(&["--fault", "denied:DeleteFunction@#1"]);
    let site = Site::new(&["api", "worker"]);
    site.deploy(&server.address);
    let run = delete(&site, &server.address, &["api", "worker", "--yes"]).code(4);
    assert!(run.stderr.contains("cannot delete `api`"), "{}", run.stderr);
    assert!(run.stderr.contains("lambda:DeleteFunction"), "{}", run.stderr);
    assert!(exists(&server, &format!("{FUNCTIONS}/api")));
    assert!(!exists(&server, &format!("{FUNCTIONS}/worker")));
}

/// On a terminal, which `script` makes.
#[test]
fn a_terminal_is_asked() {
    if !have("script") {
        return;
    }
    let server = Server::start(&[]);
    server.create("echo", &zips::echo());
    let port = server.address.rsplit(':').next().unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let program = lambda_pack(nowhere.path());
    let words = format!("{} delete echo --local --port {port}", program.get_program().display());
    for (word, there) in [("n", true), ("", true), ("y", false)] {
        let mut script = Command::new("sh");
        crate::support::scrub(&mut script);
        let typed = format!("echo {word} | script -qec '{words}' /dev/null");
        let run = run(script.args(["-c", &typed]).current_dir(nowhere.path())).code(0);
        let question = "Delete echo in this machine, us-east-1? [y/N]";
        assert!(run.stdout.contains(question), "{}", run.stdout);
        assert_eq!(exists(&server, &format!("{FUNCTIONS}/echo")), there, "{word}");
    }
}
