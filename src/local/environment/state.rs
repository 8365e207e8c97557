//! How far an environment and its invocation have come.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::job::{Job, Reply};
use crate::local::clock;
use crate::local::failure::Failure;

/// How far the runtime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has asked for nothing yet.
    Init,
    /// It waits for an invocation.
    Idle,
    /// An invocation is its own.
    Busy,
    /// It has answered, and not asked for the next yet.
    Answered,
}

/// Who waits for a reply.
type Caller = oneshot::Sender<Result<Reply, Failure>>;

pub(super) struct State {
    pub(super) phase: Phase,
    /// The `next` that waits.
    pub(super) waiting: Option<oneshot::Sender<Rc<Job>>>,
    /// Whose reply it is, and who waits for it.
    pub(super) current: Option<(Rc<Job>, Caller)>,
    /// The runtime and all extensions have asked for something.
    pub(super) initialised: bool,
    /// How long that took; taken by the first invocation.
    pub(super) init: Option<Duration>,
    /// When the runtime was given the invocation.
    pub(super) given: Instant,
    /// Whether it was.
    pub(super) began: bool,
    /// Until when a runtime that has answered must ask for more.
    pub(super) limit: Instant,
    /// What the runtime has answered, until it asks for more.
    pub(super) answered: Option<Answered>,
    /// When the runtime last asked.
    pub(super) ready: Option<Instant>,
    /// Who is told when the extensions are done with the invocation, as long as they are not.
    pub(super) open: Option<oneshot::Sender<Result<(), Failure>>>,
    /// The other end of that.
    pub(super) rest: Option<oneshot::Receiver<Result<(), Failure>>>,
    /// It was told that it is idle.
    pub(super) told: bool,
    /// Why there will be no other invocation.
    pub(super) over: Option<Failure>,
    /// Its end has begun.
    pub(super) closing: bool,
}

/// What became of an invocation, for who listens.
pub(super) struct Answered {
    pub(super) job: Rc<Job>,
    /// Why it has failed without the runtime's own word.
    pub(super) failure: Option<Failure>,
    /// The runtime has said that it has failed.
    pub(super) is_error: bool,
    /// When it began (ms since 1970).
    pub(super) began: i64,
    /// Until the answer began, and until its last part.
    pub(super) latency: Duration,
    pub(super) took: Duration,
    /// How long the answer is, in bytes.
    pub(super) produced: usize,
}

impl Answered {
    pub(super) fn new(job: Rc<Job>, reply: &Result<Reply, Failure>, given: Instant) -> Self {
        let latency = given.elapsed();
        let since = i64::try_from(latency.as_millis()).unwrap_or(0);
        let produced = match reply {
            Ok(Reply::Response(body) | Reply::Error(body)) => body.len(),
            _ => 0,
        };
        Self {
            job,
            failure: reply.as_ref().err().cloned(),
            is_error: matches!(reply, Ok(Reply::Error(_))),
            began: clock::now().saturating_sub(since),
            latency,
            took: latency,
            produced,
        }
    }
}

impl State {
    /// That of an environment which is being started.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Init,
            waiting: None,
            current: None,
            initialised: false,
            init: None,
            given: now,
            began: false,
            limit: now,
            answered: None,
            ready: None,
            open: None,
            rest: None,
            told: false,
            over: None,
            closing: false,
        }
    }

    /// Whether it is still to be given its first invocation: what its init took was not asked for yet.
    pub(super) fn is_unused(&self) -> bool {
        let unasked = self.phase == Phase::Init || self.init.is_some();
        unasked && self.current.is_none() && self.over.is_none()
    }

    /// Whether it can take an invocation at once.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
            && self.initialised
            && self.current.is_none()
            && self.open.is_none()
            && self.over.is_none()
    }
}
