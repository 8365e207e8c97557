//! HTTP API behind an API Gateway HTTP API or a function URL: list, read, place and delete orders.

mod handler;
mod store;

use std::future::ready;

use lambda_http::{Error, Request, service_fn, tracing};

use crate::store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let store = Store::default();
    lambda_http::run(service_fn(|request: Request| {
        ready(handler::handler(&store, &request))
    }))
    .await
}
