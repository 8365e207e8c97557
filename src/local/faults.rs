//! What goes wrong on purpose, so that a release can be rehearsed.
//!
//! A [`Fault`] says what happens, to which calls, and when. Whether it happens to a call is a function of
//! the seed, the fault as it was written, and how many such calls there were before: the same seed and
//! the same calls give the same faults. They meet the control and invoke APIs; never the Runtime API.

pub(super) mod deployer;
mod spec;

use std::cell::Cell;
use std::time::Duration;

use super::{ACCOUNT, Server};
use crate::account::ApiError;
use crate::digest::Sha256;

pub use spec::{Fault, FaultError, KINDS, read};
use spec::{Kind, When};

/// All faults of a server, and how far each has come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    seed: u64,
    all: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    fault: Fault,
    /// The calls that it could have met.
    calls: Cell<u64>,
    /// For `rate`: how many calls it would still let through, and when that was so.
    bucket: Cell<(f64, i64)>,
}

/// What a call meets.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// How long it waits before anything else.
    pub(super) wait: Duration,
    /// Nobody answers, and nothing happens.
    pub(super) lost_request: bool,
    /// Nobody answers, though it happened.
    pub(super) lost_reply: bool,
    /// It is refused.
    refused: Option<Refused>,
    /// What comes of what it begins.
    pub(super) begun: Begun,
    /// What others do after it; and after how many such calls that was.
    pub(super) after: Vec<(deployer::Action, u64)>,
}

/// What comes of what a call begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Begun {
    /// The reason code with which it ends Failed.
    pub(super) fails_with: Option<String>,
    /// How long it takes, if not as long as always.
    pub(super) delay: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Throttled,
    Broken(u16),
    Storage,
    Denied,
    Expired,
}

impl Faults {
    pub(super) fn new(seed: u64, all: Vec<Fault>) -> Self {
        let running = |fault| Running {
            fault,
            calls: Cell::new(0),
            bucket: Cell::new((f64::INFINITY, i64::MIN)),
        };
        Self { seed, all: all.into_iter().map(running).collect() }
    }

    /// What the next call of an operation meets, at `now` (ms since 1970).
    pub(super) fn meet(&self, operation: &str, now: i64) -> Met {
        let mut met = Met::default();
        for running in self.all.iter().filter(|running| running.fault.may_meet(operation)) {
            let number = running.calls.get() + 1;
            running.calls.set(number);
            if happens(self.seed, &running.fault, number) {
                running.happen(&mut met, number, now);
            }
        }
        met
    }
}

/// Whether a fault happens to the call of this number, counted among those that it could meet.
fn happens(seed: u64, fault: &Fault, number: u64) -> bool {
    match fault.when {
        When::Calls(from, to) => (from..=to).contains(&number),
        When::Share(share) => chance(seed, &fault.text, number) < share,
    }
}

/// A number in 0..1 that follows from these.
fn chance(seed: u64, text: &str, number: u64) -> f64 {
    let digest = Sha256::of(format!("{seed} {number} {text}").as_bytes()).hex();
    let drawn = digest.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    f64::from(drawn.unwrap_or_default()) / 4_294_967_296.0
}

impl Running {
    fn happen(&self, met: &mut Met, number: u64, now: i64) {
        let refused = match &self.fault.kind {
            Kind::Throttle => Refused::Throttled,
            Kind::Rate(rate) if self.is_over(f64::from(*rate), now) => Refused::Throttled,
            Kind::Rate(_) => return,
            Kind::Error(status) => Refused::Broken(*status),
            Kind::Storage => Refused::Storage,
            Kind::Denied => Refused::Denied,
            Kind::Expired => Refused::Expired,
            Kind::Latency(time) => return met.wait += *time,
            Kind::LostRequest => return met.lost_request = true,
            Kind::LostReply => return met.lost_reply = true,
            Kind::Fail(code) => return met.begun.fails_with = Some(code.clone()),
            Kind::Slow(time) => return met.begun.delay = Some(*time),
            Kind::Deployer(action) => return met.after.push((*action, number)),
        };
        met.refused.get_or_insert(refused);
    }

    /// Whether there were more calls than so many a second; that many may come at once.
    fn is_over(&self, rate: f64, now: i64) -> bool {
        let (left, since) = self.bucket.get();
        #[expect(clippy::cast_precision_loss, reason = "the time between two calls")]
        let seconds = now.saturating_sub(since).max(0) as f64 / 1000.0;
        let left = (left + seconds * rate).min(rate);
        let over = left < 1.0;
        self.bucket.set((if over { left } else { left - 1.0 }, now));
        over
    }
}

impl Met {
    /// Whether it matters which function the call names.
    pub(super) fn is_about_a_function(&self) -> bool {
        !self.after.is_empty() || self.refused == Some(Refused::Denied)
    }

    /// The refusal, if there is one. `function`: whom the call named.
    pub(super) fn refusal(
        &self,
        operation: &str,
        region: &str,
        function: Option<&str>,
    ) -> Option<ApiError> {
        Some(match self.refused? {
            Refused::Throttled => ApiError::too_many("CallerRateLimitExceeded", "Rate exceeded"),
            Refused::Broken(503) => {
                ApiError::new("ServiceUnavailableException", 503, "Service Unavailable")
            }
            Refused::Broken(status) => ApiError::new(
                "ServiceException",
                status,
                "An error occurred and the request cannot be processed.",
            ),
            Refused::Storage => {
                ApiError::new("CodeStorageExceededException", 400, "Code storage limit exceeded.")
            }
            Refused::Expired => ApiError::new(
                "ExpiredTokenException",
                403,
                "The security token included in the request is expired",
            )
            .untyped(),
            Refused::Denied => denied(operation, region, function),
        })
    }
}

/// Who may not, what, and on what.
fn denied(operation: &str, region: &str, function: Option<&str>) -> ApiError {
    let action = if operation.starts_with("Invoke") { "InvokeFunction" } else { operation };
    let resource = function.map_or_else(
        || "*".to_owned(),
        |name| format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{name}"),
    );
    let message = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/local is not authorized to perform: lambda:{action} on \
         resource: {resource} because no identity-based policy allows the lambda:{action} action"
    );
    ApiError::new("AccessDeniedException", 403, message)
}

impl Server {
    /// Lets others act after a call that named a function.
    pub(super) fn others(&self, met: &Met, function: Option<&str>) {
        for (action, number) in &met.after {
            match function {
                Some(function) => self.deploy(*action, function, *number),
                None => self.note(&format!(
                    "another deployer has nothing to do after call {number}: it named no function"
                )),
            }
        }
    }
}

#[cfg(test)]
mod tests;
