//! What functions share, in layers: native libraries, assets, extensions of the workspace.

#[cfg(feature = "aws")]
mod kinds;
#[cfg(feature = "aws")]
mod large;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::jail::Jail;
use crate::local::cli::HANDLER;
#[cfg(feature = "aws")]
use crate::local::server::Server;
use crate::native::{LIBPQ, package};
use crate::support::{Run, Workspace, cc, have};

/// Path → mode and contents.
pub(crate) type Unpacked = BTreeMap<String, (u32, Vec<u8>)>;

pub(crate) fn unpacked(zip: &Path) -> Unpacked {
    let mut archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    let mut all = Unpacked::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).unwrap();
        let path = file.name().unwrap().into_owned();
        all.insert(path, (file.unix_mode().unwrap() & 0o777, contents));
    }
    all
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The layers that a function uses, by its record: their zips in order.
pub(crate) fn layers(workspace: &Workspace, function: &str) -> Vec<PathBuf> {
    let record = json(&workspace.output(function, "lambda-pack.json"));
    let uses = record["layers"].as_array().cloned().unwrap_or_default();
    let zip = |used: Value| {
        let folder =
            workspace.path().join("target/lambda-pack").join(used["layer"].as_str().unwrap());
        let layer = json(&folder.join("layer/layer.json"));
        assert_eq!((&layer["tree"], &layer["CodeSha256"]), (&used["tree"], &used["CodeSha256"]));
        folder.join("layer/layer.zip")
    };
    uses.into_iter().map(zip).collect()
}

/// The names of all layers that are there.
pub(crate) fn names(workspace: &Workspace) -> Vec<String> {
    let folder = workspace.path().join("target/lambda-pack");
    let all = fs::read_dir(folder).unwrap().map(|item| item.unwrap());
    let layers = all.filter(|item| item.path().join("layer/layer.json").is_file());
    let mut names: Vec<_> = layers.map(|it| it.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The fresh ones among layers and functions.
pub(crate) fn fresh(run: &Run) -> BTreeSet<String> {
    let records = run.records().into_iter().filter(|it| it["fresh"] == true);
    let name = |it: Value| it["layer"].as_str().or(it["function"].as_str()).unwrap().to_owned();
    records.map(name).collect()
}

fn three_with_libpq() -> Workspace {
    let workspace = Workspace::hello();
    workspace.write("lambda-pack.toml", "layers = { share = \"auto\", prefix = \"shop\" }\n");
    for name in ["hello", "second", "third"] {
        if name != "hello" {
            workspace.handler(name, "");
        }
        workspace.write(&format!("crates/{name}/src/main.rs"), LIBPQ);
    }
    workspace
}

#[test]
fn three_handlers_with_libpq_share_its_closure_and_start() {
    if !have("/usr/include/postgresql/libpq-fe.h") {
        return;
    }
    let workspace = three_with_libpq();
    package(&workspace, &["--config", "profile.release.strip=true"]);
    let names = names(&workspace);
    let [name] = names.as_slice() else { panic!("{names:?}") };
    assert!(name.starts_with("shop-native-"), "{name}");
    let zips = layers(&workspace, "hello");
    let [layer] = zips.as_slice() else { panic!("{zips:?}") };
    for other in ["second", "third"] {
        assert_eq!(layers(&workspace, other), zips);
    }
    // Function and layer together are what the function is without layers.
    let mut split: BTreeMap<_, _> = ["hello", "second", "third"]
        .map(|name| (name, unpacked(&workspace.output(name, "bootstrap.zip"))))
        .into();
    let shared = unpacked(layer);
    assert!(
        shared.contains_key("lib/libpq.so.5") && shared.keys().all(|it| it.starts_with("lib/"))
    );
    let whole = workspace.path().join("whole");
    let args = ["--out", whole.to_str().unwrap(), "--config", "profile.release.strip=true"];
    workspace.write("lambda-pack.toml", "layers = \"never\"\n");
    package(&workspace, &args);
    for (name, own) in &mut split {
        assert_eq!(own.keys().collect::<Vec<_>>(), ["bootstrap"], "{name}");
        own.extend(shared.clone());
        let place = whole.join(name).join(crate::support::host_arch()).join("bootstrap.zip");
        assert!(*own == unpacked(&place), "{name} is not what it is without layers");
    }
    // It starts with the layer, and with nothing less.
    let Some(jail) = Jail::new() else { return };
    jail.unpack(&workspace.output("third", "bootstrap.zip"), "/var/task");
    jail.unpack(layer, "/opt");
    let answer = jail.run("/var/task/bootstrap").code(0).stdout;
    assert!(answer.contains("/nowhere/.s.PGSQL.5432"), "{answer}");
    for path in shared.keys() {
        let (here, away) = (jail.path(&format!("opt/{path}")), jail.path("tmp/away"));
        fs::rename(&here, &away).unwrap();
        jail.run("/var/task/bootstrap").code(127).says(path.trim_start_matches("lib/"));
        fs::rename(&away, &here).unwrap();
    }
}

/// A library of so many bytes in a folder that the handlers' build scripts name.
fn library(workspace: &Workspace, name: &str, answer: u32, size: usize) {
    let folder = workspace.path().join("native");
    fs::create_dir_all(&folder).unwrap();
    let source =
        format!("char filling_{name}[{size}] = {{ 1 }}; int {name}(void) {{ return {answer}; }}");
    let soname = format!("-Wl,-soname,lib{name}.so");
    cc(&folder, &source, &format!("lib{name}.so"), &["-shared", "-fPIC", &soname]);
}

fn with_libraries(workspace: &Workspace, handler: &str, libraries: &[&str]) {
    let folder = workspace.path().join("native");
    let links: Vec<String> = libraries
        .iter()
        .map(|name| format!("println!(\"cargo::rustc-link-lib=dylib={name}\");"))
        .collect();
    let links = links.concat();
    workspace.write(
        &format!("crates/{handler}/build.rs"),
        format!(
            "fn main() {{ println!(\"cargo::rustc-link-search=native={}\"); {links} }}\n",
            folder.display()
        ),
    );
    let declared: Vec<String> =
        libraries.iter().map(|name| format!("fn {name}() -> i32;")).collect();
    let declared = declared.concat();
    let called: Vec<String> = libraries.iter().map(|name| format!("{name}()")).collect();
    workspace.write(
        &format!("crates/{handler}/src/main.rs"),
        format!(
            "unsafe extern \"C\" {{ {declared} }}\nfn main() {{ println!(\"{handler} {{}}\", unsafe {{ {} }}); }}\n",
            called.join(" + ")
        ),
    );
}

const LAYERS: &str = "layers = { share = \"auto\", prefix = \"shop\" }\n";

fn two_libraries() -> Workspace {
    let workspace = Workspace::hello();
    workspace.write("lambda-pack.toml", LAYERS);
    workspace.handler("second", "");
    workspace.handler("third", "");
    library(&workspace, "big", 1, 3 << 20);
    library(&workspace, "large", 10, 2 << 20);
    with_libraries(&workspace, "hello", &["big", "large"]);
    with_libraries(&workspace, "second", &["big", "large"]);
    with_libraries(&workspace, "third", &["big"]);
    workspace
}

#[test]
fn what_changes_takes_nothing_else_along() {
    let workspace = two_libraries();
    let first = package(&workspace, &[]);
    let [big, large] = ["shop-native-big", "shop-native-large"]
        .map(|name| format!("{name}-{}", crate::support::host_arch()));
    assert_eq!(names(&workspace), [big.clone(), large.clone()]);
    assert!(fresh(&first).is_empty());
    let lock = fs::read_to_string(workspace.path().join("lambda-pack.lock")).unwrap();
    let digests = || {
        [&big, &large].map(|name| {
            let folder = workspace.path().join("target/lambda-pack").join(name);
            json(&folder.join("layer/layer.json"))["CodeSha256"].clone()
        })
    };
    let before = digests();
    let all = BTreeSet::from([&big, &large, "hello", "second", "third"].map(str::to_owned));
    assert_eq!(fresh(&package(&workspace, &[])), all);

    // A handler's code: no byte of a layer.
    let main = workspace.path().join("crates/third/src/main.rs");
    let text = fs::read_to_string(&main).unwrap().replace("third ", "3rd ");
    fs::write(&main, text).unwrap();
    let run = package(&workspace, &[]);
    assert_eq!(fresh(&run), BTreeSet::from([&big, &large, "hello", "second"].map(str::to_owned)));
    assert_eq!(digests(), before);

    // One library: its layer, and the functions that must move to it.
    library(&workspace, "large", 20, 2 << 20);
    let run = package(&workspace, &[]);
    assert_eq!(fresh(&run), BTreeSet::from([&big, "third"].map(str::to_owned)));
    run.says(&format!("{large}: lib/liblarge.so is another file"));
    let after = digests();
    assert!(after[0] == before[0] && after[1] != before[1]);
    assert_ne!(fs::read_to_string(workspace.path().join("lambda-pack.lock")).unwrap(), lock);
    let Some(jail) = Jail::new() else { return };
    jail.unpack(&workspace.output("second", "bootstrap.zip"), "/var/task");
    for layer in layers(&workspace, "second") {
        jail.unpack(&layer, "/opt");
    }
    assert_eq!(jail.run("/var/task/bootstrap").code(0).stdout, "second 21\n");
}

#[test]
fn a_run_over_some_functions_makes_what_one_over_all_makes() {
    let workspace = two_libraries();
    package(&workspace, &[]);
    let digests = |names: &[&str]| -> Vec<Value> {
        let of =
            |name: &&str| json(&workspace.output(name, "lambda-pack.json"))["CodeSha256"].clone();
        names.iter().map(of).collect()
    };
    let all = ["hello", "second", "third"];
    let (before, lock) =
        (digests(&all), fs::read(workspace.path().join("lambda-pack.lock")).unwrap());
    fs::remove_dir_all(workspace.path().join("target/lambda-pack")).unwrap();
    package(&workspace, &["-p", "third"]);
    assert_eq!(names(&workspace).len(), 1);
    package(&workspace, &["-p", "second"]);
    assert_eq!(names(&workspace).len(), 2);
    package(&workspace, &["-p", "hello"]);
    assert_eq!(digests(&all), before);
    assert_eq!(fs::read(workspace.path().join("lambda-pack.lock")).unwrap(), lock);
    // What a flag makes an image of once shares with the others as before.
    let scratch = ["-p", "second", "--format", "image", "--base", "scratch"];
    let settings = "sysroot = \"/\"\nlinker = \"host\"\n";
    workspace.write("lambda-pack.toml", format!("{LAYERS}{settings}"));
    package(&workspace, &scratch);
    assert_eq!(fs::read(workspace.path().join("lambda-pack.lock")).unwrap(), lock);
    workspace.write("lambda-pack.toml", LAYERS);

    // A library that only one of them was built with so far is shared by nobody yet.
    library(&workspace, "large", 30, 2 << 20);
    package(&workspace, &["-p", "second"]);
    let own = unpacked(&workspace.output("second", "bootstrap.zip"));
    assert_eq!(own.keys().collect::<Vec<_>>(), ["bootstrap", "lib/liblarge.so"]);
    assert_eq!(layers(&workspace, "second").len(), 1);
    package(&workspace, &[]);
    assert_eq!(layers(&workspace, "second").len(), 2);
}

#[test]
fn settings_decide_what_is_shared() {
    let workspace = two_libraries();
    // Not worth its while.
    workspace.write(
        "lambda-pack.toml",
        "layers = { share = \"auto\", prefix = \"shop\", min-saving = 3000000 }\n",
    );
    package(&workspace, &[]);
    let big = format!("shop-native-big-{}", crate::support::host_arch());
    assert_eq!(names(&workspace), [big]);
    // One wants to be left alone; the others share what they share without it.
    workspace.write("lambda-pack.toml", "layers = \"auto\"\nlayers.prefix = \"other\"\n");
    workspace.run(&["package"]).code(2).says("lambda-pack.toml");
    workspace.write("lambda-pack.toml", "layers = \"auto\"\n[package.third]\nlayers = \"never\"\n");
    package(&workspace, &[]);
    assert_eq!(layers(&workspace, "third"), [] as [PathBuf; 0]);
    // The same functions have both now.
    assert_eq!(layers(&workspace, "hello").len(), 1);
    assert!(unpacked(&layers(&workspace, "hello")[0]).len() == 2);
}

#[test]
fn assets_are_below_opt_in_a_layer_for_whoever_has_them() {
    let workspace = Workspace::hello();
    workspace.write("lambda-pack.toml", "layers.prefix = \"shop\"\nassets = [\"models\"]\n");
    workspace.handler("second", "");
    workspace.handler("third", "assets = [{ from = \"fonts/*.ttf\", to = \"type\" }]\n");
    workspace.write("models/large/weights.bin", vec![7; 100_000]);
    workspace.write("models/labels.txt", "cat\n");
    workspace.write("crates/third/fonts/a.ttf", "font");
    let run = workspace.run(&["package", "--output", "json"]).code(0);
    let arch = crate::support::host_arch();
    let [models, fonts] = ["models", "type"].map(|name| format!("shop-asset-{name}-{arch}"));
    assert_eq!(names(&workspace), [models, fonts.clone()]);
    assert_eq!(layers(&workspace, "hello"), layers(&workspace, "second"));
    let found = unpacked(&layers(&workspace, "hello")[0]);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["models/labels.txt", "models/large/weights.bin"]);
    let found = unpacked(&layers(&workspace, "third")[0]);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["type/a.ttf"]);
    let record = run.records().into_iter().find(|it| it["layer"] == fonts.as_str()).unwrap();
    assert_eq!((&record["reason"], &record["functions"][0]), (&"layer".into(), &"third".into()));
    assert_eq!(unpacked(&workspace.output("hello", "bootstrap.zip")).len(), 1);
    // Gone again.
    workspace.write("lambda-pack.toml", "");
    workspace.run(&["package"]).code(0);
    assert_eq!(layers(&workspace, "hello"), [] as [PathBuf; 0]);
    workspace.write("lambda-pack.toml", "assets = [\"modles\"]\n");
    workspace.run(&["package"]).code(2).says("modles");
}

#[test]
fn more_layers_than_a_function_may_have_are_refused_by_name() {
    let workspace = Workspace::hello();
    let arns: Vec<String> = (1..=5)
        .map(|n| format!("\"arn:aws:lambda:eu-west-1:123456789012:layer:own{n}:1\""))
        .collect();
    workspace.write("models/m", "x");
    let text = format!("assets = [\"models\"]\nlayers = [{}]\n", arns.join(", "));
    workspace.write("lambda-pack.toml", text);
    workspace.run(&["package"]).code(2).says(
        "`hello` needs a layer of its own (asset models/m), and its `layers` leave room for 0",
    );
    workspace.write(
        "lambda-pack.toml",
        format!("assets = [\"models\"]\nlayers = [{}]\n", arns[1..].join(", ")),
    );
    workspace.run(&["package"]).code(0);
}

#[test]
fn extensions_of_the_workspace_go_along_as_a_layer_whatever_is_selected() {
    let workspace = Workspace::hello();
    workspace.write("lambda-pack.toml", "layers.prefix = \"shop\"\n");
    workspace.handler("second", "extensions = []\n");
    workspace.handler("third", "extensions = [\"watcher\"]\n");
    for name in ["watcher", "tracer"] {
        let rest = "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n";
        workspace.package(name, rest);
    }
    workspace.run(&["package", "-p", "hello"]).code(0);
    let arch = crate::support::host_arch();
    let of = |name: &str| -> Vec<String> {
        layers(&workspace, name).iter().flat_map(|layer| unpacked(layer).into_keys()).collect()
    };
    let made = names(&workspace);
    assert!(made.len() == 1 && made[0].starts_with("shop-extension-") && made[0].ends_with(arch));
    assert_eq!(of("hello"), ["extensions/tracer", "extensions/watcher"]);
    // Now one of them is for two functions, and so apart from the other.
    let run = workspace.run(&["package"]).code(0);
    run.says("also for third");
    assert_eq!(of("hello"), ["extensions/tracer", "extensions/watcher"]);
    assert_eq!(layers(&workspace, "hello").len(), 2);
    assert_eq!(of("third"), ["extensions/watcher"]);
    assert_eq!(of("second"), [] as [&str; 0]);
    let found = unpacked(&layers(&workspace, "third")[0]);
    assert_eq!(found["extensions/watcher"].0, 0o755);
    workspace.handler("second", "extensions = [\"watchr\"]\n");
    workspace
        .run(&["package"])
        .code(2)
        .says("`extensions` of `second` names `watchr`, which is no extension of this workspace; did you mean `watcher`?");
    workspace.handler("second", "extensions = []\n");
    // What is left out of the workspace by name is left out.
    workspace
        .run(&["package", "--workspace", "--exclude", "tracer", "--exclude", "watcher"])
        .code(0);
    assert_eq!(of("hello"), [] as [&str; 0]);
}

#[test]
fn layer_plan_says_who_shares_what_and_why() {
    let workspace = two_libraries();
    // Nothing is set, nothing is written.
    workspace.write("lambda-pack.toml", "layers.prefix = \"shop\"\n");
    let run = workspace.run(&["layer", "plan"]).code(0);
    run.says_out("shop-native-big-").says_out("hello, second, third").says("layers = \"auto\"");
    assert!(!workspace.path().join("lambda-pack.lock").exists());
    let run = workspace.run(&["layer", "plan", "--output", "json"]).code(0);
    let plan = &run.records()[0];
    assert_eq!(plan["reason"], "layer-plan");
    let [whole, split] = ["whole", "split"].map(|key| plan[key].as_u64().unwrap());
    let functions = plan["functions"].as_array().unwrap();
    let layers = plan["layers"].as_array().unwrap();
    let sum =
        |list: &[Value], key: &str| list.iter().map(|it| it[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(
        (whole, split),
        (sum(functions, "whole"), sum(functions, "split") + sum(layers, "zip"))
    );
    assert!(split < whole);
    // What it says is what is written.
    workspace.write("lambda-pack.toml", "layers = { share = \"auto\", prefix = \"shop\" }\n");
    package(&workspace, &[]);
    for layer in layers {
        let folder =
            workspace.path().join("target/lambda-pack").join(layer["layer"].as_str().unwrap());
        assert_eq!(fs::metadata(folder.join("layer/layer.zip")).unwrap().len(), layer["zip"]);
    }
    for function in functions {
        let zip = workspace.output(function["function"].as_str().unwrap(), "bootstrap.zip");
        assert_eq!(fs::metadata(zip).unwrap().len(), function["split"]);
    }
    let explain = |file: &str| workspace.run(&["layer", "plan", "--explain", file]);
    explain("libbig.so").code(0).says_out("3 functions have the same native files");
    explain("lib/liblarge.so").code(0).says_out("hello (");
    explain("libbag.so").code(2).says("known are `lib/libbig.so`, `lib/liblarge.so`");
    // No layer is worth it, and that is said with numbers.
    workspace.write("lambda-pack.toml", "layers = { share = \"auto\", min-saving = 99000000 }\n");
    let run = workspace.run(&["layer", "plan"]).code(0);
    run.says_out("no layer is worth it: the best, with lib/libbig.so, would save 6.")
        .says_out("over 3 functions");
    explain("libbig.so")
        .code(0)
        .says_out("stays in the function: a layer of what these 3 functions share");
}

/// Makes a handler serve: it answers with what its libraries say, and with an asset.
fn serving(workspace: &Workspace, handler: &str, libraries: &[&str]) {
    with_libraries(workspace, handler, libraries);
    let declared: Vec<String> =
        libraries.iter().map(|name| format!("fn {name}() -> i32;")).collect();
    let called: Vec<String> = libraries.iter().map(|name| format!("{name}()")).collect();
    let answer = format!(
        "let asset = std::fs::read_to_string(\"/opt/models/m\").unwrap_or_default();\n\
         let sum = unsafe {{ {} }};\n\
         call(\"POST\", &format!(\"invocation/{{id}}/response\"), &format!(\"[\\\"{{asset}}\\\", {{sum}}]\"));",
        called.join(" + ")
    );
    let main = format!("unsafe extern \"C\" {{ {} }}\n{}", declared.concat(), serves(&answer));
    workspace.write(&format!("crates/{handler}/src/main.rs"), main);
}

/// A handler that answers by these statements.
fn serves(answer: &str) -> String {
    let serve = "call(\"POST\", &format!(\"invocation/{id}/response\"), event);";
    assert!(HANDLER.contains(serve));
    HANDLER.replace(serve, answer)
}

fn three_that_serve() -> Workspace {
    let workspace = two_libraries();
    workspace.write("models/m", "a model");
    let role = "role = \"arn:aws:iam::123456789012:role/shop\"\nalias = [\"live\"]\n";
    workspace.write(
        "lambda-pack.toml",
        format!(
            "layers = {{ share = \"auto\", prefix = \"shop\" }}\nassets = [\"models\"]\n{role}"
        ),
    );
    serving(&workspace, "hello", &["big", "large"]);
    serving(&workspace, "second", &["big", "large"]);
    serving(&workspace, "third", &["big"]);
    workspace
}

#[test]
fn invoke_local_has_the_layers() {
    let workspace = three_that_serve();
    let unnamed = workspace.run(&["invoke", "--local"]).code(2);
    unnamed.says("name the function to invoke: there are 3 here: hello, second, third");
    let run = workspace.run(&["invoke", "hello", "--local"]);
    if run.code == 3 {
        // This machine's libraries are newer than Lambda's: the next test goes another way.
        assert!(
            run.findings().contains(&"symbol-version".to_owned())
                || run.stderr.contains("symbol-version"),
            "{run:?}"
        );
        return;
    }
    assert_eq!(run.code(0).stdout.trim(), "[\"a model\", 11]");
}

#[cfg(feature = "aws")]
#[test]
fn three_that_share_are_deployed_with_their_layers_and_answer() {
    let server = Server::start(&[]);
    let workspace = three_that_serve();
    let port = server.address.rsplit(':').next().unwrap();
    let out = workspace.path().join("out");
    let deploy = || {
        let _ = fs::remove_dir_all(&out);
        package(&workspace, &["--out", out.to_str().unwrap()]);
        let from = ["deploy", "--from", "out", "--local", "--port", port, "--output", "json"];
        workspace.run(&from).code(0)
    };
    let states = |run: &Run| -> BTreeMap<String, String> {
        let all = run.records().into_iter().filter(|it| it["reason"] == "deployed");
        let state = |it: Value| {
            (it["function"].as_str().unwrap().to_owned(), it["state"].as_str().unwrap().to_owned())
        };
        all.map(state).collect()
    };
    deploy();
    let versions = |name: &str| {
        let path =
            format!("/2018-10-31/layers/shop-{name}-{}/versions", crate::support::host_arch());
        server.control("GET", &path, &Value::Null)["LayerVersions"].as_array().unwrap().clone()
    };
    for (name, sum) in [("hello", 11), ("second", 11), ("third", 1)] {
        assert_eq!(
            server.answer(&format!("{name}:live"), "{}"),
            serde_json::json!(["a model", sum])
        );
    }
    let count = || ["native-big", "native-large", "asset-models"].map(|name| versions(name).len());
    assert_eq!(count(), [1, 1, 1]);
    let again = deploy();
    assert!(states(&again).values().all(|state| state == "unchanged"), "{:?}", states(&again));
    // One library: one version more, and its functions move to it together.
    library(&workspace, "large", 20, 2 << 20);
    let states = states(&deploy());
    assert_eq!(count(), [1, 2, 1]);
    assert_eq!(states["third"], "unchanged");
    for (name, sum) in [("hello", 21), ("second", 21), ("third", 1)] {
        assert_eq!(
            server.answer(&format!("{name}:live"), "{}"),
            serde_json::json!(["a model", sum])
        );
    }
    let said = versions("native-large")[0]["Description"].as_str().unwrap().to_owned();
    assert!(said.starts_with("lp1 sha256:"), "{said}");
}
