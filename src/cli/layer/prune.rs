//! `layer prune`: the end of versions of our layers that nobody uses.

use std::num::NonZero;

use super::scope::{Scope, looking};
use super::versions::{self, Shown};
use crate::aws::AwsError;
use crate::cli::args::{Global, LayerPrune};
use crate::cli::deploy::session::Session;
use crate::error::{Error, RemoteError};
use crate::release::prune::{Fate, Uses, Version, fates};
use crate::shell::Shell;

/// For how many deletions it is read once who uses what: all functions are read for that.
const BATCH: usize = 10;

/// A version of ours, and what becomes of it.
pub(in crate::cli) struct Found {
    version: Version,
    pub(in crate::cli) fate: &'static str,
}

pub(in crate::cli) const GOES: &str = "goes";
pub(in crate::cli) const DELETED: &str = "deleted";

pub(super) fn run(args: &LayerPrune, global: &Global, shell: &Shell) -> Result<(), Error> {
    let scope = Scope::of(&args.scope, global, shell)?;
    crate::cli::asynchronously(async {
        let session = scope.connect(shell).await?;
        let all = scope.versions(&session, shell).await?;
        if all.iter().all(|version| version.tree().is_none()) {
            shell.status("Unchanged", "there is no version of ours");
            return Ok(());
        }
        let mut uses = session.aws.layer_uses().await.map_err(unseen)?;
        let mut found = decide(all, &uses, args.keep);
        ask_for_others(&session, &mut found).await?;
        let stopped = if args.yes {
            delete(&session, &mut found, &mut uses, shell).await
        } else {
            Vec::new()
        };
        show(&found, &uses, shell)?;
        say(&found, &session, args.yes, shell);
        if stopped.is_empty() {
            Ok(())
        } else {
            Err(RemoteError { verb: "delete", stopped }.into())
        }
    })?
}

/// Where nobody can be seen, nobody may be harmed.
pub(in crate::cli) fn unseen(error: AwsError) -> Error {
    RemoteError::of("prune", "layers", error).into()
}

/// Those of ours, layer by layer.
pub(in crate::cli) fn show(found: &[Found], uses: &Uses, shell: &Shell) -> Result<(), Error> {
    let shown: Vec<Shown<'_>> = found
        .iter()
        .map(|Found { version, fate }| Shown { version, now: None, fate: Some(fate) })
        .collect();
    versions::show(&shown, Some(uses), shell)
}

/// What becomes of each version of ours. `keep`: as in [`fates`].
pub(in crate::cli) fn decide(all: Vec<Version>, uses: &Uses, keep: NonZero<usize>) -> Vec<Found> {
    let fates = fates(&all, uses, keep);
    let found = |(version, fate): (Version, Fate)| {
        let fate = match fate {
            Fate::Goes => GOES,
            Fate::Used => "used",
            Fate::Newest => "newest",
            Fate::Foreign => return None,
        };
        Some(Found { version, fate })
    };
    all.into_iter().zip(fates).filter_map(found).collect()
}

/// What others may use stays: whether they do is not to be seen from here.
pub(in crate::cli) async fn ask_for_others(
    session: &Session,
    found: &mut [Found],
) -> Result<(), Error> {
    for one in found.iter_mut().filter(|one| one.fate == GOES) {
        let shared = session.aws.is_shared_with_others(&one.version).await;
        if shared.map_err(|error| looking(&one.version.name(), error))? {
            one.fate = "shared";
        }
    }
    Ok(())
}

/// Deletes what goes. Whatever a function has begun to use meanwhile stays.
pub(in crate::cli) async fn delete(
    session: &Session,
    found: &mut [Found],
    uses: &mut Uses,
    shell: &Shell,
) -> Vec<(String, AwsError)> {
    let mut going: Vec<&mut Found> = found.iter_mut().filter(|one| one.fate == GOES).collect();
    let mut stopped = Vec::new();
    for batch in going.chunks_mut(BATCH) {
        match session.aws.layer_uses().await {
            Ok(newest) => *uses = newest,
            Err(error) => {
                let name = batch.first().map(|one| one.version.name()).unwrap_or_default();
                return vec![(name, error)];
            }
        }
        for Found { version, fate } in batch {
            if uses.of_version(version).is_some() {
                *fate = "used";
                continue;
            }
            shell.status("Deleting", version.name());
            let Err(error) = session.aws.delete_layer_version(version).await else {
                *fate = DELETED;
                continue;
            };
            *fate = "failed";
            let is_denied = error.is_denied();
            stopped.push((version.name(), error));
            if is_denied {
                return stopped;
            }
        }
    }
    stopped
}

/// How it ended.
fn say(found: &[Found], session: &Session, yes: bool, shell: &Shell) {
    let count = |fate: &str| found.iter().filter(|one| one.fate == fate).count();
    let versions = |count: usize| if count == 1 { "version" } else { "versions" };
    let place = session.place_by(found.first().map(|one| one.version.arn.as_str()));
    match (count(GOES), count(DELETED)) {
        (0, 0) => shell.status("Unchanged", format!("no version has to go {place}")),
        (going, _) if !yes => shell.status(
            "To delete",
            format!(
                "{going} {} {place}: `--yes` deletes {}",
                versions(going),
                if going == 1 { "it" } else { "them" }
            ),
        ),
        (_, deleted) => {
            shell.status("Deleted", format!("{deleted} {} {place}", versions(deleted)));
        }
    }
}
