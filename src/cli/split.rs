//! `package`: which files of functions go into layers, and these layers.
//!
//! A function that could share something waits until all is built; then it is decided over all of
//! them (`layer`), the layers are written, and the functions are packed without what left them. What
//! other functions share by `lambda-pack.lock` counts as if they were built too, so that a run over
//! some functions makes the same layers as one over all.

mod digests;
mod gather;
mod kept;
mod lock;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::build::Job;
use super::image::Part;
use super::locked;
use super::pack::{Outcome, Packer};
use crate::bundle::LayerUse;
use crate::error::Error;
use crate::function::{Function, FunctionName, Packaging, Role};
use crate::layer::record::LayerRecord;
use crate::layer::{self, File, Kind, Layer, Plan, Stay, User};
use crate::lock::Lock;
use crate::shell::Shell;
use crate::target::Arch;
use crate::tree::{ArchivePath, Entry, Tree};
use gather::Member;

pub(super) use gather::contents;
#[cfg(feature = "aws")]
pub(super) use lock::{own, prefix};
pub(super) use write::{answer, records};

/// What left a function, and where it is now.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Its layers, in the order in which Lambda unpacks them.
    pub(super) uses: Vec<LayerUse>,
    /// The paths that left it.
    pub(super) left: BTreeSet<String>,
    /// All that its layers bring, by their paths below `/opt`.
    pub(super) layered: BTreeMap<String, Entry>,
}

/// A layer that is there.
pub(super) struct Written {
    pub(super) folder: PathBuf,
    pub(super) record: LayerRecord,
    /// It was there before.
    pub(super) fresh: bool,
}

/// Layers, and what became of each function that waited for them.
type Packed = (Vec<Written>, Vec<Result<Outcome, Error>>);

/// What was decided, with what it was decided from.
pub(super) struct Decided {
    pub(super) members: Vec<Member>,
    pub(super) plan: Plan,
    /// The names of its layers, in its order.
    pub(super) names: Vec<String>,
    /// What the names begin with.
    prefix: String,
    /// What a layer must save, in bytes.
    pub(super) min_saving: u64,
}

/// Whether a function waits for the others: some of it may be in a layer.
pub(super) fn waits(function: &Function, all: &[Function]) -> bool {
    function.role == Role::Function
        && function.packaging == Packaging::Zip
        && (function.shares
            || !function.assets.is_empty()
            || all.iter().any(|other| function.takes(other)))
}

/// Whether there is something to decide: functions wait, or the lock speaks of functions of this run.
fn is_needed(packer: &Packer<'_>, parts: &[Part]) -> Result<bool, Error> {
    let root = packer.job.metadata.workspace_root.as_std_path();
    Ok(!parts.is_empty() || lock::is_concerned(&locked::read(root)?, packer.job))
}

/// Decides, writes the layers, and packs the functions that waited for it.
pub(super) fn split(packer: &Packer<'_>, parts: &[Part]) -> Result<Packed, Error> {
    if !is_needed(packer, parts)? {
        return Ok((Vec::new(), Vec::new()));
    }
    let decided = decide(packer.job, parts, packer.shell)?;
    for (function, library) in decided.alone() {
        packer.shell.warn(format!(
            "no other function of this run or of {} is linked with `{library}`, so `{function}` carries all of it: package \
             the others too, or (`layers = \"never\"`, `cargo lambda-pack layer remove`) do without the library",
            Lock::FILE
        ));
    }
    let written = write::layers(packer, &decided)?;
    if packer.job.output.cargo_lambda.is_some() && !written.is_empty() {
        packer.shell.warn(
            "the layout of cargo-lambda has no place for layers: functions that use some do not start without \
             them (`layers = \"never\"` packs functions whole)",
        );
    }
    let outcomes: Vec<_> = decided
        .members
        .iter()
        .map(|member| {
            packer.pack(
                &member.part.function,
                &member.part.artifact,
                &decided.own(member, &written),
            )
        })
        .collect();
    if outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Written(_)))) {
        lock::keep(packer, &decided)?;
    }
    Ok((written, outcomes))
}

/// Decides what is shared by the functions among these.
pub(super) fn decide(job: &Job, parts: &[Part], shell: &Shell) -> Result<Decided, Error> {
    let root = job.metadata.workspace_root.as_std_path();
    let members = gather::members(job, parts, shell)?;
    let lock = locked::read(root)?;
    let mut users: Vec<User> = members.iter().map(Member::user).collect();
    users.extend(lock::others(&lock, job, &users));
    let (prefix, min_saving) = job.config.layer_rules();
    let said = prefix.clone();
    let prefix =
        prefix.or_else(|| lock.prefix.clone()).unwrap_or_else(|| lock::prefix(&job.metadata));
    let mut plan =
        layer::plan(&users, min_saving).map_err(|error| Error::Usage(error.to_string()))?;
    // What only functions have that are not built now stays as it is.
    let here = |layer: &Layer| members.iter().any(|member| member.uses(layer));
    plan.layers.retain(here);
    let names = layer::name(&plan.layers, &prefix, &lock.layers);
    lock::check_names(&lock::names(job), &names)?;
    if let Some(warning) = lock::kept_names(&lock, said.as_deref(), &names) {
        shell.warn(warning);
    }
    Ok(Decided { members, plan, names, prefix, min_saving })
}

/// Files by their paths as what an archive is made of.
pub(super) fn tree_of<'e>(
    files: impl IntoIterator<Item = (&'e String, &'e Entry)>,
    thing: &str,
) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    for (path, entry) in files {
        let archived = ArchivePath::new(path)
            .map_err(|source| Error::ArchivePath { path: path.clone(), source })?;
        tree.insert(archived, entry.clone())
            .map_err(|source| Error::Clash { function: thing.to_owned(), source })?;
    }
    Ok(tree)
}

impl Decided {
    /// The layers of a function, by their place.
    fn layers_of<'d>(&'d self, member: &Member) -> impl Iterator<Item = (usize, &'d Layer)> {
        let uses: Vec<bool> = self.plan.layers.iter().map(|layer| member.uses(layer)).collect();
        self.plan.layers.iter().enumerate().filter(move |(at, _)| uses.get(*at) == Some(&true))
    }

    /// Functions that are linked with a shared library of Rust code which no other has, with its crate.
    fn alone(&self) -> impl Iterator<Item = (&FunctionName, &String)> {
        self.members.iter().filter_map(|member| {
            let Function { name, compile, .. } = &member.part.function;
            let stays = self.plan.stays.get(&(name.to_string(), compile.target.arch))?;
            let alone = |(path, file): (&String, &File)| {
                file.kind == Kind::Workspace && stays.get(path) == Some(&Stay::Alone)
            };
            let library = compile.dylib.as_ref()?;
            member.files.iter().any(alone).then_some((name, library))
        })
    }

    pub(super) fn own(&self, member: &Member, written: &[Written]) -> Own {
        let mut own = Own::default();
        for (at, layer) in self.layers_of(member) {
            if let Some(Written { record, .. }) = written.get(at) {
                own.uses.push(LayerUse {
                    layer: record.layer.clone(),
                    tree: record.tree.clone(),
                    code_sha256: record.code_sha256.clone(),
                });
            }
            for path in layer.files.keys() {
                if let Some(entry) = member.origins.get(path) {
                    own.layered.insert(path.clone(), entry.clone());
                }
                // What needs a layer was never in the function.
                if member.libraries.contains(path) {
                    own.left.insert(path.clone());
                }
            }
        }
        own
    }

    /// The files of a layer: those of the first of its functions that was built.
    pub(super) fn tree(&self, layer: &Layer, name: &str) -> Result<Tree, Error> {
        let member = self.members.iter().find(|member| member.uses(layer));
        let origins = member.into_iter().flat_map(|member| &member.origins);
        tree_of(origins.filter(|(path, _)| layer.files.contains_key(*path)), name)
    }

    /// The functions of this run on an architecture.
    pub(super) fn functions(&self, arch: Arch) -> impl Iterator<Item = &Function> {
        let all = self.members.iter().map(|member| &member.part.function);
        all.filter(move |function| function.compile.target.arch == arch)
    }
}
