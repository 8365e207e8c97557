//! A line of a log, for people.
//!
//! Known are the shapes of tracing-subscriber (`fields.message`, `span`), of Lambda's own JSON
//! (`type: platform.…` with a `record`; AWS: "Lambda JSON log format") and of whatever has `level` and
//! `message`. What else there is is kept, as `name=value`.

use serde_json::{Map, Value};

/// The names under which programs write a level.
const LEVELS: [&str; 4] = ["level", "severity", "lvl", "log.level"];
/// A message.
const MESSAGES: [&str; 3] = ["message", "msg", "errorMessage"];
/// The time, which the event has anyway.
const TIMES: [&str; 4] = ["timestamp", "time", "ts", "@timestamp"];
/// How Lambda's own lines begin, where they are no JSON.
const PLATFORM: [&str; 5] =
    ["START RequestId: ", "END RequestId: ", "REPORT ", "INIT_START ", "EXTENSION\t"];

/// A line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The level, in capitals.
    pub level: Option<String>,
    /// The message, of one line or several.
    pub message: String,
    /// What else was said, by name.
    pub fields: Vec<(String, String)>,
    /// Whether Lambda says it, not the function.
    pub is_platform: bool,
}

impl Line {
    /// Reads what was written.
    #[must_use]
    pub fn read(written: &str) -> Self {
        let written = written.trim_end();
        match json(written) {
            Some(members) => Self::of_json(members),
            None => Self {
                message: written.to_owned(),
                is_platform: PLATFORM.iter().any(|begin| written.starts_with(begin)),
                ..Self::default()
            },
        }
    }

    fn of_json(mut members: Map<String, Value>) -> Self {
        let mut line = Self::default();
        // What tracing writes as `fields`, Lambda as `record`, is what it is all about.
        for name in ["fields", "record"] {
            if let Some(Value::Object(inner)) = members.get(name).cloned() {
                members.remove(name);
                for (below, value) in inner {
                    let clashes = members.contains_key(&below);
                    let name = if clashes { format!("{name}.{below}") } else { below };
                    members.insert(name, value);
                }
            }
        }
        if members.contains_key("span") {
            // The span that it was in, and those around it, is the last of these.
            members.remove("spans");
        }
        line.level = take(&mut members, &LEVELS).map(|level| level.to_uppercase());
        line.message = take(&mut members, &MESSAGES).unwrap_or_default();
        take(&mut members, &TIMES);
        let kind = members.get("type").and_then(Value::as_str).map(str::to_owned);
        if let Some(kind) = kind.filter(|kind| kind.starts_with("platform.")) {
            members.remove("type");
            line.is_platform = true;
            let message = [kind.as_str(), line.message.as_str()].join(" ");
            message.trim_end().clone_into(&mut line.message);
        }
        for (name, value) in members {
            flatten(name, value, &mut line.fields);
        }
        line
    }
}

/// What was written, if it is a JSON object.
#[must_use]
pub fn json(written: &str) -> Option<Map<String, Value>> {
    if !written.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(written).ok()
}

/// Takes out the first member of these names that is a text.
fn take(members: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| members.get(**name).is_some_and(Value::is_string))?;
    match members.remove(*name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Objects become names with dots.
fn flatten(name: String, value: Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            for (below, value) in inner {
                flatten(format!("{name}.{below}"), value, fields);
            }
        }
        Value::String(text) => {
            let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"');
            let shown = if plain { text } else { Value::String(text).to_string() };
            fields.push((name, shown));
        }
        other => fields.push((name, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(written: &str) -> String {
        let line = Line::read(written);
        let level = line.level.map(|level| format!("{level} ")).unwrap_or_default();
        let fields = line.fields.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{level}{}{}", line.message, fields.collect::<String>())
    }

    #[test]
    fn lines_of_json_are_made_readable() {
        for (written, expected) in [
            ("plain text\n", "plain text"),
            ("{ not json", "{ not json"),
            (
                r#"{"timestamp":"2026-11-28T04:25:01Z","level":"info","fields":{"message":"order placed","cents":3299,"to":"a b"},"target":"shop","span":{"name":"invoke","requestId":"r1"},"spans":[{"name":"invoke"}]}"#,
                "INFO order placed cents=3299 span.name=invoke span.requestId=r1 target=shop to=\"a b\"",
            ),
            (
                r#"{"time":"t","type":"platform.report","record":{"requestId":"r1","metrics":{"durationMs":1.5}}}"#,
                "platform.report metrics.durationMs=1.5 requestId=r1",
            ),
            (
                r#"{"level":"ERROR","msg":"no\nway","list":[1,"x"],"empty":"","none":null}"#,
                "ERROR no\nway empty=\"\" list=[1,\"x\"] none=null",
            ),
            (r#"{"level":30,"message":{"a":1}}"#, " level=30 message.a=1"),
            (r#"{"fields":{"message":"inner"},"message":"outer"}"#, "outer fields.message=inner"),
        ] {
            assert_eq!(shown(written), expected);
        }
    }

    #[test]
    fn lambdas_own_lines_are_known() {
        for (written, is_platform) in [
            ("REPORT RequestId: r\tDuration: 1 ms\n", true),
            ("START RequestId: r Version: 3", true),
            (r#"{"type":"platform.start","record":{}}"#, true),
            (r#"{"type":"order","record":{}}"#, false),
            ("REPORTED", false),
        ] {
            assert_eq!(Line::read(written).is_platform, is_platform, "{written}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(written in "\\PC{0,80}|\\{\"(level|message|fields)\": ?[0-9\"{}a-z:]{0,20}\\}") {
            let _ = Line::read(&written);
        }
    }
}
