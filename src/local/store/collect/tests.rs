use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::super::Taken;
use super::*;
use crate::account::{Input, Moment};

/// A zip with one file of this text.
fn zipped(text: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

fn write(path: &Path) {
    crate::files::write_atomically(path, b"").unwrap();
}

struct Bench {
    store: Store,
    account: Account,
    ids: u64,
}

impl Bench {
    fn new() -> Self {
        let account = Account::new("123456789012", "us-east-1");
        Self { store: Store::open(None, None).unwrap(), account, ids: 0 }
    }

    fn call(&mut self, operation: &str, input: Value, taken: Option<Taken>) -> Value {
        let Value::Object(members) = input else { panic!("{input}") };
        let mut uuid = || {
            self.ids += 1;
            self.ids.to_string()
        };
        let (code, _hold) = taken.map(|taken| (taken.code, taken.hold)).unzip();
        let mut moment = Moment { now: 0, uuid: &mut uuid, delay: 0, fails_with: None, code };
        self.account.call(operation, &Input::new(members), &mut moment).unwrap().into()
    }

    fn take(&self, text: &str) -> Taken {
        self.store.take(&zipped(text)).unwrap()
    }

    fn create(&mut self, name: &str, text: &str, layers: &[&Value]) {
        let taken = self.take(text);
        let input = json!({
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {},
            "Role": "arn:aws:iam::123456789012:role/role", "Layers": layers,
        });
        self.call("CreateFunction", input, Some(taken));
    }

    fn update(&mut self, name: &str, text: &str) {
        let taken = self.take(text);
        self.call("UpdateFunctionCode", json!({ "FunctionName": name }), Some(taken));
        self.account.settle(0);
    }

    fn layer(&mut self, text: &str) -> Value {
        let taken = self.take(text);
        let input = json!({ "LayerName": "layer", "Content": {} });
        self.call("PublishLayerVersion", input, Some(taken))["LayerVersionArn"].clone()
    }

    /// Collects as the server does; whether there is more to come.
    fn collect(&mut self) -> bool {
        self.account.settle(0);
        let collected = self.store.collect(&self.account);
        for folder in collected.folders {
            fs::remove_dir_all(folder).unwrap();
        }
        collected.more
    }

    /// Which of these texts are still there as code.
    fn left<'a>(&self, texts: &[&'a str]) -> Vec<&'a str> {
        let there = |text: &&&str| {
            let sha256 = crate::digest::Sha256::of(&zipped(text)).base64();
            self.store.zip(&sha256).is_file()
        };
        texts.iter().filter(there).copied().collect()
    }

    fn unpacked(&self) -> BTreeSet<String> {
        let folder = self.store.root.join("unpacked");
        items(&folder).map(|item| item.file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn what_functions_versions_and_layers_name_stays() {
    let mut bench = Bench::new();
    let layer = bench.layer("layer");
    bench.create("fn", "one", &[&layer]);
    bench.call("PublishVersion", json!({ "FunctionName": "fn" }), None);
    for text in ["two", "three"] {
        bench.update("fn", text);
    }
    let all = ["one", "two", "three", "layer"];
    assert_eq!(bench.left(&all), all);
    assert!(!bench.collect());
    assert_eq!(bench.left(&all), ["one", "three", "layer"]);
    // A layer that was deleted is still used.
    let layer = json!({ "LayerName": "layer", "VersionNumber": 1 });
    bench.call("DeleteLayerVersion", layer, None);
    bench.collect();
    assert_eq!(bench.left(&all), ["one", "three", "layer"]);
    bench.call("DeleteFunction", json!({ "FunctionName": "fn", "Qualifier": "1" }), None);
    bench.collect();
    assert_eq!(bench.left(&all), ["three", "layer"]);
    bench.call("DeleteFunction", json!({ "FunctionName": "fn" }), None);
    bench.collect();
    assert!(bench.left(&all).is_empty());
}

#[test]
fn what_serves_during_an_update_stays() {
    let mut bench = Bench::new();
    bench.create("fn", "one", &[]);
    let taken = bench.take("two");
    bench.call("UpdateFunctionCode", json!({ "FunctionName": "fn" }), Some(taken));
    bench.store.collect(&bench.account);
    assert_eq!(bench.left(&["one", "two"]), ["one", "two"]);
    bench.collect();
    assert_eq!(bench.left(&["one", "two"]), ["two"]);
}

#[test]
fn what_a_request_has_brought_stays_until_it_is_decided() {
    let mut bench = Bench::new();
    let (new, again) = (bench.take("new"), bench.take("new"));
    drop(again);
    assert!(bench.collect(), "it will be looked for again");
    assert_eq!(bench.left(&["new"]), ["new"]);
    drop(new);
    assert!(!bench.collect());
    assert!(bench.left(&["new"]).is_empty());
    assert!(bench.store.held.lock().unwrap().0.is_empty(), "nothing is left of holds");
    // What was there already, and is removed between two requests, is brought again.
    bench.create("fn", "new", &[]);
    bench.collect();
    assert_eq!(bench.left(&["new"]), ["new"]);
}

#[test]
fn what_an_environment_needs_stays_as_long_as_it() {
    let mut bench = Bench::new();
    let layers = [bench.take("a"), bench.take("b")].map(|it| it.code.sha256().to_owned());
    let code = bench.take("code").code.sha256().to_owned();
    let hold = bench.store.hold_for(Some(&code), &layers);
    bench.store.unpacked(&code).unwrap();
    bench.store.unpacked_together(&[&layers[0], &layers[1]]).unwrap();
    bench.store.unpacked(&layers[0]).unwrap();
    assert!(bench.collect());
    assert_eq!(bench.left(&["a", "b", "code"]), ["a", "b", "code"]);
    assert_eq!(bench.unpacked().len(), 3);
    drop(hold);
    assert!(!bench.collect());
    assert!(bench.left(&["a", "b", "code"]).is_empty());
    assert!(bench.unpacked().is_empty());
}

#[test]
fn unpacked_folders_of_what_is_named_stay() {
    let mut bench = Bench::new();
    let layer = bench.layer("layer");
    bench.create("fn", "one", &[&layer]);
    let configuration = bench.account.configurations().next().unwrap().clone();
    bench.store.unpacked(configuration.code.sha256()).unwrap();
    bench.store.unpacked(configuration.layers[0].code.sha256()).unwrap();
    let before = bench.unpacked();
    assert_eq!(before.len(), 2);
    bench.collect();
    assert_eq!(bench.unpacked(), before);
}

/// The folder is the user's: what has no name of ours is not touched.
#[test]
fn what_is_not_ours_stays() {
    let mut bench = Bench::new();
    let foreign =
        ["notes.zip", ".git", "main.rs", &"x".repeat(44), &format!("{}.tar", "x".repeat(43))];
    for name in foreign {
        for folder in ["code", "unpacked"] {
            write(&bench.store.root.join(folder).join(name));
        }
    }
    assert!(!bench.collect());
    for name in foreign {
        for folder in ["code", "unpacked"] {
            assert!(bench.store.root.join(folder).join(name).is_file(), "{folder}/{name}");
        }
    }
}

#[test]
fn what_was_half_done_is_cleared_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(Some(folder.path()), None).unwrap());
    let half = ["unpacked/.Abc123", "unpacked/.gone"].map(|name| folder.path().join(name));
    for path in &half {
        fs::create_dir(path).unwrap();
        write(&path.join("bootstrap"));
    }
    let files = ["code/.tmpAbc123", "records/.tmpAbc123"].map(|name| folder.path().join(name));
    for path in &files {
        write(path);
    }
    drop(Store::open(Some(folder.path()), None).unwrap());
    for path in half.iter().chain(&files) {
        assert!(!path.exists(), "{}", path.display());
    }
}

#[test]
fn what_could_not_be_saved_is_saved_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    bench.store = Store::open(Some(folder.path()), None).unwrap();
    for name in ["a", "b"] {
        bench.create(name, "code", &[]);
    }
    let records = folder.path().join("records");
    fs::remove_dir(&records).unwrap();
    write(&records);
    bench.store.save(&mut bench.account).unwrap_err();
    fs::remove_file(&records).unwrap();
    fs::create_dir(&records).unwrap();
    bench.store.save(&mut bench.account).unwrap();
    let mut again = Account::new("123456789012", "us-east-1");
    bench.store.restore(&mut again).unwrap();
    assert_eq!(again.functions().count(), 2);
}
