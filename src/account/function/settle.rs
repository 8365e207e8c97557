//! States: what is pending ends when it is due.
//!
//! A new function is Pending, then Active; an update is `InProgress`, then Successful. Each end has its
//! own revision (recorded answers), which is drawn when the thing begins.

use super::{Pending, Status};
use crate::account::{Account, ApiError, Configuration, Function, Key, Moment};

impl Status {
    /// A status that needs no reason.
    pub(super) fn plain(value: &str) -> Self {
        Self { value: value.to_owned(), reason: None }
    }

    /// What a function is before it is Active.
    pub(super) fn pending() -> Self {
        Self::creating("Pending")
    }

    /// What an update is before it is Successful. It gives the reason that creations give (recorded
    /// answers).
    pub(super) fn in_progress() -> Self {
        Self::creating("InProgress")
    }

    fn creating(value: &str) -> Self {
        let reason = ("The function is being created.".to_owned(), "Creating".to_owned());
        Self { value: value.to_owned(), reason: Some(reason) }
    }

    fn failed(code: &str) -> Self {
        let reason = (format!("The operation failed with {code}."), code.to_owned());
        Self { value: "Failed".to_owned(), reason: Some(reason) }
    }
}

impl Pending {
    /// Something that begins now.
    pub(super) fn new(moment: &mut Moment<'_>) -> Self {
        Self {
            due: moment.now.saturating_add(moment.delay),
            revision: (moment.uuid)(),
            fails_with: moment.fails_with.clone(),
        }
    }
}

impl Configuration {
    /// Ends what is due at `now`; tells whether anything was.
    fn settle(&mut self, now: i64) -> bool {
        let Some(pending) = self.pending.take_if(|pending| pending.due <= now) else {
            return false;
        };
        self.revision = pending.revision;
        let created = self.state.value == "Pending";
        match pending.fails_with {
            None => {
                self.state = Status::plain("Active");
                self.update = Some(Status::plain("Successful"));
            }
            Some(code) if created => self.state = Status::failed(&code),
            Some(code) => self.update = Some(Status::failed(&code)),
        }
        true
    }

    fn is_failed(&self) -> bool {
        self.update.as_ref().is_some_and(|update| update.value == "Failed")
    }
}

impl Function {
    fn settle(&mut self, now: i64) -> bool {
        let mut changed = self.latest.settle(now);
        if changed && !self.latest.is_failed() {
            self.serving = None;
        }
        for version in self.versions.values_mut() {
            changed |= version.settle(now);
        }
        changed
    }

    /// When the next of its things is due.
    fn due(&self) -> Option<i64> {
        let all = std::iter::once(&self.latest).chain(self.versions.values());
        all.filter_map(|it| it.pending.as_ref()).map(|pending| pending.due).min()
    }

    /// Refuses to change a function that is not yet what it was last told to be.
    pub(super) fn ready(&self, arn: &str) -> Result<(), ApiError> {
        let Status { value, reason } = &self.latest.state;
        let cannot = "The operation cannot be performed at this time.";
        if let Some((_, code)) = reason {
            return Err(ApiError::conflict(format!(
                "{cannot} The resource {arn} is currently in the following state: '{value}'. \
                 StateReasonCode: '{code}'"
            )));
        }
        if self.latest.pending.is_some() {
            return Err(ApiError::conflict(format!(
                "{cannot} An update is in progress for resource: {arn}"
            )));
        }
        Ok(())
    }
}

/// Ends what is due at `now` of every function, and schedules what is due later.
pub(in crate::account) fn settle(account: &mut Account, now: i64) {
    let mut next: Option<i64> = None;
    for (name, function) in &mut account.functions {
        if function.settle(now) {
            account.changed.insert(Key::Function(name.clone()));
        }
        next = [next, function.due()].into_iter().flatten().min();
    }
    if let Some(next) = next {
        account.schedule(next);
    }
}
