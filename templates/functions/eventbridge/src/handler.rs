use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, tracing};
use serde::{Deserialize, Serialize};

/// The `detail` of an event. What does not fit it is an error before `handle` is called.
#[derive(Debug, Deserialize, Serialize)]
pub struct Order {
    id: u64,
    customer: String,
    cents: u64,
}

/// Goes to the destination of the function, if it has one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    to: String,
    subject: String,
}

/// What is done for one event. It may come more than once, with the same `id`.
pub fn handle(event: &EventBridgeEvent<Order>) -> Result<Mail, Error> {
    if event.detail_type != "Order Placed" {
        // The rule lets through more than it should.
        return Err(format!("an event of an unknown kind: {}", event.detail_type).into());
    }
    let order = &event.detail;
    tracing::info!(
        event = event.id,
        order = order.id,
        cents = order.cents,
        "processed"
    );
    Ok(Mail {
        to: order.customer.clone(),
        subject: format!("Your order {}", order.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER_PLACED: &str = include_str!("../events/order-placed.json");

    #[test]
    fn the_customer_gets_a_mail() -> Result<(), Error> {
        let mail = handle(&serde_json::from_str(ORDER_PLACED)?)?;
        assert_eq!(mail.to, "ada@example.com");
        assert_eq!(mail.subject, "Your order 17");
        Ok(())
    }

    #[test]
    fn another_event_is_an_error() -> Result<(), Error> {
        let event = ORDER_PLACED.replace("Order Placed", "Order Paid");
        assert!(handle(&serde_json::from_str(&event)?).is_err());
        Ok(())
    }
}
