//! `layer remove`: what `layer init` wrote is taken back.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cargo_metadata::{Metadata, Package};

use crate::cli::args::{Build, Global, LayerRemove};
use crate::cli::changes::Changes;
use crate::cli::configuration;
use crate::cli::facts::Facts;
use crate::config::Config;
use crate::dylib;
use crate::error::Error;
use crate::message::Message;
use crate::shell::Shell;

pub(super) fn run(args: &LayerRemove, global: &Global, shell: &Shell) -> Result<(), Error> {
    let build = Build { manifest: args.manifest.clone(), ..Build::default() };
    let facts = Facts::gather(build.cargo_options(global), true)?;
    let config = configuration::load(&facts.metadata, Vec::new(), global, shell)?;
    let mut known = linked(&facts.metadata, &config);
    known.extend(crates(facts.metadata.workspace_root.as_std_path()));
    let names: BTreeSet<String> = match &args.name {
        Some(name) => BTreeSet::from([name.clone()]),
        None => known,
    };
    let mut changes = Changes::new(facts.metadata.workspace_root.as_std_path());
    for name in &names {
        take_back(&facts.metadata, name, &mut changes, shell)?;
    }
    if changes.is_empty() {
        let what = match &args.name {
            Some(name) => format!("no function is linked with a crate `{name}`"),
            None => "no function is linked with a shared library (`layers.dylib`)".to_owned(),
        };
        return Err(Error::Usage(what));
    }
    if !args.dry_run {
        changes.keep(&facts, || Ok(((), true)))?;
    }
    if shell.is_json() {
        let (files, removed) = (changes.names(), !args.dry_run);
        return Ok(shell.record(&Message::LayerRemove { files, removed })?);
    }
    changes.show(shell)?;
    if args.dry_run {
        shell.status("Kept", "everything as it is: `--dry-run`");
    } else {
        shell.status("Changed", changes.names().join(", "));
    }
    Ok(())
}

/// The crates that settings name.
fn linked(metadata: &Metadata, config: &Config) -> BTreeSet<String> {
    let packages = metadata.workspace_packages();
    let targets = packages.iter().flat_map(|it| it.targets.iter().map(|target| (&it.name, target)));
    let named = targets.filter_map(|(package, target)| {
        let merged = config.of_handler(package, &target.name);
        merged.get("layers.dylib").map(|said| said.text().to_owned())
    });
    named.filter(|name| !name.is_empty()).collect()
}

/// Crates below the workspace's folder that were written by `layer init`, also where that was cut off.
fn crates(root: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let written = |entry: &fs::DirEntry| {
        let manifest = fs::read_to_string(entry.path().join("Cargo.toml"));
        manifest.is_ok_and(|text| text.starts_with(dylib::CRATE_HEAD))
    };
    let found = entries.filter(written);
    found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Takes one crate back, wherever it is named: what wants it first, itself last.
fn take_back(
    metadata: &Metadata,
    name: &str,
    changes: &mut Changes,
    shell: &Shell,
) -> Result<(), Error> {
    let root = metadata.workspace_root.as_std_path();
    let packages = metadata.workspace_packages();
    let own = |package: &&&Package| *package.name != *name;
    for package in packages.iter().filter(own) {
        let manifest = package.manifest_path.as_std_path();
        edit(changes, manifest, |text| dylib::unmark(text, name))?;
    }
    for target in packages.iter().filter(own).flat_map(|package| &package.targets) {
        let source = target.src_path.as_std_path();
        edit(changes, source, |text| Ok(dylib::unmark_source(text, name)))?;
        if changes.text(source)?.is_some_and(|text| dylib::mentions(&text, name)) {
            shell.warn(format!("{} uses `{name}` in other words: that stays", source.display()));
        }
    }
    edit(changes, &root.join("Cargo.toml"), |text| dylib::unmark_workspace(text, name))?;
    let folder = root.join(name);
    let (manifest, source) = (folder.join("Cargo.toml"), folder.join("src/lib.rs"));
    // Only what was written as it stands: another crate of that name is somebody's own.
    if !changes.text(&manifest)?.is_some_and(|text| text.starts_with(dylib::CRATE_HEAD)) {
        return Ok(());
    }
    if changes.text(&source)?.is_some_and(|text| !dylib::is_crate_source(&text)) {
        shell.warn(format!("{} has code of your own: the crate stays", source.display()));
        return Ok(());
    }
    changes.set(&source, None)?;
    changes.set(&manifest, None)
}

fn edit(
    changes: &mut Changes,
    path: &Path,
    edit: impl FnOnce(&str) -> Result<Option<String>, crate::cargo_manifest::EditError>,
) -> Result<(), Error> {
    let Some(text) = changes.text(path)? else { return Ok(()) };
    match edit(&text).map_err(|error| super::edit(path, error))? {
        Some(text) => changes.set(path, Some(text)),
        None => Ok(()),
    }
}
