//! Is told of the objects of an S3 bucket.

mod handler;

use aws_lambda_events::s3::S3Event;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // What invocations share, such as clients of the AWS SDK, is made here: once for each environment.
    run(service_fn(async |event: LambdaEvent<S3Event>| {
        handler::handle(&event.payload)
    }))
    .await
}
