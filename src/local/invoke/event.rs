//! `Event`: the caller is told at once, and the invocation is tried again if the function fails.
//!
//! An event is kept in the server's folder, if it has one, from before the caller is told until it has
//! succeeded or is given up: another server on that folder goes on with it. One that was being tried
//! when the server ended is tried again, as AWS may do ("at least once"). Every attempt has the
//! request id that the caller was told.
//!
//! AWS: "Invoking a Lambda function asynchronously", "How Lambda handles errors and retries".

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Call;
use crate::account::ApiError;
use crate::local::store::StoreError;
use crate::local::{Server, clock};

/// How many events wait or are being tried.
#[derive(Default)]
pub(in crate::local) struct Events {
    open: Cell<usize>,
    none: Notify,
}

impl Events {
    /// Waits until there is none.
    pub(in crate::local) async fn done(&self) {
        while self.open.get() > 0 {
            self.none.notified().await;
        }
    }
}

/// Counts as an event until it is dropped.
struct Open(Rc<Server>);

impl Open {
    fn new(server: &Rc<Server>) -> Self {
        server.events.open.update(|count| count + 1);
        Self(server.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let events = &self.0.events;
        events.open.update(|count| count.saturating_sub(1));
        if events.open.get() == 0 {
            events.none.notify_one();
        }
    }
}

/// An event that is not over.
struct Queued {
    call: Call,
    /// How often the function has failed.
    failures: usize,
    /// When it came (ms since 1970).
    since: i64,
}

/// The same as it is kept.
#[derive(Serialize, Deserialize)]
struct Record {
    function: String,
    qualifier: Option<String>,
    trace: Option<String>,
    tenant: Option<String>,
    /// A JSON text.
    payload: String,
    failures: usize,
    since: i64,
}

/// Takes an event in: from now on it is run.
pub(super) fn queue(server: &Rc<Server>, mut call: Call) -> Result<(), ApiError> {
    // "Lambda passes the ClientContext object to your function for synchronous invocations only."
    call.client_context = None;
    let event = Queued { call, failures: 0, since: clock::now() };
    event
        .keep(server)
        .map_err(|error| ApiError::service(format!("the event cannot be saved: {error}")))?;
    begin(server, event);
    Ok(())
}

/// Goes on with the events that another server had not ended, the oldest first.
pub(in crate::local) fn resume(server: &Rc<Server>) -> Result<(), StoreError> {
    let mut events: Vec<Queued> = server
        .store
        .events::<Record>()?
        .into_iter()
        .map(|(id, record)| Queued::restored(id, record))
        .collect();
    events.sort_by_key(|event| event.since);
    for event in events {
        begin(server, event);
    }
    Ok(())
}

fn begin(server: &Rc<Server>, event: Queued) {
    let open = Open::new(server);
    tokio::task::spawn_local(async move { run(&open.0, event).await });
}

impl Queued {
    fn restored(id: String, record: Record) -> Self {
        let Record { function, qualifier, trace, tenant, payload, failures, since } = record;
        let payload = Bytes::from(payload);
        let call = Call { id, function, qualifier, client_context: None, trace, tenant, payload };
        Self { call, failures, since }
    }

    fn keep(&self, server: &Server) -> Result<(), StoreError> {
        server.store.keep_event(&self.call.id, || {
            let Call { function, qualifier, trace, tenant, payload, .. } = self.call.clone();
            let payload = String::from_utf8_lossy(&payload).into_owned();
            let (failures, since) = (self.failures, self.since);
            Record { function, qualifier, trace, tenant, payload, failures, since }
        })
    }

    fn age(&self) -> Duration {
        let ms = clock::now().saturating_sub(self.since);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }
}

/// Runs it until it succeeds, or has been tried often and long enough.
async fn run(server: &Rc<Server>, mut event: Queued) {
    let settings = Settings::of(server, &event.call);
    let waits = &server.options.retries;
    let condition = loop {
        match server.run(&event.call, false).await {
            Ok(outcome) if !outcome.is_error() => break "Success",
            Ok(_) if event.failures >= settings.retries => break "RetriesExhausted",
            Ok(_) => {
                let wait = waits.get(event.failures).or(waits.last()).copied();
                event.failures += 1;
                // If that cannot be written, another server tries it once more.
                let _ = event.keep(server);
                sleep(wait.unwrap_or_default()).await;
            }
            Err(error) if error.status == 429 => server.room(&event.call).await,
            // The function is gone, say.
            Err(error) => {
                let (function, why) = (&event.call.function, error.message);
                server.note(&format!("an event of {function} was dropped: {why}"));
                return server.store.forget_event(&event.call.id);
            }
        }
        if event.age() > settings.age {
            break "EventAgeExceeded";
        }
    };
    settle(server, &settings, &event.call, condition);
    server.store.forget_event(&event.call.id);
}

impl Server {
    /// Waits until the function may perhaps have one more invocation.
    async fn room(&self, call: &Call) {
        let reserved = {
            let account = self.account.borrow();
            let named = account.named(&call.function, None).ok();
            let function = named.and_then(|named| account.function(named.name));
            function.filter(|it| it.reserved_concurrency.is_some()).map(|it| it.name.clone())
        };
        self.pools.room(reserved).await;
    }
}

/// What holds for the events of a function.
struct Settings {
    /// How often it is tried again.
    retries: usize,
    /// For how long.
    age: Duration,
    on_success: Option<String>,
    /// The destination, else the dead letter queue.
    on_failure: Option<String>,
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
fn settle(server: &Server, settings: &Settings, call: &Call, condition: &str) {
    let to = if condition == "Success" { &settings.on_success } else { &settings.on_failure };
    let Call { id, function, .. } = call;
    match to {
        Some(to) => server.note(&format!("event {id} of {function}: {condition}, sent to {to}")),
        None if condition == "Success" => {}
        None => server.note(&format!("event {id} of {function}: {condition}, discarded")),
    }
}
