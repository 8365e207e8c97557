//! What `lambda-pack.lock` says of layers, and what it is told.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Metadata;

use super::Decided;
use crate::cli::build::Job;
use crate::cli::locked;
use crate::cli::pack::Packer;
use crate::error::Error;
use crate::function::{Function, Packaging};
use crate::layer::{self, File, Files, Known, Layer, User};
use crate::lock::Lock;
use crate::plan;
use crate::target::Arch;

/// Functions that share layers by the lock and are not built now; `here`: those that are. What is built with
/// functions is for all of them what it is now.
pub(super) fn others(lock: &Lock, job: &Job, here: &[User]) -> Vec<User> {
    let names = names(job);
    let mut others: BTreeMap<(Arch, &String), Files> = BTreeMap::new();
    for known in lock.layers.values() {
        for name in known.users.iter().filter(|name| names.contains(*name)) {
            if !is_here(job, name, known.arch) {
                others.entry((known.arch, name)).or_default().extend(known.files.clone());
            }
        }
    }
    let now = |arch: Arch, path: &String, file: &File| {
        let same = here.iter().filter(|user| user.arch == arch).filter_map(|it| it.files.get(path));
        same.copied().find(|now| now.kind == file.kind && file.kind.is_built())
    };
    let user = |((arch, name), files): ((Arch, &String), Files)| User {
        name: name.clone(),
        arch,
        slots: layer::MOST,
        shares: true,
        // What it has of Rust code is in a layer by the lock.
        linked: true,
        files: files
            .into_iter()
            .map(|(path, file)| {
                let file = now(arch, &path, &file).unwrap_or(file);
                (path, file)
            })
            .collect(),
    };
    others.into_iter().map(user).collect()
}

/// Whether a function is packaged now as the settings have it. What a flag makes an image for once stays what
/// it is for the others.
fn is_here(job: &Job, name: &str, arch: Arch) -> bool {
    let by_flag = |function: &Function| {
        let handler = &function.handler;
        function.packaging != Packaging::Zip
            && job.config.has_format_by_flag(&handler.package, &handler.target)
    };
    job.plan.functions.iter().any(|function| {
        function.name.as_str() == name && function.compile.target.arch == arch && !by_flag(function)
    })
}

/// Whether the lock says something of functions of this run.
pub(super) fn is_concerned(lock: &Lock, job: &Job) -> bool {
    let mut layers = lock.layers.values();
    layers.any(|known| known.users.iter().any(|user| is_here(job, user, known.arch)))
}

/// The names of all functions of the workspace.
fn names(job: &Job) -> BTreeSet<String> {
    let handlers = plan::handlers(&job.metadata, &job.config);
    let name = |(package, handler): (String, String)| {
        let settings = job.config.settings(&package, &handler).ok();
        settings.and_then(|it| it.name).map_or(handler, |name| name.to_string())
    };
    handlers.into_iter().map(name).collect()
}

/// What the names of layers begin with where nobody has said: the name of the root package, else of the
/// workspace's folder. The lock keeps it, so that another folder is no other name.
pub(in crate::cli) fn prefix(metadata: &Metadata) -> String {
    let package = metadata.root_package().map(|package| package.name.to_string());
    let folder = || metadata.workspace_root.file_name().unwrap_or("lambda").to_owned();
    layer::plain(&package.unwrap_or_else(folder))
}

/// Writes what was decided, and says what has changed.
pub(super) fn keep(packer: &Packer<'_>, decided: &Decided) -> Result<(), Error> {
    let job = packer.job;
    let options = &job.options;
    let root = job.metadata.workspace_root.as_std_path();
    let lock = locked::read(root)?;
    let names = names(job);
    let after = after(&lock, decided, job, &names);
    for line in changes(&lock.layers, &after.layers) {
        packer.shell.status("Sharing", line);
    }
    if options.locked || options.frozen {
        return Ok(());
    }
    locked::update(root, |lock| {
        (lock.prefix, lock.layers) = (after.prefix.clone(), after.layers.clone());
    })
}

/// The lock with this run's layers: those of functions that are not in it stay as they are.
fn after(lock: &Lock, decided: &Decided, job: &Job, names: &BTreeSet<String>) -> Lock {
    let mut layers = lock.layers.clone();
    for known in layers.values_mut() {
        let arch = known.arch;
        known.users.retain(|user| names.contains(user) && !is_here(job, user, arch));
    }
    for (layer, name) in decided.plan.layers.iter().zip(&decided.names) {
        let Layer { arch, files, users, .. } = layer.clone();
        let files = files.into_iter().map(|(path, file)| (path, file.remembered())).collect();
        layers.insert(name.clone(), Known { arch, users, files });
    }
    layers.retain(|_, known| !known.users.is_empty());
    let prefix = if layers.is_empty() { lock.prefix.clone() } else { Some(decided.prefix.clone()) };
    Lock { bases: lock.bases.clone(), prefix, layers }
}

/// What is another than it was, one line a layer.
fn changes(before: &BTreeMap<String, Known>, after: &BTreeMap<String, Known>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, known) in after {
        let Some(old) = before.get(name) else {
            lines.push(format!("{name}: new, for {}", list(known.users.iter())));
            continue;
        };
        let mut why = Vec::new();
        for path in known.files.keys().chain(old.files.keys()).collect::<BTreeSet<_>>() {
            match (old.files.get(path), known.files.get(path)) {
                (None, Some(_)) => why.push(format!("{path} is new")),
                (Some(_), None) => why.push(format!("{path} is gone")),
                (one, two) if one != two => why.push(format!("{path} is another file")),
                _ => {}
            }
        }
        let gained: Vec<_> = known.users.difference(&old.users).collect();
        let lost: Vec<_> = old.users.difference(&known.users).collect();
        if !gained.is_empty() {
            why.push(format!("also for {}", list(gained)));
        }
        if !lost.is_empty() {
            why.push(format!("no longer for {}", list(lost)));
        }
        if !why.is_empty() {
            lines.push(format!("{name}: {}", why.join(", ")));
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    lines.extend(gone.map(|name| format!("{name}: no function uses it any more")));
    lines
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
