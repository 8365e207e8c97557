//! External extension: events and logs in one process. It counts the lines that the function writes, and says at
//! each invocation and at the shutdown how many there were.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
};

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaLog, LogBuffering, NextEvent, SharedService, service_fn,
};
use tokio::sync::Notify;

static LINES: AtomicUsize = AtomicUsize::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let finished = &Notify::new();
    let extension = Extension::new()
        // INVOKE and SHUTDOWN, which is the default.
        .with_events_processor(service_fn(async |event: LambdaEvent| {
            let lines = LINES.load(Ordering::Relaxed);
            match event.next {
                NextEvent::Invoke(invoke) => {
                    println!(
                        "combined: invoked {}, {lines} lines so far",
                        invoke.request_id
                    );
                }
                NextEvent::Shutdown(shutdown) => {
                    println!(
                        "combined: shut down, {}, {lines} lines",
                        shutdown.shutdown_reason
                    );
                    finished.notify_one();
                }
            }
            Ok::<(), Infallible>(())
        }))
        .with_log_types(&["function"])
        .with_log_buffering(LogBuffering {
            timeout_ms: 25,
            ..LogBuffering::default()
        })
        // On Lambda the default would do. On one's own machine all environments share its ports.
        .with_log_port_number(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
        .with_logs_processor(SharedService::new(service_fn(count)))
        .run();
    // After the shutdown `run` would ask for a next event that never comes, until Lambda kills the process.
    tokio::select! {
        () = finished.notified() => Ok(()),
        result = extension => result,
    }
}

async fn count(batch: Vec<LambdaLog>) -> Result<(), Infallible> {
    let before = LINES.fetch_add(batch.len(), Ordering::Relaxed);
    println!("combined: {} lines", before + batch.len());
    Ok(())
}
