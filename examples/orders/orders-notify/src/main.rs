//! Consumer of the `OrderPlaced` events on an event bus: writes the message to the customer.

mod handler;

use std::future::ready;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use orders_core::Order;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(|event: LambdaEvent<EventBridgeEvent<Order>>| {
        ready(handler::handler(&event.payload))
    }))
    .await
}
