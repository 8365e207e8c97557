//! What is kept of this server's invocations: logs and metrics; and the alarms on them.

use std::cell::RefCell;
use std::rc::Rc;

use super::alarms::Alarms;
use super::logs::Logs;
use super::members;
use super::metrics::{Ended, Invoked, Metrics};
use super::refusal::Refusal;
use crate::account::Object;
use crate::local::store::{Store, StoreError};

/// What is kept of invocations.
#[derive(Default)]
pub(in crate::local) struct Watch {
    pub(super) logs: RefCell<Logs>,
    pub(super) metrics: RefCell<Metrics>,
    pub(super) alarms: RefCell<Alarms>,
}

impl Watch {
    /// With the alarms that are kept; logs and metrics are of this server's own time.
    pub(in crate::local) fn restored(store: &Store) -> Result<Self, StoreError> {
        let alarms = RefCell::new(store.alarms()?.unwrap_or_default());
        Ok(Self { alarms, ..Self::default() })
    }

    /// Changes the alarms and keeps them, or neither.
    pub(super) fn change(
        &self,
        store: &Store,
        change: impl FnOnce(&mut Alarms) -> Result<Object, Refusal>,
    ) -> Result<Object, Refusal> {
        let mut changed = self.alarms.borrow().clone();
        let answer = change(&mut changed)?;
        store.keep_alarms(&changed).map_err(|error| {
            let message = format!("the alarms cannot be saved: {error}");
            Refusal::new("InternalServiceFault", 500, message)
        })?;
        *self.alarms.borrow_mut() = changed;
        Ok(answer)
    }

    /// Keeps a line of a log.
    pub(in crate::local) fn line(&self, group: &str, stream: &Rc<str>, line: &[u8], now: i64) {
        self.logs.borrow_mut().add(group, stream, line, now);
    }

    /// An invocation begins.
    pub(in crate::local) fn begin(&self, invoked: &Invoked, now: i64) {
        self.metrics.borrow_mut().begin(invoked, now);
    }

    /// One that began has ended.
    pub(in crate::local) fn end(&self, invoked: &Invoked, ended: &Ended) {
        self.metrics.borrow_mut().end(invoked, ended);
    }

    /// One could not begin: there were too many.
    pub(in crate::local) fn throttled(&self, invoked: &Invoked, now: i64) {
        self.metrics.borrow_mut().throttled(invoked, now);
    }
}

/// The name of an environment's log stream: `2026/11/20/[1]0123…`.
pub(in crate::local) fn stream(version: &str, number: u64, now: i64) -> Rc<str> {
    let date = members::written(now);
    let date = date.get(..10).unwrap_or_default().replace('-', "/");
    format!("{date}/[{version}]{number:032x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_as_those_of_lambda() {
        let stream = stream("$LATEST", 26, 1_795_196_322_500);
        assert_eq!(&*stream, "2026/11/20/[$LATEST]0000000000000000000000000000001a");
    }
}
