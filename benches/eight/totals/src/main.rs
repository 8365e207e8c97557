//! Adds up the lines of an order.

use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Order {
    id: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    sku: String,
    quantity: u32,
    cents: u64,
}

async fn handler(event: LambdaEvent<Order>) -> Result<Value, Error> {
    let Order { id, lines } = event.payload;
    let mut total = 0_u64;
    for line in &lines {
        let sum =
            line.cents.checked_mul(line.quantity.into()).and_then(|sum| total.checked_add(sum));
        total = sum.ok_or_else(|| format!("order {id}: {} costs too much", line.sku))?;
    }
    tracing::info!(id, total, "added up");
    Ok(json!({ "id": id, "lines": lines.len(), "total": total }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(handler)).await
}
