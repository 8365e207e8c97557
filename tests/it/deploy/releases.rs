//! `releases`: what there is of versions, page by page.

use serde_json::{Value, json};

use super::site::Site;
use crate::local::server::Server;
use crate::support::{Run, run};

fn releases(site: &Site, server: &Server, args: &[&str]) -> Run {
    run(site.at(&server.address, &["releases"]).args(args)).code(0)
}

#[test]
fn a_hundred_and_twenty_versions_come_in_pages_and_the_newest_first() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    let deployed = site.deploy(&server.address);
    let function = "/2015-03-31/functions/api";
    for number in 2..=120 {
        server.control("PUT", &format!("{function}/configuration"), &json!({ "Timeout": number }));
        server.control("POST", &format!("{function}/versions"), &json!({}));
    }
    let records = releases(&site, &server, &["--output", "json"]).records();
    let numbers: Vec<_> = records.iter().map(|record| record["version"].clone()).collect();
    let expected: Vec<Value> =
        (1..=120).rev().map(|number: u32| json!(number.to_string())).collect();
    assert_eq!(numbers, expected);
    let (newest, first) = (&records[0], &records[119]);
    assert_eq!((&newest["aliases"], &newest["deploys"]), (&json!([]), &json!([])));
    assert_eq!((&newest["commit"], &newest["before"]), (&Value::Null, &json!([])));
    assert_eq!(first["aliases"], json!([{ "name": "live", "weight": 1.0 }]));
    assert_eq!(first["deploys"], json!([deployed[0]["deploy"]]));
    assert_eq!(first["code_sha256"], deployed[0]["code_sha256"]);
    let text = releases(&site, &server, &["api"]).stdout;
    assert_eq!((text.lines().count(), text.lines().next()), (122, Some("api")));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn functions_without_versions_without_aliases_and_none() {
    let server = Server::start(&[]);
    let site = Site::new(&["api"]);
    server.create("bare", &crate::local::zips::says("one"));
    server.create("old", &crate::local::zips::says("one"));
    server.control("POST", "/2015-03-31/functions/old/versions", &json!({}));
    let text = releases(&site, &server, &["api", "bare", "old", "apo"]).stdout;
    let said: Vec<&str> = text.split("\n\n").map(|part| part.lines().next().unwrap()).collect();
    assert_eq!(said[0], "api: not there");
    assert_eq!(said[1], "bare: no version is published, and there is no alias");
    assert_eq!(said[2], "old: there is no alias: its callers get $LATEST");
    assert!(said[3].starts_with("apo: not there; ") && said[3].contains("api"), "{text}");
    assert!(text.contains("\n      1  -      20"), "{text}");
    let records = releases(&site, &server, &["bare", "--output", "json"]).records();
    assert_eq!((records.len(), &records[0]["reason"]), (1, &json!("warning")));
}
