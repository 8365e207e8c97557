use std::ops::ControlFlow;

use lambda_extension::{InvokeEvent, LambdaEvent, NextEvent, ShutdownEvent, tracing};

/// Logs one event. `Break` says that no other event follows.
pub fn handler(event: &LambdaEvent) -> ControlFlow<()> {
    match &event.next {
        NextEvent::Invoke(InvokeEvent {
            request_id,
            invoked_function_arn,
            deadline_ms,
            ..
        }) => {
            tracing::info!(
                request_id,
                function = invoked_function_arn,
                deadline_ms,
                "invoked"
            );
            ControlFlow::Continue(())
        }
        NextEvent::Shutdown(ShutdownEvent {
            shutdown_reason, ..
        }) => {
            tracing::info!(reason = shutdown_reason, "shut down");
            ControlFlow::Break(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(event: &str) -> ControlFlow<()> {
        let next = serde_json::from_str(event).unwrap();
        handler(&LambdaEvent { next })
    }

    #[test]
    fn only_the_shutdown_is_the_end() {
        assert!(handle(include_str!("../events/invoke.json")).is_continue());
        assert!(handle(include_str!("../events/shutdown.json")).is_break());
    }
}
