//! Asks another service for exchange rates.

use std::collections::HashMap;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Request {
    base: String,
    cents: u64,
}

#[derive(Deserialize)]
struct Rates {
    rates: HashMap<String, f64>,
}

async fn handler(
    client: &reqwest::Client,
    address: &str,
    event: LambdaEvent<Request>,
) -> Result<Value, Error> {
    let Request { base, cents } = event.payload;
    let answer = client.get(format!("{address}/{base}")).send().await?.error_for_status()?;
    let Rates { rates } = answer.json().await?;
    let prices: HashMap<_, _> =
        rates.into_iter().map(|(code, rate)| (code, cents as f64 * rate)).collect();
    Ok(json!({ "base": base, "prices": prices }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let address = std::env::var("RATES_URL")?;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    lambda_runtime::run(service_fn(|event| handler(&client, &address, event))).await
}
