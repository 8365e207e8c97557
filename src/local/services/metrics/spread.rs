//! Many values in little room: what every statistic of them can be computed from.

use std::collections::BTreeMap;

use crate::local::services::members::real;
use crate::local::services::refusal::Refusal;

/// What is asked of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::local::services) enum Stat {
    Average,
    Maximum,
    Minimum,
    SampleCount,
    Sum,
    /// That many percent of the values are not larger.
    Percentile(f64),
}

impl Stat {
    /// By its name: `Sum`, `p99`, `p99.9`…
    ///
    /// # Errors
    ///
    /// Names of none, and of the trimmed ones, which are not computed here.
    pub(in crate::local::services) fn of(name: &str) -> Result<Self, Refusal> {
        Ok(match name {
            "Average" => Self::Average,
            "Maximum" => Self::Maximum,
            "Minimum" => Self::Minimum,
            "SampleCount" => Self::SampleCount,
            "Sum" => Self::Sum,
            _ => {
                let percent = name.strip_prefix('p').and_then(|text| text.parse::<f64>().ok());
                let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                Self::Percentile(percent.ok_or_else(|| {
                    Refusal::validation(format!(
                        "this server knows no statistic `{name}`: Average, Sum, Minimum, Maximum, \
                         SampleCount, or a percentile such as p99"
                    ))
                })?)
            }
        })
    }
}

/// Values that were counted. Sum, count, least and greatest are exact; others are known to one percent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::local::services) struct Spread {
    count: u64,
    sum: f64,
    /// Least and greatest.
    ends: Option<(f64, f64)>,
    /// How many values there are around each power of 1.01, and their sum.
    near: BTreeMap<i32, (u64, f64)>,
}

impl Spread {
    /// Of values, each so many times.
    pub(super) fn of(values: &[(f64, u64)]) -> Self {
        let mut spread = Self::default();
        for (value, times) in values {
            spread.add(*value, *times);
        }
        spread
    }

    /// Counts a value so many times.
    pub(super) fn add(&mut self, value: f64, times: u64) {
        if times == 0 {
            return;
        }
        let sum = value * real(times);
        self.count += times;
        self.sum += sum;
        let (least, greatest) = self.ends.unwrap_or((value, value));
        self.ends = Some((least.min(value), greatest.max(value)));
        let near = self.near.entry(place(value)).or_default();
        *near = (near.0 + times, near.1 + sum);
    }

    /// Counts the values of another.
    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.ends = match (self.ends, other.ends) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        for (place, (times, sum)) in &other.near {
            let near = self.near.entry(*place).or_default();
            *near = (near.0 + times, near.1 + sum);
        }
    }

    /// None if there are no values.
    pub(super) fn statistic(&self, stat: Stat) -> Option<f64> {
        let (least, greatest) = self.ends?;
        Some(match stat {
            Stat::Average => self.sum / real(self.count),
            Stat::Maximum => greatest,
            Stat::Minimum => least,
            Stat::SampleCount => real(self.count),
            Stat::Sum => self.sum,
            Stat::Percentile(percent) => self.percentile(percent).clamp(least, greatest),
        })
    }

    /// The value at the nearest rank.
    fn percentile(&self, percent: f64) -> f64 {
        let rank = (real(self.count) * percent / 100.0).ceil().max(1.0);
        let mut before = 0;
        let found = self.near.values().find(|(times, _)| {
            before += times;
            real(before) >= rank
        });
        found.map_or(0.0, |(times, sum)| sum / real(*times))
    }
}

/// The power of 1.01 that a value is near.
fn place(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm is small")]
    let place = (value.ln() / 1.01_f64.ln()).round() as i32;
    if value > 0.0 { place } else { i32::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Stat {
        Stat::of(text).unwrap()
    }

    #[test]
    fn every_statistic_of_a_hundred_values() {
        let mut spread = Spread::default();
        for value in 1..=100 {
            spread.add(f64::from(value), 1);
        }
        for (stat, expected) in [
            ("SampleCount", 100.0),
            ("Sum", 5050.0),
            ("Average", 50.5),
            ("Minimum", 1.0),
            ("Maximum", 100.0),
            ("p0", 1.0),
            ("p100", 100.0),
        ] {
            assert_eq!(spread.statistic(of(stat)), Some(expected), "{stat}");
        }
        for (stat, expected) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 100.0)] {
            let value = spread.statistic(of(stat)).unwrap();
            assert!((value - expected).abs() <= expected / 100.0, "{stat} {value}");
        }
    }

    #[test]
    fn two_together_are_as_one() {
        let (mut one, mut all) = (Spread::default(), Spread::default());
        let mut other = Spread::default();
        for (index, value) in [0.0, 3.5, 3.5, 900.0, 1e-3].into_iter().enumerate() {
            all.add(value, 2);
            if index % 2 == 0 { one.add(value, 2) } else { other.add(value, 2) }
        }
        one.merge(&other);
        assert_eq!(one.near, all.near);
        assert_eq!((one.count, one.ends), (all.count, all.ends));
        assert_eq!(one.statistic(of("p50")), Some(3.5));
        assert_eq!(Spread::default().statistic(of("Sum")), None);
    }

    #[test]
    fn others_are_refused() {
        for name in ["sum", "p101", "p", "tm99", "IQM", "pNaN", ""] {
            assert_eq!(Stat::of(name).unwrap_err().code, "ValidationError", "{name}");
        }
    }
}
