//! Where aliases point, and the shift that may be under way on one.

use super::Step;
use crate::release::Object;
use crate::release::change::{Action, Phase};
use crate::release::desired::Desired;
use crate::release::marker::{Marker, of_alias, written};
use crate::release::moves;
use crate::release::next::Refusal;
use crate::release::observed::{Observed, is_moving_over, points_at, weights};
use crate::release::shift::{self, Shifting};

/// Whether this very deploy has moved the alias: weights are then AWS's own, while provisioned
/// concurrency moves along.
pub(super) fn is_ours(desired: &Desired, alias: &Object) -> bool {
    of_alias(alias).is_some_and(|marker| marker.deploy == desired.deploy)
}

/// An alias whose traffic is being shifted, with the version that it goes to. Only a deploy of that very
/// version goes on with it; any other would be two releases at once.
pub(super) fn shifting<'a>(
    desired: &Desired,
    observed: &'a Observed,
) -> Option<(&'a str, &'a Object, String)> {
    let mut all = observed.aliases.iter();
    all.find_map(|(name, alias)| Some((name.as_str(), alias, shift_of(desired, alias)?.new)))
}

pub(super) fn busy(name: &str, alias: &Object) -> Refusal {
    match shift::guard::of_another(name, alias) {
        Some(why) => Refusal::Shift(why),
        None => Refusal::Weights { alias: name.to_owned(), weights: weights(alias) },
    }
}

/// The first alias that is not where it should be. Where traffic is shifted, that is done elsewhere: those
/// that are to be shifted are held, all others with them, and nothing comes behind them.
pub(super) fn aliases(desired: &Desired, observed: &Observed) -> Result<Option<Step>, Refusal> {
    let mut held = false;
    let is_held = |alias: &Object| desired.hold_alias && shifts(desired, alias);
    let holds = desired.wanted.aliases.iter().any(|name| {
        observed.aliases.get(name).is_some_and(|it| is_held(it) && !observed.is_there(name))
    });
    for name in &desired.wanted.aliases {
        let alias = observed.aliases.get(name);
        let there = observed.is_there(name);
        let weights = alias.map(weights).unwrap_or_default();
        if there && weights.is_empty() {
            continue;
        }
        if let Some(alias) = alias
            && ((there && is_ours(desired, alias))
                || (!weights.is_empty() && is_moving_over(desired.qualifier(), observed, name)))
        {
            let what =
                format!("traffic of {name} still goes to two versions: {}", points_at(alias));
            return Ok(Some(Step::Wait { phase: Phase::Alias, what }));
        }
        let Some((same, version)) = observed.same_as_latest() else { continue };
        if let Some(alias) = alias.filter(|alias| !there && shifts(desired, alias)) {
            if let Some(why) = shift::guard::refused(desired, observed, (name, alias), version) {
                return Err(Refusal::Shift(why));
            }
            // Weights that are to be taken off are taken off first.
            let is_bare = weights.is_empty() && shift::under_way(alias).is_none();
            let others = !is_bare && shift_of(desired, alias).is_none();
            if desired.hold_alias && others {
                let back = move_alias(desired, name, Some(alias), true, same);
                return Ok(Some(Step::Act(back)));
            }
            if desired.hold_alias {
                // What gets traffic already is not checked anew.
                let begins = shift_of(desired, alias).is_none();
                let check = if begins { check(desired, observed, same)? } else { None };
                if check.is_some() {
                    return Ok(check);
                }
                held = true;
                continue;
            }
        }
        // What is made or moved at once waits: it may be that traffic goes back.
        if holds && !there {
            held = true;
            continue;
        }
        let moved = move_alias(desired, name, alias, there, same);
        // What only loses its weights is where it was.
        let checked = if there { None } else { check(desired, observed, same)? };
        return Ok(Some(checked.unwrap_or(Step::Act(moved))));
    }
    Ok(held.then_some(Step::Done))
}

/// The shift of an alias that a deploy goes on with.
fn shift_of(desired: &Desired, alias: &Object) -> Option<Shifting> {
    let shift = shift::under_way(alias).map(|(_, shift)| shift);
    shift.filter(|_| !desired.clear_weights)
}

fn shifts(desired: &Desired, alias: &Object) -> bool {
    desired.shifts() || shift_of(desired, alias).is_some()
}

/// The check of a version that an alias is about to move to, unless this run has made it.
fn check(desired: &Desired, observed: &Observed, to: &str) -> Result<Option<Step>, Refusal> {
    let check = desired.check.as_ref().filter(|check| !check.events.is_empty());
    let Some(check) = check.filter(|_| !observed.checked.contains(to)) else { return Ok(None) };
    if observed.function.as_ref().is_some_and(|function| function.reserved == Some(0)) {
        return Err(Refusal::NoConcurrency);
    }
    Ok(Some(Step::Act(Action::Check {
        version: to.to_owned(),
        events: check.events.iter().map(|event| event.name.clone()).collect(),
        warm_up: check.rules.warm_up,
    })))
}

fn move_alias(
    desired: &Desired,
    name: &str,
    alias: Option<&Object>,
    there: bool,
    version: &str,
) -> Action {
    let text_before = alias.map(|alias| written(alias).0).unwrap_or_default();
    let from = alias.map(points_at);
    let (deploy, sha) = (desired.deploy.clone(), desired.code.sha256.clone());
    let mut marker = Marker { deploy, sha, ..Marker::default() };
    // What only loses its weights has come from where it came from.
    match alias.and_then(of_alias) {
        Some(Marker { shift: Some(shift), .. }) if there => {
            (marker.prev, marker.from) = (shift.was, shift.was_from);
        }
        Some(before) if there => (marker.prev, marker.from) = (before.prev, before.from),
        _ => marker.prev = from.filter(|_| !there).map(str::to_owned),
    }
    let said = if desired.alias_text.is_empty() { text_before } else { &desired.alias_text };
    let to = from.filter(|_| there).unwrap_or(version);
    marker.to = Some(to.to_owned());
    moves::point(name, alias, to, marker.after(said))
}
