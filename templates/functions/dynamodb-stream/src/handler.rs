use std::env;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use lambda_runtime::{Error, tracing};
use serde::Deserialize;
use serde_dynamo::from_item;

/// An item of the table. Numbers come as text, and `serde_dynamo` reads them.
#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    cents: u64,
    status: String,
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
pub async fn handle(shared: &Shared, event: Event) -> Result<DynamoDbEventResponse, Error> {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let number = record.change.sequence_number.clone();
        let number = number.ok_or("a record without a sequence number")?;
        if let Err(error) = process(shared, record).await {
            tracing::warn!(record = number, error, "comes again");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(number);
            response.batch_item_failures.push(failure);
            // To go on would do those behind it twice.
            break;
        }
    }
    Ok(response)
}

/// What is done for one change. It may come more than once.
async fn process(shared: &Shared, record: EventRecord) -> Result<(), Error> {
    let change = record.change;
    match record.event_name.as_str() {
        "INSERT" => {
            let new: Order = from_item(change.new_image)?;
            store(shared, &new).await;
        }
        "MODIFY" => {
            let old: Order = from_item(change.old_image)?;
            let new: Order = from_item(change.new_image)?;
            if old.status != new.status {
                store(shared, &new).await;
            }
        }
        "REMOVE" => {
            let old: Order = from_item(change.old_image)?;
            tracing::info!(order = old.id, "removed");
        }
        other => return Err(format!("an event of an unknown kind: {other}").into()),
    }
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
        status = order.status,
        "stored"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn first_failure(event: &str) -> Result<Option<String>, Error> {
        let response = handle(&Shared::from_env(), serde_json::from_str(event)?).await?;
        let first = response.batch_item_failures.into_iter().next();
        Ok(first.and_then(|failure| failure.item_identifier))
    }

    #[tokio::test]
    async fn good_records_are_done() -> Result<(), Error> {
        let event = include_str!("../events/dynamodb.json");
        assert_eq!(first_failure(event).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn the_stream_goes_on_from_the_bad_record() -> Result<(), Error> {
        let event = include_str!("../events/dynamodb-bad-record.json");
        assert_eq!(
            first_failure(event).await?.as_deref(),
            Some("4391700000000017204412000")
        );
        Ok(())
    }
}
