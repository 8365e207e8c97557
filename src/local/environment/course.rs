//! What follows from what an environment's processes have said by now.

use std::rc::Rc;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Environment;
use super::job::Job;
use super::shutdown::{self, Reason};
use super::state::Answered;
use super::telemetry::Api;
use super::telemetry::records::Status;
use crate::local::failure::Failure;

/// The line that tells of a subscription, as others have recorded it.
pub(super) fn subscribed(api: Api, name: &str, streams: &[&str]) -> String {
    let (what, between) = match api {
        Api::Telemetry => ("TELEMETRY", ", "),
        Api::Logs => ("LOGS", ","),
    };
    let capital = |name: &&str| {
        let (first, rest) = name.split_at_checked(1).unwrap_or_default();
        first.to_uppercase() + rest
    };
    let types: Vec<String> = streams.iter().map(capital).collect();
    format!("{what}\tName: {name}\tState: Subscribed\tTypes: [{}]\n", types.join(between))
}

impl Environment {
    /// Does what can be done now: ends the init, ends the invocation, begins the next, or says that it is
    /// idle.
    pub(super) fn advance(self: &Rc<Self>) {
        self.end_init();
        self.end_invocation();
        self.begin_invocation();
        let idle = {
            let mut state = self.state.borrow_mut();
            let idle = state.is_idle() && !state.told;
            state.told |= idle;
            idle
        };
        if idle {
            (self.on_change)(self);
        }
    }

    /// The init ends when the runtime and all extensions have asked for something.
    fn end_init(&self) {
        {
            let mut state = self.state.borrow_mut();
            let asked = state.waiting.is_some() && state.over.is_none();
            if state.initialised || !asked || !self.extensions.borrow().are_ready() {
                return;
            }
            state.initialised = true;
            state.init = Some(self.started.elapsed());
        }
        self.init_over(Status::Success);
    }

    /// Says how the init went.
    pub(super) fn init_over(&self, status: Status<'_>) {
        let took = self.started.elapsed();
        for standing in self.extensions.borrow().standings() {
            let error = standing.error.map(|error| format!("\tError Type: {error}"));
            self.log.platform(&format!(
                "EXTENSION\tName: {}\tState: {}\tEvents: [{}]{}\n",
                standing.name,
                standing.state,
                standing.events.join(","),
                error.unwrap_or_default()
            ));
            self.telemetry.extension(&standing);
        }
        if let Status::Failed(failure) = status {
            self.telemetry.init_runtime_done(status);
            let ms = took.as_secs_f64() * 1000.0;
            let status = failure.status();
            self.log.platform(&format!(
                "INIT_REPORT Init Duration: {ms:.2} ms\tPhase: init\t{status}\n"
            ));
        }
        self.telemetry.init_report(took, status);
        self.telemetry.close();
    }

    /// Hands the invocation that waits to the runtime, if that has asked for one, and tells the extensions.
    /// A `next` that has hung up meanwhile is followed by another, or by the end of the process.
    fn begin_invocation(self: &Rc<Self>) {
        let job = {
            let mut state = self.state.borrow_mut();
            let Some((job, _)) = state.current.as_ref().filter(|_| state.initialised) else {
                return;
            };
            let job = job.clone();
            let Some(next) = state.waiting.take() else { return };
            if next.send(job.clone()).is_err() {
                return;
            }
            state.phase = super::Phase::Busy;
            // A runtime that asks twice has no more time for that.
            if state.began {
                return;
            }
            (state.began, state.given) = (true, Instant::now());
            job
        };
        self.say_start(&job);
        let told =
            self.has_extensions() && self.extensions.borrow_mut().invoke(&invoke_event(&job));
        if told {
            let (open, rest) = oneshot::channel();
            let mut state = self.state.borrow_mut();
            (state.open, state.rest) = (Some(open), Some(rest));
        }
        self.began.notify_one();
    }

    /// Writes that an invocation begins.
    pub(in crate::local) fn say_start(&self, job: &Job) {
        let version = self.launch.variable("AWS_LAMBDA_FUNCTION_VERSION");
        self.log.platform(&job.start_line(version));
        self.telemetry.start(job, version);
    }

    /// An invocation ends when the runtime and all extensions that have registered for it have asked for
    /// more.
    fn end_invocation(&self) {
        let mut state = self.state.borrow_mut();
        let asked = state.waiting.is_some() && state.current.is_none();
        if asked && !self.extensions.borrow().are_at_work() {
            // That nobody waits for it is no mistake.
            let _ = state.open.take().map(|open| open.send(Ok(())));
        }
    }

    /// Tells who listens that the runtime is done with an invocation.
    pub(super) fn runtime_done(&self, answered: &Answered) {
        let took = self.state.borrow().given.elapsed();
        let status = match &answered.failure {
            Some(failure) => Status::Failed(failure),
            None if answered.is_error => Status::Error,
            None => Status::Success,
        };
        let Answered { job, began, latency, took: all, produced, .. } = answered;
        self.telemetry.runtime_done(job, status, (*began, took, *produced), Some((*latency, *all)));
    }

    /// Ends it because of a failure.
    pub(in crate::local) fn fail(self: &Rc<Self>, why: &Failure) {
        self.close(why, Reason::of(why));
    }

    /// Ends it: whoever waits is told why. Without extensions its processes are killed at once; with some,
    /// all of them get the time that Lambda gives them.
    pub(in crate::local) fn close(self: &Rc<Self>, why: &Failure, reason: Reason) {
        self.used.set(self.memory());
        let (current, open, answered, in_init) = {
            let mut state = self.state.borrow_mut();
            if std::mem::replace(&mut state.closing, true) {
                return;
            }
            let in_init = !state.initialised && state.over.is_none();
            state.over.get_or_insert_with(|| why.clone());
            (state.current.take(), state.open.take(), state.answered.take(), in_init)
        };
        if self.has_extensions() {
            shutdown::begin(self, reason);
        } else {
            self.children.kill();
        }
        if in_init && reason != Reason::Spindown {
            self.init_over(Status::Failed(why));
        }
        if let Some(answered) = answered {
            self.runtime_done(&answered);
        }
        if let Some((job, sender)) = current {
            let (began, given) = {
                let state = self.state.borrow();
                (state.began, state.given)
            };
            if began {
                let done = (0, given.elapsed(), 0);
                self.telemetry.runtime_done(&job, Status::Failed(why), done, None);
            }
            let _ = sender.send(Err(why.clone()));
        }
        let _ = open.map(|open| open.send(Err(why.clone())));
        (self.on_change)(self);
    }
}

/// What an extension is told of an invocation.
fn invoke_event(job: &Job) -> String {
    let event = json!({
        "eventType": "INVOKE",
        "deadlineMs": job.deadline(),
        "requestId": job.id,
        "invokedFunctionArn": job.arn,
        "tracing": { "type": "X-Amzn-Trace-Id", "value": job.trace },
    });
    event.to_string()
}
