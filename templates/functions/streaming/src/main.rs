//! Answers over a function URL, each row as soon as it is there.

mod handler;

use lambda_http::{Error, Request, run_with_streaming_response, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // What invocations share, such as clients of the AWS SDK, is made here: once for each environment.
    run_with_streaming_response(service_fn(async |request: Request| {
        handler::handle(&request)
    }))
    .await
}
