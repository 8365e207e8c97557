//! The facts that groups of features follow from, and the record of the last answer.

use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;

use super::{CargoError, platform, whole_metadata};
use crate::cargo_config::CargoConfig;
use crate::cargo_files;
use crate::digest::Sha256;
use crate::files;
use crate::plan::features::{
    self, Answer, Gain, Graph, Grouping, KeyInputs, Resolver, RustcCfg, Unit,
};
use crate::plan::{CargoOptions, Run};
use crate::remap;
use crate::rustflags;
use crate::tool_cache::ToolCache;
use crate::toolchain::Rustc;

/// The largest record that is read: thousands of functions.
const MAX_RECORD: usize = 1 << 20;

/// What is asked about, and what is known without the whole of `cargo metadata`.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// The flags.
    pub options: &'a CargoOptions,
    /// Cargo's configuration.
    pub config: &'a CargoConfig,
    /// `cargo metadata --no-deps`.
    pub members: &'a Metadata,
    /// The compiler.
    pub rustc: &'a Rustc,
    /// What it has answered.
    pub tools: &'a ToolCache,
    /// The target's triple.
    pub target: &'a str,
    /// The units of the functions.
    pub units: &'a [Unit],
    /// Whether they share runs whatever features that gives them.
    pub unify: bool,
}

/// All that cargo and rustc say of the features.
struct Facts {
    metadata: Metadata,
    resolver: Resolver,
    target: RustcCfg,
    host: RustcCfg,
}

impl Features<'_> {
    /// Which units may share a run, and where packages lie. With nothing changed since the last time,
    /// that is read from `record`; otherwise cargo is asked, and the answer written there.
    pub fn answer(&self, record: &Path) -> Result<Answer, CargoError> {
        let key = self.key();
        if let Some(answer) = key.and_then(|key| self.remembered(record, &key)) {
            return Ok(answer);
        }
        let facts = self.facts()?;
        let (graph, selection) = (facts.graph()?, &self.options.features);
        let unify = self.is_unified();
        let grouping = if unify {
            Grouping::unified(self.units)
        } else {
            features::group(&graph, self.units, selection)?
        };
        let scripts = features::scripts(&graph, self.units, selection, unify)?;
        let packages = remap::packages(&facts.metadata);
        let answer = Answer { grouping, scripts, packages };
        // Without `Cargo.lock`, or with files that changed meanwhile, nothing says what that was
        // about. A record that cannot be written costs time, not the answer.
        let unchanged = key.filter(|_| self.key() == key);
        let text =
            unchanged.and_then(|key| features::encode(&key, &answer, &facts.metadata, digest));
        if let Some(text) = text {
            let _ = files::write_into_target(record, text.as_bytes());
        }
        Ok(answer)
    }

    /// Whether there is nothing to group.
    #[must_use]
    pub fn is_unified(&self) -> bool {
        // One unit has no neighbour.
        let alone = self.units.len() < 2 && self.units.iter().all(|unit| unit.owners.is_empty());
        alone || self.unify
    }

    /// Whether the build does without that metadata: offline, what is missing may not be needed.
    #[must_use]
    pub fn is_dispensable(&self) -> bool {
        self.is_unified() || self.options.is_offline()
    }

    /// What packages gain in these runs over each unit built alone. `of`: where each function's
    /// unit stands among the units.
    pub fn gains(&self, of: &[usize], runs: &[Run]) -> Result<Vec<Gain>, CargoError> {
        let facts = self.facts()?;
        let graph = facts.graph()?;
        Ok(features::gains(&graph, self.units, of, runs, &self.options.features)?)
    }

    fn remembered(&self, record: &Path, key: &Sha256) -> Option<Answer> {
        let text = files::read_settings(record).ok()??;
        let answer = (text.len() <= MAX_RECORD)
            .then(|| features::decode(text.as_bytes(), key, self.units, digest))??;
        // What is gone, cargo may unpack elsewhere.
        answer.packages.iter().all(|folder| folder.from.is_dir()).then_some(answer)
    }

    /// None where a file that the answer follows from cannot be read.
    fn key(&self) -> Option<Sha256> {
        let root = self.members.workspace_root.as_std_path();
        let lock = fs::read(root.join("Cargo.lock")).ok()?;
        let packages = self.members.packages.iter().map(|p| p.manifest_path.as_std_path());
        let mut paths: Vec<_> = packages.map(Path::to_path_buf).collect();
        paths.push(root.join("Cargo.toml"));
        paths.sort();
        paths.dedup();
        let read = |path: PathBuf| fs::read(&path).ok().map(|contents| (path, contents));
        let manifests = paths.into_iter().map(read).collect::<Option<Vec<_>>>()?;
        Some(features::key(&KeyInputs {
            lock: &lock,
            manifests: &manifests,
            config: self.config,
            options: self.options,
            units: self.units,
            target: self.target,
            rustc: &self.rustc.version,
            host: &self.rustc.host,
            unify: self.unify,
        }))
    }

    fn facts(&self) -> Result<Facts, CargoError> {
        let (platforms, metadata) = std::thread::scope(|scope| {
            let platforms = scope.spawn(|| self.platforms());
            let whole = self.whole_metadata();
            (platforms.join(), whole)
        });
        let (resolver, metadata) = metadata?;
        let (target, host) = platforms.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Facts { metadata, resolver, target, host })
    }

    fn whole_metadata(&self) -> Result<(Resolver, Metadata), CargoError> {
        let manifest = self.members.workspace_root.join("Cargo.toml");
        let text = fs::read_to_string(manifest).unwrap_or_default();
        let resolver = Resolver::of(&text, self.members);
        let mut options = self.options.clone();
        options.features.list = features::known_features(self.members, &options.features);
        let (target, host) = (self.target, &self.rustc.host);
        let needed = !self.is_dispensable();
        Ok((resolver, whole_metadata(&options, resolver, target, host, needed)?))
    }

    fn platforms(&self) -> Result<(RustcCfg, RustcCfg), CargoError> {
        let platform = |triple, flags| platform(self.tools, self.rustc, triple, flags);
        let host = platform(&self.rustc.host, &[])?;
        let cfgs = cargo_files::cfgs(self.tools, self.config, self.rustc, self.target);
        let users = rustflags::decide(self.config, self.target, &cfgs, &[]).users;
        let flags: Vec<String> = users.into_iter().map(|word| word.text).collect();
        let same = self.target == self.rustc.host && flags.is_empty();
        let target = if same { host.clone() } else { platform(self.target, &flags)? };
        Ok((target, host))
    }
}

impl Facts {
    fn graph(&self) -> Result<Graph<'_>, CargoError> {
        Ok(Graph::new(&self.metadata, self.resolver, &self.target, &self.host)?)
    }
}

/// The digest of a manifest that a record names: a regular file of some size, or none.
fn digest(path: &Path) -> Option<Sha256> {
    files::read_settings(path).ok()?.map(|text| Sha256::of(text.as_bytes()))
}
