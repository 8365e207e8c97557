//! Checking a version before an alias moves to it.

use std::time::Duration;

use serde_json::Value;

use super::track::Track;
use super::{Deploy, Event, Stop};
use crate::release::change::Change;
use crate::release::check::Check;

impl Deploy<'_> {
    /// Invokes a version with the events of its function.
    pub(super) async fn check(
        &self,
        track: &Track<'_>,
        change: &Change,
        version: &str,
    ) -> Result<(), Stop> {
        let Some(check) = &track.job.desired.check else { return Ok(()) };
        (self.talk)(Event::Begins(change));
        let timeout = {
            let observed = track.observed.borrow();
            let version = observed.versions.get(version);
            version.and_then(|version| version.get("Timeout")?.as_u64()).map(Duration::from_secs)
        };
        let check = Check { timeout, ..check.clone() };
        let checked = self.aws.check(&change.function, version, &check).await?;
        track.made(change, Value::Null)?;
        let unseen = checked.unseen(&check.rules);
        (self.talk)(Event::Checked { function: &change.function, checked: &checked, unseen });
        (self.talk)(Event::Made(change));
        Ok(())
    }
}
