//! The metrics of `AWS/Lambda`, minute by minute.
//!
//! Each invocation counts in up to four series: of all functions, of its function, of the name or
//! `name:qualifier` that was invoked, and, through an alias with two versions, of the one that ran (AWS:
//! "Using CloudWatch metrics with Lambda", "Types of metrics for Lambda functions"). A time is that at
//! which the invocation began.

pub(super) mod data;
pub(super) mod spread;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::members;
use crate::account::Target;
use spread::{Spread, Stat};

/// A minute in milliseconds: nothing here is finer.
pub(super) const MINUTE: i64 = 60_000;
/// How many minutes of a series are kept.
const KEPT: usize = 24 * 60;

/// Who was invoked, and the series that it counts in.
#[derive(Debug, Clone)]
pub(in crate::local) struct Invoked {
    function: String,
    series: Vec<Dimensions>,
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) struct Ended {
    /// When it had begun (ms since 1970).
    pub(in crate::local) began: i64,
    /// How long the function took, without its init.
    pub(in crate::local) duration: Duration,
    pub(in crate::local) failed: bool,
}

/// Which series: none of the three is that of all functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dimensions {
    function: Option<String>,
    resource: Option<String>,
    version: Option<String>,
}

impl Invoked {
    /// That of an invocation.
    pub(in crate::local) fn of(target: &Target<'_>) -> Self {
        let Target { function, qualifier, .. } = target;
        let alias = qualifier.and_then(|name| function.aliases.get(name));
        let weighted = alias.is_some_and(|alias| alias.second.is_some());
        Self::new(&function.name, *qualifier, weighted.then(|| target.version()))
    }

    /// `qualifier`: the one that was asked for. `drawn`: the version that runs, if that was decided by
    /// weight.
    pub(super) fn new(function: &str, qualifier: Option<&str>, drawn: Option<String>) -> Self {
        let resource = match qualifier {
            Some(qualifier) => format!("{function}:{qualifier}"),
            None => function.to_owned(),
        };
        let of_function =
            Dimensions { function: Some(function.to_owned()), ..Dimensions::default() };
        let of_resource = Dimensions { resource: Some(resource), ..of_function.clone() };
        let mut series = vec![Dimensions::default(), of_function, of_resource.clone()];
        if drawn.is_some() {
            series.push(Dimensions { version: drawn, ..of_resource });
        }
        Self { function: function.to_owned(), series }
    }

    /// The name of the function.
    pub(in crate::local) fn function(&self) -> &str {
        &self.function
    }
}

impl Dimensions {
    /// Of a request; none if Lambda has no series of such dimensions.
    pub(super) fn of(dimensions: &[Value]) -> Option<Self> {
        let mut all = Self::default();
        for dimension in dimensions {
            let dimension = dimension.as_object()?;
            let value = members::text(dimension, "Value")?.to_owned();
            let place = match members::text(dimension, "Name")? {
                "FunctionName" => &mut all.function,
                "Resource" => &mut all.resource,
                "ExecutedVersion" => &mut all.version,
                _ => return None,
            };
            *place = Some(value);
        }
        Some(all)
    }
}

/// A metric of `AWS/Lambda`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Invocations,
    Errors,
    Duration,
    Throttles,
    ConcurrentExecutions,
}

impl Metric {
    /// By namespace and name; none if there is nothing of it.
    pub(super) fn of(namespace: &str, name: &str) -> Option<Self> {
        if namespace != "AWS/Lambda" {
            return None;
        }
        Some(match name {
            "Invocations" => Self::Invocations,
            "Errors" => Self::Errors,
            "Duration" => Self::Duration,
            "Throttles" => Self::Throttles,
            "ConcurrentExecutions" => Self::ConcurrentExecutions,
            _ => return None,
        })
    }

    /// What it is counted in.
    pub(super) fn unit(self) -> &'static str {
        if self == Self::Duration { "Milliseconds" } else { "Count" }
    }
}

/// One minute of a series.
#[derive(Debug, Clone, Default)]
struct Minute {
    invocations: u64,
    errors: u64,
    throttles: u64,
    duration: Spread,
    concurrency: Spread,
}

impl Minute {
    /// The values of a metric. Lambda sends the binary ones as 0 or 1 with each invocation.
    fn values(&self, metric: Metric) -> Spread {
        let good = self.invocations.saturating_sub(self.errors);
        match metric {
            Metric::Invocations => Spread::of(&[(1.0, self.invocations)]),
            Metric::Errors => Spread::of(&[(0.0, good), (1.0, self.errors)]),
            Metric::Throttles => Spread::of(&[(0.0, self.invocations), (1.0, self.throttles)]),
            Metric::Duration => self.duration.clone(),
            Metric::ConcurrentExecutions => self.concurrency.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct Series {
    /// By the time at which they begin, ascending.
    minutes: VecDeque<(i64, Minute)>,
    /// Invocations that have not ended.
    running: u64,
}

impl Series {
    fn minute(&mut self, time: i64) -> &mut Minute {
        let begin = floor(time, MINUTE);
        let at = self.minutes.partition_point(|(minute, _)| *minute < begin);
        if self.minutes.get(at).is_none_or(|(minute, _)| *minute != begin) {
            self.minutes.insert(at, (begin, Minute::default()));
        }
        // It was there, or is now.
        &mut self.minutes[at].1
    }

    fn forget(&mut self) {
        while self.minutes.len() > KEPT {
            self.minutes.pop_front();
        }
    }
}

/// All series.
#[derive(Debug, Default)]
pub(in crate::local) struct Metrics {
    series: BTreeMap<Dimensions, Series>,
}

impl Metrics {
    /// The series that an invocation counts in.
    fn each(&mut self, invoked: &Invoked, mut count: impl FnMut(&mut Series)) {
        for dimensions in &invoked.series {
            if !self.series.contains_key(dimensions) {
                self.series.insert(dimensions.clone(), Series::default());
            }
            if let Some(series) = self.series.get_mut(dimensions) {
                count(series);
                series.forget();
            }
        }
    }

    /// An invocation begins.
    pub(super) fn begin(&mut self, invoked: &Invoked, now: i64) {
        self.each(invoked, |series| {
            series.running += 1;
            let running = members::real(series.running);
            series.minute(now).concurrency.add(running, 1);
        });
    }

    /// One that began has ended.
    pub(super) fn end(&mut self, invoked: &Invoked, ended: &Ended) {
        self.each(invoked, |series| {
            series.running = series.running.saturating_sub(1);
            let minute = series.minute(ended.began);
            minute.invocations += 1;
            minute.errors += u64::from(ended.failed);
            minute.duration.add(ended.duration.as_secs_f64() * 1000.0, 1);
        });
    }

    /// One could not begin.
    pub(super) fn throttled(&mut self, invoked: &Invoked, now: i64) {
        self.each(invoked, |series| series.minute(now).throttles += 1);
    }

    /// The values of a metric from `start` on and before `end`, one for each period that has any, with
    /// the time at which the period begins. Periods are counted from `start`, rounded down to its
    /// minute. All in milliseconds.
    pub(super) fn points(
        &self,
        dimensions: &Dimensions,
        (metric, statistic): (Metric, Stat),
        (start, end): (i64, i64),
        period: i64,
    ) -> Vec<(i64, f64)> {
        let start = floor(start, MINUTE);
        let period = period.max(1);
        let Some(series) = self.series.get(dimensions) else { return Vec::new() };
        let mut periods: BTreeMap<i64, Spread> = BTreeMap::new();
        let within = |time: &i64| (start..end).contains(time);
        for (time, minute) in series.minutes.iter().filter(|(time, _)| within(time)) {
            let begin = start + floor(time - start, period);
            periods.entry(begin).or_default().merge(&minute.values(metric));
        }
        let value = |(time, spread): (i64, Spread)| Some((time, spread.statistic(statistic)?));
        periods.into_iter().filter_map(value).collect()
    }
}

/// Rounds down.
pub(super) fn floor(value: i64, to: i64) -> i64 {
    value - value.rem_euclid(to)
}

#[cfg(test)]
mod tests;
