use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Diagnostic, tracing};
use orders_core::Order;
use serde::Serialize;

const DETAIL_TYPE: &str = "OrderPlaced";

/// The message to a customer. A destination of the function can take it to whatever sends mail.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Notification {
    to: String,
    subject: String,
    text: String,
}

/// Writes the message for one placed order. Events that are no valid orders never get here: they do not deserialize.
pub fn handler(event: &EventBridgeEvent<Order>) -> Result<Notification, UnexpectedEvent> {
    if event.detail_type != DETAIL_TYPE {
        return Err(UnexpectedEvent(event.detail_type.clone()));
    }
    let order = &event.detail;
    tracing::info!(order = %order.id(), event = event.id.as_deref(), "customer notified");
    Ok(notification(order))
}

fn notification(order: &Order) -> Notification {
    Notification {
        to: order.customer().to_owned(),
        subject: format!("Your order {}", order.id()),
        text: format!(
            "Thank you! {} pieces are on their way. The total is {}.",
            order.pieces(),
            order.total()
        ),
    }
}

/// The rule on the bus lets through events that this function is not for.
#[derive(Debug, PartialEq, Eq)]
pub struct UnexpectedEvent(String);

impl From<UnexpectedEvent> for Diagnostic {
    fn from(UnexpectedEvent(detail_type): UnexpectedEvent) -> Self {
        Self {
            error_type: "UnexpectedEvent".to_owned(),
            error_message: format!("expected {DETAIL_TYPE}, not {detail_type}: check the rule"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER_PLACED: &str = include_str!("../events/order-placed.json");

    #[test]
    fn the_customer_is_told() {
        let event = serde_json::from_str(ORDER_PLACED).unwrap();
        assert_eq!(
            handler(&event).unwrap(),
            Notification {
                to: "ada@example.com".to_owned(),
                subject: "Your order ord-JKJaXmPLvHcESHA".to_owned(),
                text: "Thank you! 3 pieces are on their way. The total is 32.99.".to_owned(),
            }
        );
    }

    #[test]
    fn another_detail_type_is_refused() {
        let event = ORDER_PLACED.replace("OrderPlaced", "OrderCancelled");
        let error = handler(&serde_json::from_str(&event).unwrap()).unwrap_err();
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "UnexpectedEvent");
        assert_eq!(
            diagnostic.error_message,
            "expected OrderPlaced, not OrderCancelled: check the rule"
        );
    }

    #[test]
    fn an_invalid_order_does_not_deserialize() {
        let event = ORDER_PLACED.replace("\"totalCents\": 3299", "\"totalCents\": 1");
        assert!(serde_json::from_str::<EventBridgeEvent<Order>>(&event).is_err());
    }
}
