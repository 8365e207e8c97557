//! The members of a request, from wherever they stand in it.

use serde_json::Value;

use super::super::{ApiError, Input, Object};
use super::{Kind, Location, MODEL, Member, Operation, Shape, check};

/// Gathers the members of a request, and checks them against the model.
///
/// `path`: the members that [`super::route`] found; `header`: looks a header up by its name, in any
/// case; `body`: the JSON of the body, without its blobs; none if it is empty or no JSON is expected.
pub fn input(
    operation: &Operation,
    path: &[(String, String)],
    query: &[(String, String)],
    header: &dyn Fn(&str) -> Option<String>,
    body: Option<Value>,
) -> Result<Input, ApiError> {
    let Some(shape) = operation.input.and_then(|at| MODEL.shape(at)) else {
        return Ok(Input::default());
    };
    let mut body = match body {
        None | Some(Value::Null) => Object::new(),
        Some(Value::Object(members)) => members,
        Some(other) => return Err(unexpected(&other, Kind::Structure)),
    };
    let mut members = Object::new();
    for member in &shape.members {
        let Some(wanted) = MODEL.shape(member.at) else { continue };
        let value = match member.location {
            Location::Uri => path.iter().find(|(name, _)| name == member.wire()).map(text_of),
            Location::Query => in_query(member, wanted, query),
            Location::Header => header(member.wire()).map(Value::from),
            Location::Body => body.remove(member.wire()).filter(|value| !value.is_null()),
            Location::Status => None,
        };
        let Some(mut value) = value else { continue };
        if member.location == Location::Body {
            typed(wanted, &mut value)?;
        } else {
            value = parsed(wanted, value)?;
        }
        members.insert(member.name.clone(), value);
    }
    check::members(shape, &members)?;
    Ok(Input::new(members))
}

fn text_of((_, value): &(String, String)) -> Value {
    Value::from(value.as_str())
}

/// A member of the query: all of its values if it is a list.
fn in_query(member: &Member, shape: &Shape, query: &[(String, String)]) -> Option<Value> {
    let mut values = query.iter().filter(|(name, _)| name == member.wire()).map(text_of).peekable();
    if shape.kind == Kind::List {
        return values.peek().is_some().then(|| values.collect::<Vec<_>>().into());
    }
    values.next()
}

/// A text of the path, the query or a header as what it stands for.
fn parsed(shape: &Shape, value: Value) -> Result<Value, ApiError> {
    let Value::String(text) = &value else { return Ok(value) };
    let parsed = match shape.kind {
        Kind::Integer | Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Double => text.parse::<f64>().ok().map(Value::from),
        Kind::Boolean => text.parse::<bool>().ok().map(Value::from),
        _ => return Ok(value),
    };
    parsed.ok_or_else(|| unexpected(&value, shape.kind))
}

/// Refuses a value of another type, and takes out what is null.
fn typed(shape: &Shape, value: &mut Value) -> Result<(), ApiError> {
    match (shape.kind, &mut *value) {
        (Kind::Structure, Value::Object(members)) => {
            members.retain(|_, value| !value.is_null());
            for member in &shape.members {
                if let (Some(value), Some(shape)) =
                    (members.get_mut(member.wire()), MODEL.shape(member.at))
                {
                    typed(shape, value)?;
                }
            }
            Ok(())
        }
        (Kind::Map, Value::Object(items)) => {
            // A value that is null is said to be so by the check.
            items.values_mut().try_for_each(|item| typed_part(shape, item))
        }
        (Kind::List, Value::Array(items)) => {
            items.iter_mut().try_for_each(|item| typed_part(shape, item))
        }
        (Kind::String | Kind::Blob | Kind::Timestamp, Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Double | Kind::Timestamp, Value::Number(_)) => Ok(()),
        (Kind::Integer | Kind::Long, Value::Number(number)) => {
            let Some(real) = number.as_f64().filter(|_| number.as_i64().is_none()) else {
                return Ok(());
            };
            if real.fract() != 0.0 {
                return Err(unexpected(value, shape.kind));
            }
            #[expect(clippy::cast_possible_truncation, reason = "what is too large is refused so")]
            let whole = real as i64;
            *value = Value::from(whole);
            Ok(())
        }
        (kind, other) => Err(unexpected(other, kind)),
    }
}

fn typed_part(shape: &Shape, item: &mut Value) -> Result<(), ApiError> {
    match MODEL.shape(shape.parts.0) {
        Some(part) if !item.is_null() => typed(part, item),
        _ => Ok(()),
    }
}

/// 400 for a value of another type. The texts are those commonly seen of the service's JSON reader;
/// none was recorded.
fn unexpected(value: &Value, wanted: Kind) -> ApiError {
    let name = match wanted {
        Kind::Structure | Kind::Map => "Map",
        Kind::List => "List",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Double => "Double",
        Kind::Boolean => "Boolean",
        Kind::Timestamp => "Timestamp",
        Kind::String | Kind::Blob => "String",
    };
    let text = match value {
        Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        _ if matches!(name, "Map" | "List") => format!("Expected {} or null", name.to_lowercase()),
        Value::String(_) => format!("STRING_VALUE can not be converted to an {name}"),
        Value::Number(number) if number.is_f64() => {
            format!("DECIMAL_VALUE can not be converted to an {name}")
        }
        Value::Number(_) => format!("NUMBER_VALUE can not be converted to a {name}"),
        Value::Bool(true) => format!("TRUE_VALUE can not be converted to a {name}"),
        _ => format!("FALSE_VALUE can not be converted to a {name}"),
    };
    ApiError::new("SerializationException", 400, text)
}
