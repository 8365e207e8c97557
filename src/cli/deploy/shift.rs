//! The part of a deploy in which traffic goes over: everything up to the version is done, then aliases
//! that are there shift, then what lives on them is made what it should be.

use std::collections::BTreeMap;
use std::time::Duration;

use super::begun;
use super::session::Session;
use crate::aws::{Job, Options, Outcome, Stop};
use crate::cli::shift::run;
use crate::error::{DeployError, Error};
use crate::message::{PlannedStep, ShiftPlan};
use crate::release::change::{Action, Change};
use crate::release::desired::Desired;
use crate::release::observed::{Observed, points_at};
use crate::release::shift::strategy::{Stage, Strategy};
use crate::release::shift::watch::Watch;
use crate::release::shift::{Move, moves, under_way};
use crate::shell::Shell;

/// Of how many steps the plan says what they need.
const SHOWN: usize = 10;

/// Has aliases held whose traffic is to be shifted, or is just being shifted. Whoever goes on with what was killed
/// is the same deploy: by its name all of it is told, and taken back.
pub(super) fn hold(jobs: &mut [Job], observed: &[Observed]) {
    let begun: Vec<Option<String>> = observed.iter().map(begun_by).collect();
    let mut names = begun.iter().flatten();
    let first = names.next();
    let of_all = first.filter(|first| names.all(|name| name == *first));
    for ((job, seen), by) in jobs.iter_mut().zip(observed).zip(&begun) {
        job.desired.hold_alias = job.desired.shifts() || is_begun(seen);
        if let Some(name) = by.as_ref().or(of_all).filter(|_| !job.desired.clear_weights) {
            job.desired.deploy.clone_from(name);
        }
    }
}

/// The deploy whose shift is under way.
fn begun_by(seen: &Observed) -> Option<String> {
    seen.aliases.values().find_map(|alias| Some(under_way(alias)?.0.deploy))
}

fn is_begun(seen: &Observed) -> bool {
    begun_by(seen).is_some()
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
    if outcomes.iter().any(|outcome| matches!(outcome.stopped, Some(Stop::Interrupted(_)))) {
        return Ok(outcomes);
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
    let (again, mut observed) = seen_again(session, again, &mut outcomes).await;
    // What was checked before the shift is not checked anew for an alias that is made after it.
    for (job, seen) in again.iter().zip(&mut observed) {
        let before = outcomes.iter().find(|it| it.function == job.desired.name);
        if let Some(before) = before.and_then(|it| it.observed.as_ref()) {
            seen.checked.clone_from(&before.checked);
        }
    }
    let mut ended =
        super::deploy(&session.aws, &again, observed, options, shell).await?.into_iter();
    let after = |before: Outcome| {
        if !open(&before) {
            return before;
        }
        match ended.next() {
            Some(last) => Outcome {
                changes: [before.changes, last.changes].concat(),
                observed: last.observed.or(before.observed),
                ..last
            },
            None => before,
        }
    };
    Ok(outcomes.into_iter().map(after).collect())
}

/// What there is of functions now. Their traffic has gone over, and that is to be reported: one that cannot be
/// read stops by itself.
async fn seen_again(
    session: &Session,
    jobs: Vec<Job>,
    outcomes: &mut [Outcome],
) -> (Vec<Job>, Vec<Observed>) {
    let all = session.aws.observe_all(&jobs).await;
    let mut seen = Vec::new();
    for (job, observed) in jobs.into_iter().zip(all) {
        match observed {
            Ok(observed) => seen.push((job, observed)),
            Err(error) => {
                let mut all = outcomes.iter_mut();
                if let Some(of_job) = all.find(|it| it.function == job.desired.name) {
                    of_job.stopped = Some(Stop::Aws(error));
                }
            }
        }
    }
    seen.into_iter().unzip()
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

/// How the move of an alias goes, for the plan: its steps, and what they need; none where it is all at once.
pub(super) fn steps<'a>(
    desired: &'a Desired,
    observed: &Observed,
    change: &'a Change,
) -> Option<ShiftPlan<'a>> {
    let Action::MoveAlias { name, from, to, .. } = &change.action else { return None };
    let begun = begun::of(desired, observed, name);
    let step = begun.as_ref().map(|shift| shift.step);
    let strategy = begun.map(|shift| shift.strategy).or_else(|| desired.wanted.shift.clone());
    let strategy = strategy.filter(|it| *it != Strategy::AllAtOnce)?;
    let watch = &desired.wanted.watch;
    let needed = watch.needed();
    let planned = |stage: Stage| PlannedStep {
        percent: stage.percent.percent(),
        hold_s: stage.hold,
        invocations: needed.map(|needed| in_all(needed, stage)),
    };
    (from != to).then(|| ShiftPlan {
        function: &desired.name,
        alias: name,
        from,
        to,
        strategy: strategy.to_string(),
        under_way: step,
        steps: strategy.stages().map(planned).collect(),
        needed,
        error_rate: watch.error_rate,
        shown_from: watch.shown_from().filter(|_| needed.is_some()),
    })
}

/// How many invocations of an alias there are for so many of the new version.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number for people"
)]
fn in_all(needed: u64, stage: Stage) -> u64 {
    (needed as f64 / stage.percent.weight()).ceil() as u64
}

/// The same for people.
pub(super) fn lines(desired: &Desired, observed: &Observed, change: &Change) -> Vec<String> {
    let Action::MoveAlias { name, from, to, .. } = &change.action else { return Vec::new() };
    let watch = &desired.wanted.watch;
    if let Some(shift) = begun::of(desired, observed, name) {
        let steps = shift.strategy.stages().count();
        let mut lines = of_strategy(&shift.strategy, watch);
        lines.insert(0, format!("which is under way: step {} of {steps}", shift.step));
        return lines;
    }
    let strategy = desired.wanted.shift.as_ref().filter(|it| **it != Strategy::AllAtOnce);
    let Some(strategy) = strategy.filter(|_| from != to) else { return Vec::new() };
    of_strategy(strategy, watch)
}

/// The steps of a strategy, and what they need.
pub(in crate::cli) fn of_strategy(strategy: &Strategy, watch: &Watch) -> Vec<String> {
    let mut lines = vec![format!("shifted by {strategy}")];
    let Some(needed) = watch.needed() else { return lines };
    lines.push(format!(
        "a step is good enough from {needed} invocations of the new version on{}",
        of_rate(needed, watch.error_rate.zip(watch.shown_from()))
    ));
    let of_all = |stage| format!("{stage}: of {} invocations in all", in_all(needed, stage));
    lines.extend(strategy.stages().take(SHOWN).map(of_all));
    lines
}

/// Which errors then show, or from when on.
fn of_rate(needed: u64, rate: Option<(f64, u64)>) -> String {
    let Some((rate, shown)) = rate else { return String::new() };
    let percent = (rate * 10_000.0).round() / 100.0;
    if shown <= needed {
        return format!(" ({percent} % of errors then show with 95 % certainty)");
    }
    format!(
        ", by `min-invocations` ({percent} % of errors show with 95 % certainty from {shown} on)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::shift::watch::Watch;

    fn job(name: &str, watch: Watch) -> Job {
        let mut desired = Desired { name: name.to_owned(), ..Desired::default() };
        desired.deploy = "mine".to_owned();
        desired.wanted.shift = Some("steps:1%/1m,10%/5m".parse().unwrap());
        desired.wanted.watch = watch;
        Job { desired, code: <_>::default(), layers: BTreeMap::new() }
    }

    #[test]
    fn a_plan_says_what_a_step_is_judged_by() {
        let said = |min_invocations| {
            let watch = Watch { error_rate: Some(0.01), min_invocations, ..Watch::default() };
            let plan = crate::release::shift::Move::begin;
            let alias = serde_json::json!({ "Name": "live", "FunctionVersion": "1" });
            let job = job("api", watch.clone());
            let strategy = job.desired.wanted.shift.clone().unwrap();
            let alias = alias.as_object().unwrap();
            let plan = plan(("api", alias), "2", ("", <_>::default()), (strategy, watch));
            lines(&job.desired, &Observed::default(), &moved(&plan))
        };
        let shown = "from 299 invocations of the new version on (1 % of errors then show";
        let all = said(None);
        assert!(all[1].contains(shown), "{all:?}");
        assert_eq!(
            all[2..],
            ["1%/1m: of 29900 invocations in all", "10%/5m: of 2990 invocations in all"]
        );
        let all = said(Some(20));
        let by_number = "from 20 invocations of the new version on, by `min-invocations` (1 %";
        assert!(all[1].contains(by_number) && all[1].contains("from 299 on"), "{all:?}");
        assert_eq!(all[3], "10%/5m: of 200 invocations in all");
    }

    /// What was not begun yet belongs to the deploy that was killed, too.
    #[test]
    fn whoever_goes_on_with_a_shift_is_the_deploy_that_began_it() {
        let seen = |marker: &str| {
            let weights = serde_json::json!({ "AdditionalVersionWeights": { "2": 0.1 } });
            let alias = serde_json::json!({
                "FunctionVersion": "1", "Description": marker, "RoutingConfig": weights
            });
            let alias = alias.as_object().cloned().unwrap();
            Observed { aliases: BTreeMap::from([("live".to_owned(), alias)]), ..<_>::default() }
        };
        let shifting = |deploy: &str| {
            seen(&format!("[lp1 prev=1 dep={deploy} shift=canary:10%/5m step=1 at=5 new=2]"))
        };
        let held = |all: [Observed; 2], clear_weights| {
            let mut jobs = ["api", "worker"].map(|name| job(name, Watch::default()));
            jobs[0].desired.clear_weights = clear_weights;
            jobs[1].desired.clear_weights = clear_weights;
            hold(&mut jobs, &all);
            jobs.map(|job| job.desired.deploy)
        };
        let rests = || seen("[lp1 prev=1 dep=old sha=s]");
        assert_eq!(held([shifting("killed"), rests()], false), ["killed", "killed"]);
        assert_eq!(held([rests(), rests()], false), ["mine", "mine"]);
        assert_eq!(held([shifting("killed"), rests()], true), ["mine", "mine"]);
        assert_eq!(held([shifting("killed"), shifting("other")], false), ["killed", "other"]);
    }
}
