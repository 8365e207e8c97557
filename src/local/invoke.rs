//! Invocations: who is meant, which environment takes it, and what the caller is told.

mod content;
mod event;
mod report;
mod stream;
mod warm;

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::environment::runtime_api::RESPONSE;
use super::environment::{Environment, Job, Piece, Reply};
use super::failure::Failure;
use super::http::{self, Answer, Asked};
use super::pool::{Limit, Pool, Turn};
use super::services::{self, Ended, Invoked};
use super::{Event, Server, clock};
use crate::account::{Account, ApiError, Input, Target};

use content::{check, client_context};
use report::Report;

pub(super) use event::{Events, resume};
pub(super) use stream::stream;

/// What the caller asks for, and of whom.
#[derive(Clone)]
pub(super) struct Call {
    /// The request's id, which every attempt has.
    pub(super) id: String,
    pub(super) function: String,
    pub(super) qualifier: Option<String>,
    pub(super) client_context: Option<String>,
    pub(super) trace: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) payload: Bytes,
}

/// An invocation that may begin.
pub(super) struct Ready {
    /// `$LATEST`, or a number.
    version: String,
    memory: u64,
    turn: Turn,
    pool: Rc<Pool>,
    job: Job,
    invoked: Invoked,
}

/// What became of an invocation.
pub(super) struct Outcome {
    id: String,
    version: String,
    /// What the function said; else why it said nothing.
    pub(super) result: Result<Said, Failure>,
    /// The last 4 KB of its log.
    log: Vec<u8>,
    /// How long the function took.
    duration: Duration,
}

/// What comes to who takes a response in pieces.
pub(super) enum Part {
    /// It does come in pieces: of this type, as the runtime says.
    Begin(Option<String>),
    Data(Bytes),
}

/// What a function said.
pub(super) enum Said {
    Response(Bytes),
    /// Its own error.
    Error(Bytes),
}

/// `Invoke`, whatever its type, and `InvokeAsync`.
pub(super) async fn invoke(
    server: Rc<Server>,
    asked: Asked,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let input = asked.input(None)?;
    let kind = match asked.operation.name.as_str() {
        "InvokeAsync" => "Event".to_owned(),
        _ => input.text("InvocationType").unwrap_or("RequestResponse").to_owned(),
    };
    check(&body, kind == "Event")?;
    let call = Call::new(&input, &asked, body)?;
    match kind.as_str() {
        "DryRun" => dry_run(&server, &call),
        "Event" => {
            // That it cannot be invoked at all is told at once.
            server.target(&call, |_, _| ())?;
            let id = call.id.clone();
            event::queue(&server, call)?;
            let mut answer = http::answer(202, "application/json", Bytes::new());
            http::set(&mut answer, "x-amzn-requestid", &id);
            Ok(answer)
        }
        _ => {
            let tail = input.text("LogType") == Some("Tail");
            let outcome = server.run(&call, None).await?;
            Ok(reply(outcome, tail))
        }
    }
}

/// `DryRun`: whether it could be invoked at all.
fn dry_run(server: &Server, call: &Call) -> Result<Answer, ApiError> {
    server.target(call, |_, _| ())?;
    Ok(http::answer(204, "application/json", Bytes::new()))
}

/// The answer to who waited for it.
fn reply(outcome: Outcome, tail: bool) -> Answer {
    let Outcome { id, version, result, log, .. } = outcome;
    let (body, failed) = match result {
        Ok(Said::Response(body)) => (body, false),
        Ok(Said::Error(body)) => (body, true),
        Err(failure) => (failure.payload(&id), true),
    };
    let mut answer = http::answer(200, "application/json", body);
    http::set(&mut answer, "x-amzn-requestid", &id);
    http::set(&mut answer, "x-amz-executed-version", &version);
    if failed {
        http::set(&mut answer, "x-amz-function-error", "Unhandled");
    }
    if tail {
        http::set(&mut answer, "x-amz-log-result", &STANDARD.encode(log));
    }
    answer
}

impl Call {
    fn new(input: &Input, asked: &Asked, payload: Bytes) -> Result<Self, ApiError> {
        let text = |name: &str| input.text(name).map(str::to_owned);
        Ok(Self {
            id: Uuid::new_v4().to_string(),
            function: text("FunctionName").unwrap_or_default(),
            qualifier: text("Qualifier"),
            client_context: input.text("ClientContext").map(client_context).transpose()?,
            trace: asked.header("x-amzn-trace-id"),
            tenant: text("TenantId"),
            // What is not sent is an empty object for the function.
            payload: if payload.is_empty() { Bytes::from_static(b"{}") } else { payload },
        })
    }
}

impl Server {
    /// Asks the account who is meant.
    fn target<T>(
        &self,
        call: &Call,
        with: impl FnOnce(&Target<'_>, &Account) -> T,
    ) -> Result<T, ApiError> {
        let mut account = self.account.borrow_mut();
        account.settle(clock::now());
        let target = account.target(&call.function, call.qualifier.as_deref(), chance())?;
        Ok(with(&target, &account))
    }

    /// Runs an invocation to its end, even if the caller hangs up. `pieces`: whom to give a response in
    /// pieces to, as they come.
    pub(super) async fn run(
        self: &Rc<Self>,
        call: &Call,
        pieces: Option<mpsc::Sender<Part>>,
    ) -> Result<Outcome, ApiError> {
        let ready = self.ready(call)?;
        let server = self.clone();
        let running =
            tokio::task::spawn_local(async move { server.carry_out(ready, pieces).await });
        running.await.map_err(|error| ApiError::service(error.to_string()))
    }

    /// Finds out who is meant, and counts it.
    pub(super) fn ready(&self, call: &Call) -> Result<Ready, ApiError> {
        let (invoked, version, limit, memory, pool, job) =
            self.target(call, |target, account| {
                let Target { function, configuration, qualifier } = target;
                let number = |name: &str| configuration.settings.get(name).and_then(Value::as_u64);
                let job = Job {
                    trace: call.trace.clone().unwrap_or_else(|| trace(&call.id)),
                    id: call.id.clone(),
                    arn: account.function_arn(&function.name, *qualifier),
                    client_context: call.client_context.clone(),
                    tenant: call.tenant.clone(),
                    timeout: Duration::from_secs(number("Timeout").unwrap_or(3)),
                    payload: call.payload.clone(),
                };
                let memory = number("MemorySize").unwrap_or(128);
                let pool =
                    self.pools.of(&function.name, configuration, account.region(), &self.store);
                let limit = match function.reserved_concurrency {
                    Some(reserved) => Limit::Reserved(reserved),
                    None => Limit::Unreserved(account.unreserved()),
                };
                (Invoked::of(target), target.version(), limit, memory, pool, job)
            })?;
        let function = invoked.function();
        let turn = self.pools.turn(function, limit).map_err(|full| {
            self.watch.throttled(&invoked, clock::now());
            let reason = match full {
                Limit::Reserved(_) => "ReservedFunctionConcurrentInvocationLimitExceeded",
                Limit::Unreserved(_) => "ConcurrentInvocationLimitExceeded",
            };
            ApiError::too_many(reason, "Rate Exceeded.")
        })?;
        Ok(Ready { version, memory, turn, pool, job, invoked })
    }

    pub(super) async fn carry_out(
        self: Rc<Self>,
        ready: Ready,
        pieces: Option<mpsc::Sender<Part>>,
    ) -> Outcome {
        let Ready { version, memory, turn, pool, job, invoked } = ready;
        let function = invoked.function();
        let began = clock::now();
        self.watch.begin(&invoked, began);
        let job = Rc::new(job);
        let outcome = loop {
            let waiting = pool.waiting().await;
            let reused = waiting.is_some();
            let environment = match waiting {
                Some(environment) => Ok(environment),
                None => self.start(function, &version, &pool).await,
            };
            let environment = match environment {
                Ok(environment) => environment,
                Err(failure) => break self.not_started(&pool, &job, memory, &version, failure),
            };
            let pieces = pieces.clone();
            let (outcome, taken) =
                self.in_environment(&environment, &job, memory, pieces, &version).await;
            // One that ended while it waited for something to do is nobody's error.
            if taken || !reused || !outcome.is_error() {
                break outcome;
            }
        };
        let (duration, failed) = (outcome.duration, outcome.is_error());
        self.watch.end(&invoked, &Ended { began, duration, failed });
        drop(turn);
        outcome
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
        let report = Report { id: &id, duration, memory, used: 0, init, failure: Some(&failure) };
        let log = report::start(&id, version) + &report.lines();
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
    async fn start(
        self: &Rc<Self>,
        function: &str,
        version: &str,
        pool: &Rc<Pool>,
    ) -> Result<Rc<Environment>, Failure> {
        let number = self.count();
        let stream = services::stream(version, number, clock::now());
        let tmp = self.store.temporary().join(format!("environment-{number}"));
        let launch =
            pool.spec.launch(&self.store, &stream, tmp, self.options.program.clone()).await?;
        let server = Rc::downgrade(self);
        let (name, group) = (function.to_owned(), pool.spec.log_group().to_owned());
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
        let environment = Environment::start(&launch, keep, on_change).await?;
        if let Some(process) = environment.process() {
            (self.talk)(Event::Started { function, process });
        }
        pool.add(environment.clone());
        Ok(environment)
    }

    async fn in_environment(
        &self,
        environment: &Rc<Environment>,
        job: &Rc<Job>,
        memory: u64,
        pieces: Option<mpsc::Sender<Part>>,
        version: &str,
    ) -> (Outcome, bool) {
        let (id, timeout) = (job.id.clone(), job.timeout);
        let log = &environment.log;
        log.begin();
        log.add(report::start(&id, version).as_bytes());
        let started = Instant::now();
        let answer = environment.invoke(job.clone()).await;
        let answered = started.elapsed();
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
            environment.end(Failure::timed_out(timeout));
        }
        log.catch_up();
        log.end_line();
        let failure = result.as_ref().err();
        // The init is told apart; who takes too long has taken as long as may be.
        let streamed = started.elapsed().saturating_sub(answered);
        let duration = match failure {
            Some(failure) if failure.is_timeout() => timeout,
            _ => answer.duration + streamed,
        };
        let (used, init) = (environment.recent_memory(), answer.init);
        let report = Report { id: &id, duration, memory, used, init, failure };
        log.add(report.lines().as_bytes());
        let log = log.tail();
        (Outcome { id, version: version.to_owned(), result, log, duration }, answer.began)
    }
}

/// A number in 0..1.
fn chance() -> f64 {
    let (high, ..) = Uuid::new_v4().as_fields();
    f64::from(high) / 4_294_967_296.0
}

/// A trace of our own, for who sends none (AWS X-Ray: "Tracing header").
pub(super) fn trace(id: &str) -> String {
    let hex: String = id.chars().filter(|c| *c != '-').collect();
    let (unique, parent) = hex.split_at_checked(24).unwrap_or((hex.as_str(), ""));
    let now = clock::now() / 1000;
    format!("Root=1-{now:08x}-{unique};Parent={parent:0<16};Sampled=0")
}

/// Takes a response in pieces: hands each on, or puts them together.
async fn collect(
    mut from: mpsc::Receiver<Piece>,
    mut to: Option<mpsc::Sender<Part>>,
    limit: Instant,
    timeout: Duration,
) -> Result<Said, Failure> {
    let mut whole = Vec::new();
    loop {
        match tokio::time::timeout_at(limit, from.recv()).await {
            Ok(Some(Piece::Data(data))) => match &to {
                // A caller that does not read keeps the environment no longer than that.
                Some(sender) => {
                    match tokio::time::timeout_at(limit, sender.send(Part::Data(data))).await {
                        Ok(Ok(())) => {}
                        // The caller has gone; the function may end all the same.
                        Ok(Err(_)) => to = None,
                        Err(_) => return Err(Failure::timed_out(timeout)),
                    }
                }
                None if whole.len() + data.len() > RESPONSE => {
                    return Err(Failure::too_large(RESPONSE));
                }
                None => whole.extend_from_slice(&data),
            },
            Ok(Some(Piece::Failed { kind, body })) => return Ok(Said::Error(failed(&kind, &body))),
            Ok(Some(Piece::End)) => return Ok(Said::Response(Bytes::from(whole))),
            Ok(None) => return Err(Failure::truncated()),
            Err(_) => return Err(Failure::timed_out(timeout)),
        }
    }
}

/// What the trailers of a response in pieces say of its failure, as an error's payload.
fn failed(kind: &str, body: &str) -> Bytes {
    let decoded = STANDARD.decode(body).unwrap_or_else(|_| body.as_bytes().to_vec());
    if serde_json::from_slice::<IgnoredAny>(&decoded).is_ok() {
        return Bytes::from(decoded);
    }
    let message = String::from_utf8_lossy(&decoded);
    Bytes::from(serde_json::json!({ "errorType": kind, "errorMessage": message }).to_string())
}

impl Outcome {
    fn is_error(&self) -> bool {
        !matches!(self.result, Ok(Said::Response(_)))
    }
}
