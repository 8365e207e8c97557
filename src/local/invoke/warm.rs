//! Environments that are started before there is anything for them to do.

use std::rc::Rc;

use crate::account::Account;
use crate::local::{Server, clock};

impl Server {
    /// Starts an environment of a function, so that its first invocation finds it waiting. What keeps it
    /// from starting is told; the next invocation will meet it again.
    pub(in crate::local) fn warm(self: &Rc<Self>, function: &str) {
        let (server, function) = (self.clone(), function.to_owned());
        tokio::task::spawn_local(async move {
            let found = {
                let mut account = server.account.borrow_mut();
                account.settle(clock::now());
                server.pool_of(&account, &function)
            };
            let Some((version, pool)) = found else { return };
            let early = pool.early();
            match server.start(&version, &pool).await {
                // It may be that nobody comes.
                Ok(environment) => drop(early.send(Rc::downgrade(&environment))),
                Err(failure) => {
                    let why = failure.line("cannot start:");
                    server.note(&format!("{function}: {}", why.trim_end()));
                }
            }
        });
    }

    fn pool_of(
        &self,
        account: &Account,
        function: &str,
    ) -> Option<(String, Rc<crate::local::pool::Pool>)> {
        let target = account.target(function, None, 0.0).ok()?;
        let region = account.region();
        let pool = self.pools.of(&target.function.name, target.configuration, region, &self.store);
        Some((target.version(), pool))
    }
}
