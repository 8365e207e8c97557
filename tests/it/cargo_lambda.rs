//! Projects written for cargo-lambda, in the shapes that real ones have: they give the settings that
//! tool gives them. `expected.json` was taken from cargo-lambda 1.9.2 itself, deploying to a server
//! that kept what it was sent; where that version departs from its own documentation, `notes` in it
//! say so and what is documented stands there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::support::{LAMBDA, Workspace, copy, lambda_pack, repository, run};

pub(crate) fn fixtures() -> Vec<PathBuf> {
    let folder = repository().join("tests/it/fixtures/cargo-lambda");
    let mut all: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// The crate that makes a package's binaries handlers, empty.
pub(crate) fn stub(folder: &Path) {
    let stub = folder.join("stub/lambda_runtime");
    fs::create_dir_all(stub.join("src")).unwrap();
    let manifest = "[package]\nname = \"lambda_runtime\"\nversion = \"0.1.0\"\n[workspace]\n";
    fs::write(stub.join("Cargo.toml"), manifest).unwrap();
    fs::write(stub.join("src/lib.rs"), "").unwrap();
}

/// Environment values are masked; the line they come from is shown, and holds them.
fn unmasked(folder: &Path, setting: &Value, expected: &Value) -> Value {
    let (Some(origin), Some(text)) = (setting["origin"].as_str(), expected.as_str()) else {
        return setting["value"].clone();
    };
    let (file, line) = origin.rsplit_once(':').unwrap();
    let file = fs::read_to_string(folder.join(file)).unwrap();
    let line = file.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
    if line.contains(text) { json!(text) } else { json!(format!("not in {line:?}")) }
}

/// What `config show` answers of one handler, in the form of `expected.json`.
fn answered(folder: &Path, record: &Value, expected: &Value) -> Value {
    let mut all = Map::new();
    for setting in record["settings"].as_array().unwrap() {
        let key = setting["key"].as_str().unwrap();
        match key.split_once('.') {
            Some((map @ ("environment" | "tags"), name)) => {
                let value = unmasked(folder, setting, &expected[map][name]);
                let map = all.entry(map).or_insert_with(|| json!({}));
                map[name] = value;
            }
            _ => drop(all.insert(key.to_owned(), setting["value"].clone())),
        }
    }
    if let Some(items) = all.get_mut("include").and_then(Value::as_array_mut) {
        for item in items {
            // Its paths start from where it is run, which is the workspace's folder.
            assert_eq!(item["root"], "workspace");
            if item["to"].is_null() {
                *item = item["from"].clone();
            } else {
                item.as_object_mut().unwrap().remove("root");
            }
        }
    }
    Value::Object(all)
}

/// What we do not take is said, each by its key.
fn other(value: &Value, prefix: &str) -> Vec<String> {
    let Some(table) = value.as_object() else { return Vec::new() };
    let mut keys = Vec::new();
    for (name, value) in table {
        match name.as_str() {
            // Taken: they make the handler an extension, or say the architecture, or flags of cargo's.
            "extension" | "internal" | "arm64" | "features" => {}
            "build" if prefix.is_empty() => keys.extend(other(value, "build.")),
            "watch" => keys.push("watch".to_owned()),
            _ if prefix.is_empty() => keys.push(format!("deploy.{name}")),
            // By its first name.
            "env_var" => keys.push(format!("{prefix}env")),
            _ => keys.push(format!("{prefix}{name}")),
        }
    }
    keys
}

#[test]
fn its_projects_work_with_no_edit() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 19, "{fixtures:?}");
    for fixture in fixtures {
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        let folder = tempfile::tempdir().unwrap();
        copy(&fixture, folder.path());
        stub(folder.path());
        let expected: BTreeMap<String, Value> =
            serde_json::from_slice(&fs::read(fixture.join("expected.json")).unwrap()).unwrap();
        for (context, targets) in expected.iter().filter(|(context, _)| *context != "notes") {
            let mut command = lambda_pack(folder.path());
            command.args(["config", "show", "--output", "json", "--offline"]);
            // A context that exists is an environment; any can be named as that tool names it.
            command.env("CARGO_LAMBDA_CONTEXT", context);
            let answer = run(&mut command).code(0);
            let mut found = 0;
            let records = answer.records().into_iter();
            for record in records.filter(|record| record["reason"] == "settings") {
                let target = format!(
                    "{}/{}",
                    record["package"].as_str().unwrap(),
                    record["handler"].as_str().unwrap()
                );
                let Some(wanted) = targets.get(&target) else { continue };
                found += 1;
                let mut wanted = wanted.clone();
                let not_ours = wanted.as_object_mut().unwrap().remove("other");
                let mut ours = answered(folder.path(), &record, &wanted);
                if let Some(arch) = ours.as_object_mut().unwrap().remove("arch") {
                    assert_eq!(arch, json!("arm64"));
                    let build = &not_ours.as_ref().unwrap()["build"];
                    assert_eq!(build["arm64"], json!(true), "{name}");
                }
                if let Some(features) = ours.as_object_mut().unwrap().remove("cargo.features") {
                    assert_eq!(features, not_ours.as_ref().unwrap()["build"]["features"], "{name}");
                }
                // Its variables are compared.
                ours.as_object_mut().unwrap().remove("env-file");
                if let Some(kind) = ours.as_object_mut().unwrap().remove("extension") {
                    assert_eq!((kind, name.as_str()), (json!("external"), "extension"));
                }
                assert_eq!(ours, wanted, "{name} [{context}] {target}");
                for key in other(&not_ours.unwrap_or_default(), "") {
                    let said = format!("cargo-lambda's `{key}` is not taken");
                    assert!(answer.stderr.contains(&said), "{name}: {said}\n{}", answer.stderr);
                }
            }
            assert_eq!(found, targets.as_object().unwrap().len(), "{name} [{context}]");
        }
    }
}

/// What a feature switches on is what ships.
#[test]
fn flags_of_cargo_are_taken() {
    let workspace = Workspace::new();
    let fast = "[features]\nfast = []\n[package.metadata.lambda.build]\nfeatures = [\"fast\"]\n\
                profile = \"small\"\n";
    workspace.package("api", &format!("{LAMBDA}{fast}"));
    let feature = "#[cfg(not(feature = \"fast\"))]\ncompile_error!(\"slow\");\n#[cfg(debug_assertions)]\n\
                   compile_error!(\"another profile\");\nfn main() {}\n";
    workspace.write("crates/api/src/main.rs", feature);
    workspace.handler("worker", "");
    let manifest = fs::read_to_string(workspace.path().join("Cargo.toml")).unwrap();
    let profile = "\n[profile.small]\ninherits = \"release\"\n";
    workspace.write("Cargo.toml", format!("{manifest}{profile}"));
    // Not with the flags of another, and not silently with none.
    let together = workspace.run(&["package", "--no-check"]).code(2);
    together.says("`--profile` for all, or build them apart (`-p worker`, or `--bin`)");
    let alone = workspace.run(&["package", "--no-check", "-p", "api"]).code(0);
    assert!(!alone.stderr.contains("is not taken"), "{}", alone.stderr);
    let record = fs::read(workspace.output("api", "lambda-pack.json")).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(
        (&record["profile"], &record["build"]["features"]),
        (&json!("small"), &json!(["fast"]))
    );
    // What builds nothing need not agree.
    workspace.run(&["config", "show"]).code(0).says_out("cargo.features = [\"fast\"]");
}

#[test]
fn a_context_that_nothing_reads_is_said() {
    let folder = tempfile::tempdir().unwrap();
    copy(&repository().join("tests/it/fixtures/cargo-lambda/single"), folder.path());
    stub(folder.path());
    let said = |env: &[&str]| {
        let mut command = lambda_pack(folder.path());
        command.args(["config", "show", "--offline"]).args(env);
        run(command.env("CARGO_LAMBDA_CONTEXT", "production"))
    };
    said(&[]).code(0).says("CARGO_LAMBDA_CONTEXT: there is no CargoLambda.toml with contexts");
}

#[test]
fn its_file_is_found_on_the_way_up() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("a/b");
    copy(&repository().join("tests/it/fixtures/cargo-lambda/named-in-file"), &below);
    stub(&below);
    fs::rename(below.join("CargoLambda.toml"), folder.path().join("CargoLambda.toml")).unwrap();
    let answer = run(lambda_pack(&below).args(["config", "show", "--offline"])).code(0);
    assert!(answer.stdout.contains("memory = 512"), "{}", answer.stdout);
}

#[test]
fn a_context_is_an_environment() {
    let fixture = repository().join("tests/it/fixtures/cargo-lambda/context-only-production");
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture, folder.path());
    stub(folder.path());
    let show = |flag: &[&str], variable: Option<&str>| {
        let mut command = lambda_pack(folder.path());
        command.args(["config", "show", "--offline"]).args(flag);
        command.envs(variable.map(|value| ("CARGO_LAMBDA_CONTEXT", value)));
        run(&mut command)
    };
    let by_flag = show(&["--env", "production"], None).code(0);
    let by_variable = show(&[], Some("PRODUCTION")).code(0);
    assert_eq!(by_flag.stdout, by_variable.stdout);
    assert_ne!(by_flag.stdout, show(&[], None).code(0).stdout);
    show(&[], Some("nope"))
        .code(0)
        .says("CARGO_LAMBDA_CONTEXT: CargoLambda.toml has no context `nope`");
    show(&["--env", "nope"], Some("production")).code(2).says("no table `env.nope` anywhere");
}
