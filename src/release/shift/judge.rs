//! Whether what was seen of a step is good enough for the next one.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::watch::Watch;

/// What was seen of the new version since its step began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The alarms that are in ALARM, with AWS's reason; none: they could not be read.
    pub alarms: Option<BTreeMap<String, String>>,
    /// What was counted; none: that could not be read.
    pub counts: Option<Counts>,
    /// What is wrong with the answer to the probe; nothing if it was not asked for, or not answered.
    pub probe: Option<String>,
}

/// What CloudWatch has counted of a version behind an alias.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Invocations, those that failed too.
    pub invocations: f64,
    /// Those that failed.
    pub errors: f64,
    /// Calls that were throttled: they are no invocations.
    pub throttles: f64,
    /// How long invocations took, by the statistic that was asked for, in milliseconds.
    pub duration: Option<f64>,
}

/// What follows from it.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing is wrong.
    Sound,
    /// It says too little, for this reason.
    Unknown(String),
    /// Traffic goes back.
    Breach(Breach),
}

/// What must not be.
#[derive(Debug, Clone, PartialEq)]
pub enum Breach {
    /// An alarm, with AWS's reason.
    Alarm(String, String),
    /// Too many errors: how many, of how many invocations, and the part that may fail.
    Errors(f64, f64, f64),
    /// Too many throttled calls: how many, of how many calls, and the part that may be throttled.
    Throttles(f64, f64, f64),
    /// It takes too long: the statistic, what it is in milliseconds, and what it may be.
    Slow(String, f64, Duration),
    /// The probe was not answered as it must be.
    Probe(String),
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: f64| (part * 10_000.0).round() / 100.0;
        let share = |some: f64, all: f64| percent(some / all);
        match self {
            Self::Alarm(name, reason) if reason.is_empty() => {
                write!(f, "the alarm {name} is in ALARM")
            }
            Self::Alarm(name, reason) => write!(f, "the alarm {name} is in ALARM ({reason})"),
            Self::Errors(errors, all, most) => write!(
                f,
                "{errors} of {all} invocations failed ({} %, and {} % may)",
                share(*errors, *all),
                percent(*most)
            ),
            Self::Throttles(some, all, most) => write!(
                f,
                "{some} of {all} calls were throttled ({} %, and {} % may be)",
                share(*some, *all),
                percent(*most)
            ),
            Self::Slow(statistic, is, may) => write!(
                f,
                "{statistic} of the duration is {is:.0} ms, and {} ms are allowed",
                may.as_millis()
            ),
            Self::Probe(why) => write!(f, "the probe failed: {why}"),
        }
    }
}

/// Judges. A breach counts as soon as there is one, of what is counted from [`Watch::least`] invocations on; a
/// step is good enough from [`Watch::needed`] on.
#[must_use]
pub fn judge(watch: &Watch, evidence: &Evidence) -> Verdict {
    if let Some((name, reason)) = evidence.alarms.iter().flatten().next() {
        return Verdict::Breach(Breach::Alarm(name.clone(), reason.clone()));
    }
    if let Some(why) = &evidence.probe {
        return Verdict::Breach(Breach::Probe(why.clone()));
    }
    let counted = of_counts(watch, evidence.counts.as_ref());
    if !watch.alarms.is_empty() && evidence.alarms.is_none() && counted == Verdict::Sound {
        return Verdict::Unknown("the alarms cannot be read".to_owned());
    }
    counted
}

fn of_counts(watch: &Watch, counts: Option<&Counts>) -> Verdict {
    let Some(needed) = watch.needed() else { return Verdict::Sound };
    let Some(counts) = counts else {
        return Verdict::Unknown("CloudWatch does not tell what it has counted".to_owned());
    };
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let (least, needed) = (watch.least() as f64, needed as f64);
    let Counts { invocations, errors, throttles, duration } = *counts;
    let calls = invocations + throttles;
    let over = |some: f64, all: f64, most: Option<f64>| {
        most.filter(|most| all >= least && all > 0.0 && some / all > *most)
    };
    if let Some(most) = over(errors, invocations, watch.error_rate) {
        return Verdict::Breach(Breach::Errors(errors, invocations, most));
    }
    if let Some(most) = over(throttles, calls, watch.throttle_rate) {
        return Verdict::Breach(Breach::Throttles(throttles, calls, most));
    }
    if let (Some(is), Some(may)) = (duration, watch.duration)
        && invocations >= least
        && is > may.as_secs_f64() * 1000.0
    {
        return Verdict::Breach(Breach::Slow(watch.statistic.clone(), is, may));
    }
    if invocations < needed {
        let seen = format!("{invocations} invocations of the {needed} that it takes");
        return Verdict::Unknown(seen);
    }
    Verdict::Sound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Watch {
        Watch {
            alarms: vec!["five-hundreds".to_owned()],
            error_rate: Some(0.01),
            throttle_rate: Some(0.1),
            duration: Some(Duration::from_secs(2)),
            min_invocations: Some(20),
            ..Watch::default()
        }
    }

    fn seen(invocations: f64, errors: f64, throttles: f64, duration: Option<f64>) -> Evidence {
        let counts = Some(Counts { invocations, errors, throttles, duration });
        Evidence { alarms: Some(BTreeMap::new()), counts, probe: None }
    }

    fn word(evidence: &Evidence) -> String {
        match judge(&watch(), evidence) {
            Verdict::Sound => "sound".to_owned(),
            Verdict::Unknown(why) => format!("unknown: {why}"),
            Verdict::Breach(breach) => format!("breach: {breach}"),
        }
    }

    #[test]
    fn each_threshold_counts_from_the_least_invocations_on() {
        for (evidence, said) in [
            (seen(100.0, 1.0, 0.0, Some(2_000.0)), "sound"),
            (seen(20.0, 0.0, 2.0, None), "sound"),
            (seen(100.0, 2.0, 0.0, None), "breach: 2 of 100 invocations failed (2 %, and 1 % may)"),
            (seen(19.0, 19.0, 0.0, None), "unknown: 19 invocations of the 20 that it takes"),
            (seen(0.0, 0.0, 0.0, None), "unknown: 0 invocations of the 20 that it takes"),
            (
                seen(0.0, 0.0, 20.0, None),
                "breach: 20 of 20 calls were throttled (100 %, and 10 % may be)",
            ),
            (
                seen(20.0, 0.0, 0.0, Some(2_001.0)),
                "breach: p99 of the duration is 2001 ms, and 2000 ms are allowed",
            ),
        ] {
            assert_eq!(word(&evidence), said);
        }
    }

    /// What `plan` says of a step is what it is judged by.
    #[test]
    fn without_a_number_a_step_takes_what_shows_its_error_rate() {
        let watch = Watch { min_invocations: None, ..watch() };
        let judged = |invocations, errors| judge(&watch, &seen(invocations, errors, 0.0, None));
        let few = Verdict::Unknown("298 invocations of the 299 that it takes".to_owned());
        assert_eq!((judged(298.0, 0.0), judged(299.0, 0.0)), (few, Verdict::Sound));
        assert_eq!(watch.needed(), Some(299));
        // What is bad need not be seen so often.
        assert!(matches!(judged(20.0, 1.0), Verdict::Breach(_)));
        assert!(matches!(judged(19.0, 19.0), Verdict::Unknown(_)));
    }

    #[test]
    fn alarms_and_probes_count_at_once() {
        let mut evidence = seen(0.0, 0.0, 0.0, None);
        evidence.probe = Some("Runtime.ExitError".to_owned());
        assert_eq!(word(&evidence), "breach: the probe failed: Runtime.ExitError");
        let alarms = BTreeMap::from([("five-hundreds".to_owned(), "3 of 3".to_owned())]);
        evidence.alarms = Some(alarms);
        assert_eq!(word(&evidence), "breach: the alarm five-hundreds is in ALARM (3 of 3)");
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let mut evidence = seen(100.0, 0.0, 0.0, None);
        evidence.alarms = None;
        assert_eq!(word(&evidence), "unknown: the alarms cannot be read");
        evidence.counts = None;
        assert_eq!(word(&evidence), "unknown: CloudWatch does not tell what it has counted");
        let mut breach = seen(100.0, 50.0, 0.0, None);
        breach.alarms = None;
        assert!(word(&breach).starts_with("breach"));
        // Where nothing is asked of it, nothing is missing.
        assert_eq!(judge(&Watch::default(), &Evidence::default()), Verdict::Sound);
    }
}
