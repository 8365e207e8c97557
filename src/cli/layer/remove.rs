//! `layer remove`: what `layer init` wrote is taken back.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::Metadata;

use super::changes::Changes;
use crate::cargo;
use crate::cli::args::{Build, Global, LayerRemove};
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
    let known = linked(&facts.metadata, &config);
    let names: BTreeSet<String> = match &args.name {
        Some(name) => BTreeSet::from([name.clone()]),
        None => known,
    };
    let mut changes = Changes::new(facts.metadata.workspace_root.as_std_path());
    for name in &names {
        take_back(&facts.metadata, name, &mut changes)?;
    }
    if changes.is_empty() {
        let what = match &args.name {
            Some(name) => format!("no function is linked with a crate `{name}`"),
            None => "no function is linked with a shared library (`layers.dylib`)".to_owned(),
        };
        return Err(Error::Usage(what));
    }
    if !args.dry_run {
        changes.write()?;
        // Cargo takes the crate off its lock.
        cargo::resolved(&facts.options)?;
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

/// Takes one crate back, wherever it is named.
fn take_back(metadata: &Metadata, name: &str, changes: &mut Changes) -> Result<(), Error> {
    let root = metadata.workspace_root.as_std_path();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        edit(changes, manifest, |text| dylib::unmark(text, name))?;
        for target in &package.targets {
            let source = target.src_path.as_std_path();
            edit(changes, source, |text| Ok(dylib::unmark_source(text, name)))?;
        }
    }
    edit(changes, &root.join("Cargo.toml"), |text| dylib::unmark_workspace(text, name))?;
    let folder = root.join(name);
    // Only what was written as it stands: another crate of that name is somebody's own.
    let manifest = changes.text(&folder.join("Cargo.toml"))?.unwrap_or_default();
    if manifest.starts_with(dylib::CRATE_HEAD) {
        changes.set(&folder.join("Cargo.toml"), None)?;
        changes.set(&folder.join("src/lib.rs"), None)?;
    }
    Ok(())
}

fn edit(
    changes: &mut Changes,
    path: &Path,
    edit: impl FnOnce(&str) -> Result<Option<String>, dylib::EditError>,
) -> Result<(), Error> {
    let Some(text) = changes.text(path)? else { return Ok(()) };
    match edit(&text).map_err(|error| super::edit(path, error))? {
        Some(text) => changes.set(path, Some(text)),
        None => Ok(()),
    }
}
