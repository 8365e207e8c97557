//! Invocations: who is meant, which environment takes it, and what the caller is told.

mod event;
mod stream;

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

pub(super) use event::{Events, resume};
pub(super) use stream::stream;

/// The most that a request may hold, in bytes (AWS: "Lambda quotas").
const REQUEST: usize = 6 * 1024 * 1024;
/// The same of one that is queued.
const EVENT: usize = 1024 * 1024;

/// What the caller asks for, and of whom.
#[derive(Clone)]
struct Call {
    /// The request's id, which every attempt has.
    id: String,
    function: String,
    qualifier: Option<String>,
    client_context: Option<String>,
    trace: Option<String>,
    tenant: Option<String>,
    payload: Bytes,
}

/// An invocation that may begin.
struct Ready {
    /// `$LATEST`, or a number.
    version: String,
    memory: u64,
    turn: Turn,
    pool: Rc<Pool>,
    job: Job,
    invoked: Invoked,
}

/// What became of an invocation.
struct Outcome {
    id: String,
    version: String,
    /// What the function said; else why it said nothing.
    result: Result<Said, Failure>,
    /// The last 4 KB of its log.
    log: Vec<u8>,
    /// How long the function took.
    duration: Duration,
}

/// What a function said.
enum Said {
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
    let call = Call::new(&input, &asked, body);
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

/// Refuses what is too large or no JSON.
fn check(payload: &[u8], event: bool) -> Result<(), ApiError> {
    let limit = if event { EVENT } else { REQUEST };
    if payload.len() > limit {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        return Err(ApiError::new("RequestTooLargeException", 413, message));
    }
    if payload.is_empty() {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(payload).map(drop).map_err(|error| {
        let message = format!(
            "Could not parse request body into json: Could not parse payload into json: {error}"
        );
        ApiError::new("InvalidRequestContentException", 400, message)
    })
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
    fn new(input: &Input, asked: &Asked, payload: Bytes) -> Self {
        let text = |name: &str| input.text(name).map(str::to_owned);
        Self {
            id: Uuid::new_v4().to_string(),
            function: text("FunctionName").unwrap_or_default(),
            qualifier: text("Qualifier"),
            client_context: text("ClientContext")
                .and_then(|it| String::from_utf8(STANDARD.decode(it).ok()?).ok()),
            trace: asked.header("x-amzn-trace-id"),
            tenant: text("TenantId"),
            // What is not sent is an empty object for the function.
            payload: if payload.is_empty() { Bytes::from_static(b"{}") } else { payload },
        }
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
    async fn run(
        self: &Rc<Self>,
        call: &Call,
        pieces: Option<mpsc::Sender<Bytes>>,
    ) -> Result<Outcome, ApiError> {
        let ready = self.ready(call)?;
        let server = self.clone();
        let running =
            tokio::task::spawn_local(async move { server.carry_out(ready, pieces).await });
        running.await.map_err(|error| ApiError::service(error.to_string()))
    }

    /// Finds out who is meant, and counts it.
    fn ready(&self, call: &Call) -> Result<Ready, ApiError> {
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

    async fn carry_out(
        self: Rc<Self>,
        ready: Ready,
        pieces: Option<mpsc::Sender<Bytes>>,
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
                Err(failure) => {
                    let line = failure.line(&job.id);
                    let stream = services::stream(&version, self.count(), began);
                    self.watch.line(pool.spec.log_group(), &stream, line.as_bytes(), began);
                    break Outcome::failed(&job, &version, failure);
                }
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
                server.watch.line(&group, &stream, line, clock::now());
                (server.talk)(Event::Line {
                    function: &name,
                    text: &String::from_utf8_lossy(line),
                });
            }
        });
        let weak = Rc::downgrade(pool);
        let on_change = Box::new(move |environment: &Rc<Environment>| {
            if let Some(pool) = weak.upgrade() {
                pool.changed(environment);
            }
        });
        let environment = Environment::start(&launch, keep, on_change).await?;
        pool.add(environment.clone());
        Ok(environment)
    }

    async fn in_environment(
        &self,
        environment: &Rc<Environment>,
        job: &Rc<Job>,
        memory: u64,
        pieces: Option<mpsc::Sender<Bytes>>,
        version: &str,
    ) -> (Outcome, bool) {
        let (id, timeout) = (job.id.clone(), job.timeout);
        let log = &environment.log;
        log.begin();
        log.add(format!("START RequestId: {id} Version: {version}\n").as_bytes());
        let started = Instant::now();
        let answer = environment.invoke(job.clone()).await;
        let answered = started.elapsed();
        let result = match answer.reply {
            Ok(Reply::Response(body)) => Ok(Said::Response(body)),
            Ok(Reply::Error(body)) => Ok(Said::Error(body)),
            Ok(Reply::Stream(from)) => collect(from, pieces, started + timeout, timeout).await,
            Err(failure) => Err(failure),
        };
        if matches!(&result, Err(failure) if failure.is_timeout()) {
            environment.end(Failure::timed_out(timeout));
        }
        log.catch_up();
        log.end_line();
        if let Err(failure) = &result {
            log.add(failure.line(&id).as_bytes());
        }
        // The init is told apart.
        let streamed = started.elapsed().saturating_sub(answered);
        let duration = answer.duration + streamed;
        log.add(format!("END RequestId: {id}\n").as_bytes());
        let ms = duration.as_secs_f64() * 1000.0;
        log.add(report(&id, ms, memory, environment.recent_memory(), answer.init).as_bytes());
        let log = log.tail();
        (Outcome { id, version: version.to_owned(), result, log, duration }, answer.began)
    }
}

/// The line that ends every invocation's log (recorded).
fn report(id: &str, duration: f64, memory: u64, used: u64, init: Option<Duration>) -> String {
    let init = init.map_or_else(String::new, |init| {
        format!("Init Duration: {:.2} ms\t", init.as_secs_f64() * 1000.0)
    });
    format!(
        "REPORT RequestId: {id}\tDuration: {duration:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: \
         {memory} MB\tMax Memory Used: {used} MB\t{init}\n",
        duration.ceil()
    )
}

/// A number in 0..1.
fn chance() -> f64 {
    let (high, ..) = Uuid::new_v4().as_fields();
    f64::from(high) / 4_294_967_296.0
}

/// A trace of our own, for who sends none (AWS X-Ray: "Tracing header").
fn trace(id: &str) -> String {
    let hex: String = id.chars().filter(|c| *c != '-').collect();
    let (unique, parent) = hex.split_at_checked(24).unwrap_or((hex.as_str(), ""));
    let now = clock::now() / 1000;
    format!("Root=1-{now:08x}-{unique};Parent={parent:0<16};Sampled=0")
}

/// Takes a response in pieces: hands each on, or puts them together.
async fn collect(
    mut from: mpsc::Receiver<Piece>,
    mut to: Option<mpsc::Sender<Bytes>>,
    limit: Instant,
    timeout: Duration,
) -> Result<Said, Failure> {
    let mut whole = Vec::new();
    loop {
        match tokio::time::timeout_at(limit, from.recv()).await {
            Ok(Some(Piece::Data(data))) => match &to {
                // A caller that does not read keeps the environment no longer than that.
                Some(sender) => match tokio::time::timeout_at(limit, sender.send(data)).await {
                    Ok(Ok(())) => {}
                    // The caller has gone; the function may end all the same.
                    Ok(Err(_)) => to = None,
                    Err(_) => return Err(Failure::timed_out(timeout)),
                },
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
    fn failed(job: &Job, version: &str, failure: Failure) -> Self {
        Self {
            id: job.id.clone(),
            version: version.to_owned(),
            result: Err(failure),
            log: Vec::new(),
            duration: Duration::ZERO,
        }
    }

    fn is_error(&self) -> bool {
        !matches!(self.result, Ok(Said::Response(_)))
    }
}
