//! `layer list`: the versions of our layers on AWS, who uses them, and which are what was packaged.

use super::scope::{Scope, looking};
use super::versions::{self, Shown};
use crate::cli::args::{Global, LayerList};
use crate::cli::deploy::jobs;
use crate::error::Error;
use crate::release::prune::Version;
use crate::shell::Shell;

pub(super) fn run(args: &LayerList, global: &Global, shell: &Shell) -> Result<(), Error> {
    let from = args.from.as_deref().map(jobs::given).transpose()?;
    let scope = Scope::of(&args.scope, global, shell)?;
    crate::cli::asynchronously(async {
        let session = scope.connect(shell).await?;
        let mut all = scope.versions(&session, shell).await?;
        all.retain(|version| version.tree().is_some());
        let uses = if all.is_empty() { None } else { Some(session.aws.layer_uses().await) };
        let uses = match uses {
            Some(Err(error)) if error.is_denied() => {
                shell.warn(format!("who uses them cannot be seen: {error}"));
                None
            }
            Some(Err(error)) => return Err(looking("functions", error)),
            Some(Ok(uses)) => Some(uses),
            None => None,
        };
        let now = scope.now(from);
        let state = |version: &Version| {
            let (tree, word) = now.get(&version.layer)?;
            (version.tree() == Some(tree.as_str())).then_some(*word)
        };
        let shown: Vec<Shown<'_>> =
            all.iter().map(|version| Shown { version, now: state(version), fate: None }).collect();
        versions::show(&shown, uses.as_ref(), shell)?;
        if !shell.is_json() {
            let arn = all.first().map(|version| version.arn.as_str());
            let what = if all.is_empty() { ": there is no version of ours" } else { "" };
            shell.status("Looked", format!("at {}{what}", session.name_by(arn)));
        }
        Ok(())
    })?
}
