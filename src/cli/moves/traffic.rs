//! Traffic goes over: at once, or by steps.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::watch;

use super::{How, Lane};
use crate::aws::{Event, Pointed, Stop};
use crate::cli::deploy::session::Session;
use crate::cli::deploy::{stopping, talk};
use crate::cli::interrupt::unless_twice;
use crate::cli::shift;
use crate::error::Error;
use crate::shell::Shell;

/// What is done with one alias: how long it may last, and who is told.
type Means<'a> = (Duration, &'a dyn Fn(Event<'_>));

/// Moves every alias that nothing has stopped. Those that are there go by steps if that is wanted, all together;
/// the others are then made where that has gone well.
pub(super) async fn shift(
    session: &Session,
    how: &How,
    lanes: &mut [Lane],
    shell: &Shell,
) -> Result<(), Error> {
    if how.strategy.is_some() {
        clear(session, how, lanes, shell).await?;
        stop_others(how, lanes);
        by_steps(session, how, lanes, shell).await?;
        stop_others(how, lanes);
    }
    let point = async |lane: &Lane, means: Means<'_>| {
        session.aws.point(&lane.one, &lane.target.sha256, means).await
    };
    each((how, lanes, shell), Lane::is_open, point).await
}

/// Weights of others, and the shifts of other deploys, go first: no shift of ours could begin on them.
async fn clear(
    session: &Session,
    how: &How,
    lanes: &mut [Lane],
    shell: &Shell,
) -> Result<(), Error> {
    let is_split = |lane: &Lane| lane.is_open() && lane.one.cleared().is_some();
    let clear = async |lane: &Lane, means: Means<'_>| {
        let one = lane.one.cleared().unwrap_or_default();
        let (sha256, _) = session.aws.digests(&one.function, (&one.to, &one.to)).await?;
        session.aws.point(&one, &sha256, means).await
    };
    each((how, &mut *lanes, shell), is_split, clear).await?;
    for lane in lanes {
        // What was only to lose its weights is done.
        if lane.goes()
            && let Some(Ok(pointed)) = lane.outcome.take_if(|it| it.is_ok())
        {
            lane.one.seen = pointed.alias;
        }
    }
    Ok(())
}

async fn by_steps(
    session: &Session,
    how: &How,
    lanes: &mut [Lane],
    shell: &Shell,
) -> Result<(), Error> {
    let mut going: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| lane.is_open()).collect();
    going.retain(|lane| how.shift(lane).is_some());
    let plans: Vec<shift::Plan> = going.iter().filter_map(|lane| how.shift(lane)).collect();
    if plans.is_empty() {
        return Ok(());
    }
    let stops = shift::run(&session.aws, &plans, how.pace.keep_going, shell).await?;
    for (lane, stop) in going.iter_mut().zip(stops) {
        lane.outcome = Some(stop.map_or(Ok(Pointed { alias: None, moved: true }), Err));
    }
    // AWS may split the traffic a while longer by itself.
    let shifted = |lane: &Lane| {
        let outcome = lane.outcome.as_ref();
        outcome.is_some_and(|it| it.as_ref().is_ok_and(|it| it.alias.is_none()))
    };
    let settles = async |lane: &Lane, means: Means<'_>| {
        session.aws.settles(&lane.one, &lane.target.sha256, means).await
    };
    each((how, lanes, shell), shifted, settles).await
}

/// Whoever goes on without the others has asked for it, and by no Ctrl-C.
fn stop_others(how: &How, lanes: &mut [Lane]) {
    let interrupted = |lane: &Lane| match &lane.outcome {
        Some(Err(Stop::Interrupted(code))) => Some(*code),
        _ => None,
    };
    let interrupted = lanes.iter().find_map(interrupted);
    let failed: BTreeSet<String> = lanes
        .iter()
        .filter(|lane| lane.outcome.as_ref().is_some_and(Result::is_err))
        .map(|lane| lane.one.function.clone())
        .collect();
    for lane in lanes.iter_mut().filter(|lane| lane.is_open() && lane.is_move()) {
        // An alias of a function whose other alias went back would be made at the version that it went back from.
        let is_held = !how.pace.keep_going || failed.contains(&lane.one.function);
        if let Some(code) = interrupted {
            lane.outcome = Some(Err(Stop::Interrupted(code)));
        } else if !failed.is_empty() && is_held {
            lane.outcome = Some(Err(Stop::Others));
        }
    }
}

/// Does something with all of these aliases, so many at once. One that is stopped keeps no other. Ctrl-C lets
/// none begin any more; once more ends at once.
async fn each(
    (how, lanes, shell): (&How, &mut [Lane], &Shell),
    meant: impl Fn(&Lane) -> bool,
    work: impl AsyncFn(&Lane, Means<'_>) -> Result<Pointed, Stop>,
) -> Result<(), Error> {
    let mut lanes: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| meant(lane)).collect();
    if lanes.is_empty() {
        return Ok(());
    }
    let waits = RefCell::new(BTreeSet::new());
    let say = |event: Event<'_>| talk(&event, &waits, shell);
    let (stop, interrupted) = watch::channel(None);
    let ended = RefCell::new(Vec::new());
    shell.start_rows(lanes.len());
    let all = stream::iter(lanes.iter().enumerate());
    let all = all.for_each_concurrent(how.pace.at_once, async |(at, lane)| {
        let code = *interrupted.borrow();
        let outcome = match code {
            Some(code) => Err(Stop::Interrupted(code)),
            None => work(lane, (how.pace.patience, &say)).await,
        };
        if let Err(why) = &outcome {
            say(Event::Stops { function: &lane.one.function, why });
        }
        ended.borrow_mut().push((at, outcome));
    });
    let at_once = unless_twice(all, &stop, |again| stopping(again, shell)).await;
    shell.end_rows();
    if let Err(code) = at_once? {
        for lane in &mut lanes {
            lane.outcome = Some(Err(Stop::Interrupted(code)));
        }
    }
    for (at, outcome) in ended.into_inner() {
        if let Some(lane) = lanes.get_mut(at) {
            lane.outcome = Some(outcome);
        }
    }
    Ok(())
}
