//! Events on their way to who has subscribed to them.
//!
//! They are sent in batches: when so many or so much wait, or when the first has waited so long. One who
//! does not take them is tried again, with longer pauses; what comes meanwhile waits, up to a limit, and
//! beyond that is counted as dropped (AWS: "Lambda Telemetry API", sections on destination and buffering).

use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::event::{Event, Stream, What};
use super::now;
use super::subscription::{Destination, Subscription};
use crate::local::client::{BoxError, exchange};

/// How many full batches may wait.
const BATCHES: usize = 4;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a batch is tried; the pauses between double, up to the longest.
const ATTEMPTS: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// As much of an answer is read.
const ANSWER: usize = 64 * 1024;
/// As the documentation shows it.
const REASON: &str =
    "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";

/// Somebody who has subscribed.
pub(super) struct Subscriber {
    /// The extension's name.
    pub(super) name: String,
    pub(super) subscription: Subscription,
    waiting: RefCell<Batch>,
    /// There is something to be done.
    more: Notify,
    /// A batch is being sent.
    sending: Cell<bool>,
    /// What had to be sent was.
    sent: Notify,
}

/// Events, written out.
#[derive(Default)]
struct Batch {
    events: Vec<String>,
    bytes: usize,
    /// When the first came.
    since: Option<Instant>,
    /// They are to go now.
    flush: bool,
    /// How many, and how many bytes, were dropped since the last batch.
    dropped: (u64, u64),
}

impl Subscriber {
    pub(super) fn new(name: String, subscription: Subscription) -> Rc<Self> {
        Rc::new(Self {
            name,
            subscription,
            waiting: RefCell::default(),
            more: Notify::new(),
            sending: Cell::new(false),
            sent: Notify::new(),
        })
    }

    /// Takes an event in, if it is one that was asked for.
    pub(super) fn push(&self, event: &Event) {
        let Subscription { streams, schema, buffering, .. } = &self.subscription;
        if !streams.contains(&event.stream()) {
            return;
        }
        let Some(text) = event.text(*schema) else { return };
        let mut waiting = self.waiting.borrow_mut();
        let full = waiting.events.len() >= BATCHES * buffering.items
            || waiting.bytes + text.len() > BATCHES * buffering.bytes;
        if full {
            waiting.dropped.0 += 1;
            waiting.dropped.1 += text.len() as u64;
            return;
        }
        waiting.bytes += text.len();
        waiting.events.push(text);
        if waiting.since.is_none() {
            waiting.since = Some(Instant::now());
            self.more.notify_one();
        } else if self.is_due(&waiting) {
            self.more.notify_one();
        }
    }

    fn is_due(&self, waiting: &Batch) -> bool {
        let buffering = self.subscription.buffering;
        waiting.flush
            || waiting.events.len() >= buffering.items
            || waiting.bytes >= buffering.bytes
            || waiting.since.is_some_and(|since| since.elapsed() >= buffering.timeout)
    }

    /// What waits is to go at once.
    pub(super) fn flush(&self) {
        self.waiting.borrow_mut().flush = true;
        self.more.notify_one();
    }

    /// Waits until nothing waits.
    pub(super) async fn sent(&self) {
        while self.sending.get() || !self.waiting.borrow().events.is_empty() {
            self.sent.notified().await;
        }
    }

    /// Delivers until it is aborted.
    pub(super) async fn deliver(self: Rc<Self>) {
        let mut connection = None;
        loop {
            let batch = self.due().await;
            self.sending.set(true);
            if !self.send(&batch, &mut connection).await {
                let bytes: usize = batch.iter().map(String::len).sum();
                let mut waiting = self.waiting.borrow_mut();
                waiting.dropped.0 += batch.len() as u64;
                waiting.dropped.1 += bytes as u64;
            }
            self.sending.set(false);
            self.sent.notify_waiters();
        }
    }

    /// The next batch, when its time has come.
    async fn due(&self) -> Vec<String> {
        loop {
            let limit = {
                let mut waiting = self.waiting.borrow_mut();
                if waiting.events.is_empty() {
                    waiting.flush = false;
                    self.sent.notify_waiters();
                    None
                } else if self.is_due(&waiting) {
                    return self.take(&mut waiting);
                } else {
                    waiting.since.map(|since| since + self.subscription.buffering.timeout)
                }
            };
            match limit {
                Some(limit) => drop(timeout_at(limit, self.more.notified()).await),
                None => self.more.notified().await,
            }
        }
    }

    /// The first events, as many as one batch holds; after those that were dropped, that they were.
    fn take(&self, waiting: &mut Batch) -> Vec<String> {
        let Subscription { buffering, streams, schema, .. } = &self.subscription;
        let mut bytes = 0;
        let fits = |event: &&String| {
            bytes += event.len();
            bytes <= 2 * buffering.bytes
        };
        let count = waiting.events.iter().take(buffering.items).take_while(fits).count().max(1);
        let mut batch: Vec<String> =
            waiting.events.drain(..count.min(waiting.events.len())).collect();
        waiting.bytes = waiting.events.iter().map(String::len).sum();
        waiting.since = (!waiting.events.is_empty()).then(Instant::now);
        let (records, lost) = std::mem::take(&mut waiting.dropped);
        if records > 0 && streams.contains(&Stream::Platform) {
            let record =
                json!({ "reason": REASON, "droppedRecords": records, "droppedBytes": lost });
            let what = What::Both("platform.logsDropped", record.clone(), record, super::ALL_LOGS);
            batch.extend(Event { time: now(), what }.text(*schema));
        }
        batch
    }

    /// Sends a batch, if that can be done at all.
    async fn send(&self, batch: &[String], connection: &mut Option<TcpStream>) -> bool {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let sent = timeout(PATIENCE, async {
                match &self.subscription.destination {
                    Destination::Http { method, authority, port, path } => {
                        post((method, authority, *port, path), batch).await
                    }
                    Destination::Tcp { port } => write(*port, batch, connection).await,
                }
            });
            if matches!(sent.await, Ok(Ok(()))) {
                return true;
            }
            *connection = None;
            if attempt < ATTEMPTS {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        false
    }
}

/// An array of events.
async fn post(
    (method, authority, port, path): (&str, &str, u16, &str),
    batch: &[String],
) -> Result<(), BoxError> {
    let body = format!("[{}]", batch.join(","));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let reply = exchange((Ipv4Addr::LOCALHOST, port), request, ANSWER).await?;
    if reply.status >= 400 {
        return Err(format!("status {}", reply.status).into());
    }
    Ok(())
}

/// Lines of JSON, on one connection for all batches.
async fn write(
    port: u16,
    batch: &[String],
    connection: &mut Option<TcpStream>,
) -> Result<(), BoxError> {
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?),
    };
    let mut lines = batch.join("\n");
    lines.push('\n');
    stream.write_all(lines.as_bytes()).await?;
    Ok(())
}
