//! A job that runs on a schedule.

mod handler;

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

use crate::handler::Tick;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    // What invocations share, such as clients of the AWS SDK, is made here: once for each environment.
    run(service_fn(async |event: LambdaEvent<Tick>| {
        handler::handle(&event.payload)
    }))
    .await
}
