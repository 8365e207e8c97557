//! What stands against a move, found before anything is changed; and the checks.

use std::cell::RefCell;
use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::{Aim, How, Lane, Pace};
use crate::aws::{CheckFailure, Event, Stop};
use crate::cli::deploy::session::Session;
use crate::cli::deploy::show::checks::{failed, passed};
use crate::cli::deploy::talk;
use crate::cli::interrupt::Interrupt;
use crate::error::Error;
use crate::release::check::Check;
use crate::release::moves::{Move, Refused};
use crate::release::next::Refusal;
use crate::release::observed::weights;
use crate::release::shift::{guard, under_way};
use crate::shell::Shell;

impl Aim {
    /// Waits where AWS itself splits the traffic of an alias that is meant, along with provisioned concurrency.
    /// Says whether it did: then all is to be looked at, and decided on, again.
    pub(in crate::cli) async fn waits(
        self,
        session: &Session,
        pace: Pace,
        (moves, refused): (&[Move], &[(String, Refusal)]),
        shell: &Shell,
    ) -> Result<bool, Error> {
        let waits = RefCell::new(BTreeSet::new());
        let say = |event: Event<'_>| talk(&event, &waits, shell);
        let of_moves = moves.iter().filter_map(split);
        let of_refused = refused.iter().filter_map(split_of);
        let (mut waited, mut stopped) = (false, Vec::new());
        // One after another: they move over side by side.
        for (function, alias) in of_moves.chain(of_refused) {
            match session.aws.moves_over((function, alias), pace.patience, &say).await {
                Ok(had_to) => waited |= had_to,
                Err(why) => stopped.push((function.to_owned(), why)),
            }
        }
        if stopped.is_empty() { Ok(waited) } else { Err(self.failed(stopped, true)) }
    }
}

/// The alias of a move, if it has weights that are of no shift of ours.
fn split(one: &Move) -> Option<(&str, &str)> {
    let seen = one.seen.as_ref()?;
    let is_split = !weights(seen).is_empty() && under_way(seen).is_none();
    is_split.then_some((one.function.as_str(), one.alias.as_str()))
}

/// The alias of a function that is not moved for its weights.
fn split_of((function, why): &(String, Refusal)) -> Option<(&str, &str)> {
    match why {
        Refusal::Weights { alias, .. } | Refusal::Unmoved(Refused::SourceWeights { alias }) => {
            Some((function.as_str(), alias.as_str()))
        }
        _ => None,
    }
}

/// Looks at every version, and asks for whatever keeps it from traffic. What stands against a move is given with
/// its function.
pub(super) async fn look(
    session: &Session,
    how: &How,
    moves: Vec<Move>,
    shell: &Shell,
) -> (Vec<Lane>, Vec<(String, Stop)>) {
    let look = async |one: Move| {
        let function = one.function.clone();
        lane(session, how, one).await.map_err(|why| (function, why))
    };
    let all = stream::iter(moves.into_iter().map(look)).buffered(how.pace.at_once);
    let all: Vec<Result<Lane, (String, Stop)>> = all.collect().await;
    let (mut lanes, mut against) = (Vec::new(), Vec::new());
    for lane in all {
        match lane {
            Ok(lane) => lanes.push(lane),
            Err(why) => against.push(why),
        }
    }
    for lane in &lanes {
        let ends = lane.one.seen.as_ref().and_then(under_way);
        if let Some((marker, shift)) = ends {
            let line = guard::ended(&lane.one.alias, &marker, &shift);
            shell.warn(format!("{}: {line}", lane.one.function));
        }
        for amiss in &lane.target.amiss {
            shell.warn(format!("{}: {amiss}", lane.one.function));
        }
    }
    (lanes, against)
}

async fn lane(session: &Session, how: &How, one: Move) -> Result<Lane, Stop> {
    let target = session.aws.target(&one.function, &one.to).await?;
    let lane = Lane { one, target, outcome: None };
    // AWS would throttle every invocation of a check.
    if how.check(&lane).is_some() && session.aws.reserved(&lane.one.function).await? == Some(0) {
        return Err(Stop::Refused(Refusal::NoConcurrency));
    }
    if let Some(plan) = how.shift(&lane) {
        let refused = session.aws.refuse_shift(std::slice::from_ref(&plan)).await;
        if let Some(why) = refused.into_iter().flatten().next() {
            return Err(why);
        }
    }
    Ok(lane)
}

/// Checks the versions that are to get traffic. Ctrl-C ends it at once, as nothing has moved yet.
pub(super) async fn check(
    session: &Session,
    how: &How,
    lanes: &mut [Lane],
    shell: &Shell,
) -> Result<(), Error> {
    let mut interrupt = Interrupt::listen()?;
    let all: Vec<(usize, &Move, &Check)> = lanes
        .iter()
        .enumerate()
        .filter_map(|(at, lane)| Some((at, &lane.one, how.check(lane)?)))
        .collect();
    let one = async |(at, one, check): (usize, &Move, &Check)| {
        (at, of_version(session, one, check, shell).await)
    };
    let indices: Vec<usize> = all.iter().map(|(at, ..)| *at).collect();
    let checks = stream::iter(all.into_iter().map(one)).buffered(how.pace.at_once);
    let stopped: Vec<(usize, Option<Stop>)> = tokio::select! {
        checked = checks.collect() => checked,
        code = interrupt.next() => {
            indices.into_iter().map(|at| (at, Some(Stop::Interrupted(code)))).collect()
        }
    };
    for (at, why) in stopped {
        if let (Some(lane), Some(why)) = (lanes.get_mut(at), why) {
            lane.outcome = Some(Err(why));
        }
    }
    Ok(())
}

async fn of_version(session: &Session, one: &Move, check: &Check, shell: &Shell) -> Option<Stop> {
    let function = one.function.as_str();
    shell.status("Checking", format!("{function}: version {}", one.to));
    match session.aws.check(function, &one.to, check).await {
        Ok(checked) => {
            passed(function, &checked, &checked.unseen(&check.rules), shell);
            None
        }
        Err(why) => {
            if let CheckFailure::Failed(why) = &why {
                failed(function, why, shell);
            }
            Some(why.into())
        }
    }
}
