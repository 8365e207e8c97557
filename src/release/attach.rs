//! What lives on an alias: function URL, permissions, event invoke configuration, provisioned
//! concurrency, event source mappings.

mod mapping;
mod statement;

use serde_json::Value;

use super::Object;
use super::change::{Action, Attach, Attachment, Phase};
use super::content::text;
use super::desired::Desired;
use super::observed::{Attached, Observed};
use super::step::Step;
use super::wanted::Attachments;

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
            let (old, new) = differing(wanted, there);
            (!new.is_empty()).then_some(Attachment::UpdateUrl { old, new })
        }
    }
}

fn event_invoke(wanted: &Attachments, there: &Attached) -> Option<Attachment> {
    match (wanted.event_invoke.as_ref()?, &there.event_invoke) {
        (None, Some(_)) => Some(Attachment::DeleteEventInvoke),
        (None, None) => None,
        (Some(wanted), None) => Some(Attachment::PutEventInvoke { old: None, new: wanted.clone() }),
        (Some(wanted), Some(there)) => {
            let (old, differing) = differing(wanted, there);
            if differing.is_empty() {
                return None;
            }
            // It is put whole: what is not named here stays what it is.
            let members = ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"];
            let mut new: Object = members
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), there.get(*name)?.clone())))
                .collect();
            new.extend(wanted.clone());
            Some(Attachment::PutEventInvoke { old: Some(old), new })
        }
    }
}

fn provisioned(wanted: &Attachments, there: &Attached) -> Option<Attachment> {
    let member = "RequestedProvisionedConcurrentExecutions";
    let old = there.provisioned.as_ref().and_then(|there| there.get(member)?.as_u64());
    let old = old.and_then(|count| u32::try_from(count).ok());
    match (wanted.provisioned?, old) {
        (None, Some(old)) => Some(Attachment::Unprovision { old }),
        (Some(new), old) if old != Some(new) => Some(Attachment::Provision { old, new }),
        _ => None,
    }
}

/// The wanted members that are not there as they should be: what they are, and what they are to be.
fn differing(wanted: &Object, there: &Object) -> (Object, Object) {
    let mut old = Object::new();
    let mut new = Object::new();
    for (name, value) in wanted {
        let present = there.get(name).unwrap_or(&Value::Null);
        if !same(value, present) {
            old.insert(name.clone(), present.clone());
            new.insert(name.clone(), value.clone());
        }
    }
    (old, new)
}

/// Equal, where nothing, an empty list and an empty object are one, and lists of words have no order.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            names.into_iter().all(|name| {
                same(one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            let sorted = |list: &[Value]| {
                let mut texts: Vec<String> = list.iter().map(ToString::to_string).collect();
                texts.sort_unstable();
                texts
            };
            sorted(one) == sorted(other)
        }
        (one, other) => one == other || (is_nothing(one) && is_nothing(other)),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        _ => false,
    }
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
