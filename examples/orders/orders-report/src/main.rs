//! Scheduled report: fills the template that is packed with the handler.

mod handler;

use std::{env, future::ready, path::PathBuf};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let root = root();
    lambda_runtime::run(service_fn(|event: LambdaEvent<EventBridgeEvent>| {
        ready(handler::handler(&root, &event.payload))
    }))
    .await
}

/// The folder that holds `assets`: where Lambda unpacks the bundle or, under `cargo run`, the folder of this package.
fn root() -> PathBuf {
    // Read at run time on purpose: `env!` would put a path of the build machine into the executable.
    env::var_os("LAMBDA_TASK_ROOT")
        .or_else(|| env::var_os("CARGO_MANIFEST_DIR"))
        .map_or_else(|| PathBuf::from("."), PathBuf::from)
}
