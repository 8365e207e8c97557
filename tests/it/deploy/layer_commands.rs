//! `layer publish`, `layer list` and `layer prune`.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::buckets;
use super::cuts::killed_after_of;
use super::emulators::Emulator;
use super::layers::{LAYERS, by_hand, ours, site, two, versions, writes};
use super::proxy::Proxy;
use super::site::Site;
use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Run, host_arch, run};

const PUBLISH: &[&str] = &["layer", "publish"];

fn states(run: &Run) -> Vec<(String, String)> {
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    run.records().iter().map(|it| (text(it, "layer"), text(it, "state"))).collect()
}

fn published(site: &Site, address: &str) -> Vec<(String, String)> {
    states(&site.run(address, &["layer", "publish", "--output", "json"]).code(0))
}

fn is(layer: &str, state: &str) -> (String, String) {
    (layer.to_owned(), state.to_owned())
}

/// `list` or `prune`, of all layers of ours.
fn layer(site: &Site, address: &str, args: &[&str]) -> Run {
    run(&mut site.at(address, &[&["layer"], args].concat()))
}

/// The fate of each version, as `NAME:1 fate`.
fn fates(run: &Run) -> Vec<String> {
    let one = |it: &Value| {
        let (layer, fate) = (it["layer"].as_str().unwrap(), it["fate"].as_str().unwrap());
        format!("{layer}:{} {fate}", it["version"])
    };
    run.records().iter().filter(|it| it["reason"] == "layer-version").map(one).collect()
}

fn numbers(server: &Server, layer: &str) -> Vec<u64> {
    versions(server, layer).iter().map(|it| it["Version"].as_u64().unwrap()).collect()
}

/// An extension of the workspace, packaged by itself.
fn extension(site: &Site, name: &str) {
    site.workspace.handler(name, "extension = \"external\"");
    let path = format!("extensions/{name}");
    let zip = zips::zip(&[(path.as_str(), zips::EXECUTABLE, b"#!/bin/sh\n")]);
    site.bundle_of(name, &zip);
    let path = format!("bundles/{name}/{}/lambda-pack.json", host_arch());
    let full = site.workspace.path().join(&path);
    let mut record: Value = serde_json::from_slice(&std::fs::read(full).unwrap()).unwrap();
    record["role"] = "external-extension".into();
    let sha256 = lambda_pack::digest::Sha256::of(b"#!/bin/sh\n").hex();
    record["files"] = json!([
        { "path": format!("extensions/{name}"), "mode": "0755", "size": 10, "sha256": sha256 }
    ]);
    site.workspace.write(&path, record.to_string());
}

#[test]
fn publish_brings_layers_alone_once_and_a_deploy_takes_them() {
    let (server, site) = (Server::start(&[]), site());
    let proxy = Proxy::new(&server.address, |_, _| true);
    let plan = site.run(&proxy.address, &["layer", "publish", "-n", "--output", "json"]).code(0);
    assert_eq!(states(&plan), [is("native", "to-publish"), is("models", "to-publish")]);
    assert_eq!(plan.records()[0]["changes"], json!(["PublishLayerVersion"]));
    assert_eq!(writes(&proxy), [""; 0]);
    // Two of three functions use it, and the third is not selected.
    let one = site.run(&server.address, &["layer", "publish", "mail"]).code(0);
    one.says_out("published")
        .says_out(&format!("\n  {}\n", ours("native", 1)))
        .says("1 in account");
    let both = published(&site, &server.address);
    assert_eq!(both, [is("native", "there"), is("models", "published")]);
    let proxy = Proxy::new(&server.address, |_, _| true);
    let again = site.run(&proxy.address, PUBLISH).code(0).says("Unchanged");
    assert!(again.stdout.contains(&ours("models", 1)), "{}", again.stdout);
    assert_eq!(writes(&proxy), [""; 0]);
    assert!(proxy.calls().iter().all(|call| call.contains(LAYERS)), "{:#?}", proxy.calls());
    let proxy = Proxy::new(&server.address, |_, _| true);
    site.deploy(&proxy.address);
    assert!(!writes(&proxy).contains(&"PublishLayerVersion"));
}

#[test]
fn an_extension_in_no_layer_is_a_layer_by_itself() {
    let (server, site) = (Server::start(&[]), two());
    extension(&site, "tracer");
    site.settings("[layers]\nprefix = \"shop\"\n");
    let name = format!("shop-extension-tracer-{}", host_arch());
    let state = published(&site, &server.address);
    assert_eq!(state, [is("native", "published"), is(&name, "published")]);
    let version = &versions(&server, &name)[0];
    assert_eq!(version["CompatibleArchitectures"], json!([host_arch()]));
    assert_eq!(version["CompatibleRuntimes"], json!(["provided.al2023"]));
    let alone = site.run(&server.address, &["layer", "publish", "tracer"]).code(0);
    alone.says("Unchanged").says_out(&ours(&name, 1));
    let unknown = site.run(&server.address, &["layer", "publish", "trace"]).code(2);
    unknown.says("no function `trace` is selected").says("`tracer`");
    // Its zip is not what was recorded.
    let zip = zips::zip(&[("extensions/tracer", zips::EXECUTABLE, b"#!/bin/ksh")]);
    let path = format!("bundles/tracer/{}/bootstrap.zip", host_arch());
    let length = std::fs::metadata(site.workspace.path().join(&path)).unwrap().len();
    assert_eq!(zip.len() as u64, length);
    site.workspace.write(&path, zip);
    let server = Server::start(&[]);
    let refused = site.run(&server.address, PUBLISH).code(2);
    refused.says("bootstrap.zip is not what lambda-pack.json beside it says");
    assert_eq!(versions(&server, "native").len(), 0);
}

#[test]
fn publish_may_be_killed_or_lose_any_answer() {
    let calls = {
        let (server, site) = (Server::start(&[]), site());
        let proxy = Proxy::new(&server.address, |_, _| true);
        published(&site, &proxy.address);
        proxy.calls().len()
    };
    let once = |server: &Server| {
        assert_eq!((numbers(server, "native"), numbers(server, "models")), (vec![1], vec![1]));
    };
    for call in 1..=calls {
        let (server, site) = (Server::start(&[]), site());
        killed_after_of(&site, &server, call, &["layer", "publish", "-q"]);
        published(&site, &server.address);
        once(&server);
        let server = Server::start(&[]);
        let proxy = Proxy::new(&server.address, move |number, _| number != call);
        site.run(&proxy.address, PUBLISH).code(0);
        once(&server);
    }
}

#[test]
fn who_may_not_publish_is_told_and_the_others_go_on() {
    let server = Server::start(&["--fault", "denied:PublishLayerVersion@#1"]);
    let site = site();
    let run = site.run(&server.address, &["layer", "publish", "--output", "json"]).code(4);
    assert!(run.stderr.contains("lambda:PublishLayerVersion"), "{}", run.stderr);
    assert!(run.stderr.contains("could not publish `"), "{}", run.stderr);
    let mut found: Vec<String> =
        run.records().iter().filter_map(|it| Some(it["state"].as_str()?.to_owned())).collect();
    found.sort();
    assert_eq!(found, ["published", "stopped"]);
}

/// Four versions of one layer: the first is used by a published version, the last by `$LATEST`.
fn history(server: &Server) -> Site {
    let site = two();
    for word in ["one", "two", "three", "four"] {
        site.layer("native", word);
        site.uses("api", &["native"]);
        site.uses("worker", &["native"]);
        if word == "one" || word == "four" {
            site.deploy(&server.address);
        } else {
            published(&site, &server.address);
        }
    }
    site
}

#[test]
fn list_shows_versions_their_users_and_what_is_packaged() {
    let server = Server::start(&[]);
    let site = history(&server);
    by_hand(&server, "agent");
    by_hand(&server, "native");
    let args = ["list", "--all", "--from", "bundles"];
    let text = layer(&site, &server.address, &args).code(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[0] == "native" && lines[1].contains("VERSION"), "{text}");
    assert!(lines[2].contains(" 4 ") && lines[2].contains("packaged"), "{text}");
    assert!(lines[2].ends_with("api $LATEST 2, worker $LATEST 2"), "{text}");
    assert!(lines[3].ends_with("  -"), "{text}");
    assert!(lines[5].ends_with("api 1, worker 1"), "{text}");
    let records = layer(&site, &server.address, &[&args[..], &["--output", "json"]].concat());
    let records = records.code(0).records();
    let tree = lambda_pack::digest::Sha256::of(b"one").hex();
    assert_eq!(records.len(), 4);
    assert_eq!((&records[3]["tree"], &records[3]["version"]), (&json!(tree), &json!(1)));
    assert_eq!(records[3]["used_by"], json!({ "api": ["1"], "worker": ["1"] }));
    assert_eq!(records[3]["architectures"], json!([host_arch()]));
    assert!(records[3]["size"].as_u64().unwrap() > 0);
    assert_eq!((&records[0]["now"], &records[1]["now"]), (&json!("packaged"), &Value::Null));
    // Neither in the lock nor of this prefix.
    layer(&site, &server.address, &["list"]).code(0).says("no version of ours");
    // On this machine, as everything that goes to AWS.
    let port = server.address.rsplit(':').next().unwrap();
    for (command, said) in [("list", "native"), ("prune", "used")] {
        let args = ["layer", command, "native", "--local", "--port", port];
        run(&mut site.workspace.command(&args)).code(0).says_out(said).says("this machine");
    }
    let agent = layer(&site, &server.address, &["list", "agent"]).code(0);
    agent.says("the layer `agent` has no version of ours");
}

#[test]
fn of_the_workspace_are_the_layers_of_its_lock_and_its_prefix() {
    let (server, site) = (Server::start(&[]), two());
    let arch = host_arch();
    for name in ["shop-native-pq", "shop-admin-native-pq", "kept"] {
        let name = if name == "kept" { name.to_owned() } else { format!("{name}-{arch}") };
        site.layer(&name, "one");
        site.uses("api", &[&name]);
        site.uses("worker", &[]);
        published(&site, &server.address);
    }
    let digest = lambda_pack::digest::Sha256::of(b"");
    site.workspace.write(
        "lambda-pack.lock",
        format!(
            "version = 1\nlayer-prefix = \"shop\"\n[[layer]]\nname = \"kept\"\narchitecture = \"{arch}\"\n\
             functions = [\"api\"]\nfiles = [{{ path = \"lib/a\", kind = \"native\", mode = \"0755\", \
             size = 1, digest = \"{digest}\" }}]\n"
        ),
    );
    let names = |site: &Site| -> Vec<Value> {
        let run = layer(site, &server.address, &["list", "--output", "json"]).code(0);
        run.records().iter().map(|it| it["layer"].clone()).collect()
    };
    let shop = format!("shop-native-pq-{arch}");
    assert_eq!(names(&site), [json!("kept"), json!(shop)]);
    site.settings("[layers]\nprefix = \"shop-admin\"\n");
    assert_eq!(names(&site), [json!("kept"), json!(format!("shop-admin-native-pq-{arch}"))]);
}

#[test]
fn prune_deletes_what_nobody_uses_and_only_when_told() {
    let server = Server::start(&[]);
    let site = history(&server);
    by_hand(&server, "native");
    let args = ["prune", "native", "--keep", "1", "--output", "json"];
    let proxy = Proxy::new(&server.address, |_, _| true);
    let shown = layer(&site, &proxy.address, &args).code(0);
    let expected = ["native:4 used", "native:3 goes", "native:2 goes", "native:1 used"];
    assert_eq!(fates(&shown), expected);
    assert_eq!(writes(&proxy), [""; 0]);
    // By default three stay.
    layer(&site, &server.address, &["prune", "native"]).code(0).says("Unchanged");
    let text = layer(&site, &server.address, &args[..4]).code(0);
    text.says("2 versions in account").says("`--yes` deletes them").says_out("goes");
    let yes = [&args[..], &["--yes"]].concat();
    let proxy = Proxy::new(&server.address, |_, _| true);
    let done = layer(&site, &proxy.address, &yes).code(0);
    let expected = ["native:4 used", "native:3 deleted", "native:2 deleted", "native:1 used"];
    assert_eq!(fates(&done), expected);
    assert_eq!(writes(&proxy), ["DeleteLayerVersion"; 2]);
    let made: BTreeSet<&str> = proxy.all().iter().map(super::proxy::Call::operation).collect();
    let policy = "GetLayerVersionPolicy";
    let expected = ["DeleteLayerVersion", policy, "ListFunctions", "ListLayerVersions"];
    assert_eq!(made.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(numbers(&server, "native"), [5, 4, 1]);
    let again = layer(&site, &server.address, &yes).code(0);
    assert_eq!(fates(&again), ["native:4 used", "native:1 used"]);
    assert_eq!(site.changes(&server.address), 0);
    // What was deleted is published anew where it is wanted again.
    site.layer("native", "two");
    site.uses("api", &["native"]);
    site.uses("worker", &["native"]);
    site.deploy(&server.address);
    assert_eq!(numbers(&server, "native"), [6, 5, 4, 1]);
}

#[test]
fn prune_keeps_what_others_may_use_and_what_is_used_meanwhile() {
    let server = Server::start(&[]);
    let site = history(&server);
    let allow =
        json!({ "StatementId": "all", "Principal": "*", "Action": "lambda:GetLayerVersion" });
    server.control("POST", &format!("{LAYERS}/native/versions/3/policy"), &allow);
    let args = ["prune", "native", "--keep", "1", "--yes", "--output", "json"];
    // When it has been decided, somebody takes version 2 back.
    let server = Arc::new(server);
    let rival = Arc::clone(&server);
    let proxy = Proxy::new(&server.address, move |_, call| {
        if call.contains("/versions/2/policy") {
            let body = json!({ "Layers": [ours("native", 2)] });
            rival.control("PUT", "/2015-03-31/functions/api/configuration", &body);
        }
        true
    });
    let done = layer(&site, &proxy.address, &args).code(0);
    let expected = ["native:4 used", "native:3 shared", "native:2 used", "native:1 used"];
    assert_eq!(fates(&done), expected);
    assert_eq!(writes(&proxy), [""; 0]);
}

#[test]
fn versions_that_go_take_the_layers_along_that_only_they_used() {
    let server = Server::start(&[]);
    let site = history(&server);
    by_hand(&server, "native");
    let prune = |functions: &[&str], more: &[&str]| {
        let args = ["prune", "--keep", "1", "--output", "json"];
        run(&mut site.at(&server.address, &[&args[..], functions, more].concat())).code(0)
    };
    let both = &["api", "worker"];
    let kept = prune(both, &[]);
    assert_eq!(kept.records().last().unwrap()["versions"], 0, "the alias was there before");
    for function in both {
        let path = format!("/2015-03-31/functions/{function}/aliases/live");
        server.control("PUT", &path, &json!({ "Description": "" }));
    }
    let of = |first: &str, others: &str| {
        ["4 used".to_owned(), format!("3 {others}"), format!("2 {others}"), format!("1 {first}")]
            .map(|it| format!("native:{it}"))
    };
    // The other function has the first one still.
    assert_eq!(fates(&prune(&["api"], &[])), of("used", "goes"));
    assert_eq!(fates(&prune(both, &[])), of("goes", "goes"));
    assert_eq!(numbers(&server, "native"), [5, 4, 3, 2, 1]);
    let done = prune(both, &["--yes"]);
    assert_eq!(fates(&done), of("deleted", "deleted"));
    let end = done.records().pop().unwrap();
    assert_eq!((&end["versions"], &end["layer_versions"]), (&json!(2), &json!(3)));
    assert_eq!(numbers(&server, "native"), [5, 4]);
    assert_eq!(site.changes(&server.address), 0);
}

/// A version of a layer, as a deploy of this word would have published it.
fn version_of(server: &Server, word: u32) {
    let word = word.to_string();
    let zip = zips::zip(&[("share/word", zips::PLAIN, word.as_bytes())]);
    let tree = lambda_pack::digest::Sha256::of(word.as_bytes()).hex();
    let zip = json!({ "ZipFile": STANDARD.encode(zip) });
    let body = json!({ "Content": zip, "Description": format!("lp1 sha256:{tree}") });
    server.control("POST", &format!("{LAYERS}/native/versions"), &body);
}

fn three(server: &Server) {
    (0..3).for_each(|word| version_of(server, word));
}

#[test]
fn prune_refuses_where_it_cannot_see_and_survives_the_rest() {
    let server = Server::start(&["--fault", "denied:ListFunctions"]);
    let site = two();
    site.layer("native", "2");
    three(&server);
    let args = ["prune", "--all", "--keep", "1", "--yes"];
    let refused = layer(&site, &server.address, &args).code(4);
    assert!(refused.stderr.contains("lambda:ListFunctions"), "{}", refused.stderr);
    assert_eq!(numbers(&server, "native").len(), 3);
    let list = layer(&site, &server.address, &["list", "--all", "--from", "bundles"]).code(0);
    list.says("who uses them cannot be seen").says_out("packaged  ?");

    // Throttled, and with every answer lost in turn.
    let faults = ["--fault", "throttle:DeleteLayerVersion@#1"];
    for lost in 0..=9 {
        let server = Server::start(&faults);
        three(&server);
        let proxy = Proxy::new(&server.address, move |number, _| number != lost);
        layer(&site, &proxy.address, &args).code(0).says("2 versions");
        assert_eq!(numbers(&server, "native"), [3], "{lost}");
    }
    let server = Server::start(&["--fault", "denied:DeleteLayerVersion"]);
    three(&server);
    let proxy = Proxy::new(&server.address, |_, _| true);
    let denied = layer(&site, &proxy.address, &args).code(4);
    assert!(denied.stderr.contains("lambda:DeleteLayerVersion"), "{}", denied.stderr);
    assert_eq!(writes(&proxy), ["DeleteLayerVersion"]);
}

#[test]
fn lists_go_on_to_their_last_page() {
    let server = Server::start(&[]);
    let site = two();
    site.deploy(&server.address);
    // Sixty versions of a function, of which one of the last pages uses the oldest layer.
    for word in 0..60 {
        version_of(&server, word);
        let name = format!("f{word:02}");
        let more = if word == 59 { json!({ "Layers": [ours("native", 2)] }) } else { json!({}) };
        server.create_with(&name, &zips::says("one"), &more);
    }
    let args = ["prune", "native", "--output", "json"];
    let found = fates(&layer(&site, &server.address, &args).code(0));
    let count = |fate: &str| found.iter().filter(|it| it.ends_with(fate)).count();
    // The first is of the deploy, the second of the last function.
    assert_eq!((count("newest"), count("used"), count("goes")), (3, 2, 56));
    let yes = [&args[..], &["--yes"]].concat();
    layer(&site, &server.address, &yes).code(0);
    assert_eq!(numbers(&server, "native"), [61, 60, 59, 2, 1]);
}

/// Publishes three times, deploys the last, and prunes.
fn on_an_emulator(emulator: &Emulator, site: &Site) {
    for word in ["one", "two", "three"] {
        site.layer("native", word);
        site.uses("api", &["native"]);
        assert_eq!(published(site, &emulator.address), [is("native", "published")]);
    }
    assert_eq!(published(site, &emulator.address), [is("native", "there")]);
    site.deploy(&emulator.address);
    let args = ["list", "--all", "--from", "bundles", "--output", "json"];
    let all = layer(site, &emulator.address, &args).code(0).records();
    assert_eq!((all.len(), &all[0]["now"]), (3, &json!("packaged")));
    assert!(all[0]["used_by"]["api"].as_array().is_some_and(|it| it.contains(&json!("$LATEST"))));
    let args = ["prune", "native", "--keep", "1", "--yes", "--output", "json"];
    let found = fates(&layer(site, &emulator.address, &args).code(0));
    assert_eq!(found, ["native:3 used", "native:2 deleted", "native:1 deleted"]);
    let all = emulator.aws(&["lambda", "list-layer-versions", "--layer-name", "native"]);
    assert_eq!(all["LayerVersions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn ministack_lists_and_deletes_layers() {
    let Some(emulator) = Emulator::ministack() else { return };
    let site = Site::new(&["api"]);
    site.settings(&format!("role = \"{}\"\nalias = [\"live\"]\n", emulator.role()));
    on_an_emulator(&emulator, &site);
}

#[test]
fn moto_takes_published_layers_by_way_of_a_bucket() {
    let Some(emulator) = Emulator::moto() else { return };
    on_an_emulator(&emulator, &buckets::with_bucket(&emulator));
}
