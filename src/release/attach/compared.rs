//! What is there held against what is wanted, member by member, as deep as they go.

use serde_json::Value;

use super::Object;

/// What AWS takes for members that are not there, where that is more than nothing.
pub(super) type Defaults = &'static [(&'static str, Default)];

/// One such value.
#[derive(Clone, Copy)]
pub(super) enum Default {
    Number(i64),
    Word(&'static str),
}

impl From<Default> for Value {
    fn from(default: Default) -> Self {
        match default {
            Default::Number(number) => number.into(),
            Default::Word(word) => word.into(),
        }
    }
}

/// The wanted members that are not there as they should be: what they are, and what they are to be.
/// Both whole: AWS replaces what is inside a member with what it is sent.
pub(super) fn differing(wanted: &Object, there: &Object, defaults: Defaults) -> (Object, Object) {
    let mut old = Object::new();
    let mut new = Object::new();
    for (name, value) in wanted {
        let default = || defaults.iter().find(|(member, _)| member == name);
        let default = || default().map_or(Value::Null, |(_, default)| (*default).into());
        let present = there.get(name).cloned().unwrap_or_else(default);
        let whole = with(&present, value);
        if !same(&whole, &present) {
            old.insert(name.clone(), present);
            new.insert(name.clone(), whole);
        }
    }
    (old, new)
}

/// What is there, with what is wanted in its place: what nobody names stays, inside too.
pub(super) fn merged(there: &Object, wanted: &Object) -> Object {
    let mut all = there.clone();
    for (name, value) in wanted {
        let whole = with(all.get(name).unwrap_or(&Value::Null), value);
        all.insert(name.clone(), whole);
    }
    all
}

/// An object without members clears what was in it; one that has some leaves the others alone.
fn with(there: &Value, wanted: &Value) -> Value {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) if !wanted.is_empty() => {
            Value::Object(merged(there, wanted))
        }
        _ => wanted.clone(),
    }
}

/// Equal, where all that is nothing is one, and lists of words have no order.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            names.into_iter().all(|name| {
                same(one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            let sorted = |list: &[Value]| {
                let mut texts: Vec<String> = list.iter().map(ToString::to_string).collect();
                texts.sort_unstable();
                texts
            };
            sorted(one) == sorted(other)
        }
        (one, other) => one == other || (is_nothing(one) && is_nothing(other)),
    }
}

/// What AWS leaves out of its answers once it was cleared: a `MaxAge` of 0, credentials that are not
/// allowed, a destination that is gone, a list of none. Where 0 is something, because what is not said
/// is more, that stands among the [`Defaults`].
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        Value::Bool(true) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RETRIES: Defaults = &[("Retries", Default::Number(2))];

    fn object(value: &Value) -> Object {
        match value {
            Value::Object(object) => object.clone(),
            other => panic!("{other}"),
        }
    }

    /// What would be sent.
    fn sent(wanted: &Value, there: &Value) -> Value {
        Value::Object(differing(&object(wanted), &object(there), RETRIES).1)
    }

    #[test]
    fn what_is_not_named_goes_along_inside() {
        let there = json!({ "To": { "Good": { "Arn": "theirs" }, "Bad": { "Arn": "old" } } });
        assert_eq!(
            sent(&json!({ "To": { "Bad": { "Arn": "new" } } }), &there),
            json!({ "To": { "Good": { "Arn": "theirs" }, "Bad": { "Arn": "new" } } })
        );
        assert_eq!(
            sent(&json!({ "To": { "Bad": {} } }), &there),
            json!({ "To": { "Good": { "Arn": "theirs" }, "Bad": {} } })
        );
        assert_eq!(sent(&json!({ "To": { "Good": { "Arn": "theirs" } } }), &there), json!({}));
    }

    #[test]
    fn what_is_cleared_and_left_out_is_settled() {
        let wanted =
            json!({ "To": { "Bad": {} }, "Cors": { "Age": 0, "With": false, "From": [] } });
        for there in [
            json!({}),
            json!({ "To": {}, "Cors": {} }),
            json!({ "To": { "Bad": {}, "Good": { "Arn": "a" } }, "Cors": { "Age": 0 } }),
        ] {
            assert_eq!(sent(&wanted, &there), json!({}));
        }
        assert_eq!(
            sent(&wanted, &json!({ "Cors": { "Age": 5, "From": ["*"], "Heads": ["x"] } })),
            json!({ "Cors": { "Age": 0, "With": false, "From": [], "Heads": ["x"] } })
        );
    }

    #[test]
    fn nothing_said_may_be_more_than_nothing() {
        assert_eq!(sent(&json!({ "Retries": 2 }), &json!({})), json!({}));
        assert_eq!(sent(&json!({ "Retries": 0 }), &json!({})), json!({ "Retries": 0 }));
        assert_eq!(sent(&json!({ "Retries": 0 }), &json!({ "Retries": 0 })), json!({}));
    }
}
