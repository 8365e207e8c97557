//! One execution environment: the processes of a runtime and of its extensions, the Runtime API that they
//! alone are served, its folder, and what it logs.
//!
//! An environment takes one invocation at a time. It answers at most once for each; what comes later,
//! or under another request id, changes nothing. With extensions an invocation goes on after the answer,
//! until they too have asked for their next event. It is over when one of its processes ends or when an
//! invocation takes too long; then nothing of what it started lives on.
//!
//! The rules are those of "Understanding the Lambda execution environment lifecycle", "Using the Lambda
//! runtime API" and "Using the Lambda Extensions API to create extensions" in AWS's developer guide.

pub(super) mod children;
mod course;
mod entry;
mod exit;
mod extensions;
mod extensions_api;
pub(super) mod job;
pub(super) mod log;
pub(super) mod processes;
pub(super) mod runtime_api;
pub(super) mod shutdown;
mod start;
mod state;
pub(super) mod telemetry;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::failure::Failure;
use children::{Children, Launch};
use exit::NO_REASON;
use extensions::{Extensions, Fatal, Refusal, Wanted};
use job::{Answer, Job, Reply};
use log::{Keep, Log};
use processes::Rooms;
use shutdown::Closing;
use state::{Answered, Phase, State};
use telemetry::records::Status;
use telemetry::{Api, Subscribed, Telemetry};

/// How long a runtime may take until it asks for its first invocation; from then on the time of that
/// invocation runs.
const INIT: Duration = Duration::from_secs(10);
/// How much more time a function gets each time that its time is over while a debugger is attached.
const DEBUGGED: Duration = Duration::from_secs(1);
/// How long the last answer about memory counts.
const LOOK: Duration = Duration::from_millis(100);

/// Whoever waits for the end of a response in pieces learns first that its time is over.
const GRACE: Duration = Duration::from_secs(1);

/// Is called when an environment waits for an invocation, and when it is over.
type OnChange = Box<dyn Fn(&Rc<Environment>)>;
/// Is called with the process of the runtime, as the system numbers it, once that is started.
type OnStart = Box<dyn Fn(u32)>;

/// Whom an environment tells what.
pub(super) struct Host {
    /// Is given each line of the log.
    pub(super) keep: Keep,
    pub(super) on_start: OnStart,
    pub(super) on_change: OnChange,
    /// Counts those that are ending.
    pub(super) closing: Rc<Closing>,
}

/// An execution environment.
pub(super) struct Environment {
    started: Instant,
    launch: Launch,
    /// The runtime was given an invocation that had waited for it.
    began: Notify,
    /// A process has ended.
    exits: Notify,
    state: RefCell<State>,
    extensions: RefCell<Extensions>,
    children: Children,
    /// The runtime was started, or that was tried.
    has_runtime: Cell<bool>,
    /// What its memory was when it was ended, in MB.
    used: Cell<u64>,
    /// That a request was refused for its host was told.
    told_of_host: Cell<bool>,
    /// When it was last asked for.
    looked: Cell<Option<Instant>>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    pub(super) log: Rc<Log>,
    pub(super) telemetry: Rc<Telemetry>,
    on_start: OnStart,
    on_change: OnChange,
    closing: Rc<Closing>,
}

/// What is left of an invocation after the answer: the extensions.
pub(super) struct Rest(oneshot::Receiver<Result<(), Failure>>);

/// How that ended.
pub(super) struct Finish {
    /// How long the whole invocation took.
    pub(super) duration: Duration,
    /// How long the extensions went on after the runtime.
    pub(super) extensions: Duration,
    pub(super) failure: Option<Failure>,
}

impl Environment {
    /// What it was started with.
    pub(super) fn launch(&self) -> &Launch {
        &self.launch
    }

    /// The most memory that its processes have had, in MB.
    pub(super) fn memory(&self) -> u64 {
        self.children.memory().max(self.used.get())
    }

    /// Ends it if its processes have more memory than the function may.
    pub(super) fn limit_memory(self: &Rc<Self>, rooms: &Rooms) {
        if self.is_over() {
            return;
        }
        let most = self.launch.memory;
        let now = self.children.resident(most, rooms);
        self.used.set(self.used.get().max(now.min(most)));
        if now > most {
            self.fail(&Failure::out_of_memory());
        }
    }

    /// The room that its processes are in, if they have one.
    pub(super) fn room(&self) -> Option<PathBuf> {
        self.children.room()
    }

    /// The same as it was up to a moment ago: the kernel takes longer to tell than many a function runs.
    pub(super) fn recent_memory(&self) -> u64 {
        let now = Instant::now();
        if self.looked.get().is_none_or(|then| now - then >= LOOK) {
            self.looked.set(Some(now));
            self.used.set(self.memory());
        }
        self.used.get()
    }

    /// Whether it can take an invocation at once.
    pub(super) fn is_idle(&self) -> bool {
        self.state.borrow().is_idle()
    }

    /// Whether it is still to be given its first invocation.
    pub(super) fn is_unused(&self) -> bool {
        self.state.borrow().is_unused()
    }

    /// Whether it will take no other invocation.
    pub(super) fn is_over(&self) -> bool {
        self.state.borrow().over.is_some()
    }

    /// Whether it has answered and will soon be idle.
    pub(super) fn is_answered(&self) -> bool {
        let state = self.state.borrow();
        (state.phase == Phase::Answered || state.open.is_some()) && state.over.is_none()
    }

    /// Whether it lives on for nothing: its init has failed, or it has answered and its time is over.
    pub(super) fn lingers(&self) -> bool {
        let state = self.state.borrow();
        let late = state.limit + GRACE <= Instant::now();
        state.over.is_some() || (state.phase == Phase::Answered && late)
    }

    /// Whether its end takes a while.
    pub(super) fn has_extensions(&self) -> bool {
        !self.extensions.borrow().is_empty()
    }

    /// Gives it an invocation; it must have none. Waits for the reply.
    pub(super) async fn invoke(self: &Rc<Self>, job: Rc<Job>) -> Answer {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state.borrow_mut();
            if let Some(failure) = &state.over {
                let (reply, duration) = (Err(failure.clone()), Duration::ZERO);
                return Answer { reply, duration, init: None, began: false };
            }
            (state.began, state.told, state.rest) = (false, false, None);
            state.current = Some((job.clone(), sender));
        }
        self.advance();
        let reply = self.wait(&job, receiver).await;
        let mut state = self.state.borrow_mut();
        let duration = if state.began { state.given.elapsed() } else { Duration::ZERO };
        Answer { reply, duration, init: state.init.take(), began: state.began }
    }

    /// Waits for the reply as long as Lambda would.
    async fn wait(
        self: &Rc<Self>,
        job: &Job,
        mut reply: oneshot::Receiver<Result<Reply, Failure>>,
    ) -> Result<Reply, Failure> {
        // How much longer, since a debugger has held it up.
        let mut held = Duration::ZERO;
        loop {
            let limit = {
                let state = self.state.borrow();
                let from = if state.began { state.given } else { self.started + INIT };
                from.max(state.given) + job.timeout + held
            };
            tokio::select! {
                biased;
                reply = &mut reply => {
                    return reply.unwrap_or_else(|_| Err(Failure::exited(NO_REASON)));
                }
                // Its time begins anew.
                () = self.began.notified() => {}
                () = sleep_until(limit) => {
                    if self.children.is_traced() {
                        held += DEBUGGED;
                        continue;
                    }
                    let failure = Failure::timed_out(job.timeout);
                    self.fail(&failure);
                    return Err(failure);
                }
            }
        }
    }

    /// After an answer: what is left to wait for, if anything is.
    pub(super) fn rest(&self) -> Option<Rest> {
        self.state.borrow_mut().rest.take().map(Rest)
    }

    /// Waits until the extensions are done, as long as the invocation may take.
    pub(super) async fn finish(self: &Rc<Self>, job: &Job, rest: Rest) -> Finish {
        let given = self.state.borrow().given;
        let ended = if let Ok(ended) = timeout_at(given + job.timeout, rest.0).await {
            ended.unwrap_or_else(|_| Err(Failure::exited(NO_REASON)))
        } else {
            let failure = Failure::timed_out(job.timeout);
            self.fail(&failure);
            Err(failure)
        };
        let failure = ended.err();
        let is_timeout = failure.as_ref().is_some_and(Failure::is_timeout);
        let duration = if is_timeout { job.timeout } else { given.elapsed() };
        let ready = self.state.borrow().ready;
        let extensions = ready.map_or(Duration::ZERO, |ready| ready.elapsed());
        Finish { duration, extensions, failure }
    }

    /// The runtime asks for an invocation.
    fn next(self: &Rc<Self>) -> oneshot::Receiver<Rc<Job>> {
        let (sender, receiver) = oneshot::channel();
        let (before, answered) = {
            let mut state = self.state.borrow_mut();
            state.waiting = Some(sender);
            state.ready = Some(Instant::now());
            (std::mem::replace(&mut state.phase, Phase::Idle), state.answered.take())
        };
        if before == Phase::Init {
            self.extensions.borrow_mut().close();
            self.telemetry.init_runtime_done(Status::Success);
        }
        if let Some(answered) = answered {
            self.runtime_done(&answered);
        }
        self.advance();
        receiver
    }

    /// Whether an invocation of this id waits for its reply.
    fn expects(&self, id: &str) -> bool {
        self.state.borrow().current.as_ref().is_some_and(|(job, _)| job.id == id)
    }

    /// The runtime replies. False: nobody waits for that.
    fn reply(&self, id: &str, reply: Result<Reply, Failure>) -> bool {
        let mut state = self.state.borrow_mut();
        match state.current.take_if(|(job, _)| job.id == id) {
            Some((job, sender)) => {
                state.phase = Phase::Answered;
                state.limit = state.given + job.timeout;
                state.answered = Some(Answered::new(job, &reply, state.given));
                sender.send(reply).is_ok()
            }
            None => false,
        }
    }

    /// A part of a response in pieces has come.
    fn produced(&self, bytes: usize) {
        let mut state = self.state.borrow_mut();
        let given = state.given;
        if let Some(answered) = &mut state.answered {
            answered.produced += bytes;
            answered.took = given.elapsed();
        }
    }

    /// `init/error`: the invocation that waits gets it, and there will be no other.
    fn init_failed(self: &Rc<Self>, body: Bytes) -> bool {
        let failure = Failure::of_init(body.clone());
        let current = {
            let mut state = self.state.borrow_mut();
            if state.phase != Phase::Init || state.over.is_some() {
                return false;
            }
            state.over = Some(failure.clone());
            state.current.take()
        };
        self.init_over(Status::Failed(&failure));
        if let Some((_, sender)) = current {
            let _ = sender.send(Ok(Reply::Error(body)));
        }
        if self.has_extensions() {
            self.fail(&failure);
        }
        true
    }

    /// An extension registers. The runtime is started when all have.
    fn register(self: &Rc<Self>, name: &str, wanted: Wanted) -> Result<Uuid, Refusal> {
        let (id, all) = {
            let mut extensions = self.extensions.borrow_mut();
            (extensions.register(name, wanted)?, extensions.are_registered())
        };
        if all
            && !self.has_runtime.get()
            && !self.is_over()
            && let Err(failure) = self.start_runtime()
        {
            self.fail(&failure);
        }
        Ok(id)
    }

    /// An extension asks for an event.
    fn extension_next(self: &Rc<Self>, id: Uuid) -> Result<oneshot::Receiver<String>, Refusal> {
        let event = self.extensions.borrow_mut().next(id)?;
        self.advance();
        Ok(event)
    }

    /// An extension cannot go on.
    fn extension_error(&self, id: Uuid, fatal: Fatal, kind: &str) -> Result<(), Refusal> {
        self.extensions.borrow_mut().error(id, fatal, kind)
    }

    /// An extension wants to be told; none if it is unknown.
    fn subscribe(&self, id: Uuid, api: Api, body: &[u8]) -> Option<Subscribed> {
        let extensions = self.extensions.borrow();
        let name = extensions.name(id)?;
        let subscribed = self.telemetry.subscribe(api, name, body);
        if let Subscribed::New(streams) = &subscribed {
            self.log.platform(&course::subscribed(api, name, streams));
        }
        Some(subscribed)
    }

    /// Kills its processes at once, where many are to end; `end` follows.
    pub(super) fn kill(&self) {
        self.children.kill_groups();
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.children.kill();
        for task in self.tasks.borrow().iter() {
            task.abort();
        }
    }
}
