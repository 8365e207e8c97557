//! Rust code that functions share: a crate with a shared library (`dylib`) that re-exports the crates which
//! several of them use, and what makes each of them link with it (`layer init`, `layer remove`).
//!
//! Pure: texts of manifests and sources in, new ones out. What is written is inert without the feature
//! `lambda-layer`: the dependency on the crate is optional, and so are all of the crate's own.

mod manifest;
mod source;

use std::collections::{BTreeMap, BTreeSet};

pub use manifest::{mark, mark_workspace, unmark, unmark_workspace};
pub use source::{mark as mark_source, mentions, unmark as unmark_source};

use crate::compile::LAYER_FEATURE;

/// A crate that a package uses, as its manifest has it and as it was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The package's name.
    pub package: String,
    /// Its resolved version.
    pub version: String,
    /// What it is called in sources.
    pub library: String,
    /// The features that are asked for.
    pub features: BTreeSet<String>,
    /// Whether its default features are.
    pub default_features: bool,
}

/// A crate that several functions use, with what all of them want of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// The crate, with the features of all.
    pub used: Used,
    /// The functions that use it.
    pub by: BTreeSet<String>,
}

/// The crates that two functions or more use in one version, by name and version.
#[must_use]
pub fn common(all: &BTreeMap<String, Vec<Used>>) -> Vec<Common> {
    let mut found: BTreeMap<(&str, &str), Common> = BTreeMap::new();
    for (function, used) in all {
        for used in used {
            let key = (used.package.as_str(), used.version.as_str());
            let entry = found
                .entry(key)
                .or_insert_with(|| Common { used: used.clone(), by: BTreeSet::new() });
            entry.used.features.extend(used.features.iter().cloned());
            entry.used.default_features |= used.default_features;
            entry.by.insert(function.clone());
        }
    }
    let mut shared: Vec<Common> = found.into_values().filter(|it| it.by.len() > 1).collect();
    // Of two versions that each are shared, the one that more functions use: two crates of one name do not
    // stand in one manifest.
    shared.sort_by(|a, b| {
        let key = |it: &Common| (it.used.package.clone(), usize::MAX - it.by.len());
        key(a).cmp(&key(b))
    });
    shared.dedup_by(|a, b| a.used.package == b.used.package);
    shared
}

/// The first line of the crate's manifest, by which it is known.
pub const CRATE_HEAD: &str = "# Written by `cargo lambda-pack layer init`";

/// The manifest of the crate.
#[must_use]
pub fn crate_manifest(name: &str, common: &[Common]) -> String {
    let on: Vec<String> =
        common.iter().map(|it| format!("    \"dep:{}\",\n", it.used.package)).collect();
    let dependencies: Vec<String> = common.iter().map(|it| dependency(&it.used)).collect();
    format!(
        "\
{CRATE_HEAD}, taken away by `cargo lambda-pack layer remove`: the crates that
# functions have in common, as one shared library in a Lambda layer. Without the feature it is empty.
[package]
name = \"{name}\"
version = \"0.0.0\"
edition = \"2021\"
publish = false

[lib]
# An `rlib` too, for targets without shared libraries, and for whoever sets the feature by hand.
crate-type = [\"rlib\", \"dylib\"]
test = false
doctest = false
doc = false

[features]
{LAYER_FEATURE} = [
{}]

[dependencies]
{}",
        on.concat(),
        dependencies.concat()
    )
}

fn dependency(used: &Used) -> String {
    let mut words = vec![format!("version = \"{}\"", used.version), "optional = true".to_owned()];
    if !used.default_features {
        words.push("default-features = false".to_owned());
    }
    if !used.features.is_empty() {
        let features: Vec<String> = used.features.iter().map(|it| format!("\"{it}\"")).collect();
        words.push(format!("features = [{}]", features.join(", ")));
    }
    format!("{} = {{ {} }}\n", used.package, words.join(", "))
}

/// The source of the crate.
#[must_use]
pub fn crate_source(common: &[Common]) -> String {
    let uses: Vec<String> = common
        .iter()
        .map(|it| format!("#[cfg(feature = \"{LAYER_FEATURE}\")]\npub use {};\n", it.used.library))
        .collect();
    format!("//! What functions share, in one library.\n\n{}", uses.concat())
}

/// Whether a source says no more than [`crate_source`] does.
#[must_use]
pub fn is_crate_source(text: &str) -> bool {
    let feature = format!("#[cfg(feature = \"{LAYER_FEATURE}\")]");
    let ours = |line: &str| {
        line.is_empty()
            || line.starts_with("//!")
            || line == feature
            || line.starts_with("pub use ")
    };
    text.lines().all(ours)
}

#[cfg(test)]
mod tests;
