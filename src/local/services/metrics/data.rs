//! `GetMetricData`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::spread::Stat;
use super::{Dimensions, Metric, Metrics};
use crate::account::Object;
use crate::local::services::members::{self, list, number, object, required, text, time};
use crate::local::services::refusal::Refusal;

/// The most values that one answer holds (AWS API reference, `GetMetricData`).
const MOST: i64 = 100_800;

/// What is asked of one metric.
struct Query<'a> {
    id: &'a str,
    label: &'a str,
    points: Vec<(i64, f64)>,
}

/// The answer to a request.
pub(in crate::local::services) fn get(
    input: &Object,
    metrics: &Metrics,
) -> Result<Object, Refusal> {
    let start = time(input, "StartTime").ok_or_else(|| Refusal::missing("StartTime"))?;
    let end = time(input, "EndTime").ok_or_else(|| Refusal::missing("EndTime"))?;
    if start >= end {
        return Err(Refusal::validation(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    let queries = list(input, "MetricDataQueries");
    if queries.is_empty() {
        return Err(Refusal::missing("MetricDataQueries"));
    }
    let ascending = text(input, "ScanBy") == Some("TimestampAscending");
    let mut ids = BTreeSet::new();
    let mut all = Vec::new();
    for query in queries {
        let query = query.as_object().ok_or_else(|| Refusal::missing("MetricDataQueries"))?;
        let id = required(query, "Id")?;
        if !is_id(id) || !ids.insert(id) {
            return Err(Refusal::validation(format!(
                "The value {id} for parameter Id is not matching the expected pattern \
                 ^[a-z][a-zA-Z0-9_]*$, or is there twice."
            )));
        }
        let mut asked = asked(id, query, metrics, (start, end))?;
        if !ascending {
            asked.points.reverse();
        }
        if query.get("ReturnData").and_then(Value::as_bool) != Some(false) {
            all.push(asked);
        }
    }
    page(input, all)
}

fn is_id(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn asked<'a>(
    id: &'a str,
    query: &'a Object,
    metrics: &Metrics,
    within: (i64, i64),
) -> Result<Query<'a>, Refusal> {
    if query.contains_key("Expression") {
        return Err(Refusal::validation(
            "this server computes no metric math: ask for the metrics themselves",
        ));
    }
    let of = |name| query.get(name).and_then(Value::as_object);
    let stat = of("MetricStat").ok_or_else(|| Refusal::missing("MetricStat"))?;
    let metric = stat.get("Metric").and_then(Value::as_object);
    let metric = metric.ok_or_else(|| Refusal::missing("MetricStat.Metric"))?;
    let name = required(metric, "MetricName")?;
    let period = period(number(stat, "Period"))?;
    let statistic = Stat::of(required(stat, "Stat")?)?;
    let dimensions = Dimensions::of(list(metric, "Dimensions"));
    let known = Metric::of(required(metric, "Namespace")?, name)
        .filter(|metric| text(stat, "Unit").is_none_or(|unit| unit == metric.unit()));
    let points = match (dimensions, known) {
        (Some(dimensions), Some(metric)) => {
            metrics.points(&dimensions, (metric, statistic), within, period)
        }
        _ => Vec::new(),
    };
    Ok(Query { id, label: text(query, "Label").unwrap_or(name), points })
}

/// A period in milliseconds.
pub(in crate::local::services) fn period(seconds: Option<i64>) -> Result<i64, Refusal> {
    let seconds = seconds.ok_or_else(|| Refusal::missing("Period"))?;
    let allowed = [1, 5, 10, 20, 30].contains(&seconds) || (seconds > 0 && seconds % 60 == 0);
    // No metric is a year old.
    if allowed && seconds <= 86_400 * 365 {
        return Ok(seconds * 1000);
    }
    Err(Refusal::validation("Period must be 1, 5, 10, 20, 30 or a multiple of 60"))
}

/// So many values as are wanted at once; the token says how many went before.
fn page(input: &Object, all: Vec<Query<'_>>) -> Result<Object, Refusal> {
    let most = number(input, "MaxDatapoints").unwrap_or(MOST);
    let most = usize::try_from(most.clamp(1, MOST)).unwrap_or(usize::MAX);
    let token = || Refusal::new("InvalidNextToken", 400, "The next token specified is invalid.");
    let before = match text(input, "NextToken") {
        Some(text) => text.parse::<usize>().map_err(|_| token())?,
        None => 0,
    };
    let total = all.iter().map(|query| query.points.len()).sum::<usize>();
    if before > total {
        return Err(token());
    }
    let (mut skip, mut room) = (before, most);
    let mut results = Vec::new();
    for Query { id, label, points } in all {
        let from = skip.min(points.len());
        let to = points.len().min(from.saturating_add(room));
        let shown = points.get(from..to).unwrap_or_default();
        skip -= from;
        room -= shown.len();
        // On later pages, those that were whole before are left out.
        if shown.is_empty() && before > 0 {
            continue;
        }
        let complete = to == points.len();
        let times = shown.iter().map(|(time, _)| members::seconds(*time)).collect();
        let values = shown.iter().map(|(_, value)| Value::from(*value)).collect();
        results.push(Value::Object(object([
            ("Id", id.into()),
            ("Label", label.into()),
            ("Timestamps", Value::Array(times)),
            ("Values", Value::Array(values)),
            ("StatusCode", if complete { "Complete" } else { "PartialData" }.into()),
        ])));
    }
    let mut answer =
        object([("MetricDataResults", Value::Array(results)), ("Messages", Value::Array(vec![]))]);
    let next = before.saturating_add(most);
    if next < total {
        answer.insert("NextToken".to_owned(), Value::from(next.to_string()));
    }
    Ok(answer)
}
