//! Takes JSON, and answers with JSON.

mod handler;

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

use crate::handler::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // What invocations share, such as clients of the AWS SDK, is made here: once for each environment.
    run(service_fn(async |event: LambdaEvent<Request>| {
        handler::handle(&event.payload)
    }))
    .await
}
