//! Traffic that goes over step by step: read the alias, look at what was seen, decide, write; until all
//! of it is on one version.
//!
//! Several aliases go over together: none is done before all may be, and if one goes back all do.

mod back;
mod before;
mod evidence;

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Aws, AwsError, Stop, object};
use crate::release::Object;
use crate::release::content::text;
use crate::release::shift::course::{Known, Lost, Step, Why, course};
use crate::release::shift::judge::{Counts, Verdict, judge};
use crate::release::shift::{Move, Shifting};

/// How often a conflict or an answer that was lost is tried again.
const TRIES: u32 = 20;
/// The pause before that.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest before what AWS had no answer for: in all it has half a minute to recover.
const LONGEST: Duration = Duration::from_secs(2);
/// The shortest pause between two polls.
const SHORTEST: Duration = Duration::from_millis(50);

/// What goes on with one alias.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Which.
    pub plan: &'a Move,
    /// What it is.
    pub turn: Turn<'a>,
    /// The step that is under way.
    pub shift: Option<&'a Shifting>,
    /// How many seconds of it are left.
    pub left: u64,
    /// What was counted since it began.
    pub counts: Option<Counts>,
}

/// What goes on.
#[derive(Debug)]
pub enum Turn<'a> {
    /// A step has begun, the one with this number.
    Step(usize),
    /// It was looked at; why it lasts longer than it was to.
    Polled(Option<&'a str>),
    /// Traffic is back.
    Back(&'a Why),
    /// All traffic is on the new version.
    Finished,
}

/// Where one alias is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Moving,
    /// Its last step has ended.
    Ready,
    Finished,
    Stopped,
}

struct Lane<'a> {
    plan: &'a Move,
    state: Cell<State>,
    known: Cell<Known>,
    /// The alias as it was last read or written.
    seen: RefCell<Option<Object>>,
    /// The revision before our last write: what still has it was read too early.
    stale: RefCell<Option<String>>,
}

/// What a look has found.
struct Looked {
    alias: Object,
    shift: Option<Shifting>,
    counts: Option<Counts>,
    verdict: Verdict,
}

struct Group<'a> {
    aws: &'a Aws,
    lanes: Vec<Lane<'a>>,
    keep_going: bool,
    /// Why all go back.
    off: watch::Sender<Option<Why>>,
    /// Told whenever the state of a lane is another.
    turned: watch::Sender<()>,
    interrupted: watch::Receiver<Option<u8>>,
    talk: &'a dyn Fn(&Progress<'_>),
}

impl Aws {
    /// Shifts traffic of all these aliases; for each in turn nothing if all of it is on the new version, else
    /// why it is not. When `interrupted` becomes a code, or (unless `keep_going`) one of them goes back, all
    /// go back. Whoever is ended in between can be gone on for: [`Move::resume`].
    pub async fn shift(
        &self,
        moves: &[Move],
        keep_going: bool,
        interrupted: watch::Receiver<Option<u8>>,
        talk: &dyn Fn(&Progress<'_>),
    ) -> Vec<Option<Stop>> {
        let lanes = moves.iter().map(Lane::new).collect();
        let (off, turned) = (watch::Sender::new(None), watch::Sender::new(()));
        let group = Group { aws: self, lanes, keep_going, off, turned, interrupted, talk };
        join_all(group.lanes.iter().map(|lane| Box::pin(group.run(lane)))).await
    }
}

impl<'a> Lane<'a> {
    fn new(plan: &'a Move) -> Self {
        let state = Cell::new(State::Moving);
        let known = Cell::new(Known { begun: plan.begun, passed: None });
        Self { plan, state, known, seen: RefCell::default(), stale: RefCell::default() }
    }
}

impl Lane<'_> {
    /// What is to be done with the alias as it is.
    fn step(&self, alias: &Object, shift: Option<&Shifting>, verdict: &Verdict) -> Step {
        let mut known = self.known.get();
        known.begun |= shift.is_some() || self.stale.borrow().is_some();
        let step = course(self.plan, alias, known, now().as_secs(), verdict);
        if matches!(step, Step::Weight { .. } | Step::Finish) {
            known.passed = shift.map(|shift| shift.step);
        }
        self.known.set(known);
        step
    }
}

impl Group<'_> {
    async fn run(&self, lane: &Lane<'_>) -> Option<Stop> {
        let stop = self.forward(lane).await.err();
        let state = if stop.is_some() { State::Stopped } else { State::Finished };
        self.set(lane, state);
        if stop.is_some() || self.keep_going {
            return stop;
        }
        // What is done goes back too as long as another may.
        let ended = |lane: &Lane<'_>| matches!(lane.state.get(), State::Finished | State::Stopped);
        tokio::select! {
            biased;
            why = self.called_off() => Some(self.back(lane, &why).await),
            () = self.until(|| self.lanes.iter().all(ended)) => None,
        }
    }

    /// Until all traffic is on the new version.
    async fn forward(&self, lane: &Lane<'_>) -> Result<(), Stop> {
        let plan = lane.plan;
        let mut tries = TRIES;
        loop {
            let looked = tokio::select! {
                biased;
                why = self.called_off() => return Err(self.back(lane, &why).await),
                looked = self.look(lane) => looked,
            };
            let Looked { alias, shift, counts, verdict } = match looked {
                Ok(looked) => looked,
                Err(error) => return Err(self.give_up(lane, error).await),
            };
            let step = lane.step(&alias, shift.as_ref(), &verdict);
            match &step {
                Step::Done => {
                    self.tell(plan, Turn::Finished, shift.as_ref(), counts);
                    return Ok(());
                }
                // Its weights are somebody else's, between the same two versions: nobody watches it any more.
                Step::Lost(_) if plan.is_between(&alias, lane.known.get().begun) => {
                    let why = Why::Asked("somebody else has set its weights, or its description");
                    return Err(self.back(lane, &why).await);
                }
                Step::Lost(lost) => {
                    self.call_off(lane);
                    return Err(overtaken(plan, lost));
                }
                Step::Back(why) => return Err(self.back(lane, why).await),
                Step::Wait { until, because } => {
                    self.set(lane, State::Moving);
                    let turn = Turn::Polled(because.as_deref());
                    self.tell(plan, turn, shift.as_ref(), counts);
                    self.rest(lane, *until).await;
                    continue;
                }
                Step::Finish if !self.may_finish(lane) => {
                    self.tell(plan, Turn::Polled(None), shift.as_ref(), counts);
                    self.rest(lane, u64::MAX).await;
                    continue;
                }
                Step::Weight { .. } | Step::Finish => {}
            }
            match self.write(lane, &step, &alias).await {
                Ok(()) => tries = TRIES,
                Err(error) if error.is_open() && tries > 0 => {
                    tries -= 1;
                    sleep(pause_after(&error, tries)).await;
                }
                Err(error) => return Err(self.give_up(lane, error).await),
            }
        }
    }

    /// The alias, how far it is, and what was seen since its step began.
    async fn look(&self, lane: &Lane<'_>) -> Result<Looked, AwsError> {
        let plan = lane.plan;
        let mut alias = self.aws.alias_there(plan).await?;
        let is_stale = |alias: &Object| {
            let stale = lane.stale.borrow();
            stale.is_some() && text(alias, "RevisionId") == stale.as_deref()
        };
        for _ in 0..TRIES {
            if !is_stale(&alias) {
                break;
            }
            sleep(PAUSE).await;
            alias = self.aws.alias_there(plan).await?;
        }
        lane.seen.replace(Some(alias.clone()));
        let Some(shift) = plan.stands(&alias) else {
            return Ok(Looked { alias, shift: None, counts: None, verdict: Verdict::Sound });
        };
        let evidence = self.aws.evidence(plan, shift.at, now().as_secs()).await;
        let verdict = judge(&plan.watch, &evidence);
        Ok(Looked { alias, shift: Some(shift), counts: evidence.counts, verdict })
    }

    async fn write(&self, lane: &Lane<'_>, step: &Step, alias: &Object) -> Result<(), AwsError> {
        let plan = lane.plan;
        // Rounded up: a step lasts at least as long as it is to.
        let now = now() + Duration::from_nanos(999_999_999);
        let Some(write) = plan.write(step, alias, now.as_secs()) else { return Ok(()) };
        lane.seen.take();
        let answer = self.aws.update_alias(&plan.function, &plan.alias, &write).await?;
        lane.stale.replace(write.revision);
        let alias = object(answer);
        let shift = plan.stands(&alias);
        lane.seen.replace(Some(alias));
        if let Step::Weight { step, .. } = step {
            self.tell(plan, Turn::Step(*step), shift.as_ref(), None);
        }
        Ok(())
    }

    /// What cannot be gone on with goes back, if that can be done.
    async fn give_up(&self, lane: &Lane<'_>, error: AwsError) -> Stop {
        lane.seen.take();
        let why = Why::Aws(error.to_string());
        match self.take_back(lane, &why).await {
            // No traffic has gone anywhere: what AWS says is all that there is.
            Ok(false) => Stop::Aws(error),
            Err(Stop::Stuck { .. }) => Stop::Stuck { reason: "it was ended".to_owned(), error },
            Ok(true) => went_back(lane.plan, &why),
            Err(stop) => stop,
        }
    }

    async fn back(&self, lane: &Lane<'_>, why: &Why) -> Stop {
        match self.take_back(lane, why).await {
            Ok(_) => went_back(lane.plan, why),
            Err(stop) => stop,
        }
    }

    /// Whether any traffic was on the new version; it is not any more.
    async fn take_back(&self, lane: &Lane<'_>, why: &Why) -> Result<bool, Stop> {
        self.call_off(lane);
        let (plan, seen) = (lane.plan, lane.seen.take());
        let begun = lane.known.get().begun;
        let was_there = self.aws.take_back(plan, seen, (why, begun)).await? || begun;
        if was_there {
            self.tell(plan, Turn::Back(why), None, None);
        }
        Ok(was_there)
    }

    /// Takes the others along.
    fn call_off(&self, lane: &Lane<'_>) {
        if !self.keep_going {
            self.off.send_if_modified(|off| {
                let first = off.is_none();
                off.get_or_insert_with(|| Why::Other(lane.plan.function.clone()));
                first
            });
        }
    }

    /// Until all are to go back.
    async fn called_off(&self) -> Why {
        let (mut off, mut interrupted) = (self.off.subscribe(), self.interrupted.clone());
        tokio::select! {
            Ok(_) = interrupted.wait_for(Option::is_some) => Why::Asked("interrupted"),
            Ok(why) = off.wait_for(Option::is_some) => {
                why.clone().unwrap_or(Why::Asked("another one went back"))
            }
            else => std::future::pending().await,
        }
    }

    fn set(&self, lane: &Lane<'_>, state: State) {
        if lane.state.replace(state) != state {
            let _ = self.turned.send(());
        }
    }

    /// Whether all that go over together may be done.
    fn may_finish(&self, lane: &Lane<'_>) -> bool {
        self.set(lane, State::Ready);
        self.keep_going || self.all_ready()
    }

    fn all_ready(&self) -> bool {
        self.lanes.iter().all(|lane| lane.state.get() != State::Moving)
    }

    async fn until(&self, so: impl Fn() -> bool) {
        let mut turned = self.turned.subscribe();
        while !so() {
            if turned.changed().await.is_err() {
                return;
            }
        }
    }

    /// Until the next poll, or until something else is to be done.
    async fn rest(&self, lane: &Lane<'_>, until: u64) {
        let left = Duration::from_secs(until).saturating_sub(now());
        let pause = lane.plan.watch.poll.min(left).max(SHORTEST);
        let ready = lane.state.get() == State::Ready;
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.called_off() => {}
            () = self.until(|| self.all_ready()), if ready => {}
        }
    }

    fn tell(&self, plan: &Move, turn: Turn<'_>, shift: Option<&Shifting>, counts: Option<Counts>) {
        let left = shift.map_or(0, |shift| plan.left(shift, now().as_secs()));
        (self.talk)(&Progress { plan, turn, shift, left, counts });
    }
}

fn went_back(plan: &Move, why: &Why) -> Stop {
    let (version, reason) = (plan.from.clone(), why.to_string());
    Stop::Back { version, reason, hint: why.hint() }
}

fn overtaken(plan: &Move, lost: &Lost) -> Stop {
    Stop::Overtaken { what: format!("alias {}", plan.alias), when: Some(lost.to_string()) }
}

/// How long to wait before a write is decided on again, with so many tries left: a conflict is over at once, a
/// server error need not be.
pub(super) fn pause_after(error: &AwsError, left: u32) -> Duration {
    if !error.is_uncertain() {
        return PAUSE;
    }
    let doubled = TRIES.saturating_sub(left + 1).min(5);
    (PAUSE * 2_u32.pow(doubled)).min(LONGEST)
}

/// The time, in seconds since 1970.
#[must_use]
pub fn now_s() -> u64 {
    now().as_secs()
}

/// Since 1970.
#[expect(clippy::disallowed_methods, reason = "steps last by the clock, whoever reads it")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
