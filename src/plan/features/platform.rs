//! What dependencies and their features are chosen by: the two platforms, and the resolver.

use std::path::Path;

use cargo_metadata::Metadata;
use cargo_metadata::cargo_platform::{Cfg, Platform};
use toml::de::{DeTable, DeValue};

/// What `rustc --print cfg` says of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustcCfg {
    triple: String,
    cfg: Vec<Cfg>,
}

/// A line of `rustc --print cfg` that is none.
#[derive(Debug, thiserror::Error)]
#[error("cannot understand `{line}` in what `rustc --print cfg` says of {triple}")]
pub struct CfgError {
    /// The target.
    pub triple: String,
    /// The line.
    pub line: String,
}

impl RustcCfg {
    /// Reads the answer of `rustc --print cfg --target <triple>`, given the flags that cargo would
    /// give it: `[target.'cfg(…)'.dependencies]` may ask for those too (`tokio_unstable`).
    pub fn parse(triple: &str, printed: &str) -> Result<Self, CfgError> {
        let lines = printed.lines().filter(|line| !line.trim().is_empty());
        let cfg = lines.map(|line| {
            line.trim()
                .parse()
                .map_err(|_| CfgError { triple: triple.to_owned(), line: line.to_owned() })
        });
        Ok(Self { triple: triple.to_owned(), cfg: cfg.collect::<Result<_, _>>()? })
    }

    /// The target's name.
    #[must_use]
    pub fn triple(&self) -> &str {
        &self.triple
    }

    pub(super) fn has(&self, platform: Option<&Platform>) -> bool {
        platform.is_none_or(|platform| platform.matches(&self.triple, &self.cfg))
    }
}

/// The feature resolver: version 3 differs from 2 only in the versions it chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolver {
    /// `resolver = "1"`: one set of features for both sides, all platforms and dev-dependencies.
    One,
    /// `resolver = "2"` and `"3"`.
    Two,
}

impl Resolver {
    /// Of a workspace, by the text of its root manifest; the newer one where that says nothing that
    /// cargo knows. `cargo metadata` does not tell (The Cargo Book, "Resolver versions").
    #[must_use]
    pub fn of(root_manifest: &str, metadata: &Metadata) -> Self {
        let (table, _) = DeTable::parse_recoverable(root_manifest);
        let table = table.get_ref();
        let stated = ["workspace", "package"].iter().find_map(|&key| text(table, key, "resolver"));
        match stated {
            Some(version) if version == "1" => Self::One,
            Some(_) => Self::Two,
            None => match root_package(metadata) {
                Some(package) if package.edition >= cargo_metadata::Edition::E2021 => Self::Two,
                _ => Self::One,
            },
        }
    }
}

fn text(table: &DeTable<'_>, section: &str, key: &str) -> Option<String> {
    let section = table.iter().find(|(name, _)| name.get_ref() == section)?.1;
    let DeValue::Table(section) = section.get_ref() else { return None };
    match section.iter().find(|(name, _)| name.get_ref() == key)?.1.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The package whose manifest is the workspace's; none in a virtual workspace.
pub(super) fn root_package(metadata: &Metadata) -> Option<&cargo_metadata::Package> {
    let root: &Path = metadata.workspace_root.as_std_path();
    metadata.packages.iter().find(|package| {
        package.source.is_none() && package.manifest_path.parent().is_some_and(|p| p == root)
    })
}
