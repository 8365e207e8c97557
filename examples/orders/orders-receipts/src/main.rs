//! S3 handler: for each order object that arrives, a receipt object in the same bucket.

mod handler;
mod receipt;

use aws_config::BehaviorVersion;
use aws_lambda_events::s3::S3Event;
use aws_sdk_s3::Client;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let s3 = Client::new(&config);
    lambda_runtime::run(service_fn(|event: LambdaEvent<S3Event>| {
        handler::handler(&s3, event.payload)
    }))
    .await
}
