//! Versions are checked by their numbers before aliases move to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::cuts::killed_after;
use super::proxy::Proxy;
use super::site::{ROLE, Site, answer, leaks};
use crate::local::server::Server;
use crate::local::zips::python;

/// What must hold in all of these.
const CHECK: &str = "check = { events = \"events/*.json\", expect = { json = { ok = true } } }\n";

/// Functions that are checked with two events.
fn site(functions: &[&str]) -> Site {
    let site = Site::new(functions);
    site.workspace.write("events/a.json", "{ \"n\": 1 }");
    site.workspace.write("events/b.json", "{ \"n\": 2 }");
    settings(&site, CHECK);
    for name in functions {
        good(&site, name, "one");
    }
    site
}

fn settings(site: &Site, check: &str) {
    let environment = "environment = { TOKEN = \"hunter22\" }\n";
    site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{environment}{check}"));
}

/// Code that answers this word, and that all is well.
fn good(site: &Site, name: &str, word: &str) {
    let script = format!("loop(lambda event: {{ 'ok': True, 'word': {word:?}, **event }})");
    site.bundle_of(name, &python(&script));
}

fn word(server: &Server, name: &str) -> Value {
    answer(server, name)["word"].clone()
}

fn of_check(calls: &[String]) -> usize {
    calls.iter().filter(|call| call.contains("/invocations")).count()
}

#[test]
fn a_version_that_is_not_well_gets_no_traffic() {
    // Throttled once: that is waited for.
    let server = Server::start(&["--fault", "throttle:Invoke@#1"]);
    let site = site(&["api"]);
    let run = site.run(&server.address, &["plan"]).code(0);
    let planned = "  check         Invoke\n                  check version new with 2 events \
                   (events/a.json, events/b.json)\n";
    assert!(run.stdout.contains(planned), "{}", run.stdout);
    let run = site.run(&server.address, &["deploy", "-v"]).code(0);
    assert!(run.stderr.contains("Checked api: version 1 with events/a.json, "), "{}", run.stderr);
    for (script, said) in [
        ("say('no luck'); sys.exit(3)", ["Runtime.ExitError", "api no luck"]),
        (
            "id, _, _ = next()\nsay(os.environ['TOKEN'])\nfail(id, { 'errorType': 'Gone', 'errorMessage': 'no table' })\nnext()",
            ["with events/a.json: the function failed: Gone: no table", "api …"],
        ),
        (
            "loop(lambda event: { 'ok': event['n'] == 1 })",
            ["with events/b.json: `ok` of the answer is false, and true is expected", "REPORT "],
        ),
        ("loop(lambda event: {})", ["the answer lacks `ok`", "hint: no alias was moved to it"]),
    ] {
        site.bundle_of("api", &python(script));
        let run = site.run(&server.address, &["deploy"]).code(4);
        for said in said {
            assert!(run.stderr.contains(said), "{said} in {}", run.stderr);
        }
        assert!(!leaks(&run, "hunter22"), "{run:?}");
        let hidden = run.stderr.matches("`…` stands for values").count();
        assert_eq!(hidden, usize::from(script.contains("TOKEN")), "{}", run.stderr);
        assert_eq!(word(&server, "api"), "one", "{script}");
    }
    good(&site, "api", "two");
    for (limit, said) in [
        ("max-init = \"1ms\"", "its init took "),
        ("max-duration = \"1ms\"", "and 1 ms is the most"),
    ] {
        settings(&site, &format!("check = {{ events = \"events/a.json\", {limit} }}\n"));
        let slow = "time.sleep(0.01)\nloop(lambda event: time.sleep(0.01))";
        site.bundle_of("api", &python(slow));
        site.run(&server.address, &["deploy"]).code(4).says(said);
    }
    assert_eq!(word(&server, "api"), "one");
    // The same code gets there by itself, and what is well does.
    site.run(&server.address, &["deploy", "--skip-checks"]).code(0).says("`--skip-checks`");
    assert_eq!(answer(&server, "api"), Value::Null);
    settings(&site, "check = { events = \"events/a.json\", warm-up = 3, max-init = \"1m\" }\n");
    good(&site, "api", "two");
    let proxy = Proxy::new(&server.address, |_, _| true);
    let records = site.deploy(&proxy.address);
    assert_eq!(records[0]["reason"], "checked-event");
    assert!(records[0]["init_ms"].is_number() && records[0]["passed"] == true, "{}", records[0]);
    assert_eq!((of_check(&proxy.calls()), word(&server, "api")), (4, json!("two")));
}

#[test]
fn one_of_ten_that_is_not_well_holds_all_back() {
    let names: Vec<String> = (0..10).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server::start(&[]);
    let site = site(&names);
    site.run(&server.address, &["deploy", "--skip-checks"]).code(0);
    for name in &names {
        good(&site, name, "two");
    }
    site.bundle_of("f4", &python("say('no luck'); sys.exit(3)"));
    let run = site.run(&server.address, &["deploy", "--output", "json"]).code(4);
    let aliases = || -> Vec<Value> {
        let path = |name: &&str| format!("/2015-03-31/functions/{name}/aliases/live");
        let get = |name| server.control("GET", &path(name), &json!({}))["FunctionVersion"].clone();
        names.iter().map(get).collect()
    };
    assert_eq!(aliases(), vec![json!("1"); 10], "{}", run.stderr);
    let failed = |record: &&Value| record["passed"] == false;
    let records = run.records();
    let record = records.iter().find(failed).unwrap();
    assert_eq!((&record["function"], &record["version"]), (&json!("f4"), &json!("2")));
    assert!(record["log"].as_array().unwrap().contains(&json!("no luck")), "{record}");
    // The others alone.
    site.run(&server.address, &["deploy", "--keep-going"]).code(4);
    let moved = |number: usize| json!(if number == 4 { "1" } else { "2" });
    assert_eq!(aliases(), (0..10).map(moved).collect::<Vec<_>>());
}

#[test]
fn a_kill_after_a_check_and_answers_that_are_lost() {
    let server = Server::start(&[]);
    let site = site(&["api"]);
    let proxy = Proxy::new(&server.address, |_, _| true);
    site.deploy(&proxy.address);
    let calls = proxy.calls();
    assert_eq!(of_check(&calls), 2);
    let last = calls.iter().rposition(|call| call.contains("/invocations")).unwrap();
    let other = Server::start(&[]);
    killed_after(&site, &other, last + 1);
    let nothing = other.call("GET", "/2015-03-31/functions/api/aliases/live", &[], b"");
    assert_eq!(nothing.status, 404);
    let proxy = Proxy::new(&other.address, |_, _| true);
    site.deploy(&proxy.address);
    assert_eq!((of_check(&proxy.calls()), word(&other, "api")), (2, json!("one")));
    // One that is lost is sent once more.
    good(&site, "api", "two");
    let sent = AtomicUsize::new(0);
    let proxy = Proxy::new(&server.address, move |_, call| {
        !call.contains("/invocations") || sent.fetch_add(1, Ordering::SeqCst) > 0
    });
    site.deploy(&proxy.address);
    assert_eq!((of_check(&proxy.calls()), word(&server, "api")), (3, json!("two")));
    good(&site, "api", "three");
    let proxy = Proxy::new(&server.address, |_, call| !call.contains("/invocations"));
    site.run(&proxy.address, &["deploy"]).code(4).says("with events/a.json: it was not answered");
    assert_eq!((of_check(&proxy.calls()), word(&server, "api")), (2, json!("two")));
}

/// The alias is read anew where the version could not be published at once: whoever moved it meanwhile
/// has the last word, however much is still to be done before it.
#[test]
fn an_alias_that_somebody_moved_before_the_check_stays_there() {
    let server = Arc::new(Server::start(&[]));
    let site = site(&["api"]);
    for word in ["one", "two"] {
        good(&site, "api", word);
        site.run(&server.address, &["deploy", "--skip-checks"]).code(0);
    }
    good(&site, "api", "three");
    let other = Arc::clone(&server);
    let step = AtomicUsize::new(0);
    let proxy = Proxy::new(&server.address, move |_, call| {
        // When the code was seen to have settled.
        let seen = step.load(Ordering::SeqCst) == 1 && call.starts_with("GET ");
        if seen || call.ends_with("/code") {
            step.fetch_add(1, Ordering::SeqCst);
        }
        if seen {
            let function = "/2015-03-31/functions/api";
            let back = json!({ "FunctionVersion": "1" });
            other.control("PUT", &format!("{function}/aliases/live"), &back);
            other.control("PUT", &format!("{function}/configuration"), &json!({ "Timeout": 3 }));
        }
        true
    });
    let run = site.run(&proxy.address, &["deploy"]).code(4);
    run.says("alias live was changed by somebody else meanwhile (it points at version 1");
    assert_eq!((of_check(&proxy.calls()), word(&server, "api")), (0, json!("one")));
}

#[test]
fn events_are_files_that_are_there_and_hold_json() {
    let server = Server::start(&[]);
    let site = site(&["api"]);
    site.workspace.write("events/a.expect.json", "{ \"n\": 2 }");
    site.run(&server.address, &["deploy"])
        .code(4)
        .says("`n` of the answer is 1, and 2 is expected");
    settings(&site, "check.events = [\"event/*.json\"]\n");
    let run = site.run(&server.address, &["plan"]).code(2);
    run.says("api: check.events `event/*.json` matches no file in ").says("`events`?");
    settings(&site, "check.events = \"events/*.json\"\n");
    site.workspace.write("events/z.expect.json", "{}");
    let run = site.run(&server.address, &["plan"]).code(2);
    run.says("api: `check.events` names events/z.expect.json, and no event");
    std::fs::remove_file(site.workspace.path().join("events/z.expect.json")).unwrap();
    settings(&site, "check.events = \"events/*.expect.json\"\n");
    site.run(&server.address, &["plan"]).code(2).says("`check.events` names no event");
    settings(&site, "check.events = \"events/c\"\n");
    site.workspace.write("events/c", "{");
    site.run(&server.address, &["plan"]).code(2).says("events/c is not JSON");
}
