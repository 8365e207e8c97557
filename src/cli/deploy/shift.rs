//! The part of a deploy in which traffic goes over: everything up to the version is done, then aliases
//! that are there shift, then what lives on them is made what it should be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::session::Session;
use crate::aws::{Job, Options, Outcome, Stop};
use crate::cli::shift::run;
use crate::error::{DeployError, Error};
use crate::release::change::{Action, Change};
use crate::release::desired::Desired;
use crate::release::observed::{Observed, points_at};
use crate::release::shift::strategy::Strategy;
use crate::release::shift::{Move, moves, under_way};
use crate::shell::Shell;

/// Of how many steps the plan says what they need.
const SHOWN: usize = 10;

/// Has aliases held whose traffic is to be shifted, or is just being shifted.
pub(super) fn hold(jobs: &mut [Job], observed: &[Observed]) {
    for (job, seen) in jobs.iter_mut().zip(observed) {
        job.desired.hold_alias = job.desired.shifts() || is_begun(seen);
    }
}

fn is_begun(seen: &Observed) -> bool {
    seen.aliases.values().any(|alias| under_way(alias).is_some())
}

/// What would keep traffic from being watched stops everything before the first call, unless the others are
/// to go on.
pub(super) async fn before(
    session: &Session,
    (jobs, observed): (&[Job], &[Observed]),
    changes: &[Change],
    (options, shell): (&Options, &Shell),
) -> Result<(), Error> {
    let moves = |(job, _): &(&Job, &Observed)| {
        let mut of_job = changes.iter().filter(|change| change.function == job.desired.name);
        job.desired.hold_alias && of_job.any(|it| matches!(it.action, Action::MoveAlias { .. }))
    };
    let mut stopped = Vec::new();
    let mut longest = 0;
    for (job, seen) in jobs.iter().zip(observed).filter(moves) {
        let stages = job.desired.wanted.shift.iter().flat_map(Strategy::stages);
        longest = stages.map(|stage| stage.hold).sum::<u64>().max(longest);
        let (name, watch) = (&job.desired.name, &job.desired.wanted.watch);
        let alias = job.desired.qualifier().unwrap_or_default();
        // Whether there is anything to be counted yet does not matter.
        let asked = session.aws.refuse_watch((name, alias, "1"), watch, is_begun(seen)).await;
        stopped.extend(asked.err().map(|why| (name.clone(), why)));
    }
    if !stopped.is_empty() && !options.keep_going {
        return Err(Error::Deploy(DeployError { stopped, planned: true }));
    }
    if longest > 0 {
        session.lasts(Duration::from_secs(longest), shell).await?;
    }
    Ok(())
}

/// Goes on where everything was done but what was held.
pub(super) async fn go_on(
    session: &Session,
    mut jobs: Vec<Job>,
    mut outcomes: Vec<Outcome>,
    options: &Options,
    shell: &Shell,
) -> Result<Vec<Outcome>, Error> {
    // Whoever wants an end wants no shift to begin.
    let ends = |outcome: &Outcome| match &outcome.stopped {
        Some(Stop::Interrupted(_)) => true,
        stopped => stopped.is_some() && !options.keep_going,
    };
    if outcomes.iter().any(ends) {
        not_begun(&jobs, &mut outcomes, &Stop::Others);
        return Ok(outcomes);
    }
    let all = held(&jobs, &outcomes);
    if all.is_empty() {
        return Ok(outcomes);
    }
    let refused = session.aws.refuse_shift(&all).await;
    let (sound, refused): (Vec<_>, Vec<_>) =
        all.into_iter().zip(refused).partition(|(_, refused)| refused.is_none());
    let sound: Vec<Move> = sound.into_iter().map(|(plan, _)| plan).collect();
    let mut shifted: Vec<(Move, Option<Stop>)> = if refused.is_empty() || options.keep_going {
        let stops = run(&session.aws, &sound, options.keep_going, shell).await?;
        sound.into_iter().zip(stops).collect()
    } else {
        // Nothing has moved yet, and nothing does.
        sound.into_iter().map(|plan| (plan, Some(Stop::Others))).collect()
    };
    shifted.extend(refused);
    let done: Vec<Move> =
        shifted.iter().filter(|(_, stop)| stop.is_none()).map(|(plan, _)| plan.clone()).collect();
    for (plan, stop) in shifted {
        let outcome = outcomes.iter_mut().find(|outcome| outcome.function == plan.function);
        if let Some(outcome) = outcome {
            match stop {
                None => outcome.changes.push(moved(&plan)),
                Some(stop) => drop(outcome.stopped.get_or_insert(stop)),
            }
        }
    }
    for job in &mut jobs {
        job.desired.hold_alias = false;
    }
    finish(session, (&jobs, &done), outcomes, options, shell).await
}

/// Functions whose traffic was to be shifted, and is not: nothing has stopped them but that.
pub(super) fn not_begun(jobs: &[Job], outcomes: &mut [Outcome], why: &Stop) {
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let moves = outcome.observed.as_ref().map(|observed| moves(&job.desired, observed));
        let is_held = job.desired.hold_alias && moves.is_some_and(|moves| !moves.is_empty());
        if is_held && outcome.stopped.is_none() {
            outcome.stopped = Some(why.clone());
        }
    }
}

/// The shifts of those that nothing has stopped.
fn held(jobs: &[Job], outcomes: &[Outcome]) -> Vec<Move> {
    let mut all = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        if job.desired.hold_alias
            && outcome.stopped.is_none()
            && let Some(observed) = &outcome.observed
        {
            all.extend(moves(&job.desired, observed));
        }
    }
    all
}

/// What lives on aliases; those that were stopped stay as they are.
async fn finish(
    session: &Session,
    (jobs, shifted): (&[Job], &[Move]),
    mut outcomes: Vec<Outcome>,
    options: &Options,
    shell: &Shell,
) -> Result<Vec<Outcome>, Error> {
    // Whoever has moved an alias since has meant it.
    for plan in shifted {
        let there = session.aws.alias(&plan.function, &plan.alias).await;
        let moved = there.is_ok_and(|alias| alias.is_none_or(|it| points_at(&it) != plan.to));
        let outcome = outcomes.iter_mut().find(|outcome| outcome.function == plan.function);
        if let Some(outcome) = outcome.filter(|_| moved) {
            let (what, when) = (format!("alias {}", plan.alias), None);
            outcome.stopped.get_or_insert(Stop::Overtaken { what, when });
        }
    }
    let open = |outcome: &Outcome| outcome.stopped.is_none();
    let again: Vec<Job> = jobs
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| open(outcome))
        .map(|(job, _)| job.clone())
        .collect();
    let observed = session.observe(&again).await?;
    let mut ended =
        super::deploy(&session.aws, &again, observed, options, shell).await?.into_iter();
    let after = |before: Outcome| {
        if !open(&before) {
            return before;
        }
        match ended.next() {
            Some(last) => Outcome { changes: [before.changes, last.changes].concat(), ..last },
            None => before,
        }
    };
    Ok(outcomes.into_iter().map(after).collect())
}

/// The shift as one change: what it has come to.
fn moved(plan: &Move) -> Change {
    let action = Action::MoveAlias {
        name: plan.alias.clone(),
        from: plan.from.clone(),
        to: plan.to.clone(),
        weights: BTreeMap::new(),
        description: plan.marker.after(&plan.text),
        revision: None,
    };
    Change { function: plan.function.clone(), action }
}

/// How the move of an alias goes, for the plan: its steps, and what they need to see an error.
pub(super) fn steps((desired, change): (&Desired, &Change)) -> Vec<String> {
    let Action::MoveAlias { from, to, .. } = &change.action else { return Vec::new() };
    let strategy = desired.wanted.shift.as_ref().filter(|it| **it != Strategy::AllAtOnce);
    let Some(strategy) = strategy.filter(|_| from != to) else { return Vec::new() };
    let mut lines = vec![format!("shifted by {strategy}")];
    let Some(needed) = desired.wanted.watch.needed() else { return lines };
    lines.push(format!(
        "a step says something from {needed} invocations of the new version on{}",
        of_rate(desired.wanted.watch.error_rate)
    ));
    for stage in strategy.stages().take(SHOWN) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number for people"
        )]
        let all = (needed as f64 / stage.percent.weight()).ceil() as u64;
        lines.push(format!("{stage}: of {all} invocations in all"));
    }
    lines
}

fn of_rate(rate: Option<f64>) -> String {
    let said = |rate: f64| {
        let percent = (rate * 10_000.0).round() / 100.0;
        format!(" ({percent} % of errors then show with 95 % certainty)")
    };
    rate.filter(|rate| *rate > 0.0).map(said).unwrap_or_default()
}
