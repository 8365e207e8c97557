use aws_lambda_events::{
    kinesis::{KinesisEvent, KinesisRecord},
    streams::KinesisEventResponse,
};
use lambda_runtime::{Error, tracing};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    customer: String,
    cents: u64,
}

/// Works through a batch, up to the first record that fails: that one and all behind it come again.
///
/// A record without a sequence number cannot be named, so then the whole batch comes again.
pub fn handle(event: &KinesisEvent) -> Result<KinesisEventResponse, Error> {
    let mut response = KinesisEventResponse::default();
    for record in event.records.iter().map(|record| &record.kinesis) {
        let number = record.sequence_number.as_str();
        if number.is_empty() {
            return Err("a record without a sequence number".into());
        }
        if let Err(error) = process(record) {
            tracing::warn!(record = number, error, "comes again");
            response.add_failure(number);
            // To go on would do those behind it twice.
            break;
        }
    }
    Ok(response)
}

/// What is done for one record. It may come more than once.
fn process(record: &KinesisRecord) -> Result<(), Error> {
    let order: Order = serde_json::from_slice(&record.data)?;
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

    fn first_failure(event: &str) -> Result<Option<String>, Error> {
        let response = handle(&serde_json::from_str(event)?)?;
        let first = response.batch_item_failures.into_iter().next();
        Ok(first.and_then(|failure| failure.item_identifier))
    }

    #[test]
    fn good_records_are_done() -> Result<(), Error> {
        let event = include_str!("../events/kinesis.json");
        assert_eq!(first_failure(event)?, None);
        Ok(())
    }

    #[test]
    fn the_stream_goes_on_from_the_bad_record() -> Result<(), Error> {
        let event = include_str!("../events/kinesis-bad-record.json");
        assert_eq!(
            first_failure(event)?.as_deref(),
            Some("49669408814412882179516701862381035063271508567873843244")
        );
        Ok(())
    }
}
