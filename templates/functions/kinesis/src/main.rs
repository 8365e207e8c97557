//! Takes the records of a Kinesis stream. Where one fails, the stream goes on from there.

mod handler;

use aws_lambda_events::kinesis::KinesisEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

use crate::handler::Shared;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // Once for each environment.
    let shared = Shared::from_env();
    run(service_fn(async |event: LambdaEvent<KinesisEvent>| {
        handler::handle(&shared, &event.payload).await
    }))
    .await
}
