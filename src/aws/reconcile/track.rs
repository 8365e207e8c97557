//! One function through a deploy: what is known of it, what was done, what may still be done.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Job, Outcome, Shared, Stop};
use crate::aws::shift::pause_after;
use crate::aws::{AwsError, object};
use crate::release::change::{Action, Change};
use crate::release::content::{differing, text, with_digest};
use crate::release::next::next;
use crate::release::observed::{Observed, State, StoredObject, points_at, state, weights};
use crate::release::{Object, predict};

/// How often a function may meet a conflict, a lost answer, or an error of AWS's own.
const TRIES: u32 = 20;

/// One function.
pub(super) struct Track<'a> {
    pub(super) job: &'a Job,
    pub(super) observed: Shared<Observed>,
    /// What was changed.
    done: Shared<Vec<Change>>,
    pub(super) stopped: Shared<Option<Stop>>,
    /// `$LATEST` as we know it: as it was when it had settled first, then as we left it.
    known: Shared<Option<Object>>,
    /// Where the aliases pointed, as we know it.
    known_aliases: Shared<BTreeMap<String, String>>,
    tries: Cell<u32>,
    /// Whether something that was attached is only predicted.
    pub(super) unread: Cell<bool>,
}

/// What has to settle.
pub(super) enum Settles {
    Latest,
    Version(String),
    Alias(String),
    Attached,
}

impl<'a> Track<'a> {
    pub(super) fn new(job: &'a Job, observed: Observed) -> Self {
        let track = Self {
            job,
            observed: RefCell::default(),
            done: RefCell::default(),
            stopped: RefCell::default(),
            known: RefCell::default(),
            known_aliases: RefCell::default(),
            tries: Cell::new(TRIES),
            unread: Cell::default(),
        };
        track.know(&observed);
        track.observed.replace(observed);
        track
    }

    pub(super) fn is_open(&self) -> bool {
        self.stopped.borrow().is_none()
    }

    pub(super) fn outcome(self) -> Outcome {
        Outcome {
            function: self.job.desired.name.clone(),
            observed: Some(self.observed.into_inner()),
            changes: self.done.into_inner(),
            stopped: self.stopped.into_inner(),
        }
    }

    /// Takes what is seen for what we know, once it has settled.
    fn know(&self, observed: &Observed) {
        if let Some(latest) = observed.latest()
            && self.known.borrow().is_none()
            && !matches!(state(latest), State::Busy(_))
        {
            self.known.replace(Some(latest.clone()));
        }
        let mut aliases = self.known_aliases.borrow_mut();
        for (name, alias) in &observed.aliases {
            aliases.entry(name.clone()).or_insert_with(|| points_at(alias).to_owned());
        }
    }

    /// The same change twice leads nowhere.
    pub(super) fn may_do(&self, change: &Change) -> Result<(), Stop> {
        let same = |before: &&Change| without_revision(before) == without_revision(change);
        if self.done.borrow().iter().any(|before| same(&before)) {
            return Err(Stop::NotKept {
                operation: change.action.operation(),
                what: what(&change.action),
            });
        }
        Ok(())
    }

    /// Takes over what an answer says. Where it says nothing, what was to be expected.
    pub(super) fn made(&self, change: &Change, answer: Value) -> Result<(), Stop> {
        let mut observed = self.observed.borrow_mut();
        let before = observed.versions.clone();
        predict::apply(&change.action, &mut observed);
        // A check leaves nothing behind.
        if !matches!(change.action, Action::Check { .. }) {
            self.done.borrow_mut().push(change.clone());
        }
        match &change.action {
            Action::Create { .. } | Action::Configure { .. } | Action::UpdateCode { .. } => {
                let answer = object(answer);
                self.same_code(&change.action, &observed, &answer)?;
                if let Some(function) = &mut observed.function
                    && !answer.is_empty()
                {
                    function.configuration = answer;
                    with_digest(&mut function.configuration, function.image.as_deref());
                    self.known.replace(Some(function.configuration.clone()));
                }
            }
            Action::Publish { .. } => {
                let mut answer = object(answer);
                let latest = observed.function.as_ref();
                with_digest(&mut answer, latest.and_then(|function| function.image.as_deref()));
                let number = text(&answer, "Version").unwrap_or_default().to_owned();
                observed.versions = before;
                observed.versions.insert(number, answer);
            }
            Action::CreateAlias { name, .. } | Action::MoveAlias { name, .. } => {
                let answer = object(answer);
                self.known_aliases.borrow_mut().insert(name.clone(), points_at(&answer).to_owned());
                observed.aliases.insert(name.clone(), answer);
            }
            Action::CreateRole { .. } => {
                if let (Some(role), Some(arn)) = (&mut observed.role, answer["Arn"].as_str()) {
                    arn.clone_into(&mut role.arn);
                }
            }
            Action::Upload { layer, .. } => {
                let version = text(&object(answer), "VersionId").map(str::to_owned);
                let stored = StoredObject { version };
                match layer {
                    Some(layer) => drop(observed.layers.objects.insert(layer.clone(), stored)),
                    None => observed.object = Some(stored),
                }
            }
            Action::PublishLayer(new) => {
                let theirs = answer["Content"]["CodeSha256"].as_str().unwrap_or_default();
                if theirs != new.code.sha256 {
                    let (ours, theirs) = (new.code.sha256.clone(), theirs.to_owned());
                    return Err(Stop::OtherCode { ours, theirs });
                }
                let arn = answer["LayerVersionArn"].as_str().unwrap_or_default().to_owned();
                observed.layers.versions.insert(new.name.clone(), arn);
            }
            Action::Attach(_) => self.unread.set(true),
            _ => {}
        }
        Ok(())
    }

    /// AWS must have what was sent, unless signing repackages it.
    fn same_code(&self, action: &Action, observed: &Observed, answer: &Object) -> Result<(), Stop> {
        let (Action::Create { code, .. } | Action::UpdateCode { code, .. }) = action else {
            return Ok(());
        };
        let signing =
            observed.function.as_ref().and_then(|function| function.code_signing.as_deref());
        // An image was named by its digest, which AWS repeats where it is asked for.
        if self.job.desired.code.image().is_some() {
            return Ok(());
        }
        let theirs = text(answer, "CodeSha256").unwrap_or_default();
        if theirs == code.sha256 || self.job.desired.may_be_repackaged(signing) {
            return Ok(());
        }
        Err(Stop::OtherCode { ours: code.sha256.clone(), theirs: theirs.to_owned() })
    }

    /// Whether the answer to a change says nothing of the state after it.
    pub(super) fn must_look(change: &Change) -> bool {
        matches!(
            change.action,
            Action::Sign { .. }
                | Action::Tag { .. }
                | Action::Untag { .. }
                | Action::Reserve { .. }
        )
    }

    /// After how long it may be tried once more, if at all.
    pub(super) fn try_again(&self, error: &AwsError) -> Option<Duration> {
        self.tries.set(self.tries.get().saturating_sub(1));
        let left = self.tries.get();
        (left > 0).then(|| pause_after(error, left))
    }

    /// Of a change that was not answered nothing is known: neither that it was made, nor that what is
    /// there now is somebody else's doing.
    pub(super) fn forget(&self, change: &Change) {
        self.observed.borrow_mut().acted = true;
        match &change.action {
            Action::CreateAlias { name, .. } | Action::MoveAlias { name, .. } => {
                self.known_aliases.borrow_mut().remove(name);
            }
            _ => drop(self.known.take()),
        }
    }

    /// Takes over what was seen of something that settles.
    pub(super) fn see(&self, mut observed: Observed) -> Result<(), Stop> {
        observed.acted |= self.observed.borrow().acted;
        observed.checked.extend(self.observed.borrow().checked.iter().cloned());
        self.not_overtaken(&observed)?;
        self.know(&observed);
        self.observed.replace(observed);
        Ok(())
    }

    /// The same after a conflict: all of it was read again.
    pub(super) fn see_after_conflict(&self, mut observed: Observed) -> Result<(), Stop> {
        {
            let before = self.observed.borrow();
            observed.acted |= before.acted;
            // IAM is slow to show what was made.
            observed.role = before.role.clone().or(observed.role);
            observed.object = before.object.clone().or(observed.object);
            observed.pushed |= before.pushed;
            for (layer, object) in &before.layers.objects {
                observed.layers.objects.entry(layer.clone()).or_insert_with(|| object.clone());
            }
            // Those that this run has published, wherever they may not be shown yet.
            for (layer, arn) in &before.layers.versions {
                observed.layers.versions.entry(layer.clone()).or_insert_with(|| arn.clone());
            }
            // Versions that this run has published stay known, as they were last seen.
            for (number, version) in &before.versions {
                observed.versions.entry(number.clone()).or_insert_with(|| version.clone());
            }
        }
        self.see(observed)
    }

    /// Whether somebody else has changed what we would change.
    fn not_overtaken(&self, observed: &Observed) -> Result<(), Stop> {
        let desired = &self.job.desired;
        let first = next([(desired, observed)]).changes.into_iter().next();
        let of_latest = |action: &Action| {
            matches!(action, Action::Configure { .. } | Action::UpdateCode { .. })
        };
        if first.is_some_and(|change| of_latest(&change.action))
            && let (Some(known), Some(latest)) = (self.known.borrow().as_ref(), observed.latest())
            && !differing(known, latest).is_empty()
        {
            let when = text(latest, "LastModified").map(|at| format!("at {at}"));
            return Err(Stop::Overtaken { what: "$LATEST".to_owned(), when });
        }
        // However much comes before it: what is read now is what an alias would be moved on.
        let (changes, _) = predict::unfold(&[(desired.clone(), observed.clone())]);
        changes.iter().try_for_each(|change| match &change.action {
            Action::MoveAlias { name, from, .. } => self.alias_is_ours(name, from, observed),
            _ => Ok(()),
        })
    }

    /// Whether an alias points where we have left it, or seen it first.
    fn alias_is_ours(&self, name: &str, from: &str, observed: &Observed) -> Result<(), Stop> {
        if self.known_aliases.borrow().get(name).is_none_or(|known| known == from) {
            return Ok(());
        }
        Err(Stop::overtaken(name, observed.aliases.get(name)))
    }

    /// What is to be looked at again.
    pub(super) fn settles(&self) -> Settles {
        let observed = self.observed.borrow();
        if let Some(latest) = observed.latest()
            && matches!(state(latest), State::Busy(_))
        {
            return Settles::Latest;
        }
        let busy = |version: &Object| matches!(state(version), State::Busy(_));
        if let Some((number, _)) = observed.versions.iter().find(|(_, version)| busy(version)) {
            return Settles::Version(number.clone());
        }
        let shifting = |alias: &Object| !weights(alias).is_empty();
        match observed.aliases.iter().find(|(_, alias)| shifting(alias)) {
            Some((name, _)) => Settles::Alias(name.clone()),
            None => Settles::Attached,
        }
    }
}

/// A change as such, on whatever state it was decided.
fn without_revision(change: &Change) -> Change {
    let mut change = change.clone();
    match &mut change.action {
        Action::Configure { revision, .. }
        | Action::UpdateCode { revision, .. }
        | Action::Publish { revision, .. }
        | Action::MoveAlias { revision, .. } => *revision = None,
        _ => {}
    }
    change
}

/// What a change is about.
fn what(action: &Action) -> String {
    match action {
        Action::Configure { fields, .. } => {
            fields.iter().map(|field| field.member).collect::<Vec<_>>().join(", ")
        }
        Action::CreateAlias { name, .. } | Action::MoveAlias { name, .. } => {
            format!("alias {name}")
        }
        Action::Publish { .. } => "the version".to_owned(),
        Action::Attach(attach) => attach.what.operation().to_owned(),
        _ => "it".to_owned(),
    }
}
