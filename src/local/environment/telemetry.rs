//! What extensions are told of an environment, if they subscribe to it: the Telemetry API (2022-07-01),
//! and the Logs API (2020-08-15) that was before it.
//!
//! Who subscribes gets what has happened since the environment began; so all of that is kept until
//! nobody can subscribe any more, which is the end of the init.

mod delivery;
mod event;
pub(in crate::local) mod records;
mod subscription;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::task::JoinHandle;

use crate::local::{clock, services};
use delivery::Subscriber;
use event::{Event, What};
use subscription::{Schema, Subscription};

pub(super) use event::Stream;
pub(super) use subscription::Api;

/// The first version of the Logs API.
const ALL_LOGS: Schema = Schema::Logs2020;
/// How much is kept for who may still subscribe, in bytes.
const EARLY: usize = 1 << 20;

/// The telemetry of one environment.
pub(in crate::local) struct Telemetry {
    /// The function's log is one of JSON objects.
    json_log: bool,
    state: RefCell<State>,
}

struct State {
    /// Whether anybody may still subscribe.
    open: bool,
    /// What has happened until then; and how much memory it takes.
    early: VecDeque<Event>,
    held: usize,
    all: Vec<Rc<Subscriber>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What comes of a request to subscribe.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subscribed {
    /// To these streams.
    New(Vec<&'static str>),
    /// It had been done before.
    Already,
    Closed,
    Invalid(String),
}

/// The time as events have it.
fn now() -> String {
    services::written(clock::now())
}

impl Telemetry {
    /// With nobody who listens yet.
    pub(super) fn new(json_log: bool) -> Rc<Self> {
        let state = State {
            open: true,
            early: VecDeque::new(),
            held: 0,
            all: Vec::new(),
            tasks: Vec::new(),
        };
        Rc::new(Self { json_log, state: RefCell::new(state) })
    }

    /// Whether somebody listens, or may come to.
    fn is_heard(&self) -> bool {
        let state = self.state.borrow();
        state.open || !state.all.is_empty()
    }

    /// A process has written a line.
    pub(super) fn line(&self, stream: Stream, line: &[u8]) {
        if self.is_heard() {
            let text = String::from_utf8_lossy(line).into_owned();
            self.tell(What::Line { stream, text, json: self.json_log });
        }
    }

    fn tell(&self, what: What) {
        let event = Event { time: now(), what };
        let mut state = self.state.borrow_mut();
        for one in &state.all {
            one.push(&event);
        }
        if state.open {
            state.held += event.size();
            state.early.push_back(event);
            while state.held > EARLY {
                let Some(first) = state.early.pop_front() else { break };
                state.held -= first.size();
            }
        }
    }

    /// An extension subscribes.
    pub(super) fn subscribe(&self, api: Api, extension: &str, body: &[u8]) -> Subscribed {
        let read = Subscription::read(api, body);
        let subscription = {
            let mut state = self.state.borrow_mut();
            let before = state.all.iter().find(|one| one.name == extension);
            let before = before.map(|one| one.subscription.schema.api());
            match (before, read) {
                _ if !state.open => return Subscribed::Closed,
                (Some(before), _) if before != api => {
                    let other = "the extension has subscribed by the other API already";
                    return Subscribed::Invalid(other.to_owned());
                }
                (_, Err(why)) => return Subscribed::Invalid(why),
                // "Duplicate subscribe requests do not result in duplicate subscriptions."
                (Some(_), Ok(_)) => return Subscribed::Already,
                (None, Ok(subscription)) => {
                    let one = Subscriber::new(extension.to_owned(), subscription.clone());
                    state.early.iter().for_each(|event| one.push(event));
                    state.tasks.push(tokio::task::spawn_local(one.clone().deliver()));
                    state.all.push(one);
                    subscription
                }
            }
        };
        let streams = subscription.streams;
        let names = streams.iter().map(|stream| stream.name()).collect();
        self.tell(What::Subscribed { name: extension.to_owned(), api, streams });
        Subscribed::New(names)
    }

    /// Nobody else may subscribe.
    pub(super) fn close(&self) {
        let mut state = self.state.borrow_mut();
        (state.open, state.held) = (false, 0);
        state.early = VecDeque::new();
    }

    /// Sends what waits, and waits for that.
    pub(super) async fn flush(&self) {
        let all = self.state.borrow().all.clone();
        for one in &all {
            one.flush();
        }
        for one in &all {
            one.sent().await;
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        for task in &self.state.borrow().tasks {
            task.abort();
        }
    }
}
