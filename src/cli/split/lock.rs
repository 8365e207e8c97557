//! What `lambda-pack.lock` says of layers, and what it is told.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Metadata;

use super::Decided;
use crate::cli::build::Job;
use crate::cli::locked;
use crate::cli::pack::Packer;
#[cfg(feature = "aws")]
use crate::config::Config;
use crate::error::Error;
use crate::function::{Function, Packaging, Role};
use crate::layer::{self, File, Files, Known, Layer, User};
use crate::lock::Lock;
use crate::plan;
#[cfg(feature = "aws")]
use crate::release::layers::Own;
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

/// Whether functions are linked with no shared library because of this run's flags alone: what they share is
/// not seen then, and the lock stays as it is.
fn is_built_otherwise(job: &Job) -> bool {
    job.plan.functions.iter().any(|function| {
        let Function { handler, compile, role, .. } = function;
        let settings = || job.config.settings(&handler.package, &handler.target);
        *role == Role::Function
            && compile.dylib.is_none()
            && settings().is_ok_and(|settings| settings.dylib.is_some())
    })
}

/// A layer and a function of one name would have one folder.
pub(super) fn check_names(functions: &BTreeSet<String>, layers: &[String]) -> Result<(), Error> {
    let Some(name) = layers.iter().find(|name| functions.contains(*name)) else { return Ok(()) };
    Err(Error::Usage(format!(
        "`{name}` is the name of a function and of a layer ({}): give the function another `name`, or, if somebody \
         has written it there, take the layer out of that file",
        Lock::FILE
    )))
}

/// That a prefix which the settings say is none of the layers that keep their names.
pub(super) fn kept_names(lock: &Lock, said: Option<&str>, names: &[String]) -> Option<String> {
    let (said, before) = said.zip(lock.prefix.as_deref())?;
    let kept: Vec<&String> = names.iter().filter(|name| lock.layers.contains_key(*name)).collect();
    let differs = said != before && !kept.is_empty();
    differs.then(|| {
        format!(
            "`layers.prefix` is for new layers: {} (taken out of that file, they are new ones)",
            match kept.as_slice() {
                [name] => format!("`{name}` stays as {} has it", Lock::FILE),
                _ => format!("{} keep the names that {} has", list(kept), Lock::FILE),
            }
        )
    })
}

/// Whether the lock says something of functions of this run.
pub(super) fn is_concerned(lock: &Lock, job: &Job) -> bool {
    let mut layers = lock.layers.values();
    layers.any(|known| known.users.iter().any(|user| is_here(job, user, known.arch)))
}

/// The names of all functions of the workspace.
pub(super) fn names(job: &Job) -> BTreeSet<String> {
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
    let plain = layer::plain(&package.unwrap_or_else(folder));
    plain.chars().take(layer::LONGEST_PREFIX).collect()
}

/// Which layers are the workspace's: those of its lock, and those with its prefix.
#[cfg(feature = "aws")]
pub(in crate::cli) fn own(metadata: &Metadata, config: &Config) -> Result<Own, Error> {
    let lock = locked::read(metadata.workspace_root.as_std_path())?;
    let prefix = config.layer_rules().0.or(lock.prefix).unwrap_or_else(|| prefix(metadata));
    Ok(Own { names: lock.layers.into_keys().collect(), prefix })
}

/// Writes what was decided, and says what has changed.
pub(super) fn keep(packer: &Packer<'_>, decided: &Decided) -> Result<(), Error> {
    let job = packer.job;
    if is_built_otherwise(job) {
        return Ok(());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_the_name_of_no_function() {
        let functions = BTreeSet::from(["api".to_owned()]);
        assert!(check_names(&functions, &["shop-native-pq-arm64".to_owned()]).is_ok());
        let why = check_names(&functions, &["api".to_owned()]).unwrap_err().to_string();
        assert!(why.contains("`api` is the name of a function and of a layer"), "{why}");
    }

    #[test]
    fn a_prefix_that_renames_nothing_is_said() {
        let known = Known { arch: Arch::Arm64, users: BTreeSet::new(), files: Files::new() };
        let names = ["shop-native-pq-arm64".to_owned()];
        let layers = [(names[0].clone(), known)].into();
        let lock = Lock { prefix: Some("shop".to_owned()), layers, ..Lock::default() };
        let why = kept_names(&lock, Some("other"), &names).unwrap();
        assert!(why.contains("`shop-native-pq-arm64` stays as lambda-pack.lock has it"), "{why}");
        assert_eq!(kept_names(&lock, Some("shop"), &names), None);
        assert_eq!(kept_names(&lock, None, &names), None);
        assert_eq!(kept_names(&lock, Some("other"), &["other-native-pq-arm64".to_owned()]), None);
    }
}
