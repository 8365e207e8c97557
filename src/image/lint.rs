//! Whether Lambda would take an image and start it: everything that was read of it → all findings at
//! once. Pure; what Lambda says is named with each.
//!
//! The rules are Lambda's ("Create a Lambda function using a container image") and what its users met:
//! its validator is stricter than docker's, and tells one thing at a time, after the push.

mod entry;
mod layers;
mod loader;
mod papers;
mod start;

pub use entry::{is_covered, is_lambdas, program};

use std::collections::BTreeSet;

use super::config::Config;
use super::manifest::{Choice, Manifest};
use super::plan::Plan;
use super::root::{Root, Trouble};
use crate::audit::{Code, Finding, Level};
use crate::digest::Sha256;
use crate::tar;
use crate::target::Arch;

/// The largest image, in bytes, uncompressed ("Lambda quotas": 10 GB).
pub const SIZE_LIMIT: u64 = 10 << 30;
/// The most layers that container engines mount.
const LAYERS: usize = 127;

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    /// Gzip, of so many members.
    Gzip(usize),
    /// Zstandard.
    Zstd,
    /// A plain tar.
    Plain,
}

/// A layer as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSeen {
    /// What the manifest says of it; none in an archive of docker's, which has no manifest.
    pub said: Option<super::manifest::Blob>,
    /// Its digest and its length, as they are.
    pub is: (Sha256, u64),
    /// How it is packed.
    pub packed: Packed,
    /// The digest of its tar, as far as that could be read to its end.
    pub diff_id: Option<Sha256>,
    /// Why it could not be read, or not to its end.
    pub broken: Option<String>,
    /// Whether that is for a limit of this program.
    pub limited: bool,
    /// The entries that are not as they should be: at most some hundred.
    pub troubles: Vec<(String, Trouble)>,
    /// Entries that Lambda's unpacking has no use for, devices say: their number and the first.
    pub odd: Option<(usize, String)>,
    /// Sparse files, whose bytes are not looked at: their number and the first.
    pub sparse: Option<(usize, String)>,
    /// Paths that are no UTF-8: their number and the first.
    pub not_utf8: Option<(usize, String)>,
    /// How its entries are to be written anew.
    pub plan: Plan,
}

/// An image as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What to call it.
    pub thing: String,
    /// The index that led to it, if what was named is one.
    pub index: Option<(String, Vec<Choice>)>,
    /// The manifest and its media type as a registry would be told it; why not, where it is none.
    pub manifest: Option<Result<(String, Manifest), String>>,
    /// How long its index says that the manifest is, and how long it is, if that is not the same.
    pub sizes: Option<(u64, u64)>,
    /// The configuration; why not, where it is none.
    pub config: Result<Config, String>,
    /// Its layers.
    pub layers: Vec<LayerSeen>,
    /// Its files.
    pub root: Root,
    /// The architecture that it must have, if anybody says.
    pub arch: Option<Arch>,
    /// The entry points that functions are given beside the image's own (`ImageConfig.EntryPoint`).
    pub entries: Vec<Vec<String>>,
}

/// Every finding about an image, the worst first. Empty means that Lambda takes it and starts it.
#[must_use]
pub fn lint(seen: &Seen) -> Vec<Finding> {
    let mut lint = Lint { seen, findings: Vec::new() };
    lint.index();
    lint.manifest();
    lint.layers();
    lint.sizes();
    if let Ok(config) = &seen.config {
        lint.config(config);
        // What could not be read may have all that is not there.
        if seen.layers.iter().all(|layer| layer.broken.is_none()) {
            lint.run(config);
        }
    }
    let mut findings = lint.findings;
    for finding in &mut findings {
        finding.path = finding.path.as_deref().map(|path| tar::shown(path).into_owned());
        finding.message = tar::shown(&finding.message).into_owned();
    }
    findings.sort_by_key(|finding| finding.level);
    let mut said = BTreeSet::new();
    findings.retain(|finding| said.insert(finding.clone()));
    findings
}

struct Lint<'s> {
    seen: &'s Seen,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn add(&mut self, code: Code, path: Option<&str>, message: impl Into<String>, hint: &str) {
        self.findings.push(Finding::new(code, &self.seen.thing, path, message, hint));
    }

    fn add_as(
        &mut self,
        level: Level,
        code: Code,
        path: Option<&str>,
        message: impl Into<String>,
        hint: &str,
    ) {
        self.add(code, path, message, hint);
        if let Some(last) = self.findings.last_mut() {
            last.level = level;
        }
    }

    fn sizes(&mut self) {
        let size = self.seen.root.size();
        if size > SIZE_LIMIT {
            let message = format!("its files have {size} bytes; Lambda takes {SIZE_LIMIT} (10 GB)");
            self.add(
                Code::UnpackedSize,
                None,
                message,
                "leave large files out, or load them at start",
            );
        }
        let layers = self.seen.layers.len();
        if layers > LAYERS {
            let message = format!("it has {layers} layers; registries and engines take {LAYERS}");
            self.add(Code::ImageLayers, None, message, "put what changes together into one layer");
        }
    }
}

#[cfg(test)]
mod tests;
