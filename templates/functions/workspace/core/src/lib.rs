//! What the functions share: what an order is, and which one is valid.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Order {
    pub id: u64,
    pub customer: String,
    pub cents: u64,
}

impl Order {
    /// Whether it can be packed.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Invalid> {
        if !self.customer.contains('@') {
            return Err(Invalid("the customer has no mail address"));
        }
        if self.cents == 0 {
            return Err(Invalid("it comes to nothing"));
        }
        Ok(())
    }
}

/// What is wrong with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(&'static str);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Invalid {}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Result<Order, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn orders_are_checked() -> Result<(), serde_json::Error> {
        let good = order(r#"{"id":17,"customer":"ada@example.com","cents":4250}"#)?;
        assert_eq!(good.check(), Ok(()));
        let nobody = order(r#"{"id":17,"customer":"","cents":4250}"#)?;
        assert!(nobody.check().is_err());
        let nothing = order(r#"{"id":17,"customer":"ada@example.com","cents":0}"#)?;
        assert!(nothing.check().is_err());
        Ok(())
    }
}
