//! The loop: observe, ask what may run now, act, observe what was touched; until nothing is left.
//!
//! A kill at any point leaves a state that the next run goes on from: nothing is kept anywhere but on
//! AWS. A conflict and a reply that was lost are the same here: observe again and ask again.

mod check;
mod layers;
mod stop;
mod track;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};

use super::{Aws, AwsError};
use crate::release::change::{Action, Change, Phase};
use crate::release::check::Checked;
use crate::release::desired::Desired;
use crate::release::guard;
use crate::release::layers::of_change;
use crate::release::next::{Next, next};
use crate::release::observed::Observed;

pub use stop::Stop;
use track::Track;

/// The first pause between two looks at what settles; it grows by half each time.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(3);
/// How many functions are observed at once.
const OBSERVED: usize = 24;

/// One function that is to be deployed.
#[derive(Debug, Clone)]
pub struct Job {
    /// What AWS should hold.
    pub desired: Desired,
    /// Where its zip lies, or the layout of its image.
    pub code: PathBuf,
    /// Where the zips of its layers lie, by name.
    pub layers: BTreeMap<String, PathBuf>,
}

impl Job {
    /// What a change of it sends.
    #[must_use]
    pub fn zip(&self, action: &Action) -> &Path {
        let layer = of_change(action).and_then(|layer| self.layers.get(layer));
        layer.unwrap_or(&self.code)
    }
}

/// How to go about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many changes are made at once.
    pub concurrency: usize,
    /// Whether the other functions go on when one fails.
    pub keep_going: bool,
    /// How long functions and versions may take to settle, all in all.
    pub patience: Duration,
    /// For how long a new role may not be known yet.
    pub new_role: Duration,
}

/// What goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// A change begins.
    Begins(&'a Change),
    /// It was made.
    Made(&'a Change),
    /// A version is as it must be.
    Checked {
        /// The function.
        function: &'a str,
        /// What was seen.
        checked: &'a Checked,
        /// The limits that could not be judged, by their keys.
        unseen: Vec<&'static str>,
    },
    /// Something has to settle.
    Waits {
        /// The function.
        function: &'a str,
        /// What.
        what: &'a str,
    },
    /// A function was stopped.
    Stops {
        /// The function.
        function: &'a str,
        /// Why.
        why: &'a Stop,
    },
}

/// What became of one function.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub function: String,
    /// As it was last seen; none if it was never seen.
    pub observed: Option<Observed>,
    /// What was changed, in order.
    pub changes: Vec<Change>,
    /// Why it is not what it should be.
    pub stopped: Option<Stop>,
}

/// A deploy under way.
struct Deploy<'a> {
    aws: &'a Aws,
    options: &'a Options,
    tracks: Vec<Track<'a>>,
    talk: &'a dyn Fn(Event<'_>),
    /// Whether somebody wants it to end.
    interrupted: watch::Receiver<Option<u8>>,
    waited: Cell<Duration>,
    /// The phase that was last acted or waited in.
    phase: Cell<Option<Phase>>,
    /// The phase in which a function was stopped first: the others do no more than that phase.
    stopped_in: Cell<Option<Phase>>,
}

impl Aws {
    /// Observes every function, a bounded number at once. In the order of the jobs.
    pub async fn observe_all(&self, jobs: &[Job]) -> Vec<Result<Observed, AwsError>> {
        let turns = Semaphore::new(OBSERVED);
        let one = async |job: &Job| {
            let _turn = turns.acquire().await;
            self.observe(&job.desired).await
        };
        futures_util::future::join_all(jobs.iter().map(one)).await
    }

    /// Deploys. What every function has become is reported whatever happens, also when `interrupted`
    /// becomes an exit code.
    pub async fn deploy(
        &self,
        jobs: &[Job],
        observed: Vec<Observed>,
        options: &Options,
        interrupted: watch::Receiver<Option<u8>>,
        talk: &dyn Fn(Event<'_>),
    ) -> Vec<Outcome> {
        let tracks = jobs.iter().zip(observed).map(|(job, seen)| Track::new(job, seen)).collect();
        let waited = Cell::new(Duration::ZERO);
        let (phase, stopped_in) = (Cell::default(), Cell::default());
        let deploy =
            Deploy { aws: self, options, tracks, talk, interrupted, waited, phase, stopped_in };
        deploy.run().await;
        deploy.tracks.into_iter().map(Track::outcome).collect()
    }
}

impl Deploy<'_> {
    async fn run(&self) {
        let mut pause = PAUSE;
        loop {
            let Next { changes, waiting, refused, phase } = self.next();
            for (function, why) in refused {
                self.stop(&function, Stop::Refused(why));
            }
            if let Some(code) = self.interrupted() {
                self.stop_the_rest(|| Stop::Interrupted(code));
                return;
            }
            let over = |last: Phase| phase.is_some_and(|phase| phase > last);
            if !self.options.keep_going && self.stopped_in.get().is_some_and(over) {
                self.stop_the_rest(|| Stop::Others);
                return;
            }
            self.phase.set(phase);
            if !changes.is_empty() {
                pause = PAUSE;
                self.act_on_all(changes).await;
            } else if !waiting.is_empty() {
                self.wait_for(&waiting, pause).await;
                pause = pause.mul_f64(1.5).min(LONGEST);
            } else if !self.confirm().await {
                return;
            }
        }
    }

    fn next(&self) -> Next {
        let open: Vec<_> = self.tracks.iter().filter(|track| track.is_open()).collect();
        let seen: Vec<_> = open.iter().map(|track| track.observed.borrow().clone()).collect();
        next(open.iter().map(|track| &track.job.desired).zip(&seen))
    }

    fn interrupted(&self) -> Option<u8> {
        *self.interrupted.borrow()
    }

    fn track(&self, function: &str) -> Option<&Track<'_>> {
        self.tracks.iter().find(|track| track.job.desired.name == function)
    }

    fn stop(&self, function: &str, why: Stop) {
        if let Some(track) = self.track(function) {
            // Before the first phase: nothing was begun for anybody.
            let now = self.phase.get().unwrap_or(Phase::FIRST);
            self.stopped_in.set(Some(self.stopped_in.get().map_or(now, |first| first.min(now))));
            (self.talk)(Event::Stops { function, why: &why });
            *track.stopped.borrow_mut() = Some(why);
        }
    }

    /// Those that are not done yet go no further.
    fn stop_the_rest(&self, why: impl Fn() -> Stop) {
        let Next { changes, waiting, .. } = self.open_steps();
        let open = changes.into_iter().map(|change| change.function);
        for function in open.chain(waiting.into_iter().map(|(function, _)| function)) {
            if let Some(track) = self.track(&function) {
                track.stopped.borrow_mut().get_or_insert_with(&why);
            }
        }
    }

    /// What each function needs by itself, whatever phase the others are in.
    fn open_steps(&self) -> Next {
        let mut all = Next::default();
        for track in self.tracks.iter().filter(|track| track.is_open()) {
            let one = next([(&track.job.desired, &*track.observed.borrow())]);
            all.changes.extend(one.changes);
            all.waiting.extend(one.waiting);
        }
        all
    }

    async fn act_on_all(&self, changes: Vec<Change>) {
        let turns = Semaphore::new(self.options.concurrency.max(1));
        let one = async |change: Change| {
            let _turn = turns.acquire().await;
            if self.interrupted().is_some() {
                return;
            }
            if let Err(why) = Box::pin(self.act(&change)).await {
                // Whoever wants the same would meet the same.
                self.stop(&change.function, why.clone());
                for track in self.wanting(&change).filter(|track| track.is_open()) {
                    self.stop(&track.job.desired.name, why.clone());
                }
            }
        };
        let mut running: FuturesUnordered<_> = changes.into_iter().map(one).collect();
        let mut interrupted = self.interrupted.clone();
        loop {
            tokio::select! {
                done = running.next() => if done.is_none() { return },
                // What is under way ends by itself, or is looked at again by the next run.
                ends = interrupted.wait_for(Option::is_some) => if ends.is_ok() {
                    let patience = sleep(LONGEST);
                    tokio::pin!(patience);
                    loop {
                        tokio::select! {
                            done = running.next() => if done.is_none() { return },
                            () = &mut patience => return,
                        }
                    }
                },
            }
        }
    }

    /// One change, and what it has made of the function.
    async fn act(&self, change: &Change) -> Result<(), Stop> {
        let Some(track) = self.track(&change.function) else { return Ok(()) };
        if let Action::PublishLayer(new) = &change.action {
            return self.publish_layer(track, change, new).await;
        }
        if let Action::Check { version, .. } = &change.action {
            return self.check(track, change, version).await;
        }
        track.may_do(change)?;
        (self.talk)(Event::Begins(change));
        let began = Instant::now();
        let mut pause = Duration::from_millis(500);
        loop {
            match self.aws.act(change, track.job.zip(&change.action)).await {
                Ok(answer) => {
                    track.made(change, answer)?;
                    self.tell(track, change);
                    (self.talk)(Event::Made(change));
                    return self.look_again(track, change).await;
                }
                Err(error)
                    if error.is_of_a_new_role() && began.elapsed() < self.options.new_role =>
                {
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) => return self.after(track, change, error).await,
            }
        }
    }

    /// What an answer does not tell is asked for.
    async fn look_again(&self, track: &Track<'_>, change: &Change) -> Result<(), Stop> {
        if !Track::must_look(change) {
            return Ok(());
        }
        let mut observed = track.observed.borrow().clone();
        self.aws.observe_latest(&change.function, &mut observed).await?;
        track.see(observed)
    }

    /// A conflict, no answer, or an error of AWS's own: whatever is there now decides.
    async fn after(&self, track: &Track<'_>, change: &Change, error: AwsError) -> Result<(), Stop> {
        // What may be sent twice was sent again already.
        let once = guard::find(change.action.operation()).is_none_or(|call| !call.is_safe_twice());
        let uncertain = once && error.is_uncertain();
        if !uncertain && !error.is_conflict() {
            return Err(error.into());
        }
        let Some(pause) = track.try_again(&error) else { return Err(error.into()) };
        if uncertain {
            track.forget(change);
        }
        sleep(pause).await;
        let observed = self.aws.observe(&track.job.desired).await?;
        track.see_after_conflict(observed)
    }

    async fn wait_for(&self, waiting: &[(String, String)], pause: Duration) {
        let mut interrupted = self.interrupted.clone();
        tokio::select! {
            () = sleep(pause) => {}
            _ = interrupted.wait_for(Option::is_some) => return,
        }
        self.waited.set(self.waited.get() + pause);
        let turns = Semaphore::new(OBSERVED);
        let one = async |(function, what): &(String, String)| {
            let _turn = turns.acquire().await;
            (self.talk)(Event::Waits { function, what });
            let Some(track) = self.track(function) else { return };
            let looked = if self.waited.get() > self.options.patience {
                Err(Stop::Patience { what: what.clone(), waited: self.options.patience })
            } else {
                self.look(track).await
            };
            if let Err(why) = looked {
                self.stop(function, why);
            }
        };
        futures_util::future::join_all(waiting.iter().map(one)).await;
    }

    /// What is waited for, again.
    async fn look(&self, track: &Track<'_>) -> Result<(), Stop> {
        let mut observed = track.observed.borrow().clone();
        let name = track.job.desired.name.as_str();
        match track.settles() {
            track::Settles::Latest => self.aws.observe_latest(name, &mut observed).await?,
            track::Settles::Version(number) => {
                self.aws.observe_version(name, &number, &mut observed).await?;
            }
            track::Settles::Alias(alias) => {
                self.aws.observe_alias(name, &alias, &mut observed).await?;
            }
            track::Settles::Attached => {
                observed.attached = self.aws.attached(&track.job.desired).await?;
            }
        }
        track.see(observed)
    }

    /// Reads back what was attached by prediction only. Whether something is open again.
    async fn confirm(&self) -> bool {
        let unread = |track: &&Track<'_>| track.is_open() && track.unread.take();
        let unread: Vec<_> = self.tracks.iter().filter(unread).collect();
        let one = async |track: &Track<'_>| {
            let read = self.aws.attached(&track.job.desired).await;
            match read {
                Ok(attached) => track.observed.borrow_mut().attached = attached,
                Err(error) => self.stop(&track.job.desired.name, error.into()),
            }
        };
        let any = !unread.is_empty();
        futures_util::future::join_all(unread.into_iter().map(one)).await;
        any
    }
}

/// A cell that is shared by what runs on one thread.
type Shared<T> = RefCell<T>;
