//! Takes messages of an SQS queue. Only those that failed go back to it.

mod handler;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // What invocations share, such as clients of the AWS SDK, is made here: once for each environment.
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        handler::handle(&event.payload)
    }))
    .await
}
