//! Publishing what functions share: once, for all of them.

use std::time::Duration;

use tokio::time::sleep;

use super::track::Track;
use super::{Deploy, Event, Stop};
use crate::release::change::{Change, NewLayer};
use crate::release::layers::{self, Layer, wants};

/// How long what was sent and not answered gets until it is looked for: twice published, a layer would
/// have two versions.
const LOST: Duration = Duration::from_secs(1);

impl Deploy<'_> {
    /// Publishes a version of a layer, unless there is one by now: another deploy's, or that of a call
    /// whose answer was lost.
    pub(super) async fn publish_layer(
        &self,
        track: &Track<'_>,
        change: &Change,
        new: &NewLayer,
    ) -> Result<(), Stop> {
        let wanted = track.job.desired.layers.iter().flatten();
        let Some(layer) = wanted.clone().find(|layer| layer.name == new.name) else {
            return Ok(());
        };
        if let Some(arn) = self.aws.layer_version_now(layer).await? {
            self.found_layer(change, layer, &arn);
            return Ok(());
        }
        track.may_do(change)?;
        (self.talk)(Event::Begins(change));
        match self.aws.act(change, track.job.zip(&change.action)).await {
            Ok(answer) => {
                track.made(change, answer)?;
                (self.talk)(Event::Made(change));
                self.tell(track, change);
                Ok(())
            }
            Err(error) => {
                let pause = error.is_open().then(|| track.try_again(&error)).flatten();
                let Some(pause) = pause else { return Err(error.into()) };
                sleep(pause.max(LOST)).await;
                Ok(())
            }
        }
    }

    fn found_layer(&self, change: &Change, layer: &Layer, arn: &str) {
        for track in self.wanting(change) {
            let versions = &mut track.observed.borrow_mut().layers.versions;
            versions.insert(layer.name.clone(), arn.to_owned());
        }
    }

    /// What one function has brought to AWS is there for all.
    pub(super) fn tell(&self, from: &Track<'_>, change: &Change) {
        if layers::of_change(&change.action).is_none() {
            return;
        }
        let seen = from.observed.borrow().layers.clone();
        for track in self.wanting(change) {
            layers::tell(&change.action, &seen, &mut track.observed.borrow_mut().layers);
        }
    }

    /// The functions that want what a change brings, its own among them.
    pub(super) fn wanting(&self, change: &Change) -> impl Iterator<Item = &Track<'_>> {
        self.tracks.iter().filter(|track| wants(&track.job.desired, &change.action))
    }
}
