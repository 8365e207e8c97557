//! The run of an invocation: its environment, the answer, what is written of it and counted.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::pieces::collect;
use super::report::Report;
use super::{Outcome, Part, Ready, Said};
use crate::local::environment::job::{Job, Reply};
use crate::local::environment::telemetry::records::{Metrics, Status};
use crate::local::environment::{Environment, Host, Rest};
use crate::local::failure::Failure;
use crate::local::pool::Pool;
use crate::local::services::{self, Ended};
use crate::local::{Event, Server, clock};

/// What an environment made of an invocation.
struct Ran {
    outcome: Outcome,
    /// The runtime was given it.
    taken: bool,
    /// What is still to be done, if the extensions are not done with it.
    unfinished: Option<Unfinished>,
}

/// An invocation that is answered.
struct Unfinished {
    environment: Rc<Environment>,
    job: Rc<Job>,
    rest: Rest,
    memory: u64,
    init: Option<Duration>,
    is_error: bool,
    /// The type of the error that has ended a response in pieces.
    error: Option<String>,
}

impl Server {
    /// Runs an invocation: until it is answered or, if the caller wants the whole, until it is over.
    pub(in crate::local) async fn carry_out(
        self: Rc<Self>,
        ready: Ready,
        pieces: Option<mpsc::Sender<Part>>,
    ) -> Outcome {
        let Ready { version, memory, turn, pool, job, invoked, whole } = ready;
        let began = clock::now();
        self.watch.begin(&invoked, began);
        let job = Rc::new(job);
        let ran = self.in_some_environment(&pool, &job, memory, pieces, &version).await;
        let Ran { mut outcome, unfinished, .. } = ran;
        let failed = outcome.is_error();
        let Some(unfinished) = unfinished else {
            self.watch.end(&invoked, &Ended { began, duration: outcome.duration, failed });
            drop(turn);
            return outcome;
        };
        let finishing = async move {
            let environment = unfinished.environment.clone();
            let (duration, failed) = unfinished.finish().await;
            self.watch.end(&invoked, &Ended { began, duration, failed });
            // The environments of a configuration that is no longer a version's end with its pool.
            drop((turn, pool));
            (environment.log.tail(), duration)
        };
        if whole {
            (outcome.log, outcome.duration) = finishing.await;
        } else {
            tokio::task::spawn_local(finishing);
        }
        outcome
    }

    /// Runs it in an environment that waits, else in a new one.
    async fn in_some_environment(
        self: &Rc<Self>,
        pool: &Rc<Pool>,
        job: &Rc<Job>,
        memory: u64,
        pieces: Option<mpsc::Sender<Part>>,
        version: &str,
    ) -> Ran {
        loop {
            let waiting = pool.waiting().await;
            let reused = waiting.is_some();
            let begun = if reused { waiting } else { pool.begun().await };
            let environment = match begun {
                Some(environment) => Ok(environment),
                None => self.start(version, pool).await,
            };
            let environment = match environment {
                Ok(environment) => environment,
                Err(failure) => {
                    let outcome = self.not_started(pool, job, memory, version, failure);
                    return Ran { outcome, taken: false, unfinished: None };
                }
            };
            let pieces = pieces.clone();
            let ran = in_environment(&environment, job, memory, pieces, version).await;
            // One that ended while it waited for something to do is nobody's error.
            if ran.taken || !reused || !ran.outcome.is_error() {
                return ran;
            }
        }
    }

    /// There is no environment: what is said of that has a log stream of its own.
    fn not_started(
        &self,
        pool: &Pool,
        job: &Job,
        memory: u64,
        version: &str,
        failure: Failure,
    ) -> Outcome {
        let function = pool.spec.function();
        let now = clock::now();
        let stream = services::stream(version, self.count(), now);
        let id = job.id.clone();
        let (duration, init) = (Duration::ZERO, None);
        let report = Report {
            id: &id,
            duration,
            memory,
            used: 0,
            init,
            failure: Some(&failure),
            error: None,
        };
        let log = job.start_line(version) + &report.lines();
        for line in log.split_inclusive('\n') {
            self.line(function, pool.spec.log_group(), &stream, line.as_bytes());
        }
        let (version, log) = (version.to_owned(), log.into_bytes());
        Outcome { id, version, result: Err(failure), log, duration }
    }

    /// Keeps a line of a log, and tells it.
    fn line(&self, function: &str, group: &str, stream: &Rc<str>, line: &[u8]) {
        self.watch.line(group, stream, line, clock::now());
        (self.talk)(Event::Line { function, text: &String::from_utf8_lossy(line) });
    }

    /// Starts an environment.
    pub(super) async fn start(
        self: &Rc<Self>,
        version: &str,
        pool: &Rc<Pool>,
    ) -> Result<Rc<Environment>, Failure> {
        let number = self.count();
        let stream = services::stream(version, number, clock::now());
        let tmp = self.store.temporary().join(format!("environment-{number}"));
        let how = (self.options.program.clone(), self.walled().await);
        let launch = pool.spec.launch(&self.store, &stream, tmp, how).await?;
        let server = Rc::downgrade(self);
        let (name, group) = (pool.spec.function().to_owned(), pool.spec.log_group().to_owned());
        let keep = Box::new(move |line: &[u8]| {
            if let Some(server) = server.upgrade() {
                server.line(&name, &group, &stream, line);
            }
        });
        let weak = Rc::downgrade(pool);
        let on_change = Box::new(move |environment: &Rc<Environment>| {
            if let Some(pool) = weak.upgrade() {
                pool.changed(environment);
            }
        });
        let (server, function) = (Rc::downgrade(self), pool.spec.function().to_owned());
        let on_start = Box::new(move |process| {
            if let Some(server) = server.upgrade() {
                (server.talk)(Event::Started { function: &function, process });
            }
        });
        let host = Host { keep, on_start, on_change, closing: self.pools.closing() };
        let environment = Environment::start(launch, host).await?;
        pool.add(environment.clone());
        Ok(environment)
    }
}

async fn in_environment(
    environment: &Rc<Environment>,
    job: &Rc<Job>,
    memory: u64,
    pieces: Option<mpsc::Sender<Part>>,
    version: &str,
) -> Ran {
    let (id, timeout) = (job.id.clone(), job.timeout);
    environment.log.begin();
    let started = Instant::now();
    let answer = environment.invoke(job.clone()).await;
    let answered = started.elapsed();
    let streamed = matches!(answer.reply, Ok(Reply::Stream(..)));
    let result = match answer.reply {
        Ok(Reply::Response(body)) => Ok(Said::Response(body)),
        Ok(Reply::Error(body)) => Ok(Said::Error(body)),
        Ok(Reply::Stream(kind, from)) => {
            if let Some(pieces) = &pieces {
                // There is room for the first; who has gone is found out with the second.
                let _ = pieces.try_send(Part::Begin(kind));
            }
            collect(from, pieces, started + timeout, timeout).await
        }
        Err(failure) => Err(failure),
    };
    if matches!(&result, Err(failure) if failure.is_timeout()) {
        environment.fail(&Failure::timed_out(timeout));
    }
    environment.log.catch_up();
    if !answer.began {
        environment.say_start(job);
    }
    let failure = result.as_ref().err();
    // The init is told apart; who takes too long has taken as long as may be.
    let more = started.elapsed().saturating_sub(answered);
    let duration = match failure {
        Some(failure) if failure.is_timeout() => timeout,
        _ => answer.duration + more,
    };
    let is_error = !matches!(result, Ok(Said::Response(_)));
    let error = match &result {
        Ok(Said::Error(body)) if streamed => Some(kind_of(body)),
        _ => None,
    };
    let init = answer.init;
    let rest = if failure.is_none() { environment.rest() } else { None };
    let unfinished = rest.map(|rest| {
        let (environment, job) = (environment.clone(), job.clone());
        Unfinished { environment, job, rest, memory, init, is_error, error: error.clone() }
    });
    if unfinished.is_none() {
        let used = environment.recent_memory();
        let metrics = Metrics { duration, extensions: None, init, memory, used };
        say_end(environment, job, &metrics, failure, (is_error, error.as_deref()));
    }
    let log = environment.log.tail();
    let outcome = Outcome { id, version: version.to_owned(), result, log, duration };
    Ran { outcome, taken: answer.began, unfinished }
}

/// The type of a function's own error.
fn kind_of(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("errorType").and_then(|kind| kind.as_str()).unwrap_or("Unhandled").to_owned()
}

/// Writes that an invocation is over, and how.
fn say_end(
    environment: &Environment,
    job: &Job,
    metrics: &Metrics,
    failure: Option<&Failure>,
    (is_error, error): (bool, Option<&str>),
) {
    let Metrics { duration, init, memory, used, .. } = *metrics;
    let report = Report { id: &job.id, duration, memory, used, init, failure, error };
    environment.log.platform(&report.lines());
    let status = match failure {
        Some(failure) => Status::Failed(failure),
        None if is_error => Status::Error,
        None => Status::Success,
    };
    environment.telemetry.report(job, metrics, status);
}

impl Unfinished {
    /// Waits for the extensions; gives how long it all took, and whether it has failed.
    async fn finish(self) -> (Duration, bool) {
        let Self { environment, job, rest, memory, init, is_error, error } = self;
        let finish = environment.finish(&job, rest).await;
        environment.log.catch_up();
        let used = environment.recent_memory();
        let (duration, extensions) = (finish.duration, Some(finish.extensions));
        let metrics = Metrics { duration, extensions, init, memory, used };
        let own = (is_error, error.as_deref());
        say_end(&environment, &job, &metrics, finish.failure.as_ref(), own);
        (duration, is_error || finish.failure.is_some())
    }
}
