//! CBOR (RFC 8949), as Smithy RPC v2 CBOR uses it: keys are texts, times carry tag 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use serde_json::{Number, Value};

use crate::account::Object;
use crate::local::services::members::{Kind, kind};
use crate::local::services::refusal::Refusal;

/// The tag of seconds since 1970.
const TIME: u64 = 1;

/// The members of a body. An empty body has none.
pub(super) fn read(body: &[u8]) -> Result<Object, Refusal> {
    if body.is_empty() {
        return Ok(Object::new());
    }
    let value: Cbor = ciborium::from_reader(body)
        .map_err(|error| Refusal::unreadable(format!("the body is no CBOR: {error}")))?;
    match json(value) {
        Some(Value::Object(members)) => Ok(members),
        _ => Err(Refusal::unreadable("the body is no CBOR map of what these services know")),
    }
}

fn json(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => Value::Bool(value),
        Cbor::Integer(number) => i64::try_from(number).ok()?.into(),
        Cbor::Float(number) => Value::Number(Number::from_f64(number)?),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bytes(bytes) => Value::String(STANDARD.encode(bytes)),
        Cbor::Tag(TIME, inner) => json(*inner)?,
        Cbor::Array(items) => items.into_iter().map(json).collect::<Option<_>>()?,
        Cbor::Map(members) => {
            let member = |(name, value): (Cbor, Cbor)| Some((name.into_text().ok()?, json(value)?));
            Value::Object(members.into_iter().map(member).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A body of these members.
pub(super) fn written(members: &Object) -> Vec<u8> {
    let mut body = Vec::new();
    // Nothing fails that is written into memory.
    let _ = ciborium::into_writer(&map(members), &mut body);
    body
}

fn map(members: &Object) -> Cbor {
    let member = |(name, value): (&String, &Value)| (Cbor::Text(name.clone()), cbor(name, value));
    Cbor::Map(members.iter().map(member).collect())
}

/// What the leaves are follows from the name.
fn cbor(name: &str, value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| cbor(name, item)).collect()),
        Value::Object(members) => map(members),
        Value::Number(number) => {
            let real = number.as_f64().unwrap_or_default();
            match (kind(name), number.as_i64()) {
                (Kind::Time, _) => Cbor::Tag(TIME, Box::new(Cbor::Float(real))),
                (Kind::Double, _) | (_, None) => Cbor::Float(real),
                (_, Some(whole)) => Cbor::from(whole),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Object {
        value.as_object().unwrap().clone()
    }

    /// Without the head of a map of one member and its name.
    fn one(name: &str, value: Value) -> Vec<u8> {
        let mut members = Object::new();
        members.insert(name.to_owned(), value);
        written(&members).split_off(2 + name.len())
    }

    #[test]
    fn times_are_tagged_and_doubles_are_doubles() {
        let time = [&[0xc1, 0xfb][..], &1_795_196_322.5_f64.to_be_bytes()].concat();
        assert_eq!(one("StartTime", json!(1_795_196_322.5)), time);
        assert_eq!(one("Timestamps", json!([1_795_196_322.5])), [&[0x81][..], &time].concat());
        let whole_second = one("StateUpdatedTimestamp", json!(0));
        assert_eq!(whole_second.first(), Some(&0xc1));
        assert_eq!(one("Period", json!(60)), [0x18, 60]);
        assert_eq!(one("ActionsEnabled", json!(true)), [0xf5]);
        // Some readers take a double only as a double, whatever its width.
        assert!(matches!(one("Threshold", json!(1)).first(), Some(0xf9..=0xfb)));
        assert!(matches!(one("Values", json!([3])).get(1), Some(0xf9..=0xfb)));
    }

    #[test]
    fn what_was_written_is_read() {
        let value = json!({
            "StartTime": 1_795_196_322.5, "Period": 60, "Threshold": 1.5, "Name": "ä", "Empty": {},
            "List": ["a", {"Value": null}], "ActionsEnabled": false,
        });
        assert_eq!(read(&written(&object(&value))).unwrap(), object(&value));
        assert_eq!(read(&[]).unwrap(), Object::new());
    }

    #[test]
    fn lengths_may_be_open_and_floats_of_any_width() {
        // {_ "a": [_ 1.0 (half), 1.0 (single)], "b": (_ "x", "y")}
        let body = [
            0xbf, 0x61, b'a', 0x9f, 0xf9, 0x3c, 0x00, 0xfa, 0x3f, 0x80, 0, 0, 0xff, 0x61, b'b',
            0x7f, 0x61, b'x', 0x61, b'y', 0xff, 0xff,
        ];
        let expected = json!({"a": [1.0, 1.0], "b": "xy"});
        assert_eq!(read(&body).unwrap(), object(&expected));
    }

    #[test]
    fn hostile_bodies_are_refused() {
        let deep = vec![0x81; 1_000_000];
        for body in [
            &deep[..],
            &[0xff],
            &[0x01],
            &[0xa1, 0x01, 0x02],
            &[0xa1, 0x61],
            // A map of 2^63 members, a text as long.
            &[0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0],
            &[0xa1, 0x61, b'a', 0x7b, 0x80, 0, 0, 0, 0, 0, 0, 0],
            // Not a number.
            &[0xa1, 0x61, b'a', 0xf9, 0x7e, 0x00],
            // Another tag.
            &[0xa1, 0x61, b'a', 0xc5, 0x40],
        ] {
            let head = &body[..body.len().min(12)];
            assert_eq!(read(body).unwrap_err().shape, "SerializationException", "{head:x?}");
        }
    }
}
