//! Aliases that go to versions which are there: what `rollback` and `promote` share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream;
use uuid::Uuid;

use super::deploy::show::checks::{failed, passed};
use super::deploy::{checks, session::Session, talk};
use super::releases::{self, AT_ONCE};
use super::remote::Scope;
use super::shift;
use crate::aws::{AwsError, CheckFailure, Event, Pointed, Stop, Target};
use crate::error::{DeployError, Error, MoveError};
use crate::message::{Keep, Message, Moved, Table};
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

/// What comes before a version gets traffic, and how it gets it; by function.
#[derive(Debug, Default)]
pub(super) struct How {
    checks: BTreeMap<String, Check>,
    watches: BTreeMap<String, Watch>,
    /// None: all at once.
    strategy: Option<Strategy>,
}

/// A move whose version can run.
struct Sound {
    one: Move,
    target: Target,
}

/// What becomes of a move; nothing of a dry run.
type Outcome = Option<Result<Pointed, Stop>>;

/// The name of a deploy, a rollback or a promotion, for markers.
pub(super) fn name() -> String {
    Uuid::new_v4().simple().to_string().chars().take(12).collect()
}

impl How {
    /// As the settings of these functions have it: `checks`, unless they are to be left out, and what is watched
    /// while traffic goes over by `strategy`.
    pub(super) fn of(
        scope: &Scope,
        checks: bool,
        strategy: Option<Strategy>,
    ) -> Result<Self, Error> {
        let mut how = Self { strategy, ..Self::default() };
        let Some(root) = &scope.root else { return Ok(how) };
        for named in &scope.functions {
            let Some((function, wanted)) = named.known.first() else { continue };
            if let Some(wish) = wanted.check.as_ref().filter(|_| checks) {
                how.checks.insert(named.name.clone(), checks::read(function, wish, root)?);
            }
            if how.strategy.is_some() {
                let mut wanted = wanted.clone();
                shift::read_probes(root, [&mut wanted])?;
                how.watches.insert(named.name.clone(), wanted.watch);
            }
        }
        Ok(how)
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

    /// Moves all of these, or none of them if anything stands against one.
    pub(super) async fn carry_out(
        self,
        session: &Session,
        how: &How,
        (moves, refused): (Vec<Move>, Vec<(String, Refusal)>),
        shell: &Shell,
    ) -> Result<(), Error> {
        let refused = refused.into_iter().map(|(name, why)| (name, Stop::Refused(why))).collect();
        let sound = self.sound(session, moves, refused, shell).await?;
        let outcomes = if self.dry_run {
            sound.iter().map(|_| None).collect()
        } else {
            self.check(session, how, &sound, shell).await?;
            match &how.strategy {
                Some(strategy) => self.shift_all(session, (how, strategy), &sound, shell).await?,
                None => move_all(session, &sound, shell).await,
            }
        };
        answer(&sound, &outcomes, shell)?;
        self.settle(session, sound, outcomes, shell)
    }

    /// Looks whether every version can run. Whatever stands against any move is said here, all of it.
    async fn sound(
        self,
        session: &Session,
        moves: Vec<Move>,
        mut refused: Vec<(String, Stop)>,
        shell: &Shell,
    ) -> Result<Vec<Sound>, Error> {
        let look = async |one: Move| {
            let target = session.aws.target(&one.function, &one.to).await;
            (one, target)
        };
        let all: Vec<_> =
            stream::iter(moves.into_iter().map(look)).buffered(AT_ONCE).collect().await;
        let mut sound = Vec::new();
        for (one, target) in all {
            match target {
                Ok(target) => {
                    for amiss in &target.amiss {
                        shell.warn(format!("{}: {amiss}", one.function));
                    }
                    sound.push(Sound { one, target });
                }
                Err(why) => refused.push((one.function, why)),
            }
        }
        if refused.is_empty() {
            return Ok(sound);
        }
        list(session, &refused, shell).await?;
        Err(self.failed(refused, true))
    }

    /// Checks the versions that are to get traffic: nothing has moved yet, and nothing does if one fails.
    async fn check(
        self,
        session: &Session,
        how: &How,
        sound: &[Sound],
        shell: &Shell,
    ) -> Result<(), Error> {
        let moving = sound.iter().filter(|it| it.is_move());
        let all = moving.filter_map(|it| Some((&it.one, how.checks.get(&it.one.function)?)));
        let check = async |(one, check): (&Move, &Check)| {
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
                    Some((function.to_owned(), why.into()))
                }
            }
        };
        let all: Vec<_> = stream::iter(all.map(check)).buffered(AT_ONCE).collect().await;
        let stopped: Vec<(String, Stop)> = all.into_iter().flatten().collect();
        if stopped.is_empty() { Ok(()) } else { Err(self.failed(stopped, true)) }
    }

    /// Shifts the traffic of aliases that are there; others are made.
    async fn shift_all(
        self,
        session: &Session,
        (how, strategy): (&How, &Strategy),
        sound: &[Sound],
        shell: &Shell,
    ) -> Result<Vec<Outcome>, Error> {
        let plan = |it: &Sound| {
            let alias = it.one.seen.as_ref().filter(|_| it.is_move())?;
            let watch = how.watches.get(&it.one.function).cloned().unwrap_or_default();
            let marker = it.one.marker_on(alias, &it.target.sha256);
            let whose = (it.one.function.as_str(), alias);
            Some(shift::Plan::begin(whose, &it.one.to, ("", marker), (strategy.clone(), watch)))
        };
        let plans: Vec<Option<shift::Plan>> = sound.iter().map(plan).collect();
        let shifted: Vec<shift::Plan> = plans.iter().flatten().cloned().collect();
        let refused = session.aws.refuse_shift(&shifted).await;
        let stopped = shifted.iter().zip(refused);
        let stopped: Vec<(String, Stop)> =
            stopped.filter_map(|(plan, why)| Some((plan.function.clone(), why?))).collect();
        if !stopped.is_empty() {
            return Err(self.failed(stopped, true));
        }
        let stops = shift::run(&session.aws, &shifted, false, shell).await?;
        let well = stops.iter().all(Option::is_none);
        let ended = |stop: Option<Stop>| stop.map_or(Ok(Pointed { alias: None, moved: true }), Err);
        let mut ended = stops.into_iter().map(ended);
        let mut outcomes = Vec::new();
        for (it, plan) in sound.iter().zip(&plans) {
            outcomes.push(match plan {
                Some(_) => ended.next(),
                // One that is not there yet is made at a version that has proved well.
                None if well => move_all(session, std::slice::from_ref(it), shell)
                    .await
                    .into_iter()
                    .next()
                    .flatten(),
                None => Some(Err(Stop::Others)),
            });
        }
        Ok(outcomes)
    }

    /// How it ended. Whatever does not point where it should is the error of the whole.
    fn settle(
        self,
        session: &Session,
        sound: Vec<Sound>,
        outcomes: Vec<Outcome>,
        shell: &Shell,
    ) -> Result<(), Error> {
        let seen = sound.iter().find_map(|it| it.one.seen.as_ref());
        let arn = seen.and_then(|alias| text(alias, "AliasArn"));
        let place = session.place_by(arn);
        let is_move = |(sound, outcome): &(&Sound, &Outcome)| match outcome {
            Some(outcome) => outcome.as_ref().is_ok_and(|pointed| pointed.moved),
            None => sound.is_move(),
        };
        let count = sound.iter().zip(&outcomes).filter(is_move).count();
        let aliases = if count == 1 { "alias" } else { "aliases" };
        let verb = match (count, self.dry_run) {
            (0, _) => "Unchanged",
            (_, true) => "To move",
            (_, false) => "Moved",
        };
        let stopped: Vec<(String, Stop)> = sound
            .into_iter()
            .zip(outcomes)
            .filter_map(|(sound, outcome)| Some((sound.one.function, outcome?.err()?)))
            .collect();
        match count {
            0 if stopped.is_empty() => shell.status(verb, place),
            0 => {}
            _ => shell.status(verb, format!("{count} {aliases} {place}")),
        }
        if stopped.is_empty() { Ok(()) } else { Err(self.failed(stopped, false)) }
    }
}

impl Sound {
    /// Whether the alias is not there already.
    fn is_move(&self) -> bool {
        let step = self.one.step(self.one.seen.as_ref(), &self.target.sha256);
        step != Ok(Step::Done)
    }

    fn state(&self, outcome: Option<&Result<Pointed, Stop>>) -> &'static str {
        match outcome {
            None if self.is_move() => "to-move",
            Some(Ok(pointed)) if pointed.moved => "moved",
            Some(Err(_)) => "stopped",
            None | Some(Ok(_)) => "unchanged",
        }
    }
}

/// Moves all aliases at once, each by one call and one that reads it back. One that is stopped keeps
/// no other.
async fn move_all(session: &Session, sound: &[Sound], shell: &Shell) -> Vec<Outcome> {
    let waits = RefCell::new(BTreeSet::new());
    shell.start_rows(sound.len());
    let say = |event: Event<'_>| talk(&event, &waits, shell);
    let point = async |it: &Sound| {
        let pointed = session.aws.point(&it.one, &it.target.sha256, &say).await;
        if let Err(why) = &pointed {
            say(Event::Stops { function: &it.one.function, why });
        }
        Some(pointed)
    };
    let all = stream::iter(sound.iter().map(point)).buffered(AT_ONCE).collect().await;
    shell.end_rows();
    all
}

/// The versions that could be meant, of every function for which that is the question.
async fn list(session: &Session, refused: &[(String, Stop)], shell: &Shell) -> Result<(), Error> {
    let asks = |why: &Stop| match why {
        Stop::Refused(Refusal::Unmoved(why)) => why.wants_list(),
        _ => false,
    };
    let names: BTreeSet<&str> =
        refused.iter().filter(|(_, why)| asks(why)).map(|(name, _)| name.as_str()).collect();
    for (name, error) in
        releases::list(session, names.into_iter(), |_| String::new(), shell).await?
    {
        shell.warn(format!("{name}: its versions cannot be listed: {error}"));
    }
    Ok(())
}

/// A row or a record for each alias.
fn answer(sound: &[Sound], outcomes: &[Outcome], shell: &Shell) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (it, outcome) in sound.iter().zip(outcomes) {
        let (one, outcome) = (&it.one, outcome.as_ref());
        let state = it.state(outcome);
        if shell.is_json() {
            shell.record(&Message::Moved(&Moved {
                function: &one.function,
                alias: &one.alias,
                state,
                from: one.from(),
                to: &one.to,
                code_sha256: &it.target.sha256,
                deploy: (state == "moved").then_some(one.deploy.as_str()),
                stopped: outcome.and_then(|it| it.as_ref().err()).map(ToString::to_string),
            }))?;
            continue;
        }
        rows.push(vec![
            one.function.clone(),
            one.alias.clone(),
            state.to_owned(),
            one.from().unwrap_or("-").to_owned(),
            one.to.clone(),
            it.target.sha256.clone(),
        ]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let table = Table::new(&["FUNCTION", "ALIAS", "STATE", "FROM", "TO", "CODESHA256"], rows);
    for line in table.fit(shell.stdout_width(), 5, 8, Keep::Start).lines(&[3, 4]) {
        shell.answer(line)?;
    }
    Ok(())
}
