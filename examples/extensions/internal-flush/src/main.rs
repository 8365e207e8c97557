//! Function with an internal extension: what the handler gathers is sent off after the answer is on its way, while
//! the environment is still awake, so that the caller does not wait for it.

use std::{convert::Infallible, sync::Mutex, time::Duration};

use lambda_extension::Extension;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::sleep};

/// What is to be sent off: traces, metrics, …
#[derive(Default)]
struct Spans {
    gathered: Mutex<Vec<String>>,
    handled: Notify,
}

impl Spans {
    fn add(&self, span: String) {
        if let Ok(mut gathered) = self.gathered.lock() {
            gathered.push(span);
        }
    }

    async fn flush(&self) {
        self.handled.notified().await;
        let spans = self
            .gathered
            .lock()
            .map(|mut gathered| std::mem::take(&mut *gathered));
        // As long as a far-away collector takes.
        sleep(Duration::from_millis(300)).await;
        println!("flushed {}", spans.unwrap_or_default().join(", "));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let spans = &Spans::default();
    let extension = Extension::new()
        // No other extension of the function may have this name.
        .with_extension_name("internal-flush")
        // Lambda refuses internal extensions that ask for SHUTDOWN.
        .with_events(&["INVOKE"])
        // Until it asks for the next event the invocation is not over, and the environment is not frozen.
        .with_events_processor(lambda_extension::service_fn(async |_| {
            spans.flush().await;
            Ok::<(), Infallible>(())
        }))
        // Before the runtime asks for its first event, which ends the init.
        .register()
        .await?;
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        println!("handling {}", event.context.request_id);
        spans.add(format!("span of {}", event.context.request_id));
        spans.handled.notify_one();
        Ok::<Value, Infallible>(json!({ "answered": event.payload }))
    });
    tokio::try_join!(lambda_runtime::run(handler), extension.run())?;
    Ok(())
}
