//! The input of an operation: its members by name, wherever they stood in the request.

use serde_json::Value;

use super::{ApiError, Object};

/// The members of a request, from path, query, headers and body alike.
///
/// What was sent empty is there and empty; what was not sent, or sent as null, is not there. Blobs are
/// taken out before: what they turned out to be comes with the moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input(Object);

impl Input {
    /// Leaves out members that are null.
    #[must_use]
    pub fn new(mut members: Object) -> Self {
        members.retain(|_, value| !value.is_null());
        Self(members)
    }

    /// Whether the member was sent, be it empty.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A member of any kind.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text that the model requires.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| {
            let mut at = name.to_owned();
            if let Some(first) = at.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            ApiError::validation(format!(
                "1 validation error detected: Value null at '{at}' failed to satisfy constraint: \
                 Member must not be null"
            ))
        })
    }

    /// A whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// A boolean.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// Whether a boolean was sent and is true.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.boolean(name) == Some(true)
    }

    /// A structure or a map.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.0.get(name).and_then(Value::as_object)
    }

    /// A list.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice)
    }

    /// The texts of a list.
    #[must_use]
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        self.list(name).map(|items| items.iter().filter_map(Value::as_str).collect())
    }

    /// All members.
    #[must_use]
    pub fn members(&self) -> &Object {
        &self.0
    }
}
