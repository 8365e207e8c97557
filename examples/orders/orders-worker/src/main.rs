//! SQS worker: turns each placed order into a pick list, and gives back only the messages that failed.

mod handler;

use std::future::ready;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
        ready(handler::handler(&event.payload))
    }))
    .await
}
