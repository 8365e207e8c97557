//! Invocations: who is meant, which environment takes it, and what the caller is told.

mod content;
mod event;
mod pieces;
mod report;
mod run;
mod stream;
mod warm;

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::environment::job::Job;
use super::failure::Failure;
use super::http::{self, Answer, Asked};
use super::pool::{Limit, Pool, Turn};
use super::services::Invoked;
use super::{Server, clock};
use crate::account::{Account, ApiError, Input, Target};

use content::{check, client_context};

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
    /// The caller wants the log, and so waits for the extensions too.
    whole: bool,
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

impl Outcome {
    fn is_error(&self) -> bool {
        !matches!(self.result, Ok(Said::Response(_)))
    }
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
    server.wait_for(&call.function).await;
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
            let outcome = server.run(&call, tail).await?;
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

    /// Runs an invocation to its end, even if the caller hangs up. `whole`: the end of the extensions too.
    pub(super) async fn run(
        self: &Rc<Self>,
        call: &Call,
        whole: bool,
    ) -> Result<Outcome, ApiError> {
        let ready = self.ready(call, whole)?;
        let server = self.clone();
        let running = tokio::task::spawn_local(async move { server.carry_out(ready, None).await });
        running.await.map_err(|error| ApiError::service(error.to_string()))
    }

    /// Finds out who is meant, and counts it.
    pub(super) fn ready(&self, call: &Call, whole: bool) -> Result<Ready, ApiError> {
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
        Ok(Ready { version, memory, turn, pool, job, invoked, whole })
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
