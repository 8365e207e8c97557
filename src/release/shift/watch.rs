//! What is watched while traffic is split, and how much of it that needs.

use std::time::Duration;

use super::strategy::hundredths;

/// How often as long again a step may last that says too little.
pub const EXTENSIONS: u64 = 3;
/// How sure it is that a step sees an error, if they are as many as is allowed.
const SURE: f64 = 0.95;
/// From how many invocations on a breach counts, and what a step needs at least, where nobody says.
const LEAST: u64 = 20;

/// What is watched of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// The names of CloudWatch alarms: one in ALARM is a breach.
    pub alarms: Vec<String>,
    /// The part of invocations that may fail: 0.01 for 1 %.
    pub error_rate: Option<f64>,
    /// The part of calls that may be throttled.
    pub throttle_rate: Option<f64>,
    /// How long an invocation may take.
    pub duration: Option<Duration>,
    /// Which statistic of the duration that is: `p99`, `Average`, …
    pub statistic: String,
    /// With fewer invocations than that of the new version a step says nothing; none: see [`Self::least`] and
    /// [`Self::needed`].
    pub min_invocations: Option<u64>,
    /// What becomes of a step that says nothing.
    pub on_unknown: OnUnknown,
    /// What the new version must answer at each poll.
    pub probe: Option<Probe>,
    /// How often all of it is looked at.
    pub poll: Duration,
}

/// An event that the new version must answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// The file, relative to the workspace.
    pub file: String,
    /// What it holds; empty until it was read.
    pub event: Vec<u8>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            alarms: Vec::new(),
            error_rate: None,
            throttle_rate: None,
            duration: None,
            statistic: "p99".to_owned(),
            min_invocations: None,
            on_unknown: OnUnknown::Extend,
            probe: None,
            poll: Duration::from_secs(10),
        }
    }
}

/// What becomes of a step that says nothing when it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// It lasts longer: up to [`EXTENSIONS`] times as long again, then traffic goes back.
    #[default]
    Extend,
    /// The next one begins.
    Pass,
    /// Traffic goes back.
    Back,
}

impl Watch {
    /// Whether anything is asked of what CloudWatch has counted.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.error_rate.is_some() || self.throttle_rate.is_some() || self.duration.is_some()
    }

    /// Whether nothing at all is watched.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        !self.counts() && self.alarms.is_empty() && self.probe.is_none()
    }

    /// From how many invocations of the new version on a breach counts: few, since what is bad is to go
    /// back soon.
    #[must_use]
    pub fn least(&self) -> u64 {
        self.min_invocations.unwrap_or(LEAST)
    }

    /// How many invocations of the new version a step needs to be good enough: `min_invocations`, else as many
    /// as show an error rate that is just not allowed. None where nothing is counted.
    #[must_use]
    pub fn needed(&self) -> Option<u64> {
        let shown = || self.shown_from().unwrap_or_default().max(LEAST);
        self.counts().then(|| self.min_invocations.unwrap_or_else(shown))
    }

    /// From how many invocations on at least one error is seen (with 95 %), if they are as many as the rate
    /// allows; none without a rate.
    #[must_use]
    pub fn shown_from(&self) -> Option<u64> {
        let rate = self.error_rate.filter(|rate| *rate > 0.0)?;
        // n with (1 - rate)^n = 5 %.
        let shown = if rate >= 1.0 { 1.0 } else { (1.0 - SURE).ln() / (1.0 - rate).ln() };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate of 0.01 % needs 30,000"
        )]
        Some(shown.ceil() as u64)
    }
}

/// A rate as it is written: `1%`, `0.5%`, up to `100%`; none if it is none.
#[must_use]
pub fn rate(text: &str) -> Option<f64> {
    hundredths(text).filter(|all| *all <= 10_000).map(|all| f64::from(all) / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_so_many_invocations_to_be_seen() {
        let watch = |rate: &str, min_invocations| {
            let error_rate = super::rate(rate);
            Watch { error_rate, min_invocations, ..Watch::default() }
        };
        let needed = |rate: &str| watch(rate, None).needed();
        assert_eq!(needed("1%"), Some(299));
        assert_eq!(needed("5%"), Some(59));
        assert_eq!(needed("50%"), Some(20));
        assert_eq!(needed("0.1%"), Some(2_995));
        assert_eq!(needed("0%"), Some(20));
        assert_eq!(needed("100%"), Some(20));
        assert_eq!(Watch::default().needed(), None);
        // Who says a number means it, whatever it shows.
        let said = watch("1%", Some(50));
        assert_eq!((said.needed(), said.least(), said.shown_from()), (Some(50), 50, Some(299)));
        assert_eq!(
            (watch("0%", Some(0)).needed(), watch("0%", None).shown_from()),
            (Some(0), None)
        );
    }

    #[test]
    fn rates_are_parts_of_all() {
        assert_eq!((rate("0%"), rate("100%"), rate("0.5%")), (Some(0.0), Some(1.0), Some(0.005)));
        assert_eq!((rate("101%"), rate("5"), rate("%"), rate("-1%")), (None, None, None, None));
    }
}
