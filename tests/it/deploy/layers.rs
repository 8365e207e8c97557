//! Layers that functions share: published once, found again, put among those of others.

use lambda_pack::layer::record::LayerRecord;
use serde_json::{Value, json};

use super::buckets;
use super::cuts::{at_calls, each, killed_after, lost, of_each_kind};
use super::emulators::Emulator;
use super::policy::hold;
use super::proxy::Proxy;
use super::site::{ROLE, Site, answer, state};
use crate::local::server::Server;
use crate::local::zips;
use crate::support::{host_arch, run};

pub(super) const LAYERS: &str = "/2018-10-31/layers";

impl Site {
    /// A layer as `package` writes it, with a file that holds this word. Gives its `CodeSha256`.
    pub(super) fn layer(&self, name: &str, word: &str) -> String {
        let zip = zips::zip(&[("share/word", zips::PLAIN, word.as_bytes())]);
        self.layer_of(name, word, &zip)
    }

    fn layer_of(&self, name: &str, word: &str, zip: &[u8]) -> String {
        let digest = |bytes: &[u8]| lambda_pack::digest::Sha256::of(bytes);
        let (sha, tree) = (digest(zip).base64(), digest(word.as_bytes()).hex());
        let record = LayerRecord {
            format: 1,
            layer: name.to_owned(),
            kinds: vec!["native".to_owned()],
            architecture: host_arch().to_owned(),
            runtimes: vec!["provided.al2023".to_owned()],
            tree,
            code_sha256: sha.clone(),
            unpacked: word.len() as u64,
            size: zip.len() as u64,
            zip: LayerRecord::ZIP.to_owned(),
            files: Vec::new(),
            functions: Vec::new(),
        };
        let folder = format!("bundles/{name}/{}", LayerRecord::FOLDER);
        let text = serde_json::to_string(&record).unwrap();
        self.workspace.write(&format!("{folder}/{}", LayerRecord::FILE), text);
        self.workspace.write(&format!("{folder}/{}", LayerRecord::ZIP), zip);
        sha
    }

    /// The bundle of a function was split off into these layers, as they are now.
    pub(super) fn uses(&self, function: &str, layers: &[&str]) {
        let read = |path: &str| -> Value {
            serde_json::from_slice(&std::fs::read(self.workspace.path().join(path)).unwrap())
                .unwrap()
        };
        let path = format!("bundles/{function}/{}/lambda-pack.json", host_arch());
        let mut record = read(&path);
        let layer = |name: &&str| {
            let layer = read(&format!("bundles/{name}/layer/layer.json"));
            json!({ "layer": name, "tree": layer["tree"], "CodeSha256": layer["CodeSha256"] })
        };
        record["layers"] = layers.iter().map(layer).collect();
        self.workspace.write(&path, record.to_string());
    }
}

/// Three functions, of which all share one layer and two another.
pub(super) fn site() -> Site {
    let site = Site::new(&["api", "mail", "worker"]);
    site.layer("native", "one");
    site.layer("models", "one");
    share(&site);
    site
}

pub(super) fn share(site: &Site) {
    site.uses("api", &["native", "models"]);
    site.uses("mail", &["native"]);
    site.uses("worker", &["native", "models"]);
}

pub(super) fn ours(name: &str, version: u32) -> String {
    format!("arn:aws:lambda:us-east-1:{}:layer:{name}:{version}", lambda_pack::local::ACCOUNT)
}

/// A layer of somebody else's in the same account.
pub(super) fn by_hand(server: &Server, name: &str) -> String {
    use base64::Engine as _;
    let zip = zips::zip(&[("share/other", zips::PLAIN, name.as_bytes())]);
    let zip = base64::engine::general_purpose::STANDARD.encode(zip);
    let body = json!({ "Content": { "ZipFile": zip }, "Description": "by hand" });
    let made = server.control("POST", &format!("{LAYERS}/{name}/versions"), &body);
    made["LayerVersionArn"].as_str().unwrap().to_owned()
}

pub(super) fn versions(server: &Server, layer: &str) -> Vec<Value> {
    let reply = server.call("GET", &format!("{LAYERS}/{layer}/versions"), &[], b"");
    reply.json()["LayerVersions"].as_array().cloned().unwrap_or_default()
}

/// The layers of `$LATEST`, which are those of what the alias points at.
#[track_caller]
fn layers(server: &Server, function: &str) -> Vec<String> {
    let arns = |of: &Value| -> Vec<String> {
        let all = of["Layers"].as_array().into_iter().flatten();
        all.map(|layer| layer["Arn"].as_str().unwrap().to_owned()).collect()
    };
    let state = state(server, function);
    let live = &state["aliases"][0]["version"];
    let mut versions = state["versions"].as_array().unwrap().iter();
    let target = versions.find(|version| version["Version"] == *live).unwrap();
    assert_eq!(arns(target), arns(&state["configuration"]), "{function}");
    arns(target)
}

/// The operations that write, in order.
pub(super) fn writes(proxy: &Proxy) -> Vec<&'static str> {
    let all = proxy.all().into_iter().filter(|call| !call.line.starts_with("GET "));
    all.map(|call| call.operation()).collect()
}

#[test]
fn a_first_deploy_publishes_once_for_three_functions_and_a_second_does_nothing() {
    let (server, site) = (Server::start(&[]), site());
    let plan = site.run(&server.address, &["plan"]).code(0);
    for said in
        ["layer         PublishLayerVersion", "publish layer native (", "for api, mail, worker)"]
    {
        assert!(plan.stdout.contains(said), "{said}: {}", plan.stdout);
    }
    let status = run(&mut site.at(&server.address, &["status", "--from", "bundles"])).code(0);
    status.says_out("publish layer native (");
    let proxy = Proxy::new(&server.address, |_, _| true);
    let records = site.deploy(&proxy.address);
    assert_eq!(records.len(), 3);
    let published = writes(&proxy).into_iter().filter(|call| *call == "PublishLayerVersion");
    assert_eq!(published.count(), 2);
    let native = &versions(&server, "native")[..];
    let [native] = native else { panic!("{native:?}") };
    let tree = lambda_pack::digest::Sha256::of(b"one").hex();
    assert_eq!(native["Description"], format!("lp1 sha256:{tree}"));
    assert_eq!(native["CompatibleRuntimes"], json!(["provided.al2023"]));
    assert_eq!(native["CompatibleArchitectures"], json!([host_arch()]));
    assert_eq!(layers(&server, "api"), [ours("native", 1), ours("models", 1)]);
    assert_eq!(layers(&server, "mail"), [ours("native", 1)]);
    assert_eq!(answer(&server, "worker"), "one");

    let proxy = Proxy::new(&server.address, |_, _| true);
    assert_eq!(site.deploy(&proxy.address)[0]["state"], "unchanged");
    assert_eq!(writes(&proxy), [""; 0]);
    // Three reads for each function, and two for each layer, whoever wants it.
    assert_eq!(proxy.calls().len(), 3 * 3 + 2 * 2, "{:#?}", proxy.calls());
    let mut status = site.at(&server.address, &["status", "--from", "bundles", "--exit-code"]);
    run(&mut status).code(0);
}

#[test]
fn a_changed_layer_repoints_and_publishes_its_functions_alone() {
    let (server, site) = (Server::start(&[]), site());
    site.deploy(&server.address);
    site.layer("models", "two");
    share(&site);
    let mut status = site.at(&server.address, &["status", "--from", "bundles", "--exit-code"]);
    run(&mut status).code(5).says_out("Layers");
    let records = site.deploy(&server.address);
    let changes = |at: usize| records[at]["changes"].clone();
    let moved = ["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"];
    let first = [&["PublishLayerVersion"][..], &moved].concat();
    assert_eq!((changes(0), changes(1), changes(2)), (json!(first), json!([]), json!(moved)));
    assert_eq!(layers(&server, "api"), [ours("native", 1), ours("models", 2)]);
    assert_eq!(layers(&server, "mail"), [ours("native", 1)]);
    // Back again: that version is there still.
    site.layer("models", "one");
    share(&site);
    let records = site.deploy(&server.address);
    assert_eq!((&records[0]["changes"], &records[2]["changes"]), (&json!(moved), &json!(moved)));
    assert_eq!(layers(&server, "worker"), [ours("native", 1), ours("models", 1)]);
    assert_eq!(versions(&server, "models").len(), 2);
    // The same files in other bytes are another version: those that were audited are used.
    let zip = zips::zip(&[("share/word", zips::PLAIN, b"one"), ("more", zips::PLAIN, b"")]);
    site.layer_of("models", "one", &zip);
    share(&site);
    site.deploy(&server.address);
    assert_eq!(layers(&server, "worker"), [ours("native", 1), ours("models", 3)]);
    assert_eq!(site.changes(&server.address), 0);
}

#[test]
fn layers_of_others_keep_their_order() {
    let (server, site) = (Server::start(&[]), site());
    let (one, two) = (by_hand(&server, "agent"), by_hand(&server, "probe"));
    let settings = |layers: &str| {
        site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n{layers}"));
    };
    settings(&format!("layers = [\"{two}\", \"{one}\"]\n"));
    site.deploy(&server.address);
    let native = ours("native", 1);
    assert_eq!(layers(&server, "mail"), [two.clone(), one.clone(), native.clone()]);
    // Left alone, and in another order meanwhile.
    settings("");
    assert_eq!(site.changes(&server.address), 0);
    let by_hand = json!({ "Layers": [one, native, two] });
    server.control("PUT", "/2015-03-31/functions/mail/configuration", &by_hand);
    site.layer("native", "two");
    share(&site);
    site.deploy(&server.address);
    assert_eq!(layers(&server, "mail"), [one.clone(), ours("native", 2), two.clone()]);
    // One that this program published for another workspace is theirs too.
    site.uses("mail", &[]);
    site.deploy(&server.address);
    assert_eq!(layers(&server, "mail"), [one.clone(), ours("native", 2), two.clone()]);
    // What it does not need any more goes, and theirs stay.
    let arch = host_arch();
    let known =
        format!("name = \"native\"\narchitecture = \"{arch}\"\nfunctions = []\nfiles = []\n");
    site.workspace.write("lambda-pack.lock", format!("version = 1\n[[layer]]\n{known}"));
    site.deploy(&server.address);
    assert_eq!(layers(&server, "mail"), [one, two]);
    assert_eq!(site.changes(&server.address), 0);
}

#[test]
fn two_versions_of_one_layer_and_six_layers_are_refused() {
    let (server, site) = (Server::start(&[]), site());
    let refused = |layers: &[String], why: &str| {
        let settings = format!("role = \"{ROLE}\"\nalias = [\"live\"]\nlayers = {layers:?}\n");
        site.settings(&settings);
        let proxy = Proxy::new(&server.address, |_, _| true);
        site.run(&proxy.address, &["deploy"]).code(2).says(why);
        assert_eq!(writes(&proxy), [""; 0]);
    };
    refused(&[ours("native", 7)], "two versions of the layer native");
    let four: Vec<String> = (1..5).map(|at| ours(&format!("l{at}"), 1)).collect();
    refused(&four, "(l1:1, l2:1, l3:1, l4:1, native, models), and AWS takes 5");
}

/// Two functions that share, from nothing.
pub(super) fn two() -> Site {
    let site = Site::new(&["api", "worker"]);
    site.layer("native", "one");
    site.uses("api", &["native"]);
    site.uses("worker", &["native"]);
    site
}

fn change(site: &Site, server: &Server) {
    site.deploy(&server.address);
    site.layer("native", "two");
    site.bundle("api", "two");
    site.bundle("worker", "two");
    site.uses("api", &["native"]);
    site.uses("worker", &["native"]);
}

/// What is there, and how many versions the layer has: each once.
fn states(server: &Server) -> Vec<Value> {
    let functions = ["api", "worker"].iter().map(|name| state(server, name));
    functions.chain([versions(server, "native").len().into()]).collect()
}

#[test]
fn killed_after_calls_no_layer_is_published_twice() {
    at_calls(&of_each_kind, &two, &|_, _| (), &killed_after, &states);
    at_calls(&of_each_kind, &two, &change, &killed_after, &states);
}

#[test]
fn with_answers_lost_no_layer_is_published_twice() {
    at_calls(&of_each_kind, &two, &|_, _| (), &lost, &states);
    at_calls(&of_each_kind, &two, &change, &lost, &states);
}

#[test]
#[ignore = "takes minutes"]
fn cut_at_every_call_no_layer_is_published_twice() {
    at_calls(&each, &two, &|_, _| (), &killed_after, &states);
    at_calls(&each, &two, &change, &killed_after, &states);
    at_calls(&each, &two, &|_, _| (), &lost, &states);
    at_calls(&each, &two, &change, &lost, &states);
}

#[test]
fn what_a_rival_has_published_meanwhile_is_taken() {
    let (server, ours, theirs) = (Server::start(&[]), two(), site());
    theirs.layer("native", "one");
    let address = server.address.clone();
    let proxy = Proxy::new(&server.address, move |number, _| {
        if number == 1 {
            let mut rival = theirs.command(&address, &["deploy", "mail"]);
            assert_eq!(run(&mut rival).code, 0);
        }
        true
    });
    ours.deploy(&proxy.address);
    assert_eq!(versions(&server, "native").len(), 1);
    assert!(!writes(&proxy).contains(&"PublishLayerVersion"));
}

#[test]
fn who_may_not_publish_is_told_once() {
    let (server, site) = (Server::start(&["--fault", "denied:PublishLayerVersion"]), two());
    let proxy = Proxy::new(&server.address, |_, _| true);
    let run = site.run(&proxy.address, &["deploy", "--keep-going"]).code(4);
    assert!(run.stderr.contains("lambda:PublishLayerVersion"), "{}", run.stderr);
    assert_eq!(writes(&proxy), ["PublishLayerVersion"]);
    let server = Server::start(&["--fault", "throttle:PublishLayerVersion@#1"]);
    site.deploy(&server.address);
    assert_eq!(versions(&server, "native").len(), 1);
}

#[test]
fn a_layer_that_is_not_what_was_packaged_is_not_sent() {
    let (server, site) = (Server::start(&[]), two());
    let refused = |why: &str| {
        let proxy = Proxy::new(&server.address, |_, _| true);
        site.run(&proxy.address, &["deploy"]).code(2).says(why).says("again");
        assert_eq!(writes(&proxy), [""; 0]);
    };
    let zip = "bundles/native/layer/layer.zip";
    let mut bytes = std::fs::read(site.workspace.path().join(zip)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    site.workspace.write(zip, &bytes);
    refused("layer.zip is not what layer.json beside it says");
    bytes.pop();
    site.workspace.write(zip, &bytes);
    refused("layer.zip is not what layer.json beside it says");
    site.layer("native", "two");
    refused("layer.json is not of the layer that `api` was packaged with");
    std::fs::remove_dir_all(site.workspace.path().join("bundles/native")).unwrap();
    refused("`api` was packaged with the layer native");
}

#[test]
fn what_is_called_for_layers_is_what_the_policy_allows() {
    let (server, site) = (Server::start(&[]), two());
    by_hand(&server, "agent");
    hold(&site, &server);
    change(&site, &server);
    hold(&site, &server);
    hold(&site, &server);
    site.uses("api", &[]);
    hold(&site, &server);
}

#[test]
fn the_server_on_this_machine_takes_layers() {
    let (server, site) = (Server::start(&[]), two());
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let args = ["deploy", "--local", "--port", &port, "--from", "bundles"];
    run(&mut site.workspace.command(&args)).code(0);
    assert_eq!(layers(&server, "api"), [ours("native", 1)]);
    run(&mut site.workspace.command(&args)).code(0).says("Unchanged");
    assert_eq!(versions(&server, "native").len(), 1);
}

/// Twice the same, and once with another layer.
fn on_an_emulator(emulator: &Emulator, site: &Site) {
    site.layer("native", "one");
    site.uses("api", &["native"]);
    site.deploy(&emulator.address);
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    assert_eq!(site.deploy(&proxy.address)[0]["state"], "unchanged");
    assert!(proxy.calls().iter().all(|call| call.starts_with("GET ")), "{:#?}", proxy.calls());
    site.layer("native", "two");
    site.uses("api", &["native"]);
    site.deploy(&emulator.address);
    let listed = ["lambda", "list-layer-versions", "--layer-name", "native"];
    let all = emulator.aws(&listed)["LayerVersions"].as_array().map(Vec::len);
    assert_eq!(all, Some(2));
    let read = ["lambda", "get-function", "--function-name", "api", "--qualifier", "live"];
    let layers = &emulator.aws(&read)["Configuration"]["Layers"];
    assert!(layers[0]["Arn"].as_str().unwrap().ends_with(":layer:native:2"), "{layers}");
}

#[test]
fn ministack_takes_layers() {
    let Some(emulator) = Emulator::ministack() else { return };
    let site = Site::new(&["api"]);
    site.settings(&format!("role = \"{}\"\nalias = [\"live\"]\n", emulator.role()));
    on_an_emulator(&emulator, &site);
    assert_eq!(emulator.invoked("api:live"), "one");
}

#[test]
fn moto_takes_layers_by_way_of_a_bucket() {
    let Some(emulator) = Emulator::moto() else { return };
    let site = buckets::with_bucket(&emulator);
    on_an_emulator(&emulator, &site);
}
