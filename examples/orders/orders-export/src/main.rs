//! Export behind a function URL that streams: all orders as CSV, each row as soon as it is there.

mod handler;

use std::future::ready;

use lambda_http::{Error, Request, run_with_streaming_response, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run_with_streaming_response(service_fn(|request: Request| {
        ready(handler::handler(&request))
    }))
    .await
}
