//! One call: as JSON on both sides, in its turn, tried again where that is safe.
//!
//! The SDK signs, finds the endpoint and speaks HTTP. What is sent and what is answered is the JSON
//! of the API itself, so that members of newer features come and go untouched.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_lambda::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::primitives::SdkBody;
use hyper::body::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::error::{AwsError, Class, Failure, Secrets};
use super::rate::Rates;
use crate::release::guard;

/// How long a call may be throttled in all.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often what was not answered, and may be sent twice, is tried again.
const LOST: u32 = 5;
/// From when on it is not tried again: who waits wants to know.
const SILENCE: Duration = Duration::from_secs(90);
/// After how long without an answer that is said; longer than any upload of 50 MB at 40 Mbit/s.
const SLOW: Duration = Duration::from_secs(15);
/// The first pause between attempts; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// Set for what goes before all who wait for their turn.
    static AHEAD: ();
}

/// Makes the calls of this work before all that wait for their turn: for what must not come late.
pub(super) async fn ahead<T>(work: impl Future<Output = T>) -> T {
    AHEAD.scope((), work).await
}

/// Who is told what goes on between calls: a verb, and the text behind it.
pub type Talk = Box<dyn Fn(&str, &str)>;

/// How calls are made.
pub(super) struct Calls {
    rates: Rates,
    pub(super) secrets: RefCell<Secrets>,
    /// Told once if AWS throttles.
    throttled: Cell<bool>,
    /// The same if it takes its time.
    slow: Cell<bool>,
    /// Told once that something is not shown.
    hidden: Cell<bool>,
    talk: Talk,
    /// What was called, in order, for tests and `-v`.
    pub(super) made: RefCell<Vec<&'static str>>,
    /// For jitter.
    seed: Cell<u64>,
}

/// One attempt: what is sent instead of what the SDK made, and what was answered.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    body: Option<Bytes>,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Intercept for Attempt {
    fn name(&self) -> &'static str {
        "JSON as it is"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(body) = &self.body {
            let request = context.request_mut();
            request.headers_mut().insert("content-length", body.len().to_string());
            request.headers_mut().insert("content-type", "application/json");
            *request.body_mut() = SdkBody::from(body.clone());
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(bytes) = context.response().body().bytes() {
            *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        }
        Ok(())
    }
}

impl Attempt {
    fn new(body: Option<&Bytes>) -> Self {
        Self { body: body.cloned(), answer: Arc::default() }
    }

    fn answer(&self) -> Value {
        let bytes =
            std::mem::take(&mut *self.answer.lock().unwrap_or_else(PoisonError::into_inner));
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

impl Calls {
    /// `rate`: control calls a second; zero for no limit.
    pub(super) fn new(rate: f64, talk: Talk) -> Self {
        Self {
            rates: Rates::new(rate),
            secrets: RefCell::default(),
            throttled: Cell::default(),
            slow: Cell::default(),
            hidden: Cell::default(),
            talk,
            made: RefCell::default(),
            seed: Cell::new(u64::from(std::process::id()) | 1),
        }
    }

    /// Makes a call of Lambda's.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        body: impl Into<Option<Bytes>>,
        attempt: impl AsyncFn(Attempt) -> Result<(), Failure>,
    ) -> Result<Value, AwsError> {
        let body = body.into();
        let once = async || {
            let one = Attempt::new(body.as_ref());
            attempt(one.clone()).await.map(|()| one.answer())
        };
        self.repeat(operation, once).await
    }

    /// Makes a call in its turn. What AWS throttles is sent again in the end. What it does not answer
    /// only if that is a read, or ends in the same whenever it is sent: of any other write nobody knows
    /// then whether it had its effect.
    pub(super) async fn repeat<T>(
        &self,
        operation: &'static str,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, AwsError> {
        let safe = guard::find(operation).is_none_or(guard::Call::is_safe_twice);
        let began = Instant::now();
        let mut pause = PAUSE;
        let mut lost = 0;
        loop {
            self.rates.turn(operation, AHEAD.try_with(|()| ()).is_ok()).await;
            self.made.borrow_mut().push(operation);
            let failure = match self.watched(operation, Box::pin(attempt())).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            self.tell_hidden();
            match failure.class {
                Class::Throttled(after) if began.elapsed() < PATIENCE => {
                    self.rates.throttled(operation);
                    if !self.throttled.replace(true) {
                        (self.talk)("Waiting", "AWS throttles: waiting as long as it asks for");
                    }
                    sleep(after.unwrap_or_default().max(self.jitter(pause))).await;
                }
                Class::Uncertain if safe && lost < LOST && began.elapsed() < SILENCE => {
                    lost += 1;
                    sleep(self.jitter(pause)).await;
                }
                _ => return Err(failure.error),
            }
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Says once that values are taken out of what others have said.
    pub(super) fn tell_hidden(&self) {
        if self.secrets.borrow().took_out() && !self.hidden.replace(true) {
            (self.talk)("Hidden", "`…` stands for values of the functions' environment");
        }
    }

    /// An attempt; that nothing comes back is said once.
    async fn watched<T>(&self, operation: &str, attempt: impl Future<Output = T>) -> T {
        tokio::pin!(attempt);
        tokio::select! {
            ended = &mut attempt => return ended,
            () = sleep(SLOW) => {}
        }
        if !self.slow.replace(true) {
            (self.talk)("Waiting", &format!("no answer to {operation} yet: waiting for it"));
        }
        attempt.await
    }

    /// Between half of it and all of it, so that many do not come back at once.
    fn jitter(&self, pause: Duration) -> Duration {
        // Xorshift: any spread will do.
        let mut seed = self.seed.get();
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        self.seed.set(seed);
        let part = u32::try_from(seed % 1000).unwrap_or_default();
        pause / 2 + pause * part / 2000
    }
}

/// Sends an operation of the SDK's client with its name; the JSON of the request, if the SDK's own does
/// not do. Gives the JSON of the answer.
macro_rules! send {
    ($calls:expr, $operation:literal, $request:expr) => {
        $crate::aws::call::send!($calls, $operation, $request, None)
    };
    ($calls:expr, $operation:literal, $request:expr, $body:expr) => {
        $calls
            .send($operation, $body, async |attempt| {
                match $request.customize().interceptor(attempt).send().await {
                    Ok(_) => Ok(()),
                    Err(error) => Err($crate::aws::error::Failure::new(
                        $operation,
                        &error,
                        &$calls.secrets.borrow(),
                    )),
                }
            })
            .await
    };
}
pub(super) use send;
