use std::env;

use aws_lambda_events::sns::{SnsEvent, SnsMessage};
use lambda_runtime::{Error, tracing};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    cents: u64,
}

/// Goes to the destination of the function, if it has one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Processed {
    orders: Vec<u64>,
}

/// What invocations share: clients of the AWS SDK, what the environment says.
#[derive(Debug)]
pub struct Shared {
    table: String,
}

impl Shared {
    /// Reads the variables that `environment` of the settings has.
    pub fn from_env() -> Self {
        let table = env::var("TABLE").unwrap_or_else(|_| "orders".to_owned());
        Self { table }
    }
}

/// Takes what a topic sends: one message, in a list. After an `Err` it comes again.
pub async fn handle(shared: &Shared, event: &SnsEvent) -> Result<Processed, Error> {
    let mut orders = Vec::new();
    for record in &event.records {
        orders.push(process(shared, &record.sns).await?);
    }
    Ok(Processed { orders })
}

/// What is done for one message. It may come more than once.
async fn process(shared: &Shared, message: &SnsMessage) -> Result<u64, Error> {
    let order: Order = serde_json::from_str(&message.message)?;
    store(shared, &order).await;
    Ok(order.id)
}

/// Exchange it for a call of the AWS SDK, with a client that `Shared` holds.
async fn store(shared: &Shared, order: &Order) {
    tokio::task::yield_now().await;
    // Whose order it is does not belong into a log.
    tracing::info!(
        table = shared.table,
        order = order.id,
        cents = order.cents,
        "stored"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = include_str!("../events/sns.json");

    #[tokio::test]
    async fn the_sample_message_is_processed() -> Result<(), Error> {
        let event = serde_json::from_str(MESSAGE)?;
        assert_eq!(handle(&Shared::from_env(), &event).await?.orders, [17]);
        Ok(())
    }

    #[tokio::test]
    async fn a_message_that_is_no_order_is_an_error() -> Result<(), Error> {
        let mut event: SnsEvent = serde_json::from_str(MESSAGE)?;
        for record in &mut event.records {
            record.sns.message = "not an order".to_owned();
        }
        assert!(handle(&Shared::from_env(), &event).await.is_err());
        Ok(())
    }
}
