//! One execution environment: a child process, the Runtime API that it alone is served, its folder,
//! and what it logs.
//!
//! An environment takes one invocation at a time. It answers at most once for each; what comes later,
//! or under another request id, changes nothing. It is over when its process ends or when an invocation
//! takes too long; then nothing of what it started lives on.
//!
//! The rules are those of "Understanding the Lambda execution environment lifecycle" and "Using the
//! Lambda runtime API" in AWS's developer guide.

pub(super) mod child;
mod exit;
pub(super) mod log;
pub(super) mod processes;
pub(super) mod runtime_api;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::clock;
use super::failure::Failure;
use child::{Child, Launch};
use exit::{Exit, NO_REASON};
use log::{Keep, Log};

/// How long a runtime may take until it asks for its first invocation; from then on the time of that
/// invocation runs.
const INIT: Duration = Duration::from_secs(10);
/// How long the last answer about memory counts.
const LOOK: Duration = Duration::from_millis(100);

/// Whoever waits for the end of a response in pieces learns first that its time is over.
const GRACE: Duration = Duration::from_secs(1);

/// One invocation, as the runtime gets it.
pub(super) struct Job {
    /// `Lambda-Runtime-Aws-Request-Id`.
    pub(super) id: String,
    /// `Lambda-Runtime-Invoked-Function-Arn`.
    pub(super) arn: String,
    /// `Lambda-Runtime-Trace-Id`.
    pub(super) trace: String,
    /// `Lambda-Runtime-Client-Context`: a JSON text.
    pub(super) client_context: Option<String>,
    /// `Lambda-Runtime-Aws-Tenant-Id`.
    pub(super) tenant: Option<String>,
    /// How long the function may take.
    pub(super) timeout: Duration,
    pub(super) payload: Bytes,
}

impl Job {
    /// `Lambda-Runtime-Deadline-Ms`.
    fn deadline(&self) -> i64 {
        let timeout = i64::try_from(self.timeout.as_millis()).unwrap_or(i64::MAX);
        clock::now().saturating_add(timeout)
    }
}

/// What a runtime says of an invocation.
pub(super) enum Reply {
    /// `…/response`, whole.
    Response(Bytes),
    /// `…/response` in pieces, and of which type they are.
    Stream(Option<String>, mpsc::Receiver<Piece>),
    /// `…/error` or `init/error`: its body.
    Error(Bytes),
}

/// A part of a response in pieces. The channel ends without `End` if the runtime breaks off.
pub(super) enum Piece {
    Data(Bytes),
    /// What its trailers `Lambda-Runtime-Function-Error-Type` and `-Body` say.
    Failed {
        kind: String,
        body: String,
    },
    End,
}

/// What became of an invocation.
pub(super) struct Answer {
    pub(super) reply: Result<Reply, Failure>,
    /// How long the runtime took.
    pub(super) duration: Duration,
    /// How long its init took, if it was its first.
    pub(super) init: Option<Duration>,
    /// Whether the runtime was given it at all.
    pub(super) began: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The runtime has asked for nothing yet.
    Init,
    /// The runtime waits for an invocation.
    Idle,
    /// An invocation is its own.
    Busy,
    /// The runtime has answered, and not asked for the next yet.
    Answered,
}

struct State {
    phase: Phase,
    /// The `next` that waits.
    waiting: Option<oneshot::Sender<Rc<Job>>>,
    /// For the `next` to come.
    queued: Option<Rc<Job>>,
    /// Whose reply it is, and who waits for it.
    current: Option<(Rc<Job>, Caller)>,
    /// How long the init took; taken by the first invocation.
    init: Option<Duration>,
    /// When the runtime was given the invocation.
    given: Instant,
    /// Whether it was.
    began: bool,
    /// Until when a runtime that has answered must ask for more.
    limit: Instant,
    /// Why there will be no other invocation.
    over: Option<Failure>,
}

impl State {
    /// Gives an invocation to a `next`. One that has hung up meanwhile is followed by another, or by
    /// the end of the process.
    fn give(&mut self, job: Rc<Job>, next: oneshot::Sender<Rc<Job>>) {
        match next.send(job) {
            Ok(()) => {
                self.phase = Phase::Busy;
                // A runtime that asks twice has no more time for that.
                if !self.began {
                    (self.began, self.given) = (true, Instant::now());
                }
            }
            Err(job) => self.queued = Some(job),
        }
    }
}

/// Who waits for a reply.
type Caller = oneshot::Sender<Result<Reply, Failure>>;
/// Is called when an environment waits for an invocation, and when it is over.
type OnChange = Box<dyn Fn(&Rc<Environment>)>;

/// An execution environment.
pub(super) struct Environment {
    started: Instant,
    /// The runtime was given an invocation that had waited for it.
    began: Notify,
    state: RefCell<State>,
    child: Child,
    /// What its memory was when it was ended, in MB.
    used: Cell<u64>,
    /// When it was last asked for.
    looked: Cell<Option<Instant>>,
    tasks: Vec<JoinHandle<()>>,
    pub(super) log: Rc<Log>,
    on_change: OnChange,
}

impl Environment {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// What Lambda says of an entry point that cannot be run.
    pub(super) async fn start(
        launch: &Launch,
        keep: Keep,
        on_change: OnChange,
    ) -> Result<Rc<Self>, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Failure::local)?;
        let address = listener.local_addr().map_err(Failure::local)?;
        let (child, exit, output) = child::spawn(launch, address)?;
        let log = Log::new(output.into(), keep).map_err(Failure::local)?;
        let started = Instant::now();
        let state = State {
            phase: Phase::Init,
            waiting: None,
            queued: None,
            current: None,
            init: None,
            given: started,
            began: false,
            limit: started,
            over: None,
        };
        Ok(Rc::new_cyclic(|this: &Weak<Self>| Self {
            started,
            began: Notify::new(),
            state: RefCell::new(state),
            child,
            used: Cell::new(0),
            looked: Cell::new(None),
            tasks: vec![
                tokio::task::spawn_local(runtime_api::serve(listener, this.clone())),
                tokio::task::spawn_local(log.clone().read()),
                tokio::task::spawn_local(watch(exit, this.clone())),
            ],
            log,
            on_change,
        }))
    }

    /// Its process, as the system numbers it.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.process()
    }

    /// The most memory that its process has had, in MB.
    pub(super) fn memory(&self) -> u64 {
        self.child.memory().max(self.used.get())
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
        let state = self.state.borrow();
        state.phase == Phase::Idle && state.over.is_none()
    }

    /// Whether it will take no other invocation.
    pub(super) fn is_over(&self) -> bool {
        self.state.borrow().over.is_some()
    }

    /// Whether it has answered and will soon be idle.
    pub(super) fn is_answered(&self) -> bool {
        let state = self.state.borrow();
        state.phase == Phase::Answered && state.over.is_none()
    }

    /// Whether it lives on for nothing: its init has failed, or it has answered and its time is over.
    pub(super) fn lingers(&self) -> bool {
        let state = self.state.borrow();
        let late = state.limit + GRACE <= Instant::now();
        state.over.is_some() || (state.phase == Phase::Answered && late)
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
            state.began = false;
            state.current = Some((job.clone(), sender));
            match state.waiting.take() {
                Some(waiting) => state.give(job.clone(), waiting),
                None => state.queued = Some(job.clone()),
            }
        }
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
        loop {
            let limit = {
                let state = self.state.borrow();
                let from = if state.began { state.given } else { self.started + INIT };
                from.max(state.given) + job.timeout
            };
            tokio::select! {
                biased;
                reply = &mut reply => {
                    return reply.unwrap_or_else(|_| Err(Failure::exited(NO_REASON)));
                }
                // Its time begins anew.
                () = self.began.notified() => {}
                () = sleep_until(limit) => {
                    let failure = Failure::timed_out(job.timeout);
                    self.end(failure.clone());
                    return Err(failure);
                }
            }
        }
    }

    /// The runtime asks for an invocation.
    fn next(self: &Rc<Self>) -> oneshot::Receiver<Rc<Job>> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state.borrow_mut();
            if state.phase == Phase::Init {
                state.init = Some(self.started.elapsed());
            }
            let again = state.current.as_ref().map(|(job, _)| job.clone());
            if let Some(job) = state.queued.take().or(again) {
                state.give(job, sender);
                self.began.notify_one();
                return receiver;
            }
            state.phase = Phase::Idle;
            state.waiting = Some(sender);
        }
        (self.on_change)(self);
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
                sender.send(reply).is_ok()
            }
            None => false,
        }
    }

    /// `init/error`: the invocation that waits gets it, and there will be no other.
    fn init_failed(self: &Rc<Self>, body: Bytes) -> bool {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Init {
            return false;
        }
        let failure = Failure::of_init(body.clone());
        state.over = Some(failure);
        if let Some((_, sender)) = state.current.take() {
            let _ = sender.send(Ok(Reply::Error(body)));
        }
        true
    }

    /// Kills its processes at once, where many are to end; `end` follows.
    pub(super) fn kill(&self) {
        self.child.kill_group();
    }

    /// Ends it: the process group is killed, and whoever waits is told why.
    pub(super) fn end(self: &Rc<Self>, why: Failure) {
        self.used.set(self.memory());
        self.child.kill();
        let current = {
            let mut state = self.state.borrow_mut();
            state.over.get_or_insert_with(|| why.clone());
            state.current.take()
        };
        if let Some((_, sender)) = current {
            let _ = sender.send(Err(why));
        }
        (self.on_change)(self);
    }
}

/// Waits until the process has ended.
async fn watch(exit: Exit, environment: Weak<Environment>) {
    let how = exit.wait().await;
    if let Some(environment) = environment.upgrade() {
        // What it wrote before it ended is still to be read.
        environment.log.catch_up();
        environment.end(Failure::exited(&how));
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.child.kill();
        for task in &self.tasks {
            task.abort();
        }
    }
}
