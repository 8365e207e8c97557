//! What a function answered.

use serde_json::{Number, Value};

/// The longest text of an answer that is shown, in characters.
const SHOWN: usize = 80;

/// How texts of others are shown: before they are cut, so that no part of a secret is left.
pub(super) type Shown<'a> = &'a dyn Fn(&str) -> String;

/// What a function that failed says of it: `errorType: errorMessage`, or the text itself.
pub(super) fn error(payload: &[u8], shown: Shown<'_>) -> String {
    let text = String::from_utf8_lossy(payload);
    let body: Value = serde_json::from_slice(payload).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    match (member("errorType"), member("errorMessage")) {
        (Some(kind), Some(message)) => shown(&format!("{kind}: {message}")),
        (one, other) => shown(one.or(other).unwrap_or(&text)),
    }
}

/// Whether an answer has this `statusCode` (AWS: "Lambda function URLs", response payload).
pub(super) fn status(
    expected: Option<u16>,
    answer: &Value,
    shown: Shown<'_>,
) -> Result<(), String> {
    let Some(expected) = expected else { return Ok(()) };
    match answer.get("statusCode") {
        Some(Value::Number(found)) if found.as_f64() == Some(f64::from(expected)) => Ok(()),
        Some(found) => {
            Err(format!("its status is {}, and {expected} is expected", short(found, shown)))
        }
        None => Err(format!("the answer has no `statusCode`, and {expected} is expected")),
    }
}

/// Whether an answer holds what is expected: every member that is named, lists element by element and
/// of the same length, numbers as numbers. `path` is where both stand; the first difference is told.
pub(super) fn holds(
    expected: &Value,
    found: &Value,
    path: &mut String,
    shown: Shown<'_>,
) -> Result<(), String> {
    let length = path.len();
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, expected) in expected {
                path.push_str(if length == 0 { "" } else { "." });
                path.push_str(name);
                let found = found.get(name).ok_or_else(|| format!("the answer lacks `{path}`"))?;
                holds(expected, found, path, shown)?;
                path.truncate(length);
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                path.push_str(&format!("[{at}]"));
                holds(expected, found, path, shown)?;
                path.truncate(length);
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(found)) => {
            let (expected, found) = (expected.len(), found.len());
            Err(format!("{} has {found} elements, and {expected} are expected", of_answer(path)))
        }
        (Value::Number(one), Value::Number(other)) if same(one, other) => Ok(()),
        _ if expected == found => Ok(()),
        _ => {
            let (path, found) = (of_answer(path), short(found, shown));
            let expected = short(expected, shown);
            Err(format!("{path} is {found}, and {expected} is expected"))
        }
    }
}

/// `1` and `1.0` are one number.
fn same(one: &Number, other: &Number) -> bool {
    let whole = |number: &Number| number.is_i64() || number.is_u64();
    if whole(one) && whole(other) { one == other } else { one.as_f64() == other.as_f64() }
}

fn of_answer(path: &str) -> String {
    if path.is_empty() { "the answer".to_owned() } else { format!("`{path}` of the answer") }
}

/// The beginning of a value.
fn short(value: &Value, shown: Shown<'_>) -> String {
    let text = shown(&value.to_string());
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(&text)),
        None => text,
    }
}
