//! Traffic that is shifted, for whoever waits for it: what goes on, and Ctrl-C.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use tokio::sync::watch;

use super::interrupt::unless_twice;
use crate::aws::{Aws, Progress, Stop, Turn};
use crate::error::Error;
use crate::files;
use crate::message::{Message, Shift};
use crate::release::marker::Shifting;
pub(super) use crate::release::shift::Move as Plan;
use crate::release::shift::Move;
use crate::release::shift::judge::Counts;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

/// Shifts them all; why each has stopped. Ctrl-C takes traffic back; once more ends at once, and leaves it
/// where it is.
pub(super) async fn run(
    aws: &Aws,
    moves: &[Move],
    keep_going: bool,
    shell: &Shell,
) -> Result<Vec<Option<Stop>>, Error> {
    for plan in moves.iter().filter(|plan| plan.watch.is_blind()) {
        shell.warn(format!(
            "{}: nothing is watched while its traffic shifts: set `alarms` or `watch`",
            plan.function
        ));
    }
    let (stop, interrupted) = watch::channel(None);
    let say = |again: &str| {
        shell.status("Going back", format!("to the version before; {again} ends at once"));
    };
    shell.start_rows(moves.len());
    let gone_on = RefCell::new(BTreeSet::new());
    let talk = |progress: &Progress<'_>| {
        // Where a shift is that was begun by others is said once, and not only with its next step.
        let plan = progress.plan;
        let is_first =
            plan.begun && gone_on.borrow_mut().insert((plan.function.clone(), plan.alias.clone()));
        // Standard output may be gone; traffic goes on all the same.
        let _ = tell(progress, is_first, shell);
    };
    let shifting = aws.shift(moves, keep_going, interrupted, &talk);
    let stops = unless_twice(shifting, &stop, say).await;
    shell.end_rows();
    // What is said of each is for whoever reports on all.
    Ok(stops?.unwrap_or_else(|code| vec![Some(Stop::Interrupted(code)); moves.len()]))
}

/// One turn, as a line and as a record. `is_first`: also a poll is said.
pub(super) fn tell(progress: &Progress<'_>, is_first: bool, shell: &Shell) -> std::io::Result<()> {
    let Progress { plan, turn, shift, left, counts } = progress;
    let (verb, event, why) = match turn {
        Turn::Step(1) => ("Shifting", "begin", None),
        Turn::Step(_) => ("Shifting", "step", None),
        Turn::Polled(because) => ("Watching", "poll", because.map(str::to_owned)),
        Turn::Back(why) => ("Back", "back", Some(why.to_string())),
        Turn::Finished => ("Shifted", "finish", None),
    };
    let row = format!("{}:{}", plan.function, plan.alias);
    let line = match turn {
        Turn::Back(why) => format!("{row} is on version {} again: {why}", plan.from),
        Turn::Finished => format!("{row} is on version {}", plan.to),
        Turn::Step(_) | Turn::Polled(_) => {
            format!("{row} {}", under_way(plan, *shift, (*left, why.as_deref()), *counts))
        }
    };
    match turn {
        Turn::Polled(_) => shell.row(&row, verb, line, is_first || shell.is_verbose()),
        Turn::Step(_) => shell.row(&row, verb, line, true),
        Turn::Back(_) | Turn::Finished => {
            shell.rest(&row, verb, &line);
            shell.status(verb, line);
        }
    }
    if shell.is_json() {
        let finished = matches!(turn, Turn::Finished);
        shell.record(&Message::Shift(&record(
            plan,
            (event, finished),
            *shift,
            (*left, why),
            *counts,
        )))?;
    }
    Ok(())
}

/// `sends 10% to version 13 (step 1 of 3), 4m 12s left; 211 invocations, 0 errors`.
fn under_way(
    plan: &Move,
    shift: Option<&Shifting>,
    (left, why): (u64, Option<&str>),
    counts: Option<Counts>,
) -> String {
    let steps = plan.strategy.stages().count();
    let step = shift.map_or(0, |shift| shift.step);
    let percent = plan.strategy.stage(step).map(|stage| stage.percent.to_string());
    let mut line = format!(
        "sends {} to version {} (step {step} of {steps})",
        percent.unwrap_or_default(),
        plan.to
    );
    match why {
        Some(why) => line.push_str(&format!(", longer than planned: {why}")),
        None => line.push_str(&format!(", {} left", time(left))),
    }
    if let Some(Counts { invocations, errors, throttles, duration }) = counts {
        line.push_str(&format!("; {invocations} invocations, {errors} errors"));
        if throttles > 0.0 {
            line.push_str(&format!(", {throttles} throttled"));
        }
        if let Some(duration) = duration {
            line.push_str(&format!(", {} {duration:.0} ms", plan.watch.statistic));
        }
    }
    line
}

/// Seconds for people.
pub(super) fn time(seconds: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}

/// Seconds since 1970 for people. A marker may hold any number.
pub(super) fn point(seconds: u64) -> String {
    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    let since = std::time::Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}

/// A record: the event, and whether all traffic is on the new version.
pub(super) fn record<'a>(
    plan: &'a Move,
    (event, finished): (&'static str, bool),
    shift: Option<&Shifting>,
    (left, why): (u64, Option<String>),
    counts: Option<Counts>,
) -> Shift<'a> {
    let stage = shift.and_then(|shift| plan.strategy.stage(shift.step));
    let all = if finished { 100.0 } else { 0.0 };
    Shift {
        function: &plan.function,
        alias: &plan.alias,
        event,
        from: &plan.from,
        to: &plan.to,
        strategy: plan.strategy.to_string(),
        step: shift.map(|shift| shift.step),
        steps: plan.strategy.stages().count(),
        percent: stage.map_or(all, |stage| stage.percent.percent()),
        since: shift.map(|shift| shift.at),
        left_s: left,
        invocations: counts.map(|counts| counts.invocations),
        errors: counts.map(|counts| counts.errors),
        throttles: counts.map(|counts| counts.throttles),
        duration_ms: counts.and_then(|counts| counts.duration),
        why,
    }
}

/// Reads the events of probes, which settings name by their files; each with its function.
pub(super) fn read_probes<'w>(
    root: &Path,
    all: impl IntoIterator<Item = (&'w str, &'w mut Wanted)>,
) -> Result<(), Error> {
    for (function, wanted) in all {
        let Some(probe) = &mut wanted.watch.probe else { continue };
        let wrong = |why: &dyn std::fmt::Display| {
            Error::Usage(format!("{function}: `watch.probe` names {}, {why}", probe.file))
        };
        let path = root.join(&probe.file);
        let event = files::read_bytes(&path).map_err(|error| {
            let why = Error::from(error).one_line();
            wrong(&format_args!("which is below the workspace's folder: {why}"))
        })?;
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(&event) {
            return Err(wrong(&format_args!("which is no JSON: {error}")));
        }
        probe.event = event;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::shift::watch::Probe;

    #[test]
    fn a_probe_that_cannot_be_read_names_its_function_and_key() {
        let folder = tempfile::tempdir().unwrap();
        files::write_atomically(&folder.path().join("good.json"), b"{}").unwrap();
        files::write_atomically(&folder.path().join("bad.json"), b"{").unwrap();
        let read = |file: &str| {
            let mut wanted = Wanted::default();
            wanted.watch.probe = Some(Probe { file: file.to_owned(), ..Probe::default() });
            read_probes(folder.path(), [("api", &mut wanted)]).map(|()| wanted)
        };
        assert_eq!(read("good.json").unwrap().watch.probe.unwrap().event, b"{}");
        for (file, why) in [("gone.json", "No such file"), ("bad.json", "which is no JSON")] {
            let error = read(file).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(&format!("api: `watch.probe` names {file}, ")), "{said}");
            assert!(said.contains(why), "{said}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
