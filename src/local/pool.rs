//! The execution environments of all functions: how many there are, and which takes an invocation.
//!
//! An invocation goes to an environment that waits, the one that waited least; to one that is about to;
//! else to a new one, as long as the function's concurrency allows. Environments of code or settings
//! that are no longer a version's end after their invocation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::environment::shutdown::{Closing, Reason};
use super::environment::{Environment, processes};
use super::failure::Failure;
use super::launch::Spec;
use super::store::Store;
use crate::account::{Account, Configuration};

/// How long an environment that has answered may take to ask for more, before another is started.
const SOON: Duration = Duration::from_millis(5);

/// How long an event waits for an invocation to end, before it looks for room all the same.
const THROTTLED: Duration = Duration::from_secs(1);

/// The environments of one configuration of a version or of `$LATEST`.
pub(super) struct Pool {
    /// What they are started with.
    pub(super) spec: Spec,
    /// [`Configuration::set_with`]: tells this configuration from earlier and later ones of the same
    /// version.
    set_with: String,
    all: RefCell<Vec<Rc<Environment>>>,
    /// Those that wait, the last first.
    idle: RefCell<Vec<(Rc<Environment>, Instant)>>,
    /// Those that are being started for nobody yet.
    early: RefCell<Vec<oneshot::Receiver<Weak<Environment>>>>,
    /// Somebody is idle.
    changed: Notify,
    /// No other invocation comes here.
    retired: Cell<bool>,
}

impl Pool {
    fn new(spec: Spec, set_with: String) -> Self {
        Self {
            spec,
            set_with,
            all: RefCell::default(),
            idle: RefCell::default(),
            early: RefCell::default(),
            changed: Notify::new(),
            retired: Cell::new(false),
        }
    }

    /// An environment that waits, or is about to.
    pub(super) async fn waiting(&self) -> Option<Rc<Environment>> {
        if let Some(environment) = self.pop() {
            return Some(environment);
        }
        let end = Instant::now() + SOON;
        // Again and again: what wakes it may be older than this call, and another may have been quicker.
        while self.all.borrow().iter().any(|environment| environment.is_answered()) {
            let woken = timeout_at(end, self.changed.notified()).await;
            let one = self.pop();
            if one.is_some() || woken.is_err() {
                return one;
            }
        }
        None
    }

    fn pop(&self) -> Option<Rc<Environment>> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).map(|(one, _)| one).find(|one| one.is_idle())
    }

    /// One is being started for whoever comes; where it is to be handed over.
    pub(super) fn early(&self) -> oneshot::Sender<Weak<Environment>> {
        let (sender, receiver) = oneshot::channel();
        self.early.borrow_mut().push(receiver);
        sender
    }

    /// One that was started for whoever comes, and that nobody has had yet. It may be in its init still.
    pub(super) async fn begun(&self) -> Option<Rc<Environment>> {
        loop {
            let begun = self.early.borrow_mut().pop()?;
            // Else it did not start, has ended, or somebody has had it meanwhile.
            let begun = begun.await.ok().and_then(|one| one.upgrade());
            if let Some(environment) = begun.filter(|one| one.is_unused()) {
                return Some(environment);
            }
        }
    }

    /// Takes in one that was started, and may be over already.
    pub(super) fn add(&self, environment: Rc<Environment>) {
        if !environment.is_over() {
            self.all.borrow_mut().push(environment);
        }
    }

    /// What an environment calls when it waits, or is over.
    pub(super) fn changed(&self, environment: &Rc<Environment>) {
        if environment.is_over() {
            self.drop_one(environment);
        } else if self.retired.get() {
            spin_down(environment);
        } else if environment.is_idle() {
            self.idle.borrow_mut().push((environment.clone(), Instant::now()));
            self.changed.notify_one();
        }
    }

    fn drop_one(&self, environment: &Rc<Environment>) {
        self.all.borrow_mut().retain(|one| !Rc::ptr_eq(one, environment));
        self.idle.borrow_mut().retain(|(one, _)| !Rc::ptr_eq(one, environment));
    }

    /// Ends those that have waited for that long, and those that will wait no more.
    fn sweep(&self, longest: Duration) {
        let lingering: Vec<_> =
            self.all.borrow().iter().filter(|one| one.lingers()).cloned().collect();
        for environment in lingering {
            environment.fail(&Failure::exited("the runtime asked for nothing more"));
        }
        let mut idle = self.idle.borrow_mut();
        let over: Vec<_> = idle.extract_if(.., |(_, since)| since.elapsed() >= longest).collect();
        drop(idle);
        for (environment, _) in &over {
            spin_down(environment);
        }
    }

    /// No other invocation: those that wait end now, the others when they have answered.
    fn retire(&self) {
        self.retired.set(true);
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        for (environment, _) in idle {
            spin_down(&environment);
        }
    }
}

/// Ends one that is not needed any more; the pool hears of that.
fn spin_down(environment: &Rc<Environment>) {
    environment.close(&Failure::exited("the environment is not needed any more"), Reason::Spindown);
}

/// All pools, and how many invocations each function has at the moment.
#[derive(Default)]
pub(super) struct Pools {
    /// By function and version.
    by_version: RefCell<BTreeMap<(String, String), Rc<Pool>>>,
    busy: RefCell<BTreeMap<String, u32>>,
    /// How many of these have no reservation to count towards.
    unreserved: Cell<u32>,
    /// Those that are ending.
    closing: Rc<Closing>,
    /// Told when one ends: of this function, whose concurrency is reserved, or of those without.
    ended: RefCell<BTreeMap<Option<String>, Rc<Notify>>>,
}

/// Counts as an invocation until it is dropped.
pub(super) struct Turn {
    pools: Rc<Pools>,
    function: String,
    limit: Limit,
}

/// How many invocations there may be at a time ("Understanding Lambda function scaling").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// What is reserved for the function, and nothing else.
    Reserved(u32),
    /// What the account has left for all functions without a reservation together.
    Unreserved(u32),
}

impl Pools {
    /// The pool of a configuration. What ran of the same version with another one ends.
    pub(super) fn of(
        &self,
        function: &str,
        configuration: &Configuration,
        region: &str,
        store: &Store,
    ) -> Rc<Pool> {
        let set_with = &configuration.set_with;
        let mut pools = self.by_version.borrow_mut();
        let key = (function.to_owned(), configuration.version_text());
        if let Some(pool) = pools.get(&key).filter(|pool| pool.set_with == *set_with) {
            return pool.clone();
        }
        let pool =
            Rc::new(Pool::new(Spec::new(function, configuration, region, store), set_with.clone()));
        if let Some(before) = pools.insert(key, pool.clone()) {
            before.retire();
        }
        pool
    }

    /// One invocation more of a function, if it may have that; else the limit that it has reached.
    pub(super) fn turn(self: &Rc<Self>, function: &str, limit: Limit) -> Result<Turn, Limit> {
        let mut busy = self.busy.borrow_mut();
        let now = busy.get(function).copied().unwrap_or(0);
        let others = self.unreserved.get();
        match limit {
            Limit::Reserved(most) if now >= most => return Err(limit),
            Limit::Unreserved(most) if others >= most => return Err(limit),
            Limit::Reserved(_) => {}
            Limit::Unreserved(_) => self.unreserved.set(others + 1),
        }
        busy.insert(function.to_owned(), now + 1);
        Ok(Turn { pools: self.clone(), function: function.to_owned(), limit })
    }

    /// Waits until an invocation has ended that kept others waiting: of this function, whose concurrency
    /// is reserved, or of any without. Limits can be raised too, so this never takes long.
    pub(super) async fn room(&self, reserved: Option<String>) {
        let ended = self.ended.borrow_mut().entry(reserved).or_default().clone();
        let _ = timeout(THROTTLED, ended.notified()).await;
    }

    /// What ran of a function that was deleted ends: of one version, or all.
    pub(super) fn retire(&self, function: &str, version: Option<&str>) {
        let mut pools = self.by_version.borrow_mut();
        let over = pools.extract_if(.., |(name, number), _| {
            name == function && version.is_none_or(|version| version == number)
        });
        for (_, pool) in over.collect::<Vec<_>>() {
            pool.retire();
        }
    }

    /// What runs of a configuration that is no longer its version's ends.
    pub(super) fn retire_other_than(&self, account: &Account) {
        let mut pools = self.by_version.borrow_mut();
        let over = pools.extract_if(.., |(function, version), pool| {
            let function = account.function(function);
            let now = function.and_then(|it| it.running(version)).map(|it| &it.set_with);
            now != Some(&pool.set_with)
        });
        for (_, pool) in over.collect::<Vec<_>>() {
            pool.retire();
        }
    }

    /// Ends environments that have more memory than they may, while anything is at work.
    pub(super) fn limit_memory(&self) {
        if self.busy.borrow().is_empty() {
            return;
        }
        let mut busy = Vec::new();
        for pool in self.by_version.borrow().values() {
            busy.extend(pool.all.borrow().iter().filter(|one| !one.is_idle()).cloned());
        }
        let rooms = busy.iter().filter_map(|environment| environment.room()).collect();
        let rooms = processes::in_rooms(&rooms);
        for environment in busy {
            environment.limit_memory(&rooms);
        }
    }

    /// Ends environments that nobody has used for that long.
    pub(super) fn sweep(&self, longest: Duration) {
        let pools: Vec<_> = self.by_version.borrow().values().cloned().collect();
        for pool in pools {
            pool.sweep(longest);
        }
    }

    /// Who counts environments that are ending.
    pub(super) fn closing(&self) -> Rc<Closing> {
        self.closing.clone()
    }

    /// Ends all of them, and waits for those whose end takes a while.
    pub(super) async fn end(&self) {
        let pools = std::mem::take(&mut *self.by_version.borrow_mut());
        let all = pools.values().flat_map(|pool| std::mem::take(&mut *pool.all.borrow_mut()));
        let all: Vec<_> = all.collect();
        for environment in all.iter().filter(|one| !one.has_extensions()) {
            environment.kill();
        }
        let why = Failure::exited("the server was ended");
        for environment in all {
            environment.close(&why, Reason::Spindown);
        }
        self.closing.done().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Limit::Unreserved(_) = self.limit {
            self.pools.unreserved.update(|count| count.saturating_sub(1));
        }
        let mut busy = self.pools.busy.borrow_mut();
        match busy.get_mut(&self.function) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(busy.remove(&self.function)),
        }
        let waiting = self.pools.ended.borrow();
        if !waiting.is_empty() {
            let reserved = matches!(self.limit, Limit::Reserved(_));
            let ended = waiting.get(&reserved.then(|| self.function.clone()));
            ended.inspect(|ended| ended.notify_one());
        }
    }
}

#[cfg(test)]
mod tests;
