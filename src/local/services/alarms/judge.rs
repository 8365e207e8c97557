//! What state follows for an alarm from the metrics.
//!
//! The last periods are looked at, the one that still runs among them: on AWS a value arrives minutes
//! later, and nothing is gained by waiting for that here. AWS: "Using Amazon CloudWatch alarms",
//! "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data".

use serde_json::Value;

use super::{Alarm, UNKNOWN};
use crate::local::services::members::{self, list, number, text};
use crate::local::services::metrics::spread::Stat;
use crate::local::services::metrics::{Dimensions, MINUTE, Metric, Metrics, floor};

/// Gives an alarm on one metric of `AWS/Lambda` its state. Others keep theirs.
pub(super) fn judge(alarm: &mut Alarm, metrics: &Metrics, now: i64) {
    let Some(judged) = judged(alarm, metrics, now) else { return };
    if judged.state == alarm.state.value {
        return;
    }
    alarm.state.turn(judged.state, judged.reason, None, now);
}

struct Judged {
    state: &'static str,
    reason: String,
}

fn judged(alarm: &Alarm, metrics: &Metrics, now: i64) -> Option<Judged> {
    let settings = &alarm.settings;
    let metric = Metric::of(text(settings, "Namespace")?, text(settings, "MetricName")?)?;
    let name = text(settings, "Statistic").or(text(settings, "ExtendedStatistic"))?;
    let statistic = Stat::of(name).ok()?;
    let period = number(settings, "Period")?.checked_mul(1000)?;
    let periods = number(settings, "EvaluationPeriods")?;
    let needed = number(settings, "DatapointsToAlarm").unwrap_or(periods);
    let threshold = settings.get("Threshold").and_then(Value::as_f64)?;
    let (crosses, how) = operator(text(settings, "ComparisonOperator")?)?;
    let end = floor(now, MINUTE) + MINUTE;
    let start = end.checked_sub(periods.checked_mul(period)?)?;
    let points = Dimensions::of(list(settings, "Dimensions"))
        .filter(|_| text(settings, "Unit").is_none_or(|unit| unit == metric.unit()))
        .map(|dimensions| metrics.points(&dimensions, (metric, statistic), (start, end), period))
        .unwrap_or_default();
    let crossing = points.iter().filter(|(_, value)| crosses(*value, threshold)).count();
    let (crossing, there) = (i64::try_from(crossing).ok()?, i64::try_from(points.len()).ok()?);
    let treat = text(settings, "TreatMissingData").unwrap_or("missing");
    let counted = if treat == "breaching" { crossing + periods - there } else { crossing };
    let state = match (counted >= needed, there, treat) {
        (true, ..) => "ALARM",
        (false, 0, "ignore") => return None,
        (false, 0, "missing") => UNKNOWN,
        _ => "OK",
    };
    let last = points.last().map_or_else(
        || "no datapoints were received".to_owned(),
        |(time, value)| {
            let word = if counted >= needed { "was" } else { "was not" };
            format!("the last, {value:?} at {}, {word} {how}", members::written(*time))
        },
    );
    let reason = format!(
        "Threshold Crossed: {counted} of the last {periods} datapoints ({last} the threshold \
         ({threshold:?}); {needed} make an alarm)."
    );
    let reason = if state == UNKNOWN {
        format!("Insufficient Data: {there} datapoints were received for {periods} periods.")
    } else {
        reason
    };
    Some(Judged { state, reason })
}

type Crosses = fn(f64, f64) -> bool;

/// By its name; none for those of anomaly detection.
fn operator(name: &str) -> Option<(Crosses, &'static str)> {
    Some(match name {
        "GreaterThanOrEqualToThreshold" => (|a, b| a >= b, "greater than or equal to"),
        "GreaterThanThreshold" => (|a, b| a > b, "greater than"),
        "LessThanOrEqualToThreshold" => (|a, b| a <= b, "less than or equal to"),
        "LessThanThreshold" => (|a, b| a < b, "less than"),
        _ => return None,
    })
}
