//! Checks of a version: the events of a check, each sent to it by its number.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::invoke::LONGEST as TIMEOUT;
use super::{Aws, AwsError, object, send};
use crate::invocation::{Invocation, Invoked, Kind};
use crate::release::check::{Check, Checked, Event, Fault, Passed, Rules, judge, tail};

/// How long Lambda may still be at work on a version that is active: optimising its image, or waking it.
const READY: Duration = Duration::from_mins(2);
/// The first pause between two attempts; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);
/// What is told where nobody knows which values must not be.
pub(super) const UNREAD: &str = "neither values of answers nor logs are shown, as the environment variables of this version cannot be read";
/// In place of such a value.
const HIDDEN: &str = "(not shown)";

/// Why a version may not take traffic.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckFailure {
    /// It is not as it must be.
    #[error(transparent)]
    Failed(Box<Failed>),
    /// AWS refused.
    #[error("{0}")]
    Aws(#[from] AwsError),
}

/// An event whose answer is not as it must be. No value of an environment variable is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("version {version} fails its check with {event}: {why}")]
pub struct Failed {
    /// The version.
    pub version: String,
    /// The event.
    pub event: String,
    /// What is wrong.
    pub why: Fault,
    /// The last lines of the log, as the function wrote them.
    pub log: Vec<String>,
}

/// One version that is checked.
struct Version<'a> {
    function: &'a str,
    number: &'a str,
    timeout: Duration,
}

impl Aws {
    /// Checks a version: invokes it with each event, in their order, then as often as is wanted to warm
    /// it up. Nothing of Lambda's changes.
    ///
    /// What AWS throttles, and a version that is not ready yet, is waited for. What is not answered is
    /// sent once more, and then a fault: an event may come twice.
    ///
    /// # Errors
    ///
    /// The first event whose answer is not as it must be, or what AWS refuses with.
    pub async fn check(
        &self,
        function: &str,
        version: &str,
        check: &Check,
    ) -> Result<Checked, CheckFailure> {
        let timeout = match check.timeout {
            Some(timeout) => timeout,
            None => self.timeout(function, version).await?,
        };
        let version = Version { function, number: version, timeout };
        let mut events = Vec::new();
        for event in &check.events {
            let invoked = self.answer(&version, event).await?;
            events.push(self.judged(&version, (&check.rules, event), &invoked).await?);
        }
        self.warm_up(&version, check).await?;
        Ok(Checked { version: version.number.to_owned(), events })
    }

    /// Invocations that are there for the environments that they need: all at once.
    async fn warm_up(&self, version: &Version<'_>, check: &Check) -> Result<(), CheckFailure> {
        let count = usize::try_from(check.rules.warm_up).unwrap_or_default();
        let one = async |event| {
            let invoked = self.answer(version, event).await?;
            // Whatever it answers was judged before.
            let any = Event { name: format!("{} (to warm up)", event.name), ..Event::default() };
            self.judged(version, (&Rules::default(), &any), &invoked).await.map(drop)
        };
        try_join_all(check.events.iter().cycle().take(count).map(one)).await.map(drop)
    }

    /// What comes of an event.
    async fn answer(&self, version: &Version<'_>, event: &Event) -> Result<Invoked, CheckFailure> {
        let invocation = Invocation {
            function: version.function,
            qualifier: Some(version.number),
            kind: Kind::Wait,
            payload: &event.payload,
        };
        let (began, mut pause, mut lost) = (Instant::now(), PAUSE, false);
        loop {
            let once = async || self.invoke_within(&invocation, version.timeout).await;
            let error = match self.calls.repeat("Invoke", once).await {
                Ok(invoked) => return Ok(invoked),
                Err(error) => error,
            };
            match &error {
                _ if error.is_not_ready() && began.elapsed() < READY => {}
                _ if error.is_uncertain() && !lost => lost = true,
                AwsError::Unanswered { why, .. } => {
                    let why = Fault::Unanswered(why.clone());
                    return Err(self.failed((version, event), why, b"", true));
                }
                _ => return Err(error.into()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// The `Timeout` of a version.
    async fn timeout(&self, function: &str, version: &str) -> Result<Duration, AwsError> {
        let request = || self.client.get_function().function_name(function).qualifier(version);
        let answer = object(send!(self.calls, "GetFunction", request())?);
        let seconds = answer.get("Configuration").and_then(|it| it["Timeout"].as_u64());
        Ok(seconds.map_or(TIMEOUT, Duration::from_secs))
    }

    /// Whether an answer is as it must be. An older version has values of its own in its environment: they are
    /// asked for before anything that it said is told.
    async fn judged(
        &self,
        version: &Version<'_>,
        (rules, event): (&Rules, &Event),
        invoked: &Invoked,
    ) -> Result<Passed, CheckFailure> {
        if let Ok(passed) = judge(rules, event, invoked, &str::to_owned) {
            return Ok(passed);
        }
        let known = self.keep_values_of(version.function, version.number).await;
        let shown = |text: &str| if known { self.scrub(text) } else { HIDDEN.to_owned() };
        let failed = |why| self.failed((version, event), why, &invoked.log, known);
        judge(rules, event, invoked, &shown).map_err(failed)
    }

    /// `known`: whether all values are known that must not be told.
    fn failed(
        &self,
        (version, event): (&Version<'_>, &Event),
        why: Fault,
        log: &[u8],
        known: bool,
    ) -> CheckFailure {
        let (why, log) = if known {
            let log = self.scrub(&String::from_utf8_lossy(log));
            (why.map(|text| self.scrub(text)), tail(&log))
        } else {
            (why.map(|text| format!("{text} ({UNREAD})")), vec![UNREAD.to_owned()])
        };
        let (version, event) = (version.number.to_owned(), event.name.clone());
        CheckFailure::Failed(Box::new(Failed { version, event, why, log }))
    }
}
