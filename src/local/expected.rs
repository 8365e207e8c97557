//! Functions that are not there yet, and will be: whoever calls one waits for it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::Notify;

use super::Server;

/// Those that are on their way.
#[derive(Default)]
pub(super) struct Expected {
    names: RefCell<BTreeSet<String>>,
    fewer: Notify,
}

impl Expected {
    pub(super) fn new(names: BTreeSet<String>) -> Self {
        Self { names: RefCell::new(names), fewer: Notify::new() }
    }

    /// One is there.
    pub(super) fn came(&self, name: &str) {
        self.names.borrow_mut().remove(name);
        self.fewer.notify_waiters();
    }

    /// No other will come.
    pub(super) fn no_more(&self) {
        self.names.borrow_mut().clear();
        self.fewer.notify_waiters();
    }

    /// Waits as long as this one is on its way.
    async fn wait(&self, name: &str) {
        loop {
            // Made before it is looked, it misses nothing.
            let fewer = self.fewer.notified();
            if !self.names.borrow().contains(name) {
                return;
            }
            fewer.await;
        }
    }
}

impl Server {
    /// Waits for a function that is on its way. `named`: as a request names it.
    pub(super) async fn wait_for(&self, named: &str) {
        let name = self.account.borrow().named(named, None).map(|it| it.name.to_owned());
        // What is no name is nobody's; that is told later.
        self.expected.wait(name.as_deref().unwrap_or(named)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn who_is_expected_is_waited_for() {
        let expected = Expected::new(BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        let waits = async |name: &str| {
            timeout(Duration::from_millis(10), expected.wait(name)).await.is_err()
        };
        assert!(waits("a").await && waits("b").await && !waits("c").await);
        tokio::join!(expected.wait("a"), async { expected.came("a") });
        assert!(!waits("a").await && waits("b").await);
        tokio::join!(expected.wait("b"), async { expected.no_more() });
    }
}
