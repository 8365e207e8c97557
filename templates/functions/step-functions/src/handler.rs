use lambda_runtime::{Diagnostic, tracing};
use serde::{Deserialize, Serialize};

/// The input of the state.
#[derive(Debug, Deserialize)]
pub struct Order {
    id: u64,
    cents: u64,
    card: String,
}

/// The output of the state.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Charged {
    order: u64,
    charged: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub enum ChargeError {
    CardDeclined { order: u64 },
    NothingToCharge { order: u64 },
}

/// The names that `Retry` and `Catch` of the state machine go by. They are part of its interface.
impl From<ChargeError> for Diagnostic {
    fn from(error: ChargeError) -> Self {
        let (name, error_message) = match error {
            ChargeError::CardDeclined { order } => (
                "CardDeclined",
                format!("the card of order {order} was declined"),
            ),
            ChargeError::NothingToCharge { order } => {
                ("NothingToCharge", format!("order {order} comes to nothing"))
            }
        };
        Self {
            error_type: name.to_owned(),
            error_message,
        }
    }
}

/// Charges one order. A state that is tried again sends it again: charge by the number of the order.
pub fn handle(order: &Order) -> Result<Charged, ChargeError> {
    let (number, cents) = (order.id, order.cents);
    if cents == 0 {
        return Err(ChargeError::NothingToCharge { order: number });
    }
    // Exchange it for the call of your payment service.
    if order.card.starts_with("declined") {
        return Err(ChargeError::CardDeclined { order: number });
    }
    tracing::info!(order = number, cents, "charged");
    Ok(Charged {
        order: number,
        charged: cents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_order_is_charged() -> Result<(), serde_json::Error> {
        let order = serde_json::from_str(include_str!("../events/charge.json"))?;
        let charged = Charged {
            order: 17,
            charged: 4250,
        };
        assert_eq!(handle(&order), Ok(charged));
        Ok(())
    }

    #[test]
    fn the_state_machine_knows_errors_by_name() -> Result<(), serde_json::Error> {
        let order = serde_json::from_str(include_str!("../events/declined.json"))?;
        let error = handle(&order).map_err(Diagnostic::from);
        assert!(error.is_err_and(|error| error.error_type == "CardDeclined"));
        Ok(())
    }
}
