//! One event, and how each version of the two APIs writes it.
//!
//! AWS: "Lambda Telemetry API Event schema reference", "Lambda Logs API", section "Log messages".

use serde_json::{Value, json};

use super::subscription::{Api, Schema};

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Stream {
    /// What Lambda itself says.
    Platform,
    /// What the runtime's process writes.
    Function,
    /// What the external extensions write.
    Extension,
}

impl Stream {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        [Self::Platform, Self::Function, Self::Extension].into_iter().find(|it| it.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }
}

/// Something that has happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// `2026-11-20T10:00:00.123Z`.
    pub(super) time: String,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A line, with its line feed; and whether the function's log is one of JSON objects.
    Line { stream: Stream, text: String, json: bool },
    /// What only the Telemetry API tells.
    New(&'static str, Value),
    /// What only the Logs API tells.
    Old(&'static str, Value),
    /// What both tell, each in its way: of the second, from which version on.
    Both(&'static str, Value, Value, Schema),
    /// Somebody has subscribed.
    Subscribed { name: String, api: Api, streams: Vec<Stream> },
}

impl Event {
    /// What it counts as.
    pub(super) fn stream(&self) -> Stream {
        match &self.what {
            What::Line { stream, .. } => *stream,
            _ => Stream::Platform,
        }
    }

    /// About how much memory it takes.
    pub(super) fn size(&self) -> usize {
        match &self.what {
            What::Line { text, .. } => 64 + text.len(),
            _ => 512,
        }
    }

    /// Its JSON; none if there is no such event in this version.
    pub(super) fn text(&self, schema: Schema) -> Option<String> {
        let (kind, record) = match (&self.what, schema.api()) {
            (What::Line { stream, text, json }, _) => (stream.name(), line(text, *json, schema)),
            (What::New(kind, record), Api::Telemetry) | (What::Old(kind, record), Api::Logs) => {
                (*kind, record.clone())
            }
            (What::Both(kind, record, ..), Api::Telemetry) => (*kind, record.clone()),
            (What::Both(kind, _, record, since), Api::Logs) => {
                if *since == Schema::Logs2021 && schema == Schema::Logs2020 {
                    return None;
                }
                (*kind, record.clone())
            }
            (What::Subscribed { name, api, streams }, _) => {
                let kind = match api {
                    Api::Telemetry => "platform.telemetrySubscription",
                    Api::Logs => "platform.logsSubscription",
                };
                // Neither API knows of the other's.
                if *api != schema.api() {
                    return None;
                }
                let types: Vec<_> = streams.iter().map(|stream| stream.name()).collect();
                (kind, json!({ "name": name, "state": "Subscribed", "types": types }))
            }
            (What::New(..), Api::Logs) | (What::Old(..), Api::Telemetry) => return None,
        };
        let event = json!({ "time": self.time, "type": kind, "record": record });
        Some(event.to_string())
    }
}

/// As the documentation shows it: with its line feed in the Logs API, without in the Telemetry API, and
/// as an object if that is what it is and the function's log is of such.
fn line(text: &str, json: bool, schema: Schema) -> Value {
    if schema.api() == Api::Logs {
        return text.into();
    }
    let text = text.strip_suffix('\n').unwrap_or(text);
    if json && schema == Schema::Telemetry2022December {
        let object = serde_json::from_str(text).ok().filter(Value::is_object);
        return object.unwrap_or_else(|| text.into());
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(what: What, schema: Schema) -> Option<Value> {
        let text = Event { time: "now".to_owned(), what }.text(schema)?;
        Some(serde_json::from_str::<Value>(&text).unwrap()["record"].take())
    }

    #[test]
    fn lines_are_objects_only_where_all_say_so() {
        let of = |text: &str, json, schema| {
            let line = What::Line { stream: Stream::Function, text: text.to_owned(), json };
            record(line, schema).unwrap()
        };
        let text = "{\"a\": 1}\n";
        assert_eq!(of(text, true, Schema::Telemetry2022December), json!({ "a": 1 }));
        assert_eq!(of(text, false, Schema::Telemetry2022December), "{\"a\": 1}");
        assert_eq!(of(text, true, Schema::Telemetry2022July), "{\"a\": 1}");
        assert_eq!(of(text, true, Schema::Logs2021), text);
        assert_eq!(of("[1]\n", true, Schema::Telemetry2022December), "[1]");
    }

    #[test]
    fn each_version_has_its_events() {
        let done =
            || What::Both("done", json!({ "new": 1 }), json!({ "old": 1 }), Schema::Logs2021);
        assert_eq!(record(done(), Schema::Logs2020), None);
        assert_eq!(record(done(), Schema::Logs2021), Some(json!({ "old": 1 })));
        assert_eq!(record(done(), Schema::Telemetry2022July), Some(json!({ "new": 1 })));
        let end = || What::Old("platform.end", json!({}));
        assert!(record(end(), Schema::Logs2020).is_some());
        assert_eq!(record(end(), Schema::Telemetry2022December), None);
    }
}
