//! Holds what tests send and what we answer against the model: members, types, patterns, limits.

use serde_json::Value;

use super::super::{ApiError, Object};
use super::{Kind, MODEL, Shape, check, operation};

/// The members of a request that reach the account, unless the model refuses them.
pub(in crate::account) fn request(name: &str, members: Object) -> Result<Object, ApiError> {
    let shape = operation(name).unwrap().input.and_then(|at| MODEL.shape(at)).unwrap();
    let known = |name: &String| shape.members.iter().any(|member| member.name == *name);
    let kept = members.into_iter().filter(|(name, value)| known(name) && !value.is_null());
    let kept = kept.collect();
    check::members(shape, &kept).map(|()| kept)
}

/// What the model says against an answer.
pub(in crate::account) fn answer(name: &str, members: &Object) -> Vec<String> {
    let mut members = members.clone();
    // Recorded, though the model says otherwise: a function without code signing answers nothing,
    // and every update is in progress because of Creating.
    if name == "GetFunctionCodeSigningConfig" && members.is_empty() {
        return Vec::new();
    }
    forget_creating(&mut members);
    if let Some(Value::Object(shown)) = members.get_mut("Configuration") {
        forget_creating(shown);
    }
    judged(operation(name).unwrap().output, &members)
}

fn forget_creating(shown: &mut Object) {
    let code = "LastUpdateStatusReasonCode";
    if shown.get(code).is_some_and(|code| code == "Creating") {
        shown.remove(code);
    }
}

/// What the model says against an error. What stands before the service is not in it.
pub(in crate::account) fn error(name: &str, error: &ApiError) -> Vec<String> {
    let before = [
        "AccessDeniedException",
        "RequestEntityTooLargeException",
        "UnknownOperationException",
        "ValidationException",
    ];
    if before.contains(&error.code) {
        return Vec::new();
    }
    let Some(shape) = super::error(error.code) else {
        return vec![format!("no error {}", error.code)];
    };
    let mut wrong = Vec::new();
    if !operation(name).unwrap().errors.iter().any(|code| code == error.code) {
        wrong.push(format!("{name} has no {}", error.code));
    }
    if shape.status != error.status {
        wrong.push(format!("{} has not the status {}", error.code, error.status));
    }
    wrong.extend(error.body().keys().filter(|it| !shape.says(it)).map(|it| format!("no {it}")));
    wrong
}

fn judged(shape: Option<usize>, members: &Object) -> Vec<String> {
    let Some(shape) = shape.and_then(|at| MODEL.shape(at)) else {
        return members.keys().map(|name| format!("{name} where nothing is said")).collect();
    };
    let mut wrong = Vec::new();
    structure(shape, "", members, &mut wrong);
    wrong.extend(check::members(shape, members).err().map(|error| error.message));
    wrong
}

fn structure(shape: &Shape, at: &str, members: &Object, wrong: &mut Vec<String>) {
    for (name, value) in members {
        let at = format!("{at}.{name}");
        match shape.members.iter().find(|member| member.name == *name) {
            Some(member) => self::value(MODEL.shape(member.at).unwrap(), &at, value, wrong),
            None => wrong.push(format!("{at} is unknown")),
        }
    }
}

fn value(shape: &Shape, at: &str, value: &Value, wrong: &mut Vec<String>) {
    let part = || MODEL.shape(shape.parts.0).unwrap();
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => structure(shape, at, members, wrong),
        (Kind::Map, Value::Object(items)) => {
            for (key, item) in items {
                self::value(part(), &format!("{at}.{key}"), item, wrong);
            }
        }
        (Kind::List, Value::Array(items)) => {
            for item in items {
                self::value(part(), &format!("{at}[]"), item, wrong);
            }
        }
        (Kind::String | Kind::Blob, Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Double | Kind::Timestamp, Value::Number(_)) => {}
        (Kind::Integer | Kind::Long, Value::Number(number))
            if number.is_i64() || number.is_u64() => {}
        (kind, value) => wrong.push(format!("{at} is not {kind:?} but {value}")),
    }
}
