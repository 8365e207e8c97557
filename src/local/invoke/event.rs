//! `Event`: the caller is told at once, and the invocation is tried again if the function fails.
//!
//! AWS: "Invoking a Lambda function asynchronously", "How Lambda handles errors and retries".

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Call, Outcome};
use crate::local::Server;

/// How long to wait when the function may have no invocation more at the moment.
const THROTTLED: Duration = Duration::from_secs(1);

/// Runs it until it succeeds, or has been tried often and long enough.
pub(super) async fn run(server: Rc<Server>, call: Call) {
    let settings = Settings::of(&server, &call);
    let (mut failures, started) = (0, Instant::now());
    loop {
        let condition = match server.run(&call, None).await {
            Ok(outcome) if !outcome.is_error() => {
                return settle(&server, &settings, &call, "Success", Some(&outcome));
            }
            Ok(outcome) => {
                if failures >= settings.retries {
                    return settle(&server, &settings, &call, "RetriesExhausted", Some(&outcome));
                }
                let wait =
                    server.options.retries.get(failures).or(server.options.retries.last()).copied();
                failures += 1;
                sleep(wait.unwrap_or_default()).await;
                "RetriesExhausted"
            }
            Err(error) if error.status == 429 => {
                sleep(THROTTLED).await;
                "EventAgeExceeded"
            }
            // The function is gone, say.
            Err(error) => {
                server
                    .note(&format!("an event of {} was dropped: {}", call.function, error.message));
                return;
            }
        };
        if started.elapsed() > settings.age {
            return settle(&server, &settings, &call, condition.min("EventAgeExceeded"), None);
        }
    }
}

/// What holds for the events of a function.
pub(super) struct Settings {
    /// How often it is tried again.
    pub(super) retries: usize,
    /// For how long.
    pub(super) age: Duration,
    pub(super) on_success: Option<String>,
    /// The destination, else the dead letter queue.
    pub(super) on_failure: Option<String>,
}

impl Settings {
    fn of(server: &Server, call: &Call) -> Self {
        let account = server.account.borrow();
        let named = account.named(&call.function, call.qualifier.as_deref()).ok();
        let set = named.and_then(|named| account.event_invoke(named.name, named.qualifier));
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        let age = number(set.and_then(|set| set.age)).unwrap_or(6 * 3600);
        let queue = account
            .target(&call.function, call.qualifier.as_deref(), 0.0)
            .ok()
            .and_then(|target| target.configuration.settings.get("DeadLetterConfig"))
            .and_then(|queue| Some(queue.get("TargetArn")?.as_str()?.to_owned()))
            .filter(|arn| !arn.is_empty());
        Self {
            retries: set.and_then(|set| usize::try_from(set.retries?).ok()).unwrap_or(2),
            age: Duration::from_secs(age),
            on_success: set.and_then(|set| set.on_success.clone()),
            on_failure: set.and_then(|set| set.on_failure.clone()).or(queue),
        }
    }
}

/// Says where AWS would send what came of it.
fn settle(
    server: &Server,
    settings: &Settings,
    call: &Call,
    condition: &str,
    outcome: Option<&Outcome>,
) {
    let to = if condition == "Success" { &settings.on_success } else { &settings.on_failure };
    let id = outcome.map_or("", |outcome| outcome.id.as_str());
    match to {
        Some(to) => {
            server.note(&format!("event {id} of {}: {condition}, sent to {to}", call.function));
        }
        None if condition == "Success" => {}
        None => server.note(&format!("event {id} of {}: {condition}, discarded", call.function)),
    }
}
