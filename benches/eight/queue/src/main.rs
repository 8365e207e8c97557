//! SQS worker: gives back the messages that failed.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;

#[derive(Deserialize)]
struct Job {
    id: String,
    attempts: u8,
}

fn work(body: &str) -> Result<(), Error> {
    let job: Job = serde_json::from_str(body)?;
    if job.attempts > 5 {
        return Err(format!("{} was tried too often", job.id).into());
    }
    tracing::info!(job.id, "done");
    Ok(())
}

async fn handler(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in event.payload.records {
        if let Err(error) = work(message.body.as_deref().unwrap_or_default()) {
            tracing::warn!(%error, "failed");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(handler)).await
}
