//! How an environment with extensions ends: the runtime first, then they, each with some time for it.
//!
//! AWS: "Understanding the Lambda execution environment lifecycle", section "Shutdown phase"; how the time
//! is divided stands in "Using the Lambda Extensions API to create extensions".

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Environment;
use super::children::Program;
use crate::local::clock;
use crate::local::failure::Failure;

/// How long it may take with an external extension, all in all.
const EXTERNAL: Duration = Duration::from_secs(2);
/// As much of it is the runtime's; and as much if it has an internal extension.
const RUNTIME: Duration = Duration::from_millis(300);
const INTERNAL: Duration = Duration::from_millis(500);

/// Why an environment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum Reason {
    /// It is not needed any more.
    Spindown,
    Timeout,
    Failure,
}

impl Reason {
    /// That of a failure.
    pub(super) fn of(failure: &Failure) -> Self {
        if failure.is_timeout() { Self::Timeout } else { Self::Failure }
    }

    /// `shutdownReason`. The documentation has capitals; what Lambda sends, as others have recorded it,
    /// has none.
    fn name(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// How many environments are on their way to their end.
#[derive(Default)]
pub(in crate::local) struct Closing {
    count: Cell<usize>,
    none: Notify,
}

impl Closing {
    /// Waits until there is none.
    pub(in crate::local) async fn done(&self) {
        while self.count.get() > 0 {
            self.none.notified().await;
        }
    }
}

/// Counts until it is dropped.
struct Counted(Rc<Closing>);

impl Counted {
    fn new(closing: &Rc<Closing>) -> Self {
        closing.count.update(|count| count + 1);
        Self(closing.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.update(|count| count.saturating_sub(1));
        if self.0.count.get() == 0 {
            self.0.none.notify_waiters();
        }
    }
}

/// Begins the end of an environment, which takes nothing more.
pub(super) fn begin(environment: &Rc<Environment>, reason: Reason) {
    let (environment, counted) = (environment.clone(), Counted::new(&environment.closing));
    tokio::task::spawn_local(async move {
        run(&environment, reason).await;
        drop((environment, counted));
    });
}

async fn run(environment: &Rc<Environment>, reason: Reason) {
    let (external, internal) = environment.extensions.borrow().kinds();
    let start = Instant::now();
    let children = &environment.children;
    if children.lives(&Program::Runtime) {
        let runtimes = start + if internal { INTERNAL } else { RUNTIME };
        children.signal(&Program::Runtime, Signal::TERM);
        environment.exit(&[Program::Runtime], runtimes).await;
        children.signal(&Program::Runtime, Signal::KILL);
    }
    if external {
        extensions(environment, reason, start + EXTERNAL).await;
    }
    children.kill();
    environment.log.catch_up();
}

/// Tells those that want to know, ends the others, and waits.
async fn extensions(environment: &Rc<Environment>, reason: Reason, limit: Instant) {
    // "If any of the input streams are closed, then Lambda flushes the logs."
    let flushed = environment.telemetry.clone();
    let flushed = tokio::task::spawn_local(async move { flushed.flush().await });
    let left = limit.saturating_duration_since(Instant::now());
    let left = i64::try_from(left.as_millis()).unwrap_or(0);
    let event = json!({
        "eventType": "SHUTDOWN",
        "deadlineMs": clock::now().saturating_add(left),
        "shutdownReason": reason.name(),
    });
    let all = environment.extensions.borrow_mut().shut_down(&event.to_string());
    let mut told = Vec::new();
    for (name, is_told) in all {
        let program = Program::Extension(name);
        if is_told {
            told.push(program);
        } else {
            environment.children.signal(&program, Signal::KILL);
        }
    }
    environment.exit(&told, limit).await;
    flushed.abort();
}

impl Environment {
    /// Waits until these processes have ended, or it is too late.
    async fn exit(&self, programs: &[Program], limit: Instant) {
        while programs.iter().any(|program| self.children.lives(program)) {
            if timeout_at(limit, self.exits.notified()).await.is_err() {
                break;
            }
        }
    }
}
