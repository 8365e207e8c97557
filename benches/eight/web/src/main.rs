//! HTTP API behind a function URL: quotes a price.

use lambda_http::{
    Body, Error, Request, RequestExt, RequestPayloadExt, Response, service_fn, tracing,
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Quote {
    sku: String,
    quantity: u32,
}

async fn handler(request: Request) -> Result<Response<Body>, Error> {
    let currency = request.query_string_parameters().first("currency").unwrap_or("EUR").to_owned();
    let (status, body) = match request.payload::<Quote>() {
        Ok(Some(Quote { sku, quantity })) => {
            let cents = u64::from(quantity) * 499;
            (200, json!({ "sku": sku, "cents": cents, "currency": currency }))
        }
        Ok(None) => (400, json!({ "error": "a body is needed" })),
        Err(error) => (400, json!({ "error": error.to_string() })),
    };
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(body.to_string().into())?)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_http::run(service_fn(handler)).await
}
