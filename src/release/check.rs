//! A check: a new version is invoked by its number with each of some events, before an alias moves to
//! it; and whether what came of it is as it must be.
//!
//! Lambda tells durations in the last line of the log, `REPORT RequestId: …`, or as `platform.report` where
//! logs are JSON (AWS: "Working with Lambda function logs"). An init is told by the first invocation of an
//! environment alone.

mod answer;

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::function::IncludeRule;
use crate::invocation::Invoked;
use crate::logs::{Figures, figures};

/// How much of the log is told of a check that failed, in lines.
const TAIL: usize = 20;

/// What the settings say of a check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// The files of its events.
    pub events: Vec<IncludeRule>,
    /// What must hold.
    pub rules: Rules,
}

/// What must hold of every answer besides that the function has not failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// The `statusCode` of an answer to HTTP.
    pub status: Option<u16>,
    /// What the answer must hold: each member that stands here, and lists element by element.
    pub json: Option<Value>,
    /// The longest init.
    pub max_init: Option<Duration>,
    /// The longest invocation, without its init.
    pub max_duration: Option<Duration>,
    /// How many more invocations come after the events, all at once, so that as many environments are
    /// there.
    pub warm_up: u32,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// Its file, as people know it.
    pub name: String,
    /// A JSON text.
    pub payload: Vec<u8>,
    /// What takes the place of [`Rules::json`] for it.
    pub json: Option<Value>,
}

/// A check. Without events it holds of any version.
///
/// It may invoke more often than it has events: what was not answered is sent once more.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Check {
    /// The events, in their order.
    pub events: Vec<Event>,
    /// What must hold.
    pub rules: Rules,
    /// The function's `Timeout`; none: it is asked for.
    pub timeout: Option<Duration>,
}

/// Why a check does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The function answered with an error, or ended.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The answer is not what it should be.
    #[error("{0}")]
    Answer(String),
    /// It took too long.
    #[error("{what} took {}, and {} is the most", milliseconds(*took), milliseconds(*most))]
    Slow {
        /// `its init` or `it`.
        what: &'static str,
        /// How long it took.
        took: Duration,
        /// How long it may take.
        most: Duration,
    },
    /// Nothing came back, twice.
    #[error("it was not answered: {0}")]
    Unanswered(String),
}

impl Fault {
    /// The same with what others said passed through `shown`, which takes secrets out.
    #[must_use]
    pub fn map(self, shown: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Failed(text) => Self::Failed(shown(&text)),
            Self::Answer(text) => Self::Answer(shown(&text)),
            Self::Unanswered(text) => Self::Unanswered(shown(&text)),
            slow @ Self::Slow { .. } => slow,
        }
    }
}

/// What was seen of an event whose answer is as it must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// The event.
    pub event: String,
    /// What Lambda told.
    pub figures: Figures,
}

/// What was seen of a version that is as it must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The version.
    pub version: String,
    /// Its events, in their order.
    pub events: Vec<Passed>,
}

impl Checked {
    /// The limits that could not be judged, by their keys: Lambda told nothing of it. An environment
    /// that was there already has no init.
    #[must_use]
    pub fn unseen(&self, rules: &Rules) -> Vec<&'static str> {
        let seen = |of: &dyn Fn(&Figures) -> Option<Duration>| {
            self.events.iter().any(|passed| of(&passed.figures).is_some())
        };
        let init = rules.max_init.filter(|_| !seen(&|figures| figures.init));
        let duration = rules.max_duration.filter(|_| !seen(&|figures| figures.duration));
        let init = init.map(|_| "check.max-init");
        init.into_iter().chain(duration.map(|_| "check.max-duration")).collect()
    }
}

/// Whether what came of an event is as it must be. What the function said is passed through `shown`, which takes
/// secrets out, before it is cut and told.
///
/// # Errors
///
/// The first thing that is not.
pub fn judge(
    rules: &Rules,
    event: &Event,
    invoked: &Invoked,
    shown: &dyn Fn(&str) -> String,
) -> Result<Passed, Fault> {
    if invoked.failed {
        return Err(Fault::Failed(answer::error(&invoked.payload, shown)));
    }
    let expected = event.json.as_ref().or(rules.json.as_ref());
    if rules.status.is_some() || expected.is_some() {
        let answer = serde_json::from_slice(&invoked.payload)
            .map_err(|_| Fault::Answer("the answer is not JSON".to_owned()))?;
        answer::status(rules.status, &answer, shown).map_err(Fault::Answer)?;
        if let Some(expected) = expected {
            let holds = answer::holds(expected, &answer, &mut String::new(), shown);
            holds.map_err(Fault::Answer)?;
        }
    }
    let figures = figures(&String::from_utf8_lossy(&invoked.log));
    within("its init", figures.init, rules.max_init)?;
    within("it", figures.duration, rules.max_duration)?;
    Ok(Passed { event: event.name.clone(), figures })
}

fn within(what: &'static str, took: Option<Duration>, most: Option<Duration>) -> Result<(), Fault> {
    match (took, most) {
        (Some(took), Some(most)) if took > most => Err(Fault::Slow { what, took, most }),
        _ => Ok(()),
    }
}

/// The last lines of a log.
#[must_use]
pub fn tail(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(TAIL);
    lines.iter().skip(from).map(|line| (*line).to_owned()).collect()
}

/// `812.4 ms`, as Lambda reports times.
fn milliseconds(time: Duration) -> String {
    format!("{} ms", (time.as_secs_f64() * 1e5).round() / 1e2)
}

/// `with 3 events, then 2 more to warm up`.
#[must_use]
pub fn with_events(events: usize, warm_up: u32) -> String {
    let mut text = format!("with {events} {}", if events == 1 { "event" } else { "events" });
    if warm_up > 0 {
        let _ = write!(text, ", then {warm_up} more to warm up");
    }
    text
}

#[cfg(test)]
mod tests;
