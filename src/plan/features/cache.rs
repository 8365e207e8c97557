//! What is remembered of a grouping, so that `cargo metadata` of everything runs only after a change.
//!
//! The key is a digest of all that the answer follows from and that is at hand anyway. Manifests
//! outside the workspace (path dependencies, `[patch]`) are known only with the answer, so the
//! record names them with their digests, and holds only while they are unchanged. The record lies in
//! a folder that anyone may write to: whatever does not fit is as good as none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, PackageId};
use serde::{Deserialize, Serialize};

use super::Unit;
use super::groups::{Grouping, Place};
use crate::cargo_config::CargoConfig;
use crate::digest::Sha256;
use crate::plan::CargoOptions;
use crate::remap::Place as Folder;

/// The version of the record and of the rules behind it: one more whenever either changes.
const VERSION: u32 = 3;

/// All that a grouping follows from.
#[derive(Debug, Clone, Copy)]
pub struct KeyInputs<'a> {
    /// `Cargo.lock`.
    pub lock: &'a [u8],
    /// The manifests of the workspace, its root's too: path and contents, sorted.
    pub manifests: &'a [(PathBuf, Vec<u8>)],
    /// Cargo's configuration for the folder that it is started in: what `--features` means follows
    /// from that folder too.
    pub config: &'a CargoConfig,
    /// The flags.
    pub options: &'a CargoOptions,
    /// What is to be grouped, in order.
    pub units: &'a [Unit],
    /// The target's triple.
    pub target: &'a str,
    /// All of `rustc -vV`, or as much as tells two compilers apart.
    pub rustc: &'a str,
    /// The host's triple.
    pub host: &'a str,
    /// Whether all units share runs, whatever features that gives them.
    pub unify: bool,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which units may share a run.
    pub grouping: Grouping,
    /// For each unit, see [`scripts`]; empty where nobody knows.
    ///
    /// [`scripts`]: super::scripts
    pub scripts: Vec<BTreeSet<PackageId>>,
    /// Where packages outside of the workspace lie, with their fixed names.
    pub packages: Vec<Folder>,
}

/// The key of a grouping.
#[must_use]
pub fn key(inputs: &KeyInputs<'_>) -> Sha256 {
    let mut parts = Parts::default();
    parts.add(&VERSION.to_le_bytes());
    parts.add(inputs.lock);
    parts.count(inputs.manifests.len());
    for (path, contents) in inputs.manifests {
        parts.add(path.as_os_str().as_encoded_bytes());
        parts.add(contents);
    }
    parts.config(inputs.config);
    parts.options(inputs.options);
    parts.count(inputs.units.len());
    for unit in inputs.units {
        parts.add(unit.package.repr.as_bytes());
        parts.add(&[u8::from(unit.dev)]);
        parts.list(unit.owners.iter().map(|id| id.repr.as_str()));
    }
    for text in [inputs.target, inputs.rustc, inputs.host] {
        parts.add(text.as_bytes());
    }
    parts.add(&[u8::from(inputs.unify)]);
    Sha256::of(&parts.0)
}

/// Whether features may follow from a variable of this name: all of cargo's and rustc's, but for
/// those that concern the terminal and the optimizer, and those that cargo sets for what it runs.
fn decides(name: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts(&["CARGO", "RUSTC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"])
        && !starts(&[
            "CARGO_TERM_",
            "CARGO_PROFILE_",
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_MAKEFLAGS",
        ])
}

/// Bytes of which no two lists of parts make the same.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn count(&mut self, count: usize) {
        self.0.extend((count as u64).to_le_bytes());
    }

    fn add(&mut self, part: &[u8]) {
        self.count(part.len());
        self.0.extend(part);
    }

    fn list<'t>(&mut self, texts: impl ExactSizeIterator<Item = &'t str>) {
        self.count(texts.len());
        for text in texts {
            self.add(text.as_bytes());
        }
    }

    fn config(&mut self, config: &CargoConfig) {
        self.count(config.layers().count());
        for (root, text) in config.layers() {
            self.add(root.as_os_str().as_encoded_bytes());
            self.add(text.map(Sha256::hex).unwrap_or_default().as_bytes());
        }
        let variables: Vec<_> = config.variables().filter(|(name, _)| decides(name)).collect();
        self.count(variables.len());
        for (name, value) in variables {
            self.add(name.as_bytes());
            self.add(value.as_bytes());
        }
    }

    /// The flags that features follow from.
    fn options(&mut self, options: &CargoOptions) {
        let features = &options.features;
        self.add(&[u8::from(features.all), u8::from(features.no_default)]);
        for list in [&features.list, &options.config, &options.unstable] {
            self.list(list.iter().map(String::as_str));
        }
        let manifest = options.manifest_path.as_deref().unwrap_or(Path::new(""));
        self.add(manifest.as_os_str().as_encoded_bytes());
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    key: String,
    places: Vec<PlaceRecord>,
    packages: Vec<Folder>,
    outside: Vec<FileRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceRecord {
    group: usize,
    with: Vec<String>,
    scripts: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRecord {
    path: PathBuf,
    digest: String,
}

/// The record of an answer as JSON. `digest` reads a file, one of the manifests outside the
/// workspace that `metadata` tells of; none if one cannot be read, since then nothing would notice
/// its changes.
pub fn encode(
    key: &Sha256,
    answer: &Answer,
    metadata: &Metadata,
    mut digest: impl FnMut(&Path) -> Option<Sha256>,
) -> Option<String> {
    let local = metadata.packages.iter().filter(|package| {
        package.source.is_none() && !metadata.workspace_members.contains(&package.id)
    });
    let mut outside = Vec::new();
    for package in local {
        let path = package.manifest_path.clone().into_std_path_buf();
        let digest = digest(&path)?.hex();
        outside.push(FileRecord { path, digest });
    }
    let reprs = |id: &PackageId| id.repr.clone();
    let places = answer.grouping.places.iter().zip(&answer.scripts);
    let place = |(place, scripts): (&Place, &BTreeSet<PackageId>)| PlaceRecord {
        group: place.group,
        with: place.with.iter().map(reprs).collect(),
        scripts: scripts.iter().map(reprs).collect(),
    };
    let places = places.map(place).collect();
    let packages = answer.packages.clone();
    let record = Record { version: VERSION, key: key.hex(), places, packages, outside };
    serde_json::to_string(&record).ok()
}

/// What a record says of these units, if it is theirs and still holds. `digest` reads a file.
pub fn decode(
    text: &[u8],
    key: &Sha256,
    units: &[Unit],
    mut digest: impl FnMut(&Path) -> Option<Sha256>,
) -> Option<Answer> {
    let record: Record = serde_json::from_slice(text).ok()?;
    if record.version != VERSION || record.key != key.hex() || record.places.len() != units.len() {
        return None;
    }
    let mut groups = 0;
    let mut places = Vec::with_capacity(units.len());
    let mut scripts = Vec::with_capacity(units.len());
    for (place, unit) in record.places.into_iter().zip(units) {
        let with: Vec<_> = place.with.into_iter().map(|repr| PackageId { repr }).collect();
        // Groups are numbered as they begin; only owners can come along, each once and sorted.
        let known = place.group <= groups
            && with.is_sorted_by(|a, b| a < b)
            && with.iter().all(|id| unit.owners.contains(id));
        if !known {
            return None;
        }
        groups = groups.max(place.group + 1);
        places.push(Place { group: place.group, with });
        scripts.push(place.scripts.into_iter().map(|repr| PackageId { repr }).collect());
    }
    let unchanged =
        |file: &FileRecord| digest(&file.path).is_some_and(|digest| digest.hex() == file.digest);
    let holds = record.outside.iter().all(unchanged);
    holds.then_some(Answer { grouping: Grouping { places }, scripts, packages: record.packages })
}
