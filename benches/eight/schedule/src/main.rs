//! EventBridge schedule: says what is due today.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, Serialize)]
struct Detail {
    #[serde(default)]
    tasks: Vec<Task>,
}

#[derive(Deserialize, Serialize)]
struct Task {
    name: String,
    every_days: u32,
    last_day: u32,
}

async fn handler(event: LambdaEvent<EventBridgeEvent<Detail>>) -> Result<Value, Error> {
    let event = event.payload;
    let today = event.detail.tasks.iter().map(|task| task.last_day).max().unwrap_or_default() + 1;
    let due = event.detail.tasks.iter().filter(|task| today >= task.last_day + task.every_days);
    let due: Vec<&str> = due.map(|task| task.name.as_str()).collect();
    tracing::info!(source = event.source, due = due.len(), "planned");
    Ok(json!({ "day": today, "due": due }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(handler)).await
}
