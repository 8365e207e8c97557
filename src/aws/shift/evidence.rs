//! What was seen of a version since its step began: alarms, what was counted, the answer to a probe.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::aws::Aws;
use crate::aws::check::UNREAD;
use crate::invocation::{Invocation, Kind};
use crate::release::shift::Move;
use crate::release::shift::judge::{Counts, Evidence, Verdict, judge};
use crate::release::shift::watch::Watch;

/// How long a poll waits for each of them. What comes later counts at the next one.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is shown of what a probe answered.
const SHOWN: usize = 200;

impl Aws {
    /// All that is watched. What cannot be read is unknown, and no breach. One that is known waits for no
    /// more: what is not there yet then is missing.
    pub(super) async fn evidence(&self, plan: &Move, since: u64, now: u64) -> Evidence {
        let counts = self.counts(plan, since, now);
        until_a_breach(&plan.watch, self.firing(plan), counts, self.probe(plan)).await
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
        if !invoked.failed {
            return None;
        }
        // Going back does not wait for longer to know what must not be told.
        let known = timeout(PATIENCE, self.keep_values_of(&plan.function, &plan.to)).await;
        if !known.unwrap_or_default() {
            return Some(UNREAD.to_owned());
        }
        let said = self.scrub(&String::from_utf8_lossy(&invoked.payload));
        Some(said.chars().take(SHOWN).collect())
    }
}

/// Waits for all three, or for as many as make a breach.
async fn until_a_breach(
    watch: &Watch,
    alarms: impl Future<Output = Option<BTreeMap<String, String>>>,
    counts: impl Future<Output = Option<Counts>>,
    probe: impl Future<Output = Option<String>>,
) -> Evidence {
    let (mut alarms, mut counts, mut probe) = (pin!(alarms), pin!(counts), pin!(probe));
    let (mut no_alarms, mut no_counts, mut no_probe) = (true, true, true);
    let mut seen = Evidence::default();
    while (no_alarms || no_counts || no_probe) && !matches!(judge(watch, &seen), Verdict::Breach(_))
    {
        tokio::select! {
            biased;
            found = &mut alarms, if no_alarms => (seen.alarms, no_alarms) = (found, false),
            found = &mut counts, if no_counts => (seen.counts, no_counts) = (found, false),
            found = &mut probe, if no_probe => (seen.probe, no_probe) = (found, false),
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt as _;

    use super::*;

    /// What hangs holds up nothing that is known.
    #[test]
    fn a_breach_waits_for_nothing_else() {
        let watch =
            Watch { alarms: vec!["errors".to_owned()], error_rate: Some(0.01), ..Watch::default() };
        let firing = Some(BTreeMap::from([("errors".to_owned(), String::new())]));
        let counts = |errors| Some(Counts { invocations: 100.0, errors, ..Counts::default() });
        let alarm = until_a_breach(&watch, ready(firing.clone()), pending(), pending());
        assert_eq!(alarm.now_or_never().map(|seen| seen.alarms), Some(firing));
        let errors = until_a_breach(&watch, pending(), ready(counts(9.0)), pending());
        assert_eq!(errors.now_or_never().map(|seen| seen.counts), Some(counts(9.0)));
        let probe = until_a_breach(&watch, pending(), pending(), ready(Some("Dead".to_owned())));
        assert!(probe.now_or_never().is_some());
        // What is sound so far may be none in the end.
        let none = ready(Some(BTreeMap::new()));
        let sound = until_a_breach(&watch, none, ready(counts(0.0)), pending());
        assert_eq!(sound.now_or_never(), None);
    }
}
