//! Event source mappings, each known by its source.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Object;
use super::compared::{Default, Defaults, differing};
use crate::release::change::Attachment;
use crate::release::content::text;
use crate::release::observed::Attached;
use crate::release::wanted::Attachments;

/// Members that only `CreateEventSourceMapping` takes.
const FIXED: [&str; 3] = ["EventSourceArn", "StartingPosition", "StartingPositionTimestamp"];

/// What `CreateEventSourceMapping` takes where nothing is said, if that is something.
const DEFAULTS: Defaults = &[
    ("MaximumRecordAgeInSeconds", Default::Number(-1)),
    ("MaximumRetryAttempts", Default::Number(-1)),
    ("ParallelizationFactor", Default::Number(1)),
];

/// The first mapping that is not what it should be; or what has to settle before it can be.
pub(super) fn step(wanted: &Attachments, there: &Attached) -> Option<Result<Attachment, String>> {
    wanted.triggers.iter().flatten().find_map(|wanted| {
        let source = text(wanted, "EventSourceArn")?;
        let Some(there) = find(&there.mappings, source) else {
            return Some(Ok(Attachment::CreateMapping(wanted.clone())));
        };
        let mut changeable = wanted.clone();
        changeable.retain(|name, _| !FIXED.contains(&name.as_str()));
        let (old, new) = differing(&changeable, &shown(there), DEFAULTS);
        if new.is_empty() {
            return None;
        }
        // AWS refuses an update between two states (ResourceInUseException).
        let state = text(there, "State").unwrap_or("Enabled");
        if !matches!(state, "Enabled" | "Disabled") {
            return Some(Err(format!("the mapping of {source} is {state}")));
        }
        let id = text(there, "UUID").unwrap_or_default().to_owned();
        Some(Ok(Attachment::UpdateMapping { id, source: source.to_owned(), old, new }))
    })
}

/// The mappings that are there and that nobody has named; none where triggers are not configured at all.
pub(in crate::release) fn unnamed<'m>(
    wanted: &Attachments,
    there: &'m Attached,
) -> impl Iterator<Item = &'m Object> {
    let named: BTreeSet<String> = wanted
        .triggers
        .iter()
        .flatten()
        .filter_map(|one| text(one, "EventSourceArn").map(str::to_owned))
        .collect();
    there.mappings.iter().filter(move |one| {
        text(one, "State") != Some("Deleting")
            && !text(one, "EventSourceArn").is_some_and(|source| named.contains(source))
    })
}

fn find<'m>(mappings: &'m [Object], source: &str) -> Option<&'m Object> {
    let is_there = |one: &&Object| text(one, "State") != Some("Deleting");
    mappings.iter().filter(is_there).find(|one| text(one, "EventSourceArn") == Some(source))
}

/// A mapping with `Enabled`, which answers say as a state.
fn shown(mapping: &Object) -> Object {
    let mut mapping = mapping.clone();
    let enabled: Value = match text(&mapping, "State") {
        Some("Disabled" | "Disabling") => false.into(),
        None | Some("Enabled" | "Enabling" | "Creating") => true.into(),
        // Of the state in between nothing can be said.
        Some(between) => between.into(),
    };
    mapping.entry("Enabled").or_insert(enabled);
    mapping
}

/// Applies what is done as AWS would.
pub(super) fn apply(what: &Attachment, there: &mut Attached) {
    match what {
        Attachment::CreateMapping(members) => {
            let mut mapping = members.clone();
            state(&mut mapping);
            there.mappings.push(mapping);
        }
        Attachment::UpdateMapping { source, new, .. } => {
            let mapping = there
                .mappings
                .iter_mut()
                .find(|one| text(one, "EventSourceArn") == Some(source.as_str()));
            if let Some(mapping) = mapping {
                mapping.extend(new.clone());
                state(mapping);
            }
        }
        _ => {}
    }
}

fn state(mapping: &mut Object) {
    if let Some(enabled) = mapping.remove("Enabled") {
        let state = if enabled == Value::Bool(false) { "Disabled" } else { "Enabled" };
        mapping.insert("State".to_owned(), state.into());
    }
}
