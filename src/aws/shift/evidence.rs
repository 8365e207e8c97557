//! What was seen of a version since its step began: alarms, what was counted, the answer to a probe.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use crate::aws::Aws;
use crate::invocation::{Invocation, Kind};
use crate::release::shift::Move;
use crate::release::shift::judge::{Counts, Evidence};

/// How long a poll waits for each of them. What comes later counts at the next one.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is shown of what a probe answered.
const SHOWN: usize = 200;

impl Aws {
    /// All that is watched. What cannot be read is unknown, and no breach.
    pub(super) async fn evidence(&self, plan: &Move, since: u64, now: u64) -> Evidence {
        let (alarms, counts, probe) =
            tokio::join!(self.firing(plan), self.counts(plan, since, now), self.probe(plan));
        Evidence { alarms, counts, probe }
    }

    /// The alarms that are in ALARM; none if one of them cannot be read.
    async fn firing(&self, plan: &Move) -> Option<BTreeMap<String, String>> {
        let names = &plan.watch.alarms;
        if names.is_empty() {
            return Some(BTreeMap::new());
        }
        let all = timeout(PATIENCE, self.alarms(names)).await.ok()?.ok()?;
        let known = names.iter().all(|name| all.contains_key(name));
        let firing = all.into_iter().filter(|(_, alarm)| alarm.state == "ALARM");
        let firing: BTreeMap<_, _> = firing.map(|(name, alarm)| (name, alarm.reason)).collect();
        (known || !firing.is_empty()).then_some(firing)
    }

    async fn counts(&self, plan: &Move, since: u64, now: u64) -> Option<Counts> {
        if !plan.watch.counts() {
            return None;
        }
        // A step that has begun in this second has counted nothing yet.
        let span = since.min(now)..now + 1;
        let (function, alias, statistic) = (&plan.function, &plan.alias, &plan.watch.statistic);
        let asked = self.counted(function, alias, &plan.to, span, statistic);
        let counted = timeout(PATIENCE, asked).await.ok()?.ok()?;
        Some(Counts {
            invocations: counted.invocations,
            errors: counted.errors,
            throttles: counted.throttles,
            duration: counted.duration,
        })
    }

    /// What is wrong with the answer to the probe. One that is not answered says nothing.
    async fn probe(&self, plan: &Move) -> Option<String> {
        let probe = plan.watch.probe.as_ref()?;
        let invocation = Invocation {
            function: &plan.function,
            qualifier: Some(&plan.to),
            kind: Kind::Wait,
            payload: &probe.event,
        };
        let invoked = timeout(PATIENCE, self.invoke(&invocation)).await.ok()?.ok()?;
        let said = || String::from_utf8_lossy(&invoked.payload).chars().take(SHOWN).collect();
        invoked.failed.then(said)
    }
}
