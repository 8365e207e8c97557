//! Event source mappings: stored with their states; nothing is polled.
//!
//! What each kind of source shows, its defaults and its checks are in `source`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::page::page;
use super::qualifier::no_resource;
use super::tags::{self, Tags};
use super::{Account, ApiError, Input, Key, Moment, Object, date};

mod source;

use source::Source;

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its members, as they are answered.
    pub settings: Object,
    /// Its tags.
    pub tags: Tags,
    /// Whether it is enabled, or will be when it has settled.
    pub enabled: bool,
    /// When the state that it passes through ends (ms since 1970); none if it rests.
    pub due: Option<i64>,
}

impl Mapping {
    /// A member that is a text.
    fn text(&self, member: &str) -> &str {
        self.settings.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a state and when it ends.
    fn begin(&mut self, state: &str, moment: &Moment<'_>) {
        self.set("State", state.into());
        self.set("LastModified", date::epoch(moment.now));
        self.due = Some(moment.now.saturating_add(moment.delay));
    }

    fn set(&mut self, member: &str, value: Value) {
        self.settings.insert(member.to_owned(), value);
    }

    /// Sets what a request sends; what is sent empty is taken away.
    fn apply(&mut self, input: &Input) {
        const OURS: [&str; 4] = ["UUID", "FunctionName", "Enabled", "Tags"];
        for (member, value) in input.members() {
            if OURS.contains(&member.as_str()) {
                continue;
            }
            let empty = match value {
                Value::Object(members) => members.values().all(|it| *it == Value::Array(vec![])),
                Value::String(text) => text.is_empty(),
                _ => false,
            };
            if empty && member != "DestinationConfig" {
                self.settings.remove(member);
            } else {
                self.set(member, value.clone());
            }
        }
        if let Some(Value::Object(destinations)) = self.settings.get_mut("DestinationConfig") {
            destinations.entry("OnFailure").or_insert_with(|| Object::new().into());
        }
    }

    /// Refuses while it passes from one state to another.
    fn rests(&self, verb: &str) -> Result<(), ApiError> {
        if self.due.is_none() {
            return Ok(());
        }
        let text = format!("Cannot {verb} the event source mapping because it is in use.");
        Err(ApiError::new("ResourceInUseException", 400, text))
    }
}

impl Account {
    /// The function that a request names, as an ARN with the qualifier that was given.
    fn mapped_function(&self, input: &Input) -> Result<String, ApiError> {
        let named = self.named(input.required("FunctionName")?, None)?;
        if self.find(named).is_none() {
            return Err(ApiError::invalid("Function does not exist"));
        }
        Ok(self.function_arn(named.name, named.qualifier))
    }
}

/// `CreateEventSourceMapping`.
pub(super) fn create(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let source = Source::of(input)?;
    source.check(input)?;
    let tags = tags::sent(input)?;
    let function = account.mapped_function(input)?;
    source.is_new(account, input, &function)?;
    let id = (moment.uuid)();
    let settings = source.defaults(&id);
    let enabled = input.boolean("Enabled").unwrap_or(true);
    let mut mapping = Mapping { settings, tags, enabled, due: None };
    mapping.set("UUID", id.as_str().into());
    mapping.set("EventSourceMappingArn", account.arn("event-source-mapping", &id).into());
    mapping.set("FunctionArn", function.into());
    mapping.apply(input);
    mapping.begin("Creating", moment);
    if source == Source::Queue && !enabled {
        // Recorded: there is nothing to start.
        mapping.set("State", "Disabled".into());
        mapping.due = None;
    }
    Ok(store(account, id, mapping))
}

/// `UpdateEventSourceMapping`: what is not sent stays.
pub(super) fn update(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let id = input.required("UUID")?;
    let mut mapping = resting(account, id, "update")?;
    if input.has("FunctionName") {
        let function = account.mapped_function(input)?;
        mapping.set("FunctionArn", function.into());
    }
    mapping.apply(input);
    // The checks are of what it comes to, not of what was sent.
    let whole = Input::new(mapping.settings.clone());
    Source::of(&whole)?.check(&whole)?;
    let enabled = input.boolean("Enabled").unwrap_or(mapping.enabled);
    let state = match (mapping.enabled, enabled) {
        (false, true) => "Enabling",
        (true, false) => "Disabling",
        _ => "Updating",
    };
    mapping.enabled = enabled;
    mapping.begin(state, moment);
    Ok(store(account, id.to_owned(), mapping))
}

/// A mapping between no two states, for what is about to be done with it.
fn resting(account: &Account, id: &str, what: &str) -> Result<Mapping, ApiError> {
    let mapping = account.mappings.get(id).ok_or_else(no_resource)?;
    mapping.rests(what)?;
    Ok(mapping.clone())
}

/// `DeleteEventSourceMapping`.
pub(super) fn delete(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let id = input.required("UUID")?;
    let mut mapping = resting(account, id, "delete")?;
    mapping.begin("Deleting", moment);
    Ok(store(account, id.to_owned(), mapping))
}

/// `GetEventSourceMapping`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let mapping = account.mappings.get(input.required("UUID")?);
    mapping.map(|mapping| mapping.settings.clone()).ok_or_else(no_resource)
}

/// `ListEventSourceMappings`, of one source or of one function, or all. Neither needs to be there.
pub(super) fn list(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let function = match input.text("FunctionName") {
        Some(text) => {
            let named = account.named(text, None)?;
            Some(account.function_arn(named.name, named.qualifier))
        }
        None => None,
    };
    let asked =
        [("EventSourceArn", input.text("EventSourceArn")), ("FunctionArn", function.as_deref())];
    let suits = |mapping: &Mapping| {
        asked.iter().all(|(member, asked)| asked.is_none_or(|it| it == mapping.text(member)))
    };
    let items = account.mappings.iter().filter(|(_, mapping)| suits(mapping));
    let items = items.map(|(id, mapping)| (id.clone(), mapping));
    // "ListEventSourceMappings": 100 items in each response, even if the number is higher.
    Ok(page(input, "EventSourceMappings", 100, items, |mapping| mapping.settings.clone()))
}

fn store(account: &mut Account, id: String, mapping: Mapping) -> Object {
    let answer = mapping.settings.clone();
    if let Some(due) = mapping.due {
        account.schedule(due);
    }
    account.mappings.insert(id.clone(), mapping);
    account.change(Key::Mapping(id));
    answer
}

/// Lets mappings come to rest whose time has come, and schedules the others.
pub(super) fn settle(account: &mut Account, now: i64) {
    let waiting = account.mappings.iter().filter_map(|(id, it)| Some((id.clone(), it.due?)));
    for (id, due) in waiting.collect::<Vec<_>>() {
        if due > now {
            account.schedule(due);
            continue;
        }
        let Some(mapping) = account.mappings.get_mut(&id) else { continue };
        if mapping.text("State") == "Deleting" {
            account.mappings.remove(&id);
        } else {
            mapping.due = None;
            let state = if mapping.enabled { "Enabled" } else { "Disabled" };
            mapping.set("State", state.into());
        }
        account.change(Key::Mapping(id));
    }
}

#[cfg(test)]
mod tests;
