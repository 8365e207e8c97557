//! External extension: one log line for each invocation of the function beside it, and one for the shutdown.

mod handler;

use std::{convert::Infallible, future::pending};

use lambda_extension::{Error, LambdaEvent, service_fn, tracing};
use tokio::sync::Notify;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let finished = &Notify::new();
    // Registers for INVOKE and SHUTDOWN, under the file name of the executable, as Lambda demands.
    let extension = lambda_extension::run(service_fn(async |event: LambdaEvent| {
        if handler::handler(&event).is_break() {
            finished.notify_one();
            pending::<()>().await;
        }
        Ok::<(), Infallible>(())
    }));
    // After the shutdown `run` would ask for a next event that never comes, until Lambda kills the process.
    tokio::select! {
        () = finished.notified() => Ok(()),
        result = extension => result,
    }
}
