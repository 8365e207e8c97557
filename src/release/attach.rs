//! What lives on an alias: function URL, permissions, event invoke configuration, provisioned
//! concurrency, event source mappings.

mod compared;
mod mapping;
mod statement;

use super::Object;
use super::change::{Action, Attach, Attachment, Phase};
use super::content::text;
use super::desired::Desired;
use super::observed::{Attached, Observed};
use super::step::Step;
use super::wanted::Attachments;
use compared::{Default, Defaults, differing, merged};

/// What `CreateFunctionUrlConfig` takes where nothing is said, if that is something.
const URL: Defaults = &[("InvokeMode", Default::Word("BUFFERED"))];
/// `PutFunctionEventInvokeConfig`: six hours, two retries.
const EVENT_INVOKE: Defaults = &[
    ("MaximumEventAgeInSeconds", Default::Number(21_600)),
    ("MaximumRetryAttempts", Default::Number(2)),
];
/// All that it takes; it is put whole.
const PUT: [&str; 3] = ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"];

/// The next step, if there is one.
pub(super) fn step(desired: &Desired, observed: &Observed) -> Option<Step> {
    let wanted = &desired.wanted.attachments;
    let there = &observed.attached;
    let what = url(wanted, there)
        .or_else(|| statement::step(wanted, there))
        .or_else(|| event_invoke(wanted, there))
        .or_else(|| provisioned(wanted, there));
    let qualifier = desired.qualifier().map(str::to_owned);
    if let Some(what) = what {
        return Some(Step::Act(Action::Attach(Attach { qualifier, what })));
    }
    match mapping::step(wanted, there)? {
        Ok(what) => Some(Step::Act(Action::Attach(Attach { qualifier, what }))),
        Err(what) => Some(Step::Wait { phase: Phase::Attach, what }),
    }
}

fn url(wanted: &Attachments, there: &Attached) -> Option<Attachment> {
    match (wanted.url.as_ref()?, &there.url) {
        (None, Some(_)) => Some(Attachment::DeleteUrl),
        (None, None) => None,
        (Some(wanted), None) => Some(Attachment::CreateUrl(wanted.clone())),
        (Some(wanted), Some(there)) => {
            let (old, new) = differing(wanted, there, URL);
            (!new.is_empty()).then_some(Attachment::UpdateUrl { old, new })
        }
    }
}

fn event_invoke(wanted: &Attachments, there: &Attached) -> Option<Attachment> {
    match (wanted.event_invoke.as_ref()?, &there.event_invoke) {
        (None, Some(_)) => Some(Attachment::DeleteEventInvoke),
        (None, None) => None,
        // What is as it would be anyway needs no configuration.
        (Some(wanted), None) => (!differing(wanted, &Object::new(), EVENT_INVOKE).1.is_empty())
            .then(|| Attachment::PutEventInvoke { old: None, new: wanted.clone() }),
        (Some(wanted), Some(there)) => {
            if differing(wanted, there, EVENT_INVOKE).1.is_empty() {
                return None;
            }
            let mut old = there.clone();
            old.retain(|name, _| PUT.contains(&name.as_str()));
            let new = merged(&old, wanted);
            Some(Attachment::PutEventInvoke { old: Some(old), new })
        }
    }
}

pub(super) fn provisioned(wanted: &Attachments, there: &Attached) -> Option<Attachment> {
    let member = "RequestedProvisionedConcurrentExecutions";
    let old = there.provisioned.as_ref().and_then(|there| there.get(member)?.as_u64());
    let old = old.and_then(|count| u32::try_from(count).ok());
    match (wanted.provisioned?, old) {
        (None, Some(old)) => Some(Attachment::Unprovision { old }),
        (Some(new), old) if old != Some(new) => Some(Attachment::Provision { old, new }),
        _ => None,
    }
}

/// The event source mappings that are there and that the configuration does not name; they stay.
pub fn unnamed<'m>(wanted: &Attachments, there: &'m Attached) -> impl Iterator<Item = &'m Object> {
    mapping::unnamed(wanted, there)
}

/// Applies what is done as AWS would.
pub(super) fn apply(attach: &Attach, there: &mut Attached) {
    match &attach.what {
        Attachment::CreateUrl(members) => there.url = Some(members.clone()),
        Attachment::UpdateUrl { new, .. } => {
            there.url.get_or_insert_default().extend(new.clone());
        }
        Attachment::DeleteUrl => there.url = None,
        Attachment::Permit(members) => {
            if let Some(id) = text(members, "StatementId") {
                there.statements.insert(id.to_owned(), statement::predicted(members));
            }
        }
        Attachment::Forbid(id) => drop(there.statements.remove(id)),
        Attachment::PutEventInvoke { new, .. } => there.event_invoke = Some(new.clone()),
        Attachment::DeleteEventInvoke => there.event_invoke = None,
        Attachment::Provision { new, .. } => {
            let member = "RequestedProvisionedConcurrentExecutions".to_owned();
            there.provisioned = Some(Object::from_iter([(member, (*new).into())]));
        }
        Attachment::Unprovision { .. } => there.provisioned = None,
        Attachment::CreateMapping(_) | Attachment::UpdateMapping { .. } => {
            mapping::apply(&attach.what, there);
        }
    }
}
