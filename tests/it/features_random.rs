//! Random workspaces: the features that we resolve are those that cargo resolves, and a group of
//! units gives none of them a feature.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use lambda_pack::plan::FeatureSelection;
use lambda_pack::plan::features::{Unit, group};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::unit_graph::Facts;

const FEATURES: [&str; 3] = ["f0", "f1", "f2"];
const PLATFORMS: [&str; 5] =
    ["", "", "cfg(target_arch = \"aarch64\")", "cfg(windows)", "x86_64-unknown-linux-gnu"];

/// Choices; the first of every choice is the plainest, so that what proptest shrinks is plain.
struct Tape<'t>(std::slice::Iter<'t, u8>);

impl Tape<'_> {
    fn pick(&mut self, of: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) * of / 256
    }

    /// In `of` cases of 8.
    fn chance(&mut self, of: usize) -> bool {
        self.pick(8) >= 8 - of
    }

    fn some<'a>(&mut self, from: &[&'a str], of: usize) -> Vec<&'a str> {
        from.iter().copied().filter(|_| self.chance(of)).collect()
    }
}

/// A workspace on disk, and what is asked of it.
struct Random {
    folder: TempDir,
    members: Vec<String>,
    target: &'static str,
    selection: FeatureSelection,
    subset: Vec<String>,
}

/// One entry of a manifest.
struct Entry {
    section: String,
    name: String,
    optional: bool,
    dev: bool,
    text: String,
}

/// A package of the workspace, or beside it.
struct Crate {
    /// Unique: its folder, and what others call it.
    name: String,
    /// Its own name.
    package: String,
    version: &'static str,
    folder: PathBuf,
    proc_macro: bool,
    handler: bool,
}

fn crates(tape: &mut Tape<'_>, root: &Path, rooted: bool) -> Vec<Crate> {
    let (members, libraries) = (3 + tape.pick(4), 4 + tape.pick(5));
    // Two versions of one package: others must rename the second.
    let twin = tape.chance(3);
    let library = |index: usize| {
        let twin = twin && index + 1 == libraries;
        let name = format!("d-{index}");
        Crate {
            package: if twin { "d-0".to_owned() } else { name.clone() },
            version: if twin { "2.0.0" } else { "1.0.0" },
            // A library in the workspace's folder `crates` is a member as well.
            folder: root
                .join(if !twin && tape.chance(2) { "crates" } else { "others" })
                .join(&name),
            proc_macro: tape.chance(2),
            handler: !twin && tape.chance(1),
            name,
        }
    };
    let libraries: Vec<Crate> = (0..libraries).map(library).collect();
    let member = |index: usize| {
        let name = format!("m{index}");
        let folder =
            if rooted && index == 0 { root.to_owned() } else { root.join("crates").join(&name) };
        let package = name.clone();
        Crate { name, package, version: "1.0.0", folder, proc_macro: false, handler: true }
    };
    (0..members).map(member).chain(libraries).collect()
}

fn generate(tape: &mut Tape<'_>) -> Random {
    let folder = TempDir::with_prefix("lambda pack ").unwrap();
    let rooted = tape.chance(1);
    let crates = crates(tape, folder.path(), rooted);
    for (index, krate) in crates.iter().enumerate() {
        let mut text = manifest(tape, krate, &crates[index + 1..]);
        if krate.folder == folder.path() {
            text += &workspace(tape);
        }
        files(tape, krate, &text);
    }
    if !rooted {
        fs::write(folder.path().join("Cargo.toml"), workspace(tape)).unwrap();
    }
    let members = crates.iter().filter(|krate| krate.name.starts_with('m'));
    let members: Vec<String> = members.map(|krate| krate.name.clone()).collect();
    let list = match tape.pick(if rooted { 3 } else { 6 }) {
        0 | 1 => Vec::new(),
        2 => vec!["f0".to_owned()],
        3 => vec!["m0/f1".to_owned()],
        4 => vec!["d-0/f2".to_owned(), "f1".to_owned()],
        _ => vec!["d-1?/f0".to_owned(), "m1/f0".to_owned()],
    };
    let selection = FeatureSelection { all: tape.chance(1), no_default: tape.chance(2), list };
    let target = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"][tape.pick(2)];
    let mut subset: Vec<_> = members.iter().filter(|_| tape.chance(4)).cloned().collect();
    if subset.is_empty() {
        subset.extend(members.first().cloned());
    }
    Random { folder, members, target, selection, subset }
}

fn workspace(tape: &mut Tape<'_>) -> String {
    let resolver = ["2", "1", "3"][tape.pick(3)];
    format!(
        "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"others\"]\nresolver = \"{resolver}\"\n"
    )
}

fn files(tape: &mut Tape<'_>, krate: &Crate, manifest: &str) {
    let at = &krate.folder;
    fs::create_dir_all(at.join("src")).unwrap();
    fs::write(at.join("Cargo.toml"), manifest).unwrap();
    fs::write(at.join("src/lib.rs"), "").unwrap();
    if krate.handler && !krate.proc_macro {
        fs::write(at.join("src/main.rs"), "fn main() {}").unwrap();
        fs::create_dir_all(at.join("examples")).unwrap();
        fs::write(at.join(format!("examples/e-{}.rs", krate.name)), "fn main() {}").unwrap();
    }
    if tape.chance(4) {
        fs::write(at.join("build.rs"), "fn main() {}").unwrap();
    }
}

/// A manifest with dependencies on some of the later crates.
fn manifest(tape: &mut Tape<'_>, krate: &Crate, later: &[Crate]) -> String {
    let Crate { package, version, .. } = krate;
    let mut text =
        format!("[package]\nname = \"{package}\"\nversion = \"{version}\"\nedition = \"2021\"\n");
    if krate.proc_macro {
        text += "[lib]\nproc-macro = true\n";
    }
    let mut entries: Vec<Entry> = Vec::new();
    for to in later {
        let renamed = tape.chance(1) || to.package != to.name;
        // Members mostly depend on libraries.
        while tape.chance(if to.name.starts_with('m') { 1 } else { 3 }) {
            let entry = entry(tape, to, renamed);
            if !entries.iter().any(|e| e.section == entry.section && e.name == entry.name) {
                entries.push(entry);
            }
        }
    }
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in &entries {
        sections.entry(&entry.section).or_default().push(&entry.text);
    }
    for (section, lines) in sections {
        writeln!(text, "[{section}]\n{}", lines.join("\n")).unwrap();
    }
    text + &features(tape, &entries)
}

fn entry(tape: &mut Tape<'_>, to: &Crate, renamed: bool) -> Entry {
    let kind = ["dependencies", "dependencies", "build-dependencies", "dev-dependencies"];
    let kind = kind[tape.pick(4)];
    let platform = PLATFORMS[tape.pick(PLATFORMS.len())];
    let section =
        if platform.is_empty() { kind.to_owned() } else { format!("target.'{platform}'.{kind}") };
    let dev = kind == "dev-dependencies";
    let optional = !dev && tape.chance(4);
    let name = if renamed { format!("re-{}", to.name) } else { to.name.clone() };
    let text = format!(
        "{name} = {{ path = \"{}\", optional = {optional}, default-features = {}, features = \
         {:?}, package = \"{}\" }}",
        to.folder.display(),
        !tape.chance(4),
        tape.some(&FEATURES, 2),
        to.package,
    );
    Entry { section, name, optional, dev, text }
}

/// `[features]`: each may imply later ones, optional dependencies, and features of dependencies,
/// weakly or not.
fn features(tape: &mut Tape<'_>, entries: &[Entry]) -> String {
    let namespaced = tape.chance(4);
    let mut text = "[features]\n".to_owned();
    let names: BTreeSet<&str> = entries.iter().filter(|e| !e.dev).map(|e| &*e.name).collect();
    for (index, feature) in ["default", "f0", "f1", "f2"].into_iter().enumerate() {
        if feature == "default" && tape.chance(2) {
            continue;
        }
        let mut implied: Vec<String> =
            tape.some(&FEATURES[index..], 2).into_iter().map(str::to_owned).collect();
        for &name in &names {
            let optional = entries.iter().any(|entry| entry.name == name && entry.optional);
            let of = FEATURES[tape.pick(3)];
            match tape.pick(8) {
                4 if optional && namespaced => implied.push(format!("dep:{name}")),
                4 if optional => implied.push(name.to_owned()),
                5 => implied.push(format!("{name}/{of}")),
                6 | 7 if optional => implied.push(format!("{name}?/{of}")),
                _ => {}
            }
        }
        writeln!(text, "{feature} = {implied:?}").unwrap();
    }
    text
}

fn check(choices: &[u8]) {
    let mut random = generate(&mut Tape(choices.iter()));
    random.folder.disable_cleanup(std::env::var_os("FEATURE_KEEP").is_some());
    let facts = Facts::gather(random.folder.path(), random.target, random.selection);
    let graph = facts.graph();
    let ids = |names: &[String]| names.iter().map(|name| facts.id(name)).collect::<Vec<_>>();
    for dev in [false, true] {
        facts.compare(&graph, &ids(&random.subset), dev);
    }
    // Bins, and the examples of some.
    let mut units: Vec<Unit> = random.members.iter().map(|name| facts.unit(name, false)).collect();
    units.extend(random.subset.iter().map(|name| facts.unit(name, true)));
    let grouping = group(&graph, &units, &facts.options.features).unwrap();
    for number in 0..grouping.groups() {
        let here = grouping.places.iter().zip(&units).filter(|(place, _)| place.group == number);
        let here: Vec<&Unit> = here.map(|(_, unit)| unit).collect();
        if here.len() == 1 {
            continue;
        }
        let mut packages: Vec<_> = here.iter().map(|unit| unit.package.clone()).collect();
        packages.sort();
        packages.dedup();
        let together = facts.unit_graph(&packages, here.iter().any(|unit| unit.dev));
        for unit in here {
            let alone = facts.unit_graph(std::slice::from_ref(&unit.package), unit.dev);
            for (key, features) in alone {
                if let Some(shared) = together.get(&key) {
                    assert_eq!(*shared, features, "{key:?} for {unit:?} in group {number}");
                }
            }
        }
    }
}

fn cases(cases: u32) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: std::env::var("FEATURE_SHRINK").map_or(100, |n| n.parse().unwrap()),
        ..Config::default()
    };
    let tape = prop::collection::vec(any::<u8>(), 500..2500);
    TestRunner::new(config)
        .run(&tape, |choices| {
            check(&choices);
            Ok(())
        })
        .unwrap();
}

#[test]
fn our_features_are_cargos() {
    cases(20);
}

/// Minutes: `cargo test -- --ignored our_features_are_cargos_at_length`.
#[test]
#[ignore = "many cargo runs"]
fn our_features_are_cargos_at_length() {
    cases(std::env::var("FEATURE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1000));
}
