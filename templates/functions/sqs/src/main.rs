//! Takes messages of an SQS queue. Only those that failed go back to it.

mod handler;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

use crate::handler::Shared;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // Once for each environment.
    let shared = Shared::from_env();
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        handler::handle(&shared, &event.payload).await
    }))
    .await
}
