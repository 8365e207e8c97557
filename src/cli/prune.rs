//! `prune`: the end of old versions that nothing leads to, and then of the layers that they alone used.
//!
//! What leads where is read once more before every few deletions: another may have moved an alias since. Of
//! what comes in between AWS itself guards the aliases, and nothing else. All that this remembers is what is
//! there, so one that was stopped is run again.

mod layers;
mod show;

use std::num::NonZero;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::args::{Global, Prune};
use super::deploy::session;
use super::remote::{Scope, there};
use crate::aws::{Aws, AwsError};
use crate::error::{Error, RemoteError};
use crate::release::content::text;
use crate::release::keep::{self, Inventory, Need, Version};
use crate::shell::Shell;

/// For how many deletions it is read once what leads where, by six calls or more.
const BATCH: usize = 20;
/// How many functions, and versions of one, are looked at at once.
const AT_ONCE: usize = 24;

/// A version, and what becomes of it.
struct Found {
    version: Version,
    fate: Fate,
}

/// What becomes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It may go.
    Goes,
    /// It is needed.
    Kept,
    /// It went.
    Deleted,
    /// Somebody else has deleted it meanwhile.
    Gone,
    /// It could not be deleted.
    Failed,
}

/// A function that was looked at.
struct Pruned {
    /// What it has.
    inventory: Inventory,
    /// Its versions, the newest first.
    found: Vec<Found>,
}

pub(super) fn run(args: &Prune, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let scope = Scope::of(&args.functions, &args.build, global, shell)?;
    super::asynchronously(async {
        let session = scope.connect(place, "prune", shell).await?;
        let (mut all, missing) = look(&session.aws, &scope, args, shell).await?;
        let mut stopped = Vec::new();
        for one in &mut all {
            if args.yes {
                stopped.extend(one.delete(&session.aws, args.keep, shell).await);
            } else {
                one.doubt(&session.aws).await?;
            }
        }
        show::versions(&all, shell)?;
        // What failed may use layers still.
        let layers = if stopped.is_empty() {
            layers::prune(&session, &all, args, shell).await?
        } else {
            layers::Layers::default()
        };
        layers.show(shell)?;
        show::end(&all, &layers, &session, args.yes, shell)?;
        stopped.extend(layers.stopped);
        if stopped.is_empty() {
            return there(&missing);
        }
        for line in &missing {
            shell.warn(line);
        }
        Err(RemoteError { verb: "delete", stopped }.into())
    })?
}

/// Looks at all functions, before anything is deleted of one; and what was named and is not there, in words. Of
/// the workspace's own one may not be deployed yet.
async fn look(
    aws: &Aws,
    scope: &Scope,
    args: &Prune,
    shell: &Shell,
) -> Result<(Vec<Pruned>, Vec<String>), Error> {
    let failed = |name: &str, error: AwsError| Error::from(RemoteError::of("look at", name, error));
    let first = scope.functions.first().map_or("", |named| named.name.as_str());
    let mappings = aws.all_mappings().await.map_err(|error| failed(first, error))?;
    let one = async |name: &str| {
        let inventory = aws.inventory(name, mappings.clone()).await;
        inventory.map_err(|error| failed(name, error))
    };
    let all = scope.functions.iter().map(|named| one(&named.name));
    let all: Vec<Inventory> = stream::iter(all).buffered(AT_ONCE).try_collect().await?;
    let (there, missing): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|inventory| !inventory.versions.is_empty());
    let missing: Vec<String> =
        missing.iter().map(|inventory| scope.not_there(&inventory.function)).collect();
    let pruned = there.into_iter().map(|inventory| Pruned::new(inventory, args.keep)).collect();
    if args.functions.is_empty() {
        for line in &missing {
            shell.warn(line);
        }
        return Ok((pruned, Vec::new()));
    }
    Ok((pruned, missing))
}

impl Found {
    fn goes(&self) -> bool {
        self.fate == Fate::Goes
    }

    /// It stays after all.
    fn keep(&mut self, need: Need) {
        self.version.needs.insert(need);
        self.fate = Fate::Kept;
    }

    /// By what its function has now.
    fn again(&mut self, now: &[Version]) {
        match now.iter().find(|version| version.number == self.version.number) {
            None => self.fate = Fate::Gone,
            Some(version) if version.needs.is_empty() => {}
            Some(version) => {
                self.version = version.clone();
                self.fate = Fate::Kept;
            }
        }
    }
}

impl Pruned {
    fn new(inventory: Inventory, keep: NonZero<usize>) -> Self {
        let found = |version: Version| {
            let fate = if version.needs.is_empty() { Fate::Goes } else { Fate::Kept };
            Found { version, fate }
        };
        let found = keep::versions(&inventory, keep).into_iter().map(found).collect();
        Self { inventory, found }
    }

    fn name(&self) -> &str {
        &self.inventory.function
    }

    /// The ARN of the function.
    fn arn(&self) -> Option<&str> {
        self.inventory.versions.first().and_then(|version| text(version, "FunctionArn"))
    }

    /// Those that go or went.
    fn going(&self) -> impl Iterator<Item = &Version> {
        let goes = |found: &&Found| matches!(found.fate, Fate::Goes | Fate::Deleted);
        self.found.iter().filter(goes).map(|found| &found.version)
    }

    async fn doubt(&mut self, aws: &Aws) -> Result<(), Error> {
        let mut all: Vec<&mut Found> = self.found.iter_mut().collect();
        let function = &self.inventory.function;
        let failed = |error| RemoteError::of("look at", function, error).into();
        doubt(aws, function, &mut all).await.map_err(failed)
    }

    /// Deletes what goes, the oldest first. What could not be deleted does not keep the others, unless nothing
    /// may be deleted at all.
    async fn delete(
        &mut self,
        aws: &Aws,
        keep: NonZero<usize>,
        shell: &Shell,
    ) -> Vec<(String, AwsError)> {
        let function = self.inventory.function.as_str();
        let mut going: Vec<&mut Found> =
            self.found.iter_mut().rev().filter(|found| found.goes()).collect();
        let mut stopped = Vec::new();
        for batch in going.chunks_mut(BATCH) {
            if let Err(error) = look_again(aws, function, batch, keep).await {
                stopped.push((function.to_owned(), error));
                return stopped;
            }
            for found in batch.iter_mut().filter(|found| found.goes()) {
                let name = format!("version {} of {function}", found.version.number);
                shell.status("Deleting", &name);
                let Err(error) = delete(aws, function, found, keep).await else { continue };
                found.fate = Fate::Failed;
                let is_denied = error.is_denied();
                stopped.push((name, error));
                if is_denied {
                    return stopped;
                }
            }
        }
        stopped
    }
}

/// Reads once more what leads to versions that are about to go.
async fn look_again(
    aws: &Aws,
    function: &str,
    going: &mut [&mut Found],
    keep: NonZero<usize>,
) -> Result<(), AwsError> {
    let mappings = aws.all_mappings().await?;
    let now = keep::versions(&aws.inventory(function, mappings).await?, keep);
    for found in &mut *going {
        found.again(&now);
    }
    doubt(aws, function, going).await
}

/// Asks what only each version itself tells, of those that would go.
async fn doubt(aws: &Aws, function: &str, all: &mut [&mut Found]) -> Result<(), AwsError> {
    let ask = async |found: &mut Found| {
        if let Some(need) = aws.held(function, &found.version).await? {
            found.keep(need);
        }
        Ok(())
    };
    let going = all.iter_mut().map(|found| &mut **found).filter(|found| found.goes());
    stream::iter(going.map(ask)).buffer_unordered(AT_ONCE).try_collect().await
}

/// Deletes one. Where AWS refuses that for what the version is, it is looked at once more and stays.
async fn delete(
    aws: &Aws,
    function: &str,
    found: &mut Found,
    keep: NonZero<usize>,
) -> Result<(), AwsError> {
    let Err(error) = aws.delete_version(function, &found.version.number.to_string()).await else {
        found.fate = Fate::Deleted;
        return Ok(());
    };
    // An alias points at it; or it is replicated at the edge, which is refused as a parameter.
    if !error.is_conflict() && error.code() != Some("InvalidParameterValueException") {
        return Err(error);
    }
    look_again(aws, function, &mut [&mut *found], keep).await?;
    if found.goes() {
        found.keep(Need::Refused(error.to_string()));
    }
    Ok(())
}
