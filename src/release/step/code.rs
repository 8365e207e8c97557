//! The code of one function: whether it is there, and how it gets there.

use crate::release::change::{Action, Place, Sent};
use crate::release::content::{current, text};
use crate::release::desired::{self, Desired, Source};
use crate::release::ecr::same_repository;
use crate::release::marker::written;
use crate::release::observed::{Function, Observed, State, lost_its_code, points_at, state};

/// The code, unless it is there.
pub(super) fn code(desired: &Desired, observed: &Observed, function: &Function) -> Option<Action> {
    let configuration = &function.configuration;
    let old_architecture = current(configuration, "Architectures");
    let old_architecture = old_architecture[0].as_str().unwrap_or_default().to_owned();
    let broken =
        matches!(state(configuration), State::Failed { .. }) || lost_its_code(configuration);
    // The key goes with the code only; an empty one takes it away.
    let wanted_key = desired.wanted.source_kms_key.as_deref();
    let key = function.source_kms_key.as_deref().unwrap_or_default();
    if wanted_key.is_none_or(|wanted| wanted == key)
        && code_is_there(desired, observed, function)
        && old_architecture == desired.code.architecture
        && !broken
    {
        return None;
    }
    Some(Action::UpdateCode {
        old: of_elsewhere(desired, function)
            .or_else(|| text(configuration, "CodeSha256"))
            .unwrap_or_default()
            .to_owned(),
        code: sent(desired, observed),
        old_architecture,
        source_kms_key: desired.wanted.source_kms_key.clone(),
        revision: text(configuration, "RevisionId").map(str::to_owned),
    })
}

/// The image that is there, if it is ours by its digest and in another repository.
fn of_elsewhere<'f>(desired: &Desired, function: &'f Function) -> Option<&'f str> {
    let (ours, there) = (desired.code.image()?, function.image.as_deref()?);
    let digest = there.split_once("@sha256:")?.1;
    (digest == desired.code.sha256 && there != ours.uri).then_some(there)
}

/// Whether `$LATEST` has our code: by its digest, or, where signing repackages it, by the digest in a
/// marker whose version has the code of `$LATEST`.
fn code_is_there(desired: &Desired, observed: &Observed, function: &Function) -> bool {
    let there = text(&function.configuration, "CodeSha256");
    if let Some(image) = desired.code.image()
        && let Some((name, digest)) =
            function.image.as_ref().and_then(|it| it.split_once("@sha256:"))
    {
        // An image may have gone to another repository, and be taken away where it was.
        let wanted = image.uri.split('@').next().filter(|_| !image.is_there);
        return digest == desired.code.sha256
            && wanted.is_none_or(|wanted| same_repository(name, wanted));
    }
    if there == Some(desired.code.sha256.as_str()) {
        return true;
    }
    desired.may_be_repackaged(function.code_signing.as_deref())
        && observed.aliases.values().any(|alias| {
            // Stale or not: it tells of the version that it names. While traffic is shifted that is the one which it
            // goes over to.
            let marker = written(alias).1;
            let shift = marker.as_ref().and_then(|marker| marker.shift.as_ref());
            let to = marker.as_ref().and_then(|marker| marker.to.as_deref());
            let number = shift.map_or(to.unwrap_or(points_at(alias)), |shift| &shift.new);
            let version = observed.versions.get(number);
            marker.as_ref().is_some_and(|marker| marker.sha == desired.code.sha256)
                && version.and_then(|version| text(version, "CodeSha256")) == there
        })
}

/// What brings the code to where AWS takes it from, unless it is there.
pub(super) fn upload(desired: &Desired, observed: &Observed) -> Option<Action> {
    match &desired.code.source {
        Source::Bucket(object) if observed.object.is_none() => Some(Action::Upload {
            layer: None,
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            size: desired.code.size,
            sha256: desired.code.sha256.clone(),
        }),
        Source::Image(image) if !observed.pushed && !image.is_there => {
            Some(Action::Push { uri: image.uri.clone(), size: desired.code.size })
        }
        Source::Call | Source::Bucket(_) | Source::Image(_) => None,
    }
}

pub(super) fn sent(desired: &Desired, observed: &Observed) -> Sent {
    let version = || observed.object.as_ref().and_then(|object| object.version.clone());
    Sent {
        sha256: desired.code.sha256.clone(),
        size: desired.code.size,
        architecture: desired.code.architecture.clone(),
        place: match &desired.code.source {
            Source::Call => Place::Call,
            Source::Bucket(desired::Object { bucket, key }) => {
                Place::Bucket { bucket: bucket.clone(), key: key.clone(), version: version() }
            }
            Source::Image(image) => Place::Image(image.uri.clone()),
        },
    }
}
