//! How long the zips are, whole and split.

use std::io;

use crate::bundle::{self, Access, BundleError, Gate, Level};
use crate::cli::build::Job;
use crate::cli::image::Part;
use crate::cli::split::{self, Decided, Own};
use crate::error::Error;
use crate::files;
use crate::shell::Shell;
use crate::tree::Tree;

/// Lengths of zips in bytes.
pub(super) struct Sizes {
    /// Of each layer.
    pub(super) layers: Vec<u64>,
    /// Of each function: with the libraries that are in its layers, and without.
    pub(super) functions: Vec<(u64, u64)>,
    /// Layers whose files no function could have itself.
    needed: u64,
}

impl Sizes {
    /// All together: whole, and split with the layers.
    pub(super) fn total(&self) -> (u64, u64) {
        let whole: u64 = self.functions.iter().map(|(whole, _)| whole).sum();
        let split: u64 = self.functions.iter().map(|(_, split)| split).sum();
        (whole + self.needed, split + self.layers.iter().sum::<u64>())
    }

    /// The function whose zip is largest.
    pub(super) fn largest(&self) -> (u64, u64) {
        self.functions.iter().max().copied().unwrap_or_default()
    }
}

/// Packs everything, and keeps nothing. `alone`: the functions as they are without a shared library, where
/// they are built otherwise.
pub(super) fn measure(
    job: &Job,
    decided: &Decided,
    alone: Option<(&Job, &[Part])>,
    shell: &Shell,
) -> Result<Sizes, Error> {
    let mut layers = Vec::new();
    for (layer, name) in decided.plan.layers.iter().zip(&decided.names) {
        let mut users = decided.functions(layer.arch);
        let level = users.find(|it| layer.users.contains(it.name.as_str()));
        let level = level.map_or(Level::Best, |function| function.level);
        let tree = decided.tree(layer, name)?;
        layers.push(length(job, name, &tree, level)?);
    }
    let mut functions = Vec::new();
    for member in &decided.members {
        let function = &member.part.function;
        let mut contents = split::contents(job, &member.part, shell)?;
        let own: Own = decided.own(member, &[]);
        let same = |part: &&Part| {
            let (one, other) = (&part.function, function);
            (&one.name, one.compile.target.arch) == (&other.name, other.compile.target.arch)
        };
        let name = function.name.as_str();
        let whole = match alone.map(|(job, parts)| (job, parts.iter().find(same))) {
            Some((job, Some(part))) => {
                length(job, name, &split::contents(job, part, shell)?.tree, function.level)?
            }
            _ => length(job, name, &contents.tree, function.level)?,
        };
        contents.split(&own, function.name.as_str())?;
        let split = length(job, function.name.as_str(), &contents.tree, function.level)?;
        functions.push((whole, split));
    }
    let all = decided.plan.layers.iter().zip(&layers);
    let needed = all.filter(|(layer, _)| layer.is_needed()).map(|(_, zip)| zip).sum();
    Ok(Sizes { layers, functions, needed })
}

fn length(job: &Job, thing: &str, tree: &Tree, level: Level) -> Result<u64, Error> {
    let gate = Gate::default();
    let spool = || files::spool(&std::env::temp_dir());
    let access = Access { open: &files::open, spool: &spool, gate: &gate };
    let written = bundle::write_zip(tree, level, job.plan.time, &access, io::sink());
    let failed = |source: BundleError| Error::Bundle { function: thing.to_owned(), source };
    Ok(written.map_err(failed)?.length)
}
