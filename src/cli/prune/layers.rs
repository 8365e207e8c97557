//! The layers that pruned versions used.

use std::collections::BTreeSet;

use super::Pruned;
use crate::aws::AwsError;
use crate::cli::args::Prune;
use crate::cli::deploy::session::Session;
use crate::cli::layer::prune::{
    DELETED, Found, GOES, ask_for_others, decide, delete, show, unseen,
};
use crate::cli::layer::scope::looking;
use crate::error::Error;
use crate::release::keep;
use crate::release::prune::Uses;
use crate::shell::Shell;

/// Versions of our layers, and what becomes of them.
#[derive(Default)]
pub(super) struct Layers {
    found: Vec<Found>,
    uses: Uses,
    /// What could not be deleted.
    pub(super) stopped: Vec<(String, AwsError)>,
}

/// Does for the layers of these functions what `layer prune` does, as if the versions that go were gone.
pub(super) async fn prune(
    session: &Session,
    all: &[Pruned],
    args: &Prune,
    shell: &Shell,
) -> Result<Layers, Error> {
    let names: BTreeSet<String> = all.iter().flat_map(|one| keep::layers(&one.inventory)).collect();
    let names: Vec<String> = names.into_iter().collect();
    let versions = session.aws.versions_of_layers(&names).await;
    let versions = versions.map_err(|(name, error)| looking(&name, error))?;
    if versions.iter().all(|version| version.tree().is_none()) {
        return Ok(Layers::default());
    }
    let functions = session.aws.all_functions().await.map_err(unseen)?;
    let going = all.iter().flat_map(|one| one.going().map(|it| (one.name(), it.number)));
    let mut uses = Uses::of(&keep::without(functions, &going.collect()));
    let mut found = decide(versions, &uses, args.keep);
    ask_for_others(session, &mut found).await?;
    let stopped =
        if args.yes { delete(session, &mut found, &mut uses, shell).await } else { Vec::new() };
    Ok(Layers { found, uses, stopped })
}

impl Layers {
    /// How many go or went.
    pub(super) fn going(&self) -> usize {
        self.found.iter().filter(|found| [GOES, DELETED].contains(&found.fate)).count()
    }

    pub(super) fn show(&self, shell: &Shell) -> Result<(), Error> {
        if self.found.is_empty() {
            return Ok(());
        }
        if !shell.is_json() {
            shell.answer("")?;
        }
        show(&self.found, &self.uses, shell)
    }
}
