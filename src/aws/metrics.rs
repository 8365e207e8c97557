//! CloudWatch: what it has counted of a version that is called by way of an alias, and how alarms are.
//!
//! Lambda counts a version apart only while its alias sends traffic to two (dimensions `FunctionName`,
//! `Resource` = `function:alias`, `ExecutedVersion`; AWS: "Types of metrics for Lambda functions"). A time
//! is that at which an invocation began, and what is counted comes a minute at a time, some of it later:
//! the newest minute is never whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StateValue,
    StatusCode,
};

use super::error::{Class, Failure};
use super::{Aws, AwsError};

/// The seconds of which CloudWatch keeps Lambda's metrics apart.
const MINUTE: u64 = 60;
/// The most alarms that a call may name, and that an answer holds (`DescribeAlarms`).
const ALARMS: usize = 100;

/// The metrics of one call, by the ids of their queries.
const METRICS: [(&str, &str); 4] = [
    ("invocations", "Invocations"),
    ("errors", "Errors"),
    ("throttles", "Throttles"),
    ("duration", "Duration"),
];

/// What CloudWatch has counted of one version behind an alias in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counted {
    /// How often it was called; what was throttled is not in it.
    pub invocations: f64,
    /// How many of these failed.
    pub errors: f64,
    /// How often it was called and not run.
    pub throttles: f64,
    /// How long it took, in milliseconds, by the statistic that was asked for; none: there is no data.
    pub duration: Option<f64>,
}

/// How an alarm is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarm {
    /// `StateValue`: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// Why, as CloudWatch says it.
    pub reason: String,
}

/// Which series is meant, and what of it.
struct Asked<'a> {
    dimensions: [(&'static str, &'a str); 3],
    statistic: &'a str,
    /// Whole minutes, in seconds since 1970.
    span: Range<u64>,
}

impl Asked<'_> {
    /// Counts come minute by minute and are added up. A percentile cannot be: its period is the whole span.
    fn query(&self, id: &str, metric: &str) -> MetricDataQuery {
        let (period, statistic) = match id {
            "duration" => (self.span.end - self.span.start, self.statistic),
            _ => (MINUTE, "Sum"),
        };
        let dimension = |(name, value)| Dimension::builder().name(name).value(value).build();
        let metric = Metric::builder()
            .namespace("AWS/Lambda")
            .metric_name(metric)
            .set_dimensions(Some(self.dimensions.map(dimension).to_vec()))
            .build();
        let stat = MetricStat::builder()
            .metric(metric)
            .period(i32::try_from(period).unwrap_or(i32::MAX))
            .stat(statistic)
            .build();
        MetricDataQuery::builder().id(id).metric_stat(stat).build()
    }
}

impl Counted {
    /// Adds what a page says. Should a duration come in parts, the longest counts: what is too slow is
    /// rather seen than not.
    fn add(&mut self, result: &MetricDataResult) {
        let values = result.values();
        let sum: f64 = values.iter().sum();
        match result.id().unwrap_or_default() {
            "invocations" => self.invocations += sum,
            "errors" => self.errors += sum,
            "throttles" => self.throttles += sum,
            "duration" => {
                self.duration = values.iter().copied().chain(self.duration).reduce(f64::max);
            }
            _ => {}
        }
    }
}

/// The whole minutes that hold a span, one at the least: CloudWatch knows no shorter ones of Lambda's.
fn minutes(span: &Range<u64>) -> Range<u64> {
    let start = span.start - span.start % MINUTE;
    start..span.end.max(start + 1).next_multiple_of(MINUTE)
}

impl Aws {
    fn cloudwatch(&self) -> &Client {
        self.cloudwatch.get_or_init(|| Client::new(&self.config))
    }

    /// What `version` has done where it was called by way of `alias`, in whole minutes around a span (seconds
    /// since 1970), the last of which is not whole while it runs. `statistic` is that of the duration:
    /// `Average`, `p99`.
    ///
    /// Nothing is counted apart while the alias points at one version alone.
    ///
    /// # Errors
    ///
    /// If CloudWatch refuses, does not answer, or has not found out all of it.
    pub async fn counted(
        &self,
        function: &str,
        alias: &str,
        version: &str,
        span: Range<u64>,
        statistic: &str,
    ) -> Result<Counted, AwsError> {
        let resource = format!("{function}:{alias}");
        let dimensions =
            [("FunctionName", function), ("Resource", &*resource), ("ExecutedVersion", version)];
        let asked = Asked { dimensions, statistic, span: minutes(&span) };
        let mut counted = Counted::default();
        let mut next = None;
        loop {
            let page = self.metric_data(&asked, next).await?;
            page.metric_data_results().iter().for_each(|result| counted.add(result));
            next = page.next_token.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(counted);
            }
        }
    }

    async fn metric_data(
        &self,
        asked: &Asked<'_>,
        next: Option<String>,
    ) -> Result<GetMetricDataOutput, AwsError> {
        let operation = "GetMetricData";
        let seconds = |time: u64| DateTime::from_secs(i64::try_from(time).unwrap_or(i64::MAX));
        let queries = METRICS.map(|(id, metric)| asked.query(id, metric)).to_vec();
        let once = async || {
            let request = self.cloudwatch().get_metric_data();
            let request = request.set_metric_data_queries(Some(queries.clone()));
            let request = request.start_time(seconds(asked.span.start));
            let request = request.end_time(seconds(asked.span.end)).set_next_token(next.clone());
            let answer = request.send().await.map_err(|error| self.failure(operation, &error))?;
            match answer.metric_data_results().iter().find_map(unknown) {
                Some(why) => Err(Failure {
                    error: AwsError::Unanswered { operation, why },
                    class: Class::Uncertain,
                }),
                None => Ok(answer),
            }
        };
        self.calls.repeat(operation, once).await
    }

    /// How alarms are, composite ones too, by their names; one that is not there is missing.
    ///
    /// # Errors
    ///
    /// If CloudWatch refuses or does not answer.
    pub async fn alarms(&self, names: &[String]) -> Result<BTreeMap<String, Alarm>, AwsError> {
        let names: Vec<String> =
            names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let mut all = BTreeMap::new();
        // Who names none is told of all alarms there are: without a name there is no call.
        for some in names.chunks(ALARMS) {
            let mut next = None;
            loop {
                let page = self.alarm_page(some, next).await?;
                all.extend(states(&page));
                next = page.next_token.filter(|next| !next.is_empty());
                if next.is_none() {
                    break;
                }
            }
        }
        all.retain(|name, _| names.binary_search(name).is_ok());
        Ok(all)
    }

    async fn alarm_page(
        &self,
        names: &[String],
        next: Option<String>,
    ) -> Result<DescribeAlarmsOutput, AwsError> {
        let operation = "DescribeAlarms";
        self.calls
            .repeat(operation, async || {
                let request = self.cloudwatch().describe_alarms();
                let request = request.set_alarm_names(Some(names.to_vec()));
                // Unless they are named, composite ones are left out.
                let types = vec![AlarmType::MetricAlarm, AlarmType::CompositeAlarm];
                let request = request.set_alarm_types(Some(types));
                let request = request.max_records(i32::try_from(ALARMS).unwrap_or(i32::MAX));
                let answer = request.set_next_token(next.clone()).send().await;
                answer.map_err(|error| self.failure(operation, &error))
            })
            .await
    }
}

/// Why a metric is not what CloudWatch knows of it. Zero errors, said where nobody has looked, would let a bad
/// version on.
fn unknown(result: &MetricDataResult) -> Option<String> {
    match result.status_code() {
        None | Some(StatusCode::Complete | StatusCode::PartialData) => None,
        Some(other) => {
            let id = result.id().unwrap_or_default();
            Some(format!("the metric {id} is not to be had: {}", other.as_str()))
        }
    }
}

/// The alarms of a page.
fn states(page: &DescribeAlarmsOutput) -> impl Iterator<Item = (String, Alarm)> {
    let metric = page.metric_alarms().iter();
    let metric =
        metric.map(|alarm| (alarm.alarm_name(), alarm.state_value(), alarm.state_reason()));
    let composite = page.composite_alarms().iter();
    let composite =
        composite.map(|alarm| (alarm.alarm_name(), alarm.state_value(), alarm.state_reason()));
    metric.chain(composite).filter_map(|(name, state, reason)| {
        let state = state.map_or("", StateValue::as_str).to_owned();
        Some((name?.to_owned(), Alarm { state, reason: reason.unwrap_or_default().to_owned() }))
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::{CompositeAlarm, MetricAlarm};

    use super::*;

    #[test]
    fn a_span_is_held_by_whole_minutes() {
        for (span, held) in [
            (0..60, 0..60),
            (59..60, 0..60),
            (61..120, 60..120),
            (61..121, 60..180),
            (60..60, 60..120),
            (61..61, 60..120),
            (119..121, 60..180),
        ] {
            assert_eq!(minutes(&span), held, "{span:?}");
        }
    }

    fn result(id: &str, values: &[f64], code: StatusCode) -> MetricDataResult {
        let result = MetricDataResult::builder().id(id).status_code(code);
        result.set_values(Some(values.to_vec())).build()
    }

    #[test]
    fn counts_are_added_and_the_longest_duration_counts() {
        let mut counted = Counted::default();
        for (id, values) in [
            ("invocations", &[3.0, 4.0][..]),
            ("errors", &[1.0]),
            ("throttles", &[]),
            ("duration", &[]),
            ("invocations", &[5.0]),
        ] {
            counted.add(&result(id, values, StatusCode::Complete));
        }
        let mut expected = Counted { invocations: 12.0, errors: 1.0, ..Counted::default() };
        assert_eq!(counted, expected);
        counted.add(&result("duration", &[7.5, 2.0], StatusCode::PartialData));
        counted.add(&result("duration", &[3.0], StatusCode::Complete));
        expected.duration = Some(7.5);
        assert_eq!(counted, expected);
    }

    #[test]
    fn composite_alarms_are_alarms_too() {
        let metric = MetricAlarm::builder().alarm_name("errors").state_value(StateValue::Ok);
        let composite = CompositeAlarm::builder()
            .alarm_name("any")
            .state_value(StateValue::Alarm)
            .state_reason("errors rings");
        let page = DescribeAlarmsOutput::builder()
            .metric_alarms(metric.build())
            .metric_alarms(MetricAlarm::builder().state_value(StateValue::Ok).build())
            .composite_alarms(composite.build())
            .build();
        let alarm = |state: &str, reason: &str| Alarm {
            state: state.to_owned(),
            reason: reason.to_owned(),
        };
        let expected = [
            ("errors".to_owned(), alarm("OK", "")),
            ("any".to_owned(), alarm("ALARM", "errors rings")),
        ];
        assert_eq!(states(&page).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_cloudwatch_could_not_find_out_is_no_zero() {
        let known = |code| unknown(&result("errors", &[], code)).is_none();
        assert!(known(StatusCode::Complete) && known(StatusCode::PartialData));
        assert!(!known(StatusCode::InternalError) && !known(StatusCode::Forbidden));
    }
}
