//! Answers of the query protocol.

use serde_json::Value;

use crate::account::Object;
use crate::local::services::members::{Kind, kind, ms, written};
use crate::local::services::refusal::Refusal;

/// An answer. Operations without an output have no result in it.
pub(super) fn answer(operation: &str, xmlns: &str, output: &Object, id: &str) -> String {
    let mut text = format!("<{operation}Response xmlns=\"{xmlns}\">");
    if !output.is_empty() {
        text += &format!("<{operation}Result>");
        members(&mut text, output);
        text += &format!("</{operation}Result>");
    }
    text += &format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
    text + &format!("</{operation}Response>")
}

/// An error.
pub(super) fn refusal(refusal: &Refusal, xmlns: &str, id: &str) -> String {
    let Refusal { code, message, .. } = refusal;
    let fault = refusal.fault();
    let mut text = format!("<ErrorResponse xmlns=\"{xmlns}\"><Error><Type>{fault}</Type>");
    element(&mut text, "Code", &Value::from(*code));
    element(&mut text, "Message", &Value::from(message.as_str()));
    text + &format!("</Error><RequestId>{id}</RequestId></ErrorResponse>")
}

fn members(text: &mut String, members: &Object) {
    for (name, value) in members {
        element(text, name, value);
    }
}

fn element(text: &mut String, name: &str, value: &Value) {
    *text += &format!("<{name}>");
    content(text, name, value);
    *text += &format!("</{name}>");
}

/// How the leaves are written follows from the name.
fn content(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(value) => *text += &value.to_string(),
        Value::Number(number) => match (kind(name), number.as_f64()) {
            (Kind::Time, Some(seconds)) => *text += &written(ms(seconds)),
            _ => *text += &number.to_string(),
        },
        Value::String(value) => escape(text, value),
        Value::Array(items) => {
            for item in items {
                *text += "<member>";
                content(text, name, item);
                *text += "</member>";
            }
        }
        Value::Object(inner) => members(text, inner),
    }
}

/// What has a meaning of its own is escaped; what no XML may hold is left out.
fn escape(text: &mut String, value: &str) {
    for char in value.chars() {
        match char {
            '&' => *text += "&amp;",
            '<' => *text += "&lt;",
            '>' => *text += "&gt;",
            '"' => *text += "&quot;",
            '\r' => *text += "&#13;",
            '\t' | '\n' => text.push(char),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => {}
            char => text.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_in_xml() {
        let output = json!({
            "MetricDataResults": [{"Id": "a<b", "Timestamps": [1_795_196_322.0], "Values": [1.5]}],
            "Messages": [],
        });
        assert_eq!(
            answer("GetMetricData", "x", output.as_object().unwrap(), "1"),
            "<GetMetricDataResponse xmlns=\"x\"><GetMetricDataResult><Messages></Messages>\
             <MetricDataResults><member><Id>a&lt;b</Id>\
             <Timestamps><member>2026-11-20T17:38:42.000Z</member></Timestamps>\
             <Values><member>1.5</member></Values></member></MetricDataResults>\
             </GetMetricDataResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
             </GetMetricDataResponse>"
        );
        assert_eq!(
            answer("DeleteAlarms", "x", &Object::new(), "1"),
            "<DeleteAlarmsResponse xmlns=\"x\"><ResponseMetadata><RequestId>1</RequestId>\
             </ResponseMetadata></DeleteAlarmsResponse>"
        );
    }

    #[test]
    fn an_error_in_xml() {
        let error = Refusal::validation("a & \u{1}b");
        assert_eq!(
            refusal(&error, "x", "1"),
            "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>ValidationError</Code>\
             <Message>a &amp; b</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        );
    }
}
