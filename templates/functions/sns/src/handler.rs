use aws_lambda_events::sns::{SnsEvent, SnsMessage};
use lambda_runtime::{Error, tracing};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    customer: String,
    cents: u64,
}

/// Goes to the destination of the function, if it has one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Processed {
    orders: Vec<u64>,
}

/// Takes what a topic sends: one message, in a list. After an `Err` it comes again.
pub fn handle(event: &SnsEvent) -> Result<Processed, Error> {
    let orders = event.records.iter().map(|record| process(&record.sns));
    Ok(Processed {
        orders: orders.collect::<Result<_, _>>()?,
    })
}

/// What is done for one message. It may come more than once.
fn process(message: &SnsMessage) -> Result<u64, Error> {
    let order: Order = serde_json::from_str(&message.message)?;
    tracing::info!(
        id = message.message_id,
        order = order.id,
        customer = order.customer,
        cents = order.cents,
        "processed"
    );
    Ok(order.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = include_str!("../events/sns.json");

    #[test]
    fn the_sample_message_is_processed() -> Result<(), Error> {
        let event = serde_json::from_str(MESSAGE)?;
        assert_eq!(handle(&event)?.orders, [17]);
        Ok(())
    }

    #[test]
    fn a_message_that_is_no_order_is_an_error() -> Result<(), Error> {
        let mut event: SnsEvent = serde_json::from_str(MESSAGE)?;
        for record in &mut event.records {
            record.sns.message = "not an order".to_owned();
        }
        assert!(handle(&event).is_err());
        Ok(())
    }
}
