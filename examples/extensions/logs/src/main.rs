//! External extension: a subscriber of the Logs API. Each line of the function, and each record of the platform,
//! becomes a line that begins with `logs:`.

use std::{convert::Infallible, net::TcpListener};

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaLog, LambdaLogRecord, LogBuffering, NextEvent,
    SharedService, service_fn,
};
use tokio::sync::Notify;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let finished = &Notify::new();
    let extension = Extension::new()
        // Who does not ask for INVOKE keeps no invocation waiting.
        .with_events(&["SHUTDOWN"])
        .with_events_processor(service_fn(async |event: LambdaEvent| {
            if let NextEvent::Shutdown(shutdown) = event.next {
                println!("logs: shut down, {}", shutdown.shutdown_reason);
                finished.notify_one();
            }
            Ok::<(), Infallible>(())
        }))
        // Not `extension`: it would be told what it prints itself, and print that.
        .with_log_types(&["platform", "function"])
        .with_log_buffering(LogBuffering {
            timeout_ms: 25,
            ..LogBuffering::default()
        })
        // On Lambda the default would do. On one's own machine all environments share its ports.
        .with_log_port_number(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
        .with_logs_processor(SharedService::new(service_fn(show)))
        .run();
    // After the shutdown `run` would ask for a next event that never comes, until Lambda kills the process.
    tokio::select! {
        () = finished.notified() => Ok(()),
        result = extension => result,
    }
}

async fn show(batch: Vec<LambdaLog>) -> Result<(), Infallible> {
    for log in batch {
        match log.record {
            LambdaLogRecord::Function(line) => {
                println!("logs: function said {:?}", line.trim_end());
            }
            LambdaLogRecord::PlatformStart { request_id } => {
                println!("logs: start of {request_id}");
            }
            LambdaLogRecord::PlatformReport {
                request_id,
                metrics,
            } => {
                println!("logs: report of {request_id}, {} ms", metrics.duration_ms);
            }
            other => println!("logs: {other:?}"),
        }
    }
    Ok(())
}
