use std::env;

use aws_lambda_events::{
    kinesis::{KinesisEvent, KinesisRecord},
    streams::KinesisEventResponse,
};
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

/// Works through a batch, up to the first record that fails: that one and all behind it come again.
///
/// A record without a sequence number cannot be named, so then the whole batch comes again.
pub async fn handle(shared: &Shared, event: &KinesisEvent) -> Result<KinesisEventResponse, Error> {
    let mut response = KinesisEventResponse::default();
    for record in event.records.iter().map(|record| &record.kinesis) {
        let number = record.sequence_number.as_str();
        if number.is_empty() {
            return Err("a record without a sequence number".into());
        }
        if let Err(error) = process(shared, record).await {
            tracing::warn!(record = number, error, "comes again");
            response.add_failure(number);
            // To go on would do those behind it twice.
            break;
        }
    }
    Ok(response)
}

/// What is done for one record. It may come more than once.
async fn process(shared: &Shared, record: &KinesisRecord) -> Result<(), Error> {
    let order: Order = serde_json::from_slice(&record.data)?;
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

    async fn first_failure(event: &str) -> Result<Option<String>, Error> {
        let response = handle(&Shared::from_env(), &serde_json::from_str(event)?).await?;
        let first = response.batch_item_failures.into_iter().next();
        Ok(first.and_then(|failure| failure.item_identifier))
    }

    #[tokio::test]
    async fn good_records_are_done() -> Result<(), Error> {
        let event = include_str!("../events/kinesis.json");
        assert_eq!(first_failure(event).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn the_stream_goes_on_from_the_bad_record() -> Result<(), Error> {
        let event = include_str!("../events/kinesis-bad-record.json");
        assert_eq!(
            first_failure(event).await?.as_deref(),
            Some("49669408814412882179516701862381035063271508567873843244")
        );
        Ok(())
    }
}
