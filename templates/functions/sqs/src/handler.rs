use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, tracing};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    customer: String,
    cents: u64,
}

/// Works through a batch. Messages that fail are named in the answer and come again; the others are done.
///
/// A message without an id cannot be named, so then the whole batch comes again.
pub fn handle(event: &SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in &event.records {
        let id = message
            .message_id
            .as_deref()
            .ok_or("a message without an id")?;
        if is_fifo(message) && !response.batch_item_failures.is_empty() {
            // Order counts there: what comes after a failure waits for it.
            response.add_failure(id);
        } else if let Err(error) = process(message) {
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
fn process(message: &SqsMessage) -> Result<(), Error> {
    let order: Order = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    tracing::info!(
        order = order.id,
        customer = order.customer,
        cents = order.cents,
        "processed"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = include_str!("../events/sqs.json");
    const BAD_MESSAGE: &str = include_str!("../events/sqs-bad-message.json");

    fn failures(event: &str) -> Result<Vec<String>, Error> {
        let response = handle(&serde_json::from_str(event)?)?;
        let failures = response.batch_item_failures.into_iter();
        Ok(failures.map(|failure| failure.item_identifier).collect())
    }

    #[test]
    fn good_messages_are_done() -> Result<(), Error> {
        assert!(failures(BATCH)?.is_empty());
        Ok(())
    }

    #[test]
    fn only_the_bad_message_goes_back() -> Result<(), Error> {
        assert_eq!(
            failures(BAD_MESSAGE)?,
            ["46d9bac2-3fa3-43eb-b3ca-2143218a61ce"]
        );
        Ok(())
    }

    #[test]
    fn in_a_fifo_queue_those_behind_it_go_back_too() -> Result<(), Error> {
        let event = BAD_MESSAGE.replace(":orders\"", ":orders.fifo\"");
        assert_eq!(failures(&event)?.len(), 2);
        Ok(())
    }
}
