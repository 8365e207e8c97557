use std::collections::BTreeMap;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, tracing};
use orders_core::Order;

/// Works through a batch. A message that fails goes back to the queue (the event source mapping must ask for
/// `ReportBatchItemFailures`); the others are done. In a FIFO queue everything after the first failure goes back too, to keep the order.
///
/// A message without an id could not be given back alone, so then the whole batch fails.
pub fn handler(event: &SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in &event.records {
        let id = message
            .message_id
            .as_deref()
            .ok_or("a message without an id")?;
        if is_fifo(message) && !response.batch_item_failures.is_empty() {
            tracing::warn!(message_id = id, "given back: an earlier message failed");
            response.add_failure(id);
            continue;
        }
        match order_in(message) {
            Ok(order) => {
                tracing::info!(message_id = id, order = %order.id(), pick = pick_list(&order), "order to pick");
            }
            Err(error) => {
                tracing::warn!(message_id = id, %error, "given back: not an order");
                response.add_failure(id);
            }
        }
    }
    Ok(response)
}

fn is_fifo(message: &SqsMessage) -> bool {
    message
        .event_source_arn
        .as_deref()
        .is_some_and(|arn| arn.strip_suffix(".fifo").is_some())
}

fn order_in(message: &SqsMessage) -> Result<Order, serde_json::Error> {
    serde_json::from_str(message.body.as_deref().unwrap_or_default())
}

/// What the warehouse must fetch: one entry for each article, sorted.
fn pick_list(order: &Order) -> String {
    let mut pieces: BTreeMap<&str, u64> = BTreeMap::new();
    for line in order.lines() {
        *pieces.entry(&line.sku).or_default() += u64::from(line.quantity);
    }
    let entries: Vec<String> = pieces
        .iter()
        .map(|(sku, count)| format!("{count} x {sku}"))
        .collect();
    entries.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = include_str!("../events/batch.json");
    const GOOD_BATCH: &str = include_str!("../events/good-batch.json");
    const FIFO_BATCH: &str = include_str!("../events/fifo-batch.json");

    fn read(event: &str) -> SqsEvent {
        serde_json::from_str(event).unwrap()
    }

    fn failures(event: &SqsEvent) -> Vec<String> {
        let response = handler(event).unwrap();
        response
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect()
    }

    #[test]
    fn only_what_failed_goes_back() {
        assert_eq!(
            failures(&read(BATCH)),
            [
                "2e1424d4-f796-459a-8184-9c92662be6da", // not JSON
                "9f3c7c0e-5a41-4f0b-9d53-0c5a8a3f6f11", // a quantity of 0
            ]
        );
        assert!(failures(&read(GOOD_BATCH)).is_empty());
    }

    #[test]
    fn a_fifo_queue_keeps_its_order() {
        assert_eq!(
            failures(&read(FIFO_BATCH)),
            [
                "b6d3d1b0-77a4-4a1e-8c6e-6f2b6f0f8a02", // not an order
                "b6d3d1b0-77a4-4a1e-8c6e-6f2b6f0f8a03", // good, but after it
            ]
        );
    }

    #[test]
    fn a_message_without_a_body_goes_back() {
        let mut event = read(GOOD_BATCH);
        event.records[0].body = None;
        assert_eq!(failures(&event), ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
    }

    #[test]
    fn a_message_without_an_id_fails_the_batch() {
        let mut event = read(GOOD_BATCH);
        event.records[0].message_id = None;
        assert!(handler(&event).is_err());
    }

    #[test]
    fn a_pick_list_adds_up_the_lines_of_an_article() {
        let event = read(GOOD_BATCH);
        let picks: Vec<String> = event
            .records
            .iter()
            .map(|message| pick_list(&order_in(message).unwrap()))
            .collect();
        assert_eq!(picks, ["2 x BOOK-1, 1 x MUG-BLUE", "5 x PEN-2"]);
    }

    #[test]
    fn the_answer_has_the_shape_that_lambda_reads() {
        let answer = serde_json::to_value(handler(&read(FIFO_BATCH)).unwrap()).unwrap();
        assert_eq!(
            answer["batchItemFailures"][0]["itemIdentifier"],
            "b6d3d1b0-77a4-4a1e-8c6e-6f2b6f0f8a02"
        );
    }
}
