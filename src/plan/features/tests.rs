use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, PackageId};
use serde_json::{Value, json};

use super::*;
use crate::cargo_config::{CargoConfig, Sources};
use crate::digest::Sha256;
use crate::plan::{CargoOptions, FeatureSelection};

const LINUX: &str = "x86_64-unknown-linux-gnu";

fn platform(triple: &str) -> RustcCfg {
    RustcCfg::parse(triple, "unix\ntarget_os=\"linux\"\n").unwrap()
}

/// An entry in a manifest: `kind name features…`.
fn dependency(text: &str) -> Value {
    let (entry, features) = text.split_once('[').unwrap_or((text, ""));
    let words: Vec<&str> = entry.split_whitespace().collect();
    let kind = match words[0] {
        "normal" => Value::Null,
        kind => kind.into(),
    };
    let features: Vec<&str> = features.trim_end_matches(']').split_whitespace().collect();
    json!({
        "name": words[1], "req": "*", "kind": kind, "optional": words.contains(&"optional"),
        "uses_default_features": !words.contains(&"bare"), "features": features,
        "target": words.contains(&"windows").then_some("cfg(windows)"), "path": "/elsewhere",
    })
}

/// `cargo metadata` of a workspace: packages with their entries and features. Handlers are members.
fn metadata(packages: &[(&str, &[&str], Value)]) -> Metadata {
    let described = packages.iter().map(|&(name, dependencies, ref features)| {
        let kinds: &[&str] = match name {
            name if name.starts_with("mac") => &["proc-macro"],
            name if name.starts_with("nat") => &["lib", "custom-build"],
            _ => &["lib"],
        };
        json!({
            "name": name, "version": "1.0.0", "id": name, "source": null, "edition": "2021",
            "manifest_path": format!("/w/{name}/Cargo.toml"), "features": features,
            "dependencies": dependencies.iter().map(|d| dependency(d)).collect::<Vec<_>>(),
            "targets": kinds.iter().map(|kind| json!({ "name": name, "kind": [kind],
                "crate_types": [kind], "src_path": "/w/src/lib.rs", "edition": "2021" }))
                .collect::<Vec<_>>(),
        })
    });
    let nodes = packages.iter().map(|(name, dependencies, _)| {
        let found = dependencies.iter().map(|text| {
            let entry = dependency(text);
            json!({ "name": entry["name"], "pkg": entry["name"],
                "dep_kinds": [{ "kind": entry["kind"], "target": entry["target"] }] })
        });
        json!({ "id": name, "dependencies": [], "features": [],
            "deps": found.collect::<Vec<_>>() })
    });
    let members: Vec<_> =
        packages.iter().map(|(name, ..)| *name).filter(|name| name.starts_with('h')).collect();
    serde_json::from_value(json!({
        "packages": described.collect::<Vec<_>>(), "workspace_members": members,
        "workspace_root": "/w", "target_directory": "/w/target", "version": 1,
        "resolve": { "nodes": nodes.collect::<Vec<_>>(), "root": null },
    }))
    .unwrap()
}

fn id(name: &str) -> PackageId {
    PackageId { repr: name.to_owned() }
}

fn unit(name: &str) -> Unit {
    Unit { package: id(name), dev: false, owners: Vec::new() }
}

fn flags(list: &[&str]) -> FeatureSelection {
    FeatureSelection {
        list: list.iter().map(|&feature| feature.to_owned()).collect(),
        ..FeatureSelection::default()
    }
}

/// The packages that runs of these reach, with their features: `package[features]`, with `host:`.
fn resolved(metadata: &Metadata, resolver: Resolver, names: &[&str], list: &[&str]) -> String {
    let (target, selection) = (platform(LINUX), flags(list));
    let graph = Graph::new(metadata, resolver, &target, &target).unwrap();
    let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
    let found = graph.resolve(&ids, false, &selection).unwrap();
    let mut words = Vec::new();
    for package in &metadata.packages {
        for (side, mark) in [(Side::Target, ""), (Side::Host, "host:")] {
            if let Some(features) = found.features(&graph, &package.id, side) {
                words.push(format!("{mark}{}[{}]", package.name, features.join(" ")));
            }
        }
    }
    words.join(" ")
}

#[test]
fn the_build_scripts_that_concern_a_linker() {
    let metadata = metadata(&[
        ("h1", &["normal lib [more]", "build nat-build", "normal mac", "dev nat-dev"], json!({})),
        ("h2", &["normal lib", "normal nat-two", "normal nat-windows windows"], json!({})),
        ("lib", &["normal nat-more optional"], json!({ "more": ["dep:nat-more"], "default": [] })),
        ("mac", &["normal nat-mac"], json!({})),
        ("nat-more", &["normal nat-deep"], json!({})),
        ("nat-deep", &[], json!({})),
        ("nat-two", &[], json!({})),
        ("nat-windows", &[], json!({})),
        ("nat-build", &[], json!({})),
        ("nat-mac", &[], json!({})),
        ("nat-dev", &[], json!({})),
    ]);
    let (target, selection) = (platform(LINUX), flags(&[]));
    let scripts = |resolver, units: &[Unit], unify| {
        let graph = Graph::new(&metadata, resolver, &target, &target).unwrap();
        let all = scripts(&graph, units, &selection, unify).unwrap();
        let names = |ids: std::collections::BTreeSet<PackageId>| {
            // Packages by path are there too.
            let ids = ids.into_iter().map(|id| id.repr).filter(|name| name.starts_with("nat-"));
            ids.collect::<Vec<_>>().join(" ")
        };
        all.into_iter().map(names).collect::<Vec<_>>()
    };
    let units = [unit("h1"), unit("h2")];
    for resolver in [Resolver::One, Resolver::Two] {
        assert_eq!(scripts(resolver, &units, false), ["nat-deep nat-more", "nat-two"]);
        // The other's features reach the library that both have.
        let both = ["nat-deep nat-more", "nat-deep nat-more nat-two"];
        assert_eq!(scripts(resolver, &units, true), both);
    }
    let example = [Unit { dev: true, ..unit("h1") }];
    assert_eq!(scripts(Resolver::Two, &example, false), ["nat-deep nat-dev nat-more"]);
}

/// A dependency with features of every kind.
fn workspace() -> Metadata {
    metadata(&[
        ("h1", &["normal lib [weak]", "build gen [fast]"], json!({ "own": ["lib/strong"] })),
        ("h2", &["normal lib bare [on]", "normal mac", "dev gen [slow]"], json!({})),
        ("h3", &["normal lib [weak]", "normal lib windows [strong]"], json!({})),
        (
            "lib",
            &["normal inner optional bare"],
            json!({ "default": [], "weak": ["inner?/extra"], "on": ["dep:inner"],
                "strong": ["inner/extra"] }),
        ),
        ("inner", &[], json!({ "extra": [], "default": [] })),
        ("mac", &["normal gen"], json!({})),
        ("gen", &[], json!({ "fast": [], "slow": [] })),
    ])
}

#[test]
fn features_follow_the_cargo_book() {
    let metadata = workspace();
    let two = |names: &[&str], list: &[&str]| resolved(&metadata, Resolver::Two, names, list);
    assert_eq!(two(&["h1"], &[]), "h1[] lib[default weak] host:gen[fast]");
    assert_eq!(two(&["h2"], &[]), "h2[] lib[on] inner[] host:mac[] host:gen[]");
    assert_eq!(
        two(&["h1", "h2"], &[]),
        "h1[] h2[] lib[default on weak] inner[extra] host:mac[] host:gen[fast]"
    );
    assert_eq!(
        two(&["h1"], &["own"]),
        "h1[own] lib[default strong weak] inner[extra] host:gen[fast]"
    );
    for list in [["h1/own"], ["lib/strong"]] {
        assert!(two(&["h1"], &list).contains("lib[default strong weak]"), "{list:?}");
    }
    assert_eq!(two(&["h2"], &["h1/own"]), two(&["h2"], &[]), "another member's");
    assert_eq!(two(&["h3"], &[]), "h3[] lib[default weak]", "nothing for Windows");
    let one = |names: &[&str]| resolved(&metadata, Resolver::One, names, &[]);
    assert_eq!(one(&["h3"]), "h3[] lib[default strong weak] inner[extra]", "every platform");
    assert_eq!(one(&["h2"]), "h2[] lib[on] inner[] mac[] gen[slow]", "and dev-dependencies");
}

#[test]
fn all_and_no_default_features() {
    let metadata = metadata(&[("h1", &[], json!({ "default": ["a"], "a": [], "b": [] }))]);
    let target = platform(LINUX);
    let graph = Graph::new(&metadata, Resolver::Two, &target, &target).unwrap();
    let features = |all, no_default| {
        let selection = FeatureSelection { all, no_default, list: vec!["b".to_owned()] };
        let resolved = graph.resolve(&[id("h1")], false, &selection).unwrap();
        resolved.features(&graph, &id("h1"), Side::Target).unwrap().join(" ")
    };
    assert_eq!(features(false, false), "a b default");
    assert_eq!(features(false, true), "b");
    assert_eq!(features(true, true), "a b default");
}

#[test]
fn features_of_nobody_are_not_asked_about() {
    let members = metadata(&[
        ("h1", &["normal lib optional"], json!({ "a": [] })),
        ("h2", &["dev gen"], json!({})),
    ]);
    let list = ["a", "h1/a", "lib", "lib/x", "lib?/x", "gen/x", "b", "h2/a", "nobody/x"];
    let known = known_features(&members, &flags(&list));
    assert_eq!(known, ["a", "h1/a", "lib", "lib/x", "lib?/x", "gen/x"]);
}

#[test]
fn groups_and_the_owners_of_requested_features() {
    let metadata = metadata(&[
        ("h1", &["normal lib"], json!({})),
        ("h2", &["normal lib"], json!({})),
        ("h3", &[], json!({})),
        ("h4", &["normal lib [x]"], json!({})),
        ("lib", &["normal base"], json!({ "x": [], "default": [] })),
        ("base", &[], json!({})),
    ]);
    let target = platform(LINUX);
    let graph = Graph::new(&metadata, Resolver::Two, &target, &target).unwrap();
    let places = |owners: &[&str], list: &[&str]| {
        let owners: Vec<_> = owners.iter().map(|name| id(name)).collect();
        let units: Vec<_> = ["h1", "h2", "h3", "h4"]
            .map(|name| Unit { owners: owners.clone(), ..unit(name) })
            .into();
        let grouping = group(&graph, &units, &flags(list)).unwrap();
        let place = |place: &Place| format!("{}{}", place.group, "+".repeat(place.with.len()));
        grouping.places.iter().map(place).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(places(&[], &[]), "0 0 0 1");
    // `lib` comes along where it is depended on, and then all of them have its feature.
    assert_eq!(places(&["lib"], &["lib/x"]), "0+ 0+ 0 0+");
    let nowhere = group(&graph, &[unit("nowhere")], &flags(&[])).unwrap_err();
    assert_eq!(nowhere.to_string(), "`cargo metadata` does not describe nowhere");
}

#[test]
fn the_resolver_is_what_the_root_manifest_says() {
    let virtual_workspace = metadata(&[("h1", &[], json!({}))]);
    let mut rooted = virtual_workspace.clone();
    rooted.packages[0].manifest_path = "/w/Cargo.toml".into();
    let of = Resolver::of;
    assert_eq!(of("[workspace]\nresolver = \"1\"", &virtual_workspace), Resolver::One);
    assert_eq!(of("[workspace]\nresolver = \"3\"", &virtual_workspace), Resolver::Two);
    assert_eq!(of("[workspace]", &virtual_workspace), Resolver::One, "virtual: no edition");
    assert_eq!(of("[package]\nname = \"h1\"", &rooted), Resolver::Two, "edition 2021");
    assert_eq!(of("[package]\nresolver = \"1\"", &rooted), Resolver::One);
    rooted.packages[0].edition = cargo_metadata::Edition::E2018;
    assert_eq!(of("[package]\nname = \"h1\"\n[workspace]", &rooted), Resolver::One);
}

#[test]
fn cfg_lines() {
    assert!(RustcCfg::parse(LINUX, "\nunix\ntarget_feature=\"sse2\"\n").is_ok());
    let error = RustcCfg::parse(LINUX, "unix\n= what").unwrap_err();
    assert!(error.to_string().contains("`= what`"), "{error}");
}

#[test]
fn metadata_without_dependencies_is_refused() {
    let mut metadata = workspace();
    let target = platform(LINUX);
    metadata.packages.pop();
    let refused = |metadata: &Metadata| {
        Graph::new(metadata, Resolver::Two, &target, &target).unwrap_err().to_string()
    };
    assert_eq!(refused(&metadata), "`cargo metadata` resolves gen and does not describe it");
    metadata.resolve = None;
    assert_eq!(refused(&metadata), "`cargo metadata` says nothing of the dependencies");
}

/// Cargo's configuration: one file, `--config` and a variable.
fn config(folder: &str, text: &str, argument: &str, variable: (&str, &str)) -> CargoConfig {
    let file = Path::new(folder).join(".cargo/config.toml");
    CargoConfig::new(&Sources {
        files: vec![file.clone()],
        arguments: &[argument.to_owned()],
        variables: vec![(variable.0.to_owned(), variable.1.to_owned())],
        folder: Path::new(folder),
        read: &|path| (path == file).then(|| text.to_owned()),
    })
}

fn inputs<'a>(
    options: &'a CargoOptions,
    units: &'a [Unit],
    config: &'a CargoConfig,
) -> KeyInputs<'a> {
    KeyInputs {
        lock: b"lock",
        manifests: &[],
        config,
        options,
        units,
        target: LINUX,
        host: LINUX,
        rustc: "rustc 1",
        unify: false,
    }
}

#[test]
fn the_key_tells_every_input_apart() {
    let options = CargoOptions::default();
    let requested = CargoOptions { features: flags(&["a"]), ..CargoOptions::default() };
    let units = [unit("h1"), Unit { dev: true, ..unit("h1") }];
    let file = [(PathBuf::from("a"), b"b".to_vec())];
    let other_file = [(PathBuf::from("ab"), Vec::new())];
    let plain = config("/w", "", "a=1", ("RUSTFLAGS", "-Cx"));
    let configs = [
        config("/w/h1", "", "a=1", ("RUSTFLAGS", "-Cx")),
        config("/w", "# other", "a=1", ("RUSTFLAGS", "-Cx")),
        config("/w", "", "a=2", ("RUSTFLAGS", "-Cx")),
        config("/w", "", "a=1", ("RUSTFLAGS", "-Cy")),
        config("/w", "", "a=1", ("RUSTUP_TOOLCHAIN", "-Cx")),
    ];
    let base = inputs(&options, &units, &plain);
    let all = [
        base,
        KeyInputs { lock: b"locks", ..base },
        KeyInputs { manifests: &file, ..base },
        KeyInputs { manifests: &other_file, ..base },
        KeyInputs { options: &requested, ..base },
        KeyInputs { units: &units[..1], ..base },
        KeyInputs { units: &units[1..], ..base },
        KeyInputs { target: "aarch64-unknown-linux-gnu", ..base },
        KeyInputs { host: "aarch64-unknown-linux-gnu", ..base },
        KeyInputs { rustc: "rustc 2", ..base },
        KeyInputs { unify: true, ..base },
    ];
    let all: Vec<_> =
        all.into_iter().chain(configs.iter().map(|config| KeyInputs { config, ..base })).collect();
    let keys: BTreeMap<_, _> =
        all.iter().enumerate().map(|(index, inputs)| (key(inputs).hex(), index)).collect();
    assert_eq!(keys.len(), all.len(), "{keys:?}");
    assert_eq!(key(&base), key(&inputs(&options, &units, &plain.clone())));
    // What concerns the terminal only.
    let colour = config("/w", "", "a=1", ("CARGO_TERM_COLOR", "never"));
    let none = config("/w", "", "a=1", ("HOME", "/"));
    assert_eq!(key(&inputs(&options, &units, &colour)), key(&inputs(&options, &units, &none)));
}

#[test]
fn a_record_holds_while_nothing_changes() {
    let metadata = workspace();
    let owners = vec![id("inner"), id("lib")];
    let units = [unit("h1"), Unit { owners, ..unit("h2") }];
    let place = |group, with: &[&str]| Place { group, with: with.iter().map(|n| id(n)).collect() };
    let grouping = Grouping { places: vec![place(0, &[]), place(1, &["lib"])] };
    let (key, other) = (Sha256::of(b"key"), Sha256::of(b"other"));
    let digest = |path: &std::path::Path| Some(Sha256::of(path.as_os_str().as_encoded_bytes()));
    let scripts = vec![[id("native")].into(), std::collections::BTreeSet::new()];
    let packages = crate::remap::packages(&metadata);
    let answer = Answer { grouping, scripts, packages };
    let text = encode(&key, &answer, &metadata, digest).unwrap();
    let read = |text: &str| decode(text.as_bytes(), &key, &units, digest);
    assert_eq!(read(&text).as_ref(), Some(&answer));
    assert_eq!(decode(text.as_bytes(), &other, &units, digest), None);
    assert_eq!(decode(text.as_bytes(), &key, &units[..1], digest), None);
    // The manifests of `lib` and others, which are no members.
    assert_eq!(decode(text.as_bytes(), &key, &units, |_| Some(other)), None, "changed");
    assert_eq!(decode(text.as_bytes(), &key, &units, |_| None), None, "gone");
    assert_eq!(encode(&key, &answer, &metadata, |_| None), None);
    for (good, bad) in [
        ("\"group\":1", "\"group\":2"),
        ("\"group\":1", "\"group\":18446744073709551615"),
        ("\"group\":1", "\"group\":-1"),
        ("\"lib\"", "\"h3\""),
        ("[\"lib\"]", "[\"lib\",\"inner\"]"),
        ("[\"lib\"]", "[\"lib\",\"lib\"]"),
        ("\"version\":3", "\"version\":1"),
        ("\"version\":3", "\"version\":3,\"more\":1"),
        ("}]}", "}"),
    ] {
        assert!(text.contains(good), "{good} in {text}");
        assert_eq!(read(&text.replacen(good, bad, 1)), None, "{bad}");
    }
}
