//! Aliases that go to versions which are there: what `rollback` and `promote` share.

mod answer;
mod before;
mod traffic;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use uuid::Uuid;

use super::deploy::{checks, session::Session};
use super::releases::AT_ONCE;
use super::remote::Scope;
use super::shift;
use crate::aws::{AwsError, Pointed, Stop, Target};
use crate::error::{DeployError, Error, MoveError};
use crate::release::check::Check;
use crate::release::content::text;
use crate::release::moves::{Move, Step};
use crate::release::next::Refusal;
use crate::release::releases::Released;
use crate::release::shift::strategy::Strategy;
use crate::release::shift::watch::Watch;
use crate::shell::Shell;

/// What is to be done, in words, and whether it is only to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    /// `roll back`, `promote`.
    pub(super) verb: &'static str,
    pub(super) dry_run: bool,
}

/// How fast it goes, and what stops it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How many aliases are looked at, checked or moved at once.
    pub(super) at_once: usize,
    /// Whether the others go on when one cannot be moved.
    pub(super) keep_going: bool,
    /// For how long AWS may shift traffic along with provisioned concurrency.
    pub(super) patience: Duration,
}

/// What comes before a version gets traffic, and how it gets it; by function.
#[derive(Debug)]
pub(super) struct How {
    checks: BTreeMap<String, Check>,
    watches: BTreeMap<String, Watch>,
    /// None: all at once.
    strategy: Option<Strategy>,
    pace: Pace,
}

/// A move whose version can run, and what became of it: nothing yet, or in a dry run.
struct Lane {
    one: Move,
    target: Target,
    outcome: Option<Result<Pointed, Stop>>,
}

/// The moves that were decided on, and the functions that cannot be moved.
pub(super) type Decided = (Vec<Move>, Vec<(String, Refusal)>);

/// The name of a deploy, a rollback or a promotion, for markers.
pub(super) fn name() -> String {
    Uuid::new_v4().simple().to_string().chars().take(12).collect()
}

impl Default for Pace {
    fn default() -> Self {
        Self { at_once: AT_ONCE, keep_going: false, patience: Duration::from_mins(10) }
    }
}

impl How {
    /// As the settings of these functions have it: `checks`, unless they are to be left out, and what is watched
    /// while traffic goes over by `strategy`.
    pub(super) fn of(
        scope: &Scope,
        checks: bool,
        strategy: Option<Strategy>,
        pace: Pace,
    ) -> Result<Self, Error> {
        let mut how = Self { checks: BTreeMap::new(), watches: BTreeMap::new(), strategy, pace };
        let Some(root) = &scope.root else { return Ok(how) };
        for named in &scope.functions {
            let Some((function, wanted)) = named.known.first() else { continue };
            if let Some(wish) = wanted.check.as_ref().filter(|_| checks) {
                how.checks.insert(named.name.clone(), checks::read(function, wish, root)?);
            }
            if how.strategy.is_some() {
                let mut wanted = wanted.clone();
                shift::read_probes(root, [(named.name.as_str(), &mut wanted)])?;
                how.watches.insert(named.name.clone(), wanted.watch);
            }
        }
        Ok(how)
    }

    /// The check of a version that is to get traffic.
    fn check(&self, lane: &Lane) -> Option<&Check> {
        self.checks.get(&lane.one.function).filter(|_| lane.goes())
    }

    /// The shift of an alias that is there, by steps.
    fn shift(&self, lane: &Lane) -> Option<shift::Plan> {
        let (one, strategy) = (&lane.one, self.strategy.clone()?);
        let alias = one.seen.as_ref().filter(|_| lane.goes())?;
        let watch = self.watches.get(&one.function).cloned().unwrap_or_default();
        let marker = one.marker_on(alias, &lane.target.sha256);
        let whose = (one.function.as_str(), alias);
        Some(shift::Plan::begin(whose, &one.to, ("", marker), (strategy, watch)))
    }
}

impl Aim {
    /// Functions that were not moved. `planned`: nothing was begun for any.
    fn failed(self, stopped: Vec<(String, Stop)>, planned: bool) -> Error {
        MoveError { verb: self.verb, things: "functions", of: DeployError { stopped, planned } }
            .into()
    }

    /// What every function has released, in their order. `versions`: these too.
    pub(super) async fn look(
        self,
        (scope, session): (&Scope, &Session),
        versions: bool,
    ) -> Result<Vec<Released>, Error> {
        let look = async |name: &str| session.aws.released(name, versions).await;
        let names = scope.functions.iter().map(|named| named.name.as_str());
        let all = stream::iter(names.map(async |name| (name, look(name).await)));
        let all: Vec<(&str, Result<Released, AwsError>)> = all.buffered(AT_ONCE).collect().await;
        let (mut seen, mut stopped) = (Vec::new(), Vec::new());
        for (name, released) in all {
            match released {
                Ok(released) => seen.push(released),
                Err(error) => stopped.push((name.to_owned(), error.into())),
            }
        }
        if stopped.is_empty() { Ok(seen) } else { Err(self.failed(stopped, true)) }
    }

    /// Moves all of these, or none of them if anything stands against one, unless the others are to go on.
    pub(super) async fn carry_out(
        self,
        session: &Session,
        how: &How,
        (moves, refused): Decided,
        shell: &Shell,
    ) -> Result<(), Error> {
        let mut stopped: Vec<(String, Stop)> =
            refused.into_iter().map(|(name, why)| (name, Stop::Refused(why))).collect();
        let (mut lanes, against) = before::look(session, how, moves, shell).await;
        stopped.extend(against);
        if !stopped.is_empty() {
            answer::list(session, &stopped, shell).await?;
            if !how.pace.keep_going {
                return Err(self.failed(stopped, true));
            }
        }
        if self.dry_run {
            answer::rows(&lanes, shell)?;
            answer::steps(how, &lanes, shell)?;
        } else {
            self.check(session, how, &mut lanes, shell).await?;
            traffic::shift(session, how, &mut lanes, shell).await?;
            answer::rows(&lanes, shell)?;
        }
        self.settle(session, lanes, stopped, shell)
    }

    /// Checks the versions that are to get traffic: nothing has moved yet, and unless the others are to go on
    /// nothing does if one fails.
    async fn check(
        self,
        session: &Session,
        how: &How,
        lanes: &mut [Lane],
        shell: &Shell,
    ) -> Result<(), Error> {
        before::check(session, how, lanes, shell).await?;
        let failed = |lane: &Lane| {
            let why = lane.outcome.as_ref()?.as_ref().err()?;
            Some((lane.one.function.clone(), why.clone()))
        };
        let failed: Vec<(String, Stop)> = lanes.iter().filter_map(failed).collect();
        let is_interrupted = failed.iter().any(|(_, why)| matches!(why, Stop::Interrupted(_)));
        if failed.is_empty() || (how.pace.keep_going && !is_interrupted) {
            return Ok(());
        }
        Err(self.failed(failed, true))
    }

    /// How it ended. Whatever does not point where it should is the error of the whole.
    fn settle(
        self,
        session: &Session,
        lanes: Vec<Lane>,
        mut stopped: Vec<(String, Stop)>,
        shell: &Shell,
    ) -> Result<(), Error> {
        let seen = lanes.iter().find_map(|it| it.one.seen.as_ref());
        let arn = seen.and_then(|alias| text(alias, "AliasArn"));
        let place = session.place_by(arn);
        let is_move = |lane: &&Lane| match &lane.outcome {
            Some(outcome) => outcome.as_ref().is_ok_and(|pointed| pointed.moved),
            None => lane.is_move(),
        };
        let count = lanes.iter().filter(is_move).count();
        let aliases = if count == 1 { "alias" } else { "aliases" };
        let verb = match (count, self.dry_run) {
            (0, _) => "Unchanged",
            (_, true) => "To move",
            (_, false) => "Moved",
        };
        let of_lanes = lanes.into_iter();
        stopped.extend(of_lanes.filter_map(|it| Some((it.one.function, it.outcome?.err()?))));
        match count {
            0 if stopped.is_empty() => shell.status(verb, place),
            0 => {}
            _ => shell.status(verb, format!("{count} {aliases} {place}")),
        }
        if stopped.is_empty() { Ok(()) } else { Err(self.failed(stopped, self.dry_run)) }
    }
}

impl Lane {
    /// Whether the alias is not there already, or has weights that are to go.
    fn is_move(&self) -> bool {
        let step = self.one.step(self.one.seen.as_ref(), &self.target.sha256);
        step != Ok(Step::Done)
    }

    /// Whether the version is to get traffic that it has not got already.
    fn goes(&self) -> bool {
        self.is_move() && self.one.goes()
    }

    /// Whether nothing has become of it yet.
    fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    fn state(&self) -> &'static str {
        match &self.outcome {
            None if self.is_move() => "to-move",
            Some(Ok(pointed)) if pointed.moved => "moved",
            Some(Err(_)) => "stopped",
            None | Some(Ok(_)) => "unchanged",
        }
    }
}
