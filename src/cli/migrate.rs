//! `migrate`: the settings that are written for cargo-lambda, in our own tables.

use std::env;

use super::args::{Global, Migrate};
use super::changes::Changes;
use super::config::options;
use super::configuration::{self, CARGO_LAMBDA};
use super::question::{agreed, can_be_asked};
use crate::cargo;
use crate::config::{CONTEXT, masked, migrate, secrets};
use crate::error::Error;
use crate::message::Message;
use crate::shell::Shell;

pub(super) fn run(args: &Migrate, global: &Global, shell: &Shell) -> Result<(), Error> {
    let metadata = cargo::metadata(&options(&args.manifest, global))?;
    let root = metadata.workspace_root.as_std_path();
    let (migration, mistakes, _) =
        configuration::gathered(&metadata, Vec::new(), global, |inputs| migrate(inputs, args.keep));
    let migration = match migration {
        Ok(migration) if mistakes.is_empty() => migration,
        Ok(_) => return Err(Error::Config(mistakes)),
        Err(more) => return Err(Error::Config([mistakes, more].concat())),
    };
    configuration::warn(&migration.warnings, shell)?;
    let mut changes = Changes::new(root);
    for (name, text) in &migration.files {
        changes.set(&root.join(&**name), text.clone())?;
    }
    if changes.is_empty() {
        if shell.is_json() {
            return record(&changes, false, shell);
        }
        shell.status("Unchanged", "nothing here is written for cargo-lambda alone");
        return Ok(());
    }
    if !shell.is_json() {
        let hidden = hidden(&changes);
        changes.show_as(shell, |name, text| masked(name, text, &hidden))?;
    }
    say_contexts(&migration.contexts, shell)?;
    let is_written = !args.dry_run && agrees(args)?;
    if is_written {
        changes.make()?;
    }
    if shell.is_json() {
        return record(&changes, is_written, shell);
    }
    if !is_written {
        let why = if args.dry_run { ": `--dry-run`" } else { "" };
        shell.status("Kept", format!("everything as it is{why}"));
        return Ok(());
    }
    shell.status("Changed", changes.names().join(", "));
    let above = root.ancestors().skip(1).map(|folder| folder.join(CARGO_LAMBDA));
    if let Some(path) = above.filter(|_| !root.join(CARGO_LAMBDA).exists()).find(|at| at.exists()) {
        let path = path.display();
        shell.warn(format!("{path} stays, since it may be of other workspaces too"));
    }
    Ok(())
}

/// A release that goes on to set the old variable would have the plain settings.
fn say_contexts(contexts: &[String], shell: &Shell) -> Result<(), Error> {
    let is_set = env::var_os(CONTEXT).is_some_and(|value| !value.is_empty());
    if contexts.is_empty() && !is_set {
        return Ok(());
    }
    let message = format!(
        "{CONTEXT} picks no environment of these tables: wherever it is set (CI), `--env NAME` or \
         `LAMBDA_PACK_ENV` takes its place"
    );
    shell.warn(&message);
    if shell.is_json() {
        shell.record(&Message::Warning { message })?;
    }
    Ok(())
}

/// Whether it is to be written.
fn agrees(args: &Migrate) -> Result<bool, Error> {
    if args.yes {
        return Ok(true);
    }
    if !can_be_asked() {
        let what = "`migrate` asks before it writes, and there is no terminal to ask on";
        return Err(Error::Usage(format!("{what}: say `--yes`, or `--dry-run`")));
    }
    agreed("Write this? [y/N] ")
}

/// The values of environment variables in all files that change: a comment of one may repeat those of another.
fn hidden(changes: &Changes) -> Vec<String> {
    changes.texts().flat_map(|(name, text)| secrets(&name, text)).collect()
}

fn record(changes: &Changes, migrated: bool, shell: &Shell) -> Result<(), Error> {
    let hidden = hidden(changes);
    Ok(shell.record(&Message::Migrate {
        files: changes.names(),
        diff: changes.diff(|name, text| masked(name, text, &hidden)),
        migrated,
    })?)
}
