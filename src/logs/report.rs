//! What Lambda reports of an invocation: in a line of its own, or in JSON where logs are that.

use std::time::Duration;

use serde_json::Value;

use super::json;

/// How long an invocation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// The invocation itself.
    pub duration: Option<Duration>,
    /// The init of its environment; none if that was there already.
    pub init: Option<Duration>,
}

/// What the last report in a log says.
#[must_use]
pub fn figures(log: &str) -> Figures {
    let (_, report) = divided(log);
    if !report.is_empty() {
        let time =
            |name: &str| of_milliseconds(field(report, name)?.strip_suffix(" ms")?.parse().ok()?);
        return Figures { duration: time("Duration"), init: time("Init Duration") };
    }
    let report = |line: &str| {
        let members = json(line)?;
        let is_report = members.get("type").is_some_and(|kind| kind == "platform.report");
        is_report.then(|| members.get("record").map(|record| record["metrics"].clone()))?
    };
    let metrics = log.lines().rev().find_map(report).unwrap_or_default();
    let time = |name: &str| metrics.get(name).and_then(Value::as_f64).and_then(of_milliseconds);
    Figures { duration: time("durationMs"), init: time("initDurationMs") }
}

fn of_milliseconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number / 1e3).ok()
}

/// The log without the line in which Lambda reports the invocation, and that line: the last of its kind,
/// since the function itself may have written others.
#[must_use]
pub fn divided(log: &str) -> (&str, &str) {
    let start = log.rfind("\nREPORT RequestId: ").map(|at| at + 1);
    let start = start.or_else(|| log.starts_with("REPORT RequestId: ").then_some(0));
    start.and_then(|at| log.split_at_checked(at)).unwrap_or((log, ""))
}

/// A field of the first line (`Duration`, `Max Memory Used`): its value with its unit.
#[must_use]
pub fn field<'r>(report: &'r str, name: &str) -> Option<&'r str> {
    let mut fields = report.lines().next()?.split('\t');
    fields.find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_tell_the_same() {
        let ms = |number| Some(Duration::from_micros(number));
        let text = "REPORT RequestId: own\tDuration: 9 ms\nREPORT RequestId: r\tDuration: 1.51 ms\t\
                    Billed Duration: 2 ms\tMax Memory Used: 4 MB\tInit Duration: 9.20 ms\t\nXRAY TraceId: 1\n";
        let of_json = r#"{"type":"platform.initReport","record":{"metrics":{"durationMs":9.2}}}
{"type":"platform.report","record":{"metrics":{"durationMs":1.51,"initDurationMs":9.2}}}
{"level":"INFO","message":"platform.report"}"#;
        for log in [text, of_json] {
            assert_eq!(figures(log), Figures { duration: ms(1510), init: ms(9200) }, "{log}");
        }
        let warm = "REPORT RequestId: r\tDuration: 1 ms\tBilled Duration: 1 ms\n";
        assert_eq!(figures(warm), Figures { duration: ms(1000), init: None });
        for none in ["", "REPORT of the day", "REPORT RequestId: r\tDuration: soon", "{}"] {
            assert_eq!(figures(none), Figures::default(), "{none}");
        }
    }
}
