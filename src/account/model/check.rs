//! Whether values are what the model allows, and the service's messages if they are not.
//!
//! The forms are those of recorded answers: constraints of a scalar are named one by one, those of the
//! items of a list or a map all together, and `Value '…'` is what Java prints.

use serde_json::Value;

use super::super::{ApiError, Object};
use super::{Kind, MODEL, Member, Shape, lowered, shown};

/// Refuses members that the model does not allow, all of them in one message.
pub(super) fn members(shape: &Shape, members: &Object) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    structure(shape, "", members, &mut errors);
    match errors.len() {
        0 => Ok(()),
        1 => Err(ApiError::validation(format!("1 validation error detected: {}", errors.join("")))),
        count => Err(ApiError::validation(format!(
            "{count} validation errors detected: {}",
            errors.join("; ")
        ))),
    }
}

fn structure(shape: &Shape, at: &str, members: &Object, errors: &mut Vec<String>) {
    for member in &shape.members {
        match members.get(&member.name) {
            // The edge takes blobs out before.
            None if member.required && !is_blob(member) => {
                let at = joined(at, &lowered(&member.name));
                errors.push(format!(
                    "Value null at '{at}' failed to satisfy constraint: Member must not be null"
                ));
            }
            None => {}
            Some(value) => {
                if let Some(shape) = MODEL.shape(member.at)
                    && !is_fine(shape, value)
                {
                    self::value(shape, &joined(at, &lowered(&member.name)), value, errors);
                }
            }
        }
    }
}

fn is_blob(member: &Member) -> bool {
    MODEL.shape(member.at).is_some_and(|shape| shape.kind == Kind::Blob)
}

fn joined(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Whether a scalar needs no further look.
fn is_fine(shape: &Shape, value: &Value) -> bool {
    is_scalar(shape) && broken(shape, value).is_empty()
}

fn value(shape: &Shape, at: &str, value: &Value, errors: &mut Vec<String>) {
    let mut refuse = |why: &str| {
        let said = said(shape, value);
        errors.push(format!("{said} at '{at}' failed to satisfy constraint: {why}"));
    };
    if is_scalar(shape) {
        for why in broken(shape, value) {
            refuse(&why);
        }
        return;
    }
    for why in length(shape, value) {
        refuse(&why);
    }
    let Some(part) = MODEL.shape(shape.parts.0) else { return };
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => structure(shape, at, members, errors),
        (Kind::List, Value::Array(items)) if is_scalar(part) => {
            let bad = |item: &Value| item.is_null() || !broken(part, item).is_empty();
            let all = constraints(part, !shape.nullable);
            if items.iter().any(bad) {
                refuse(&format!("Member must satisfy constraint: [{}]", all.join(", ")));
            }
        }
        (Kind::List, Value::Array(items)) => {
            for (number, item) in (1..).zip(items) {
                self::value(part, &format!("{at}.{number}.member"), item, errors);
            }
        }
        (Kind::Map, Value::Object(items)) => map(shape, part, at, items, errors),
        _ => {}
    }
}

fn map(shape: &Shape, part: &Shape, at: &str, items: &Object, errors: &mut Vec<String>) {
    let Some(key) = MODEL.shape(shape.parts.1) else { return };
    let mut refuse = |why: &str, all: &[String]| {
        let shown = said_map(shape, part, items);
        let all = all.join(", ");
        errors.push(format!("{shown} at '{at}' failed to satisfy constraint: {why}: [{all}]"));
    };
    if items.keys().any(|text| !broken(key, &Value::from(text.as_str())).is_empty()) {
        refuse("Map keys must satisfy constraint", &constraints(key, false));
    }
    if !is_scalar(part) {
        for (text, item) in items {
            value(part, &joined(at, text), item, errors);
        }
    } else if items.values().any(|item| item.is_null() || !broken(part, item).is_empty()) {
        refuse("Map value must satisfy constraint", &constraints(part, true));
    }
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure | Kind::List | Kind::Map)
}

/// The constraints that a scalar breaks.
fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    match value {
        Value::String(text) if shape.kind == Kind::String => {
            broken = length(shape, value);
            if let Some(pattern) = shape.pattern.as_ref().filter(|pattern| !pattern.fits(text)) {
                broken.push(of_pattern(&pattern.text));
            }
            if !shape.values.is_empty() && !shape.values.contains(text) {
                broken.push(of_values(&shape.values));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            broken.extend(shape.max.filter(|max| number > *max).map(|_| most(shape)));
            broken.extend(shape.min.filter(|min| number < *min).map(|_| least(shape)));
        }
        _ => {}
    }
    broken
}

/// The limits of its length that a text, a list or a map breaks. Java counts UTF-16 units.
fn length(shape: &Shape, value: &Value) -> Vec<String> {
    let length = match value {
        Value::String(text) if text.is_ascii() => text.len(),
        Value::String(text) => text.encode_utf16().count(),
        Value::Array(items) => items.len(),
        Value::Object(items) => items.len(),
        _ => return Vec::new(),
    };
    // Lengths are far below 2^52.
    #[expect(clippy::cast_precision_loss)]
    let length = length as f64;
    let over = shape.max.filter(|max| length > *max).map(|_| most(shape));
    let under = shape.min.filter(|min| length < *min).map(|_| least(shape));
    over.into_iter().chain(under).collect()
}

/// Every constraint of a scalar, in the order of recorded answers.
fn constraints(shape: &Shape, not_null: bool) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(shape.max.map(|_| most(shape)));
    all.extend(shape.min.map(|_| least(shape)));
    all.extend(shape.pattern.as_ref().map(|pattern| of_pattern(&pattern.text)));
    if !shape.values.is_empty() {
        all.push(of_values(&shape.values));
    }
    if not_null {
        all.push("Member must not be null".to_owned());
    }
    all
}

fn most(shape: &Shape) -> String {
    format!("Member must have {} less than or equal to {}", what(shape), limit(shape, shape.max))
}

fn least(shape: &Shape) -> String {
    format!("Member must have {} greater than or equal to {}", what(shape), limit(shape, shape.min))
}

fn what(shape: &Shape) -> &'static str {
    let number = matches!(shape.kind, Kind::Integer | Kind::Long | Kind::Double);
    if number { "value" } else { "length" }
}

fn limit(shape: &Shape, limit: Option<f64>) -> String {
    let limit = limit.unwrap_or_default();
    if shape.kind == Kind::Double { format!("{limit:?}") } else { format!("{limit:.0}") }
}

fn of_pattern(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn of_values(values: &[String]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

/// `Value '…'`; what is secret is not shown.
fn said(shape: &Shape, value: &Value) -> String {
    let part = MODEL.shape(shape.parts.0);
    match (shape.kind, value, part) {
        (Kind::List, Value::Array(items), Some(part)) if !shape.sensitive && !part.sensitive => {
            let items: Vec<_> = items.iter().map(|item| shown(item, part.kind)).collect();
            format!("Value '[{}]'", items.join(", "))
        }
        (Kind::Map, Value::Object(items), Some(part)) => said_map(shape, part, items),
        (Kind::List, ..) => "Value".to_owned(),
        _ if shape.sensitive => "Value".to_owned(),
        _ => format!("Value '{}'", shown(value, shape.kind)),
    }
}

fn said_map(shape: &Shape, part: &Shape, items: &Object) -> String {
    if shape.sensitive || part.sensitive {
        return "Value".to_owned();
    }
    let items: Vec<_> =
        items.iter().map(|(key, item)| format!("{key}={}", shown(item, part.kind))).collect();
    format!("Value '{{{}}}'", items.join(", "))
}
