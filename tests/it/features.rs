//! Features of one function and not of its neighbours: the groups against what cargo compiles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lambda_pack::cargo_config::CargoConfig;
use lambda_pack::cargo_files;
use lambda_pack::compile::Compile;
use lambda_pack::config::Settings;
use lambda_pack::function::{Handler, TargetKind};
use lambda_pack::plan::features::{Grouping, Side, Unit, gains, group};
use lambda_pack::plan::{FeatureSelection, Run, compile};
use lambda_pack::target::{Arch, Libc};
use lambda_pack::tool_cache::ToolCache;

use crate::support::{Workspace, run};
use crate::unit_graph::{Facts, cargo, host};

/// What a crate is compiled with: package, side, features.
type Compiled = BTreeSet<(String, Side, BTreeSet<String>)>;

/// For this machine, with nothing said.
fn plainly() -> Compile {
    let arch = Arch::of_linux_triple(host()).unwrap();
    compile(&Settings::default(), arch, Libc::Gnu)
}

/// Handlers with every kind of difference between them.
fn neighbours() -> Workspace {
    let workspace = Workspace::new();
    let dep = |name: &str, rest: &str| format!("{name} = {{ path = \"../{name}\"{rest} }}\n");
    let text = dep("text", "");
    let ordered = dep("text", ", features = [\"order\"]");
    workspace.library("text", "[features]\norder = []\n");
    workspace.library("codegen", "[features]\nfast = []\n");
    workspace.library(
        "mac",
        &format!("[lib]\nproc-macro = true\n[dependencies]\n{}", dep("codegen", "")),
    );
    workspace.library("inner", "[features]\nextra = []\n");
    workspace.library(
        "outer",
        &format!(
            "[features]\na = [\"inner?/extra\"]\nb = [\"dep:inner\"]\n[dependencies]\n{}",
            dep("inner", ", optional = true")
        ),
    );
    let handler = |name: &str, dependencies: &str| {
        workspace.package(name, &format!("[dependencies]\n{dependencies}"));
    };
    let mac = dep("mac", "");
    handler(
        "api",
        &(text.clone() + &mac + "[dev-dependencies]\n" + &dep("outer", ", features = [\"a\"]")),
    );
    workspace.write("crates/api/examples/shown.rs", "fn main() {}\n");
    handler("api2", &text);
    // Host side and target side are two: the macro's `codegen` has no feature.
    handler("apart", &(mac + &dep("codegen", ", features = [\"fast\"]")));
    // The same with a build script, which shares the host side with the macro.
    handler(
        "built",
        &(text.clone() + "[build-dependencies]\n" + &dep("codegen", ", features = [\"fast\"]")),
    );
    workspace.write("crates/built/build.rs", "fn main() {}\n");
    handler("elsewhere", &(text.clone() + "[target.'cfg(windows)'.dependencies]\n" + &ordered));
    handler("here", &(text + "[target.'cfg(unix)'.dependencies]\n" + &ordered));
    handler("sdk", &ordered);
    handler("weak1", &dep("outer", ", features = [\"a\"]"));
    handler("weak2", &dep("outer", ", features = [\"b\"]"));
    handler("weak3", &dep("outer", ", features = [\"a\", \"b\"]"));
    // A handler's package that another one uses as a library.
    handler("shared", "[features]\ndefault = [\"full\"]\nfull = []\n");
    workspace.write("crates/shared/src/lib.rs", "");
    handler("thin", &dep("shared", ", default-features = false"));
    handler("thick", &dep("shared", ""));
    // Their dev-dependencies count only beside examples.
    workspace.package(
        "tested",
        &format!("[dev-dependencies]\n{}", dep("text", ", features = [\"order\"]")),
    );
    workspace
}

const BINS: [&str; 14] = [
    "api",
    "api2",
    "apart",
    "built",
    "elsewhere",
    "here",
    "sdk",
    "shared",
    "tested",
    "thick",
    "thin",
    "weak1",
    "weak2",
    "weak3",
];

fn groups(facts: &Facts, units: &[Unit], grouping: &Grouping) -> Vec<Vec<String>> {
    let mut groups = vec![Vec::new(); grouping.groups()];
    for (place, unit) in grouping.places.iter().zip(units) {
        let example = if unit.dev { " (examples)" } else { "" };
        groups[place.group].push(format!("{}{example}", facts.name(&unit.package)));
    }
    groups
}

#[test]
fn groups_are_as_few_as_features_allow() {
    let workspace = neighbours();
    let facts = Facts::gather(workspace.path(), host(), FeatureSelection::default());
    let graph = facts.graph();
    let mut units: Vec<Unit> = BINS.iter().map(|name| facts.unit(name, false)).collect();
    units.push(facts.unit("api", true));
    let grouping = group(&graph, &units, &FeatureSelection::default()).unwrap();
    assert_eq!(
        groups(&facts, &units, &grouping),
        [
            // `tested` agrees with all of them, but its dev-dependencies would not.
            &["api", "api2", "apart", "elsewhere", "shared", "tested", "thick", "weak1"][..],
            &["built", "thin", "weak2"],
            &["here", "sdk", "weak3"],
            &["api (examples)"],
        ]
    );
}

#[test]
fn examples_bring_the_dev_dependencies_of_all() {
    let workspace = neighbours();
    let facts = Facts::gather(workspace.path(), host(), FeatureSelection::default());
    let graph = facts.graph();
    let grouped = |units: &[Unit]| {
        let grouping = group(&graph, units, &FeatureSelection::default()).unwrap();
        groups(&facts, units, &grouping)
    };
    let (bin, example) = (|name| facts.unit(name, false), facts.unit("api", true));
    // Package for package, `tested` and the examples of `api` agree: they share nothing. Together,
    // cargo would build the `text` of the latter with the dev-dependencies of the former.
    assert_eq!(grouped(&[example.clone(), bin("tested")]), [["api (examples)"], ["tested"]]);
    assert_eq!(grouped(&[example, bin("thick")]), [["api (examples)", "thick"]]);
}

#[test]
fn says_what_one_run_would_add() {
    let workspace = neighbours();
    let facts = Facts::gather(workspace.path(), host(), FeatureSelection::default());
    let graph = facts.graph();
    let units: Vec<Unit> =
        ["api", "built", "sdk", "thin"].iter().map(|name| facts.unit(name, false)).collect();
    let mut packages: Vec<_> = units.iter().map(|unit| unit.package.clone()).collect();
    packages.push(facts.id("shared"));
    let members = vec![0, 1, 2, 3];
    let run = Run { members, packages, features: Vec::new(), compile: plainly() };
    let selection = FeatureSelection::default();
    let gains = gains(&graph, &units, &[0, 1, 2, 3], &[run], &selection).unwrap();
    let lines: Vec<String> = gains.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "codegen 0.1.0 (for build scripts and macros) gains fast in api",
            "shared 0.1.0 gains default, full in thin",
            "text 0.1.0 gains order in api, built",
        ]
    );
}

/// Writes down how rustc is called.
fn recorder(workspace: &Workspace) -> PathBuf {
    let script = "#!/bin/sh\nif [ -n \"$CARGO_PKG_NAME\" ]; then\n  printf '%s\\n' \
                  \"$CARGO_PKG_NAME $*\" >> \"$RECORD\"\nfi\nexec \"$@\"\n";
    let path = workspace.write("recorder", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Runs a build of its own and tells what it compiled.
fn compiled(workspace: &Workspace, command: &mut Command, folder: &str) -> Compiled {
    let record = workspace.path().join(format!("{folder}.record"));
    command
        .env("RUSTC_WRAPPER", recorder(workspace))
        .env("RECORD", &record)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .arg("--target-dir")
        .arg(workspace.path().join(folder));
    run(command).code(0);
    let text = fs::read_to_string(&record).unwrap();
    let crates = text.lines().filter(|line| !line.contains(" --crate-name build_script_"));
    crates
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let feature =
                |word: &&str| Some(word.strip_prefix("feature=\"")?.strip_suffix('"')?.to_owned());
            let side = if words.contains(&"--target") { Side::Target } else { Side::Host };
            (words[0].to_owned(), side, words.iter().filter_map(feature).collect())
        })
        .collect()
}

/// The features of each package, which must be one set in one run.
fn by_package(compiled: &Compiled) -> BTreeMap<(String, Side), BTreeSet<String>> {
    let mut features = BTreeMap::new();
    for (package, side, set) in compiled {
        let other = features.insert((package.clone(), *side), set.clone());
        assert_eq!(other, None, "two sets of features of {package}");
    }
    features
}

/// What the unstable `resolver.feature-unification = "package"` compiles.
fn per_package(workspace: &Workspace, mut command: Command, folder: &str) -> Compiled {
    command
        .args(["build", "-Zfeature-unification", "--target", host(), "--bins"])
        .args(["--config", "resolver.feature-unification=\"package\""]);
    for name in BINS {
        command.args(["-p", name]);
    }
    compiled(workspace, &mut command, folder)
}

#[test]
fn our_runs_compile_what_cargo_compiles_for_each_package_alone() {
    let workspace = neighbours();
    let facts = Facts::gather(workspace.path(), host(), FeatureSelection::default());
    let graph = facts.graph();
    let units: Vec<Unit> = BINS.iter().map(|name| facts.unit(name, false)).collect();
    let grouping = group(&graph, &units, &FeatureSelection::default()).unwrap();
    let mut all = Compiled::new();
    for (number, names) in groups(&facts, &units, &grouping).iter().enumerate() {
        let packages: Vec<_> = names.iter().map(|name| facts.id(name)).collect();
        let handler = |name: &String| Handler {
            package_id: facts.id(name),
            package: name.clone(),
            target: name.clone(),
            kind: TargetKind::Bin,
        };
        let handlers: Vec<_> = names.iter().map(handler).collect();
        let members = (0..names.len()).collect();
        let one = Run { members, packages, features: Vec::new(), compile: plainly() };
        let args = facts.options.build_args(&one, &handlers.iter().collect::<Vec<_>>(), &[]);
        let together =
            compiled(&workspace, cargo(workspace.path()).args(args), &format!("group{number}"));
        let together_by_package = by_package(&together);
        for name in names {
            let args = ["build", "--target", host(), "-p", name, "--bins"];
            let mut command = cargo(workspace.path());
            let alone = compiled(&workspace, command.args(args), &format!("alone-{name}"));
            for (key, features) in by_package(&alone) {
                assert_eq!(together_by_package.get(&key), Some(&features), "{key:?} of {name}");
            }
        }
        all.extend(together);
    }
    let mut stable = cargo(workspace.path());
    stable.env("RUSTC_BOOTSTRAP", "1");
    assert_eq!(per_package(&workspace, stable, "per-package"), all);
    let nightly = || {
        let mut command = Command::new("cargo");
        crate::support::scrub(command.current_dir(workspace.path()));
        command.env("CARGO_NET_OFFLINE", "true").env("RUSTUP_TOOLCHAIN", "nightly");
        command
    };
    // Where rustup or its nightly is missing, the same switch of the stable cargo must do.
    if run(nightly().arg("--version")).stdout.contains("nightly") {
        assert_eq!(per_package(&workspace, nightly(), "per-package-nightly"), all);
    } else {
        let _ = writeln!(std::io::stderr(), "SKIPPED for want of a nightly cargo");
    }
}

/// Two handlers that cannot share a run because of a library outside the workspace.
fn two_and_a_library() -> Workspace {
    let workspace = Workspace::new();
    let root = "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"others\"]\nresolver = \"3\"\n";
    workspace.write("Cargo.toml", root);
    let manifest = "[package]\nname = \"text\"\nedition = \"2024\"\n[features]\norder = []\n";
    workspace.write("others/text/Cargo.toml", manifest);
    workspace.write("others/text/src/lib.rs", "");
    workspace.package("a", "[dependencies]\ntext.path = \"../../others/text\"\n");
    workspace.package(
        "b",
        "[dependencies]\ntext = { path = \"../../others/text\", features = [\"order\"] }\n",
    );
    workspace
}

fn configuration(folder: &Path) -> CargoConfig {
    cargo_files::load(folder, cargo_files::variables(), &[])
}

#[test]
fn the_answer_is_remembered_until_something_changes() {
    let workspace = two_and_a_library();
    let mut facts = Facts::gather(workspace.path(), host(), FeatureSelection::default());
    facts.options.manifest_path = Some(workspace.path().join("Cargo.toml"));
    facts.options.offline = true;
    let rustc = crate::support::rustc();
    let record = workspace.path().join("target/features.json");
    let config = configuration(workspace.path());
    let units = [facts.unit("a", false), facts.unit("b", false)];
    let groups = || {
        let members = &lambda_pack::cargo::metadata(&facts.options).unwrap();
        let (options, target) = (&facts.options, host());
        let features = lambda_pack::cargo::Features {
            options,
            config: &config,
            members,
            rustc: &rustc,
            tools: &ToolCache::none(),
            target,
            units: &units,
            unify: false,
        };
        features.answer(&record).unwrap().grouping.groups()
    };
    let lock = workspace.path().join("Cargo.lock");
    fs::remove_file(&lock).unwrap();
    assert_eq!(groups(), 2);
    assert!(lock.exists() && !record.exists(), "nothing had said which versions");
    assert_eq!(groups(), 2);
    // A record that says something else shows whether it is read.
    let forge = || {
        let text = fs::read_to_string(&record).unwrap();
        fs::write(&record, text.replace("\"group\":1", "\"group\":0")).unwrap();
    };
    forge();
    assert_eq!(groups(), 1, "read");
    let change = |file: &str| {
        let text = fs::read_to_string(workspace.path().join(file)).unwrap();
        workspace.write(file, text + "# changed\n");
    };
    for file in ["Cargo.toml", "crates/b/Cargo.toml", "others/text/Cargo.toml"] {
        change(file);
        assert_eq!(groups(), 2, "{file} changed");
        forge();
        assert_eq!(groups(), 1, "and read again");
    }
    change("Cargo.lock");
    assert_eq!(groups(), 2, "the lock file changed");
    assert_eq!(groups(), 1, "cargo has written it as it was, which the record is about");
    let endless = fs::read_to_string(&record)
        .unwrap()
        .replace(workspace.path().join("others/text/Cargo.toml").to_str().unwrap(), "/dev/zero");
    assert!(endless.contains("/dev/zero"));
    for junk in ["", "null", "{\"version\":1}", &endless] {
        fs::write(&record, junk).unwrap();
        assert_eq!(groups(), 2, "{junk}");
    }
}

/// The figures: `FOLDER=… cargo test --test it features::figures -- --ignored --nocapture`.
#[test]
#[ignore = "for a workspace of one's own"]
fn figures() {
    let Some(folder) = std::env::var_os("FOLDER") else { return };
    let timed = |what: &str, since: Instant| println!("{what}: {:?}", since.elapsed());
    let since = Instant::now();
    let facts = Facts::gather(Path::new(&folder), host(), FeatureSelection::default());
    timed("facts", since);
    let since = Instant::now();
    let graph = facts.graph();
    timed(&format!("graph of {} packages", facts.metadata.packages.len()), since);
    let members = facts.metadata.workspace_packages();
    let units: Vec<Unit> = members.iter().map(|p| facts.unit(p.name.as_str(), false)).collect();
    let since = Instant::now();
    let grouping = group(&graph, &units, &FeatureSelection::default()).unwrap();
    timed(&format!("groups of {} units", units.len()), since);
    println!("{:#?}", groups(&facts, &units, &grouping));
    let record = tempfile::tempdir().unwrap();
    let mut options = facts.options.clone();
    options.manifest_path = Some(Path::new(&folder).join("Cargo.toml"));
    let features = lambda_pack::cargo::Features {
        options: &options,
        config: &configuration(Path::new(&folder)),
        members: &lambda_pack::cargo::metadata(&options).unwrap(),
        rustc: &crate::support::rustc(),
        tools: &ToolCache::none(),
        target: host(),
        units: &units,
        unify: false,
    };
    for what in ["asked", "remembered"] {
        let since = Instant::now();
        features.answer(&record.path().join("features.json")).unwrap();
        timed(what, since);
    }
    for unit in &units {
        facts.compare(&graph, std::slice::from_ref(&unit.package), false);
    }
}
