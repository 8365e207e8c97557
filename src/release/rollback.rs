//! Where aliases go back to: the version before, as the marker of the last deploy says it, or one that
//! is named.

mod stays;

use std::collections::{BTreeMap, BTreeSet};

use super::Object;
use super::content::text;
use super::marker::{Stale, of_alias};
use super::moves::{Move, Refused};
use super::next::Refusal;
use super::observed::{points_at, weights};
use super::releases::{OfCommit, Released, of_commit};
use super::shift::guard;

pub use stays::stays;

/// Where to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum To {
    /// Where the last deploy found it.
    #[default]
    Before,
    /// The version of this number.
    Version(String),
    /// The newest version that was made of this commit, by its first digits.
    Commit(String),
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// This alias alone; where none is named, those of the settings, else the only one.
    pub alias: Option<String>,
    /// Only what this deploy moved.
    pub deploy: Option<String>,
    /// Where to.
    pub to: To,
    /// Whether weights that somebody left on an alias are taken off.
    pub clear_weights: bool,
    /// This rollback, in the marker of every alias that it moves.
    pub by: String,
}

/// A function that was selected.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// The aliases that its settings name.
    pub aliases: &'a [String],
    /// What AWS holds of it; its versions where a commit was asked for.
    pub released: &'a Released,
}

/// What a rollback does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The aliases that move.
    pub moves: Vec<Move>,
    /// The functions that cannot be rolled back, each with every reason.
    pub refused: Vec<(String, Refusal)>,
    /// The deploys that moved the aliases that were meant, each with the functions.
    pub deploys: BTreeMap<String, BTreeSet<String>>,
}

/// Decides for every function.
#[must_use]
pub fn plan(functions: &[Function<'_>], asked: &Asked) -> Plan {
    let mut plan = Plan::default();
    for function in functions {
        let name = function.name.to_owned();
        let aliases = match picked(function, asked) {
            Ok(aliases) => aliases,
            Err(why) => {
                plan.refused.push((name, why.into()));
                continue;
            }
        };
        for alias in aliases {
            if let Some(marker) = of_alias(alias) {
                plan.deploys.entry(marker.deploy).or_default().insert(name.clone());
            }
            match decide(function, alias, asked) {
                Ok(one) => plan.moves.push(one),
                Err(why) => plan.refused.push((name.clone(), why)),
            }
        }
    }
    plan
}

/// The aliases of a function that are meant.
fn picked<'a>(function: &Function<'a>, asked: &Asked) -> Result<Vec<&'a Object>, Refused> {
    let all = &function.released.aliases;
    let name = |alias: &&Object| text(alias, "Name").unwrap_or_default().to_owned();
    if let Some(deploy) = &asked.deploy {
        let is_meant = |alias: &&Object| {
            asked.alias.as_ref().is_none_or(|asked| *asked == name(alias))
                && of_alias(alias).is_some_and(|marker| marker.deploy == *deploy)
        };
        return Ok(all.iter().filter(is_meant).collect());
    }
    if !function.released.exists {
        return Err(Refused::NoFunction);
    }
    let named = asked.alias.as_ref().map_or(function.aliases, std::slice::from_ref);
    if named.is_empty() {
        return match all.as_slice() {
            [one] => Ok(vec![one]),
            [] => Err(Refused::NoAliases),
            all => Err(Refused::WhichAlias(all.iter().map(|alias| name(&alias)).collect())),
        };
    }
    let find = |wanted: &String| {
        let found = all.iter().find(|alias| name(alias) == *wanted);
        found.ok_or_else(|| Refused::NoAlias(wanted.clone()))
    };
    named.iter().map(find).collect()
}

fn decide(function: &Function<'_>, alias: &Object, asked: &Asked) -> Result<Move, Refusal> {
    let name = text(alias, "Name").unwrap_or_default().to_owned();
    if let Some(why) = guard::of_another(&name, alias).filter(|_| !asked.clear_weights) {
        return Err(Refusal::Shift(why));
    }
    let to = match &asked.to {
        To::Before => before(&name, alias)?,
        To::Version(version) => version.clone(),
        To::Commit(digits) => match of_commit(function.released, digits) {
            OfCommit::Version(version) => version,
            OfCommit::Unknown => return Err(no_commit(function.released, digits).into()),
            OfCommit::Several(all) => return Err(Refused::SeveralCommits(all).into()),
        },
    };
    let weights = weights(alias);
    if !weights.is_empty() && !asked.clear_weights {
        return Err(Refusal::Weights { alias: name, weights });
    }
    Ok(Move {
        function: function.name.to_owned(),
        alias: name,
        seen: Some(alias.clone()),
        to,
        back: true,
        deploy: asked.by.clone(),
        clear_weights: asked.clear_weights,
    })
}

/// No version is of this very commit; one may be of files that were changed after it.
fn no_commit(released: &Released, digits: &str) -> Refused {
    match of_commit(released, &format!("{digits}-dirty")) {
        OfCommit::Version(version) => Refused::ChangedCommit { commit: digits.to_owned(), version },
        OfCommit::Unknown | OfCommit::Several(_) => Refused::NoCommit(digits.to_owned()),
    }
}

/// The version that the last deploy found.
fn before(name: &str, alias: &Object) -> Result<String, Refused> {
    let name = name.to_owned();
    if let Some(stale) = Stale::of(alias) {
        return Err(Refused::Stale(Box::new(stale)));
    }
    let Some(marker) = of_alias(alias) else { return Err(Refused::Unmarked { alias: name }) };
    if let Some(from) = marker.from {
        return Err(Refused::Again { alias: name, from, at: points_at(alias).to_owned() });
    }
    match marker.prev {
        None => Err(Refused::NothingBefore { alias: name, deploy: marker.deploy }),
        Some(before) if before == "$LATEST" => Err(Refused::LatestBefore { alias: name }),
        Some(before) => Ok(before),
    }
}

#[cfg(test)]
mod tests;
