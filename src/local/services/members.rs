//! The members of requests and answers, whatever the protocol.
//!
//! JSON and CBOR have numbers, the query protocol has only texts, and each writes times in its own way.
//! What a member is follows from its name: the services here give no name two meanings. A request is
//! made uniform as it comes in: times are seconds since 1970, as numbers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Number, Value};

use super::refusal::Refusal;
use crate::account::Object;

/// What the leaves of a member are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, or what says itself what it is.
    Plain,
    Boolean,
    Whole,
    Double,
    /// Seconds since 1970.
    Time,
}

/// What the leaves of a member of this name are (public model of CloudWatch).
pub(super) fn kind(name: &str) -> Kind {
    match name {
        "ActionsEnabled" | "ReturnData" => Kind::Boolean,
        "DatapointsToAlarm" | "EvaluationPeriods" | "MaxDatapoints" | "MaxRecords" | "Period" => {
            Kind::Whole
        }
        "Threshold" | "Values" => Kind::Double,
        "StartTime" | "EndTime" | "Timestamps" => Kind::Time,
        _ if name.ends_with("Timestamp") => Kind::Time,
        _ => Kind::Plain,
    }
}

/// A member whose leaves are what its name says.
pub(super) fn uniform(name: &str, value: Value) -> Result<Value, Refusal> {
    match value {
        Value::Object(members) => {
            let all = members.into_iter().map(|(name, value)| {
                let value = uniform(&name, value)?;
                Ok((name, value))
            });
            all.collect::<Result<Object, _>>().map(Value::Object)
        }
        Value::Array(items) => {
            let all = items.into_iter().map(|item| uniform(name, item));
            all.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        leaf => read(kind(name), &leaf).ok_or_else(|| {
            Refusal::unreadable(format!("the value {leaf} cannot stand under {name}"))
        }),
    }
}

fn read(kind: Kind, leaf: &Value) -> Option<Value> {
    let number = || match leaf {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    match kind {
        _ if leaf.is_null() => Some(Value::Null),
        Kind::Plain => Some(leaf.clone()),
        Kind::Boolean => match leaf {
            Value::String(text) => text.parse().ok().map(Value::Bool),
            other => other.as_bool().map(Value::Bool),
        },
        Kind::Whole => match leaf {
            Value::String(text) => text.trim().parse::<i64>().ok(),
            // SDKs of languages with one kind of number send `60.0`.
            other => other.as_i64().or_else(|| other.as_f64().and_then(whole)),
        }
        .map(Value::from),
        Kind::Double => number().and_then(Number::from_f64).map(Value::Number),
        Kind::Time => match leaf {
            Value::String(text) if text.contains('-') => seconds_of(text),
            _ => number(),
        }
        .and_then(Number::from_f64)
        .map(Value::Number),
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "only what is whole and small")]
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// Seconds since 1970 of `2026-11-20T17:38:42.5Z`.
fn seconds_of(text: &str) -> Option<f64> {
    let text = text.trim_end_matches("+00:00");
    let time = humantime::parse_rfc3339_weak(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}

/// Milliseconds since 1970 as `2026-11-20T17:38:42.500Z`.
pub(in crate::local) fn written(ms: i64) -> String {
    // Nothing here is older than 1970; four digits end the years that can be written.
    let ms = u64::try_from(ms).unwrap_or(0).min(253_402_300_799_000);
    let time: SystemTime = UNIX_EPOCH + Duration::from_millis(ms);
    humantime::format_rfc3339_millis(time).to_string()
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    let seconds = ms as f64 / 1000.0;
    Value::from(seconds)
}

/// Seconds as milliseconds.
pub(super) fn ms(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest")]
    let ms = (seconds * 1000.0).round() as i64;
    ms
}

/// A count as a value of a metric.
pub(super) fn real(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 here")]
    let real = count as f64;
    real
}

/// A text.
pub(super) fn text<'a>(members: &'a Object, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// A text that must be there.
pub(super) fn required<'a>(members: &'a Object, name: &str) -> Result<&'a str, Refusal> {
    text(members, name).filter(|text| !text.is_empty()).ok_or_else(|| Refusal::missing(name))
}

/// A list; empty if it is not there.
pub(super) fn list<'a>(members: &'a Object, name: &str) -> &'a [Value] {
    members.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub(super) fn texts<'a>(members: &'a Object, name: &str) -> Vec<&'a str> {
    list(members, name).iter().filter_map(Value::as_str).collect()
}

/// A whole number.
pub(super) fn number(members: &Object, name: &str) -> Option<i64> {
    members.get(name).and_then(Value::as_i64)
}

/// A time in milliseconds.
pub(super) fn time(members: &Object, name: &str) -> Option<i64> {
    members.get(name).and_then(Value::as_f64).map(ms)
}

/// An object of these members.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_the_query_protocol_become_what_their_names_say() {
        let request = json!({
            "StartTime": "2026-11-20T17:38:42Z", "MaxDatapoints": "5",
            "MetricDataQueries": [{"Id": "1", "ReturnData": "false", "MetricStat": {"Period": "60"}}],
            "Threshold": "1", "AlarmName": "7",
        });
        let expected = json!({
            "StartTime": 1_795_196_322.0, "MaxDatapoints": 5,
            "MetricDataQueries": [{"Id": "1", "ReturnData": false, "MetricStat": {"Period": 60}}],
            "Threshold": 1.0, "AlarmName": "7",
        });
        assert_eq!(uniform("", request).unwrap(), expected);
        let numbers = json!({"StartTime": 1_795_196_322, "Period": 60.0, "Threshold": 1});
        let expected = json!({"StartTime": 1_795_196_322.0, "Period": 60, "Threshold": 1.0});
        assert_eq!(uniform("", numbers).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (name, value) in [
            ("Period", json!("a minute")),
            ("Period", json!(1.5)),
            ("StartTime", json!("2026-13-45T00:00:00Z")),
            ("ActionsEnabled", json!(1)),
            ("Threshold", json!("high")),
        ] {
            let refusal = uniform(name, value).unwrap_err();
            assert_eq!(refusal.shape, "SerializationException");
            assert!(refusal.message.contains(name), "{}", refusal.message);
        }
    }

    #[test]
    fn times_are_written_and_read() {
        assert_eq!(written(1_795_196_322_500), "2026-11-20T17:38:42.500Z");
        assert_eq!(seconds_of("2026-11-20T17:38:42.5Z"), Some(1_795_196_322.5));
        assert_eq!(seconds_of("2026-11-20T17:38:42+00:00"), Some(1_795_196_322.0));
        assert_eq!(ms(1_795_196_322.5), 1_795_196_322_500);
    }
}
