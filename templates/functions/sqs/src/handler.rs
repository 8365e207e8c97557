use std::env;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, tracing};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    cents: u64,
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

/// Works through a batch. Messages that fail are named in the answer and come again; the others are done.
///
/// A message without an id cannot be named, so then the whole batch comes again.
pub async fn handle(shared: &Shared, event: &SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in &event.records {
        let id = message
            .message_id
            .as_deref()
            .ok_or("a message without an id")?;
        if is_fifo(message) && !response.batch_item_failures.is_empty() {
            // Order counts there: what comes after a failure waits for it.
            response.add_failure(id);
        } else if let Err(error) = process(shared, message).await {
            tracing::warn!(id, error, "goes back to the queue");
            response.add_failure(id);
        }
    }
    Ok(response)
}

fn is_fifo(message: &SqsMessage) -> bool {
    let queue = message.event_source_arn.as_deref().unwrap_or_default();
    queue.strip_suffix(".fifo").is_some()
}

/// What is done for one message. It may come more than once.
async fn process(shared: &Shared, message: &SqsMessage) -> Result<(), Error> {
    let order: Order = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    store(shared, &order).await;
    Ok(())
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

    const BATCH: &str = include_str!("../events/sqs.json");
    const BAD_MESSAGE: &str = include_str!("../events/sqs-bad-message.json");

    async fn failures(event: &str) -> Result<Vec<String>, Error> {
        let response = handle(&Shared::from_env(), &serde_json::from_str(event)?).await?;
        let failures = response.batch_item_failures.into_iter();
        Ok(failures.map(|failure| failure.item_identifier).collect())
    }

    #[tokio::test]
    async fn good_messages_are_done() -> Result<(), Error> {
        assert!(failures(BATCH).await?.is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn only_the_bad_message_goes_back() -> Result<(), Error> {
        assert_eq!(
            failures(BAD_MESSAGE).await?,
            ["46d9bac2-3fa3-43eb-b3ca-2143218a61ce"]
        );
        Ok(())
    }

    #[tokio::test]
    async fn in_a_fifo_queue_those_behind_it_go_back_too() -> Result<(), Error> {
        let event = BAD_MESSAGE.replace(":orders\"", ":orders.fifo\"");
        assert_eq!(failures(&event).await?.len(), 2);
        Ok(())
    }
}
