//! What a rollback leaves where it is, though whoever asks for it may think that it goes along.

use std::collections::BTreeMap;

use super::{Asked, Function, Plan};
use crate::release::Object;
use crate::release::content::text;
use crate::release::marker::{Stale, of_alias};
use crate::release::observed::points_at;

/// What stays, a line for each deploy and function that it concerns; nothing where nothing goes either.
#[must_use]
pub fn stays(functions: &[Function<'_>], asked: &Asked, plan: &Plan) -> Vec<String> {
    if plan.moves.is_empty() {
        return Vec::new();
    }
    match &asked.deploy {
        Some(deploy) => of_others(functions, asked, deploy).into_iter().collect(),
        // Whoever names the alias means that one.
        None if asked.alias.is_some() => Vec::new(),
        None => functions.iter().flat_map(|function| beside(function, plan)).collect(),
    }
}

/// Aliases that other deploys have moved last: whether the one that is meant had moved them before, nothing
/// tells any more.
fn of_others(functions: &[Function<'_>], asked: &Asked, deploy: &str) -> Option<String> {
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for function in functions {
        for alias in &function.released.aliases {
            let is_meant = asked.alias.as_deref().is_none_or(|asked| asked == name(alias));
            let by = match of_alias(alias) {
                Some(marker) => marker.deploy,
                None if Stale::of(alias).is_some() => "hand".to_owned(),
                None => continue,
            };
            if !is_meant || by == deploy {
                continue;
            }
            others.entry(by).or_default().push(format!("{}:{}", function.name, name(alias)));
        }
    }
    let others: Vec<String> =
        others.iter().map(|(deploy, all)| format!("{} by {deploy}", all.join(", "))).collect();
    (!others.is_empty()).then(|| {
        format!(
            "what was moved last by something else than {deploy} stays where it is: {}",
            others.join("; ")
        )
    })
}

/// Aliases of a function that the same deploy has moved as one that goes back.
fn beside<'p>(function: &Function<'p>, plan: &'p Plan) -> impl Iterator<Item = String> {
    let (function, aliases) = (function.name, &function.released.aliases);
    let of_plan = |alias: &Object| {
        let moves = plan.moves.iter().filter(|one| one.function == function);
        moves.map(|one| one.alias.as_str()).any(|it| it == name(alias))
    };
    let (going, others): (Vec<_>, Vec<_>) = aliases.iter().partition(|alias| of_plan(alias));
    let going: Vec<String> =
        going.into_iter().filter_map(of_alias).map(|marker| marker.deploy).collect();
    others.into_iter().filter_map(move |alias| {
        let deploy = of_alias(alias)?.deploy;
        going.contains(&deploy).then(|| {
            let (name, at) = (name(alias), points_at(alias));
            format!(
                "{function}: alias {name}, which the same deploy has moved, stays at version {at}: `--alias {name}` takes it back, `--deploy {deploy}` all of it"
            )
        })
    })
}

fn name(alias: &Object) -> &str {
    text(alias, "Name").unwrap_or_default()
}
