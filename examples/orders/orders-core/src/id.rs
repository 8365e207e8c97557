use std::{error::Error, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const PREFIX: &str = "ord-";
const MAX_LENGTH: usize = 64;

/// The id of an order: `ord-` and then letters, digits, `-` or `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct OrderId(String);

impl OrderId {
    /// The id of the order that a request places.
    ///
    /// A request id is unique already, so no random numbers are needed, and the same request sent twice names the same order.
    ///
    /// # Errors
    /// When nothing usable is left of the request id, or it is too long.
    pub fn of_request(request_id: &str) -> Result<Self, InvalidOrderId> {
        let usable: String = request_id.chars().filter(|&c| is_allowed(c)).collect();
        format!("{PREFIX}{usable}").parse()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl TryFrom<String> for OrderId {
    type Error = InvalidOrderId;

    fn try_from(text: String) -> Result<Self, InvalidOrderId> {
        let valid = text.len() <= MAX_LENGTH
            && text
                .strip_prefix(PREFIX)
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_allowed));
        if valid {
            Ok(Self(text))
        } else {
            Err(InvalidOrderId(text))
        }
    }
}

impl FromStr for OrderId {
    type Err = InvalidOrderId;

    fn from_str(text: &str) -> Result<Self, InvalidOrderId> {
        text.to_owned().try_into()
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The text is not the id of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrderId(String);

impl fmt::Display for InvalidOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an order id", self.0)
    }
}

impl Error for InvalidOrderId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_order() {
        let id = OrderId::of_request("JKJaXmPLvHcESHA=").unwrap();
        assert_eq!(id.as_str(), "ord-JKJaXmPLvHcESHA");
        assert_eq!(OrderId::of_request("JKJaXmPLvHcESHA=").unwrap(), id);
        assert!(OrderId::of_request("==").is_err());
        assert!(OrderId::of_request(&"a".repeat(MAX_LENGTH)).is_err());
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "ord-", "order-1", "ord-a/b", "ord-ä"] {
            assert!(text.parse::<OrderId>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<OrderId>("\"ord-../x\"").is_err());
    }
}
