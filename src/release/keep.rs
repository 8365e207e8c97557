//! Which versions of a function may go: those that nothing leads to, without the newest ones.
//!
//! What leads to a version: an alias, by its target or its weights; the marker on an alias, which says where
//! a rollback would go; and what lives on the version's own qualifier. AWS refuses to delete a version that an
//! alias points at (409, recorded). All the rest it would delete, and what needed it would fail; so whatever
//! names a version keeps it, also if this program cannot tell what for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZero;

use serde_json::Value;

use super::Object;
use super::content::text;
use super::layers::name_of;
use super::marker;
use super::observed::{points_at, weights};

/// What a function has, and what leads to it: items of AWS's lists, all pages of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// Its name.
    pub function: String,
    /// Of `ListVersionsByFunction`; none: there is no such function.
    pub versions: Vec<Object>,
    /// Of `ListAliases`.
    pub aliases: Vec<Object>,
    /// Of `ListProvisionedConcurrencyConfigs`.
    pub provisioned: Vec<Object>,
    /// Of `ListFunctionUrlConfigs`.
    pub urls: Vec<Object>,
    /// Of `ListFunctionEventInvokeConfigs`.
    pub event_invokes: Vec<Object>,
    /// Of `ListEventSourceMappings`, also such as lead to other functions.
    pub mappings: Vec<Object>,
}

/// Why a version stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It is one of the newest.
    Newest,
    /// This alias points at it.
    Alias(String),
    /// This alias sends a part of its traffic to it.
    Weight(String),
    /// The marker on an alias names it.
    Marker {
        /// The alias.
        alias: String,
        /// The field: `prev` is where a rollback goes.
        field: String,
    },
    /// It has provisioned concurrency.
    Provisioned,
    /// It has a URL.
    Url,
    /// It has settings for asynchronous invocations.
    EventInvoke,
    /// An event source mapping leads to it: the ARN of the source, or the mapping's id.
    Trigger(String),
    /// It has a policy: somebody may call it by its number.
    Policy,
    /// A durable execution runs on it: deleting it would break the replay.
    Durable,
    /// Whether durable executions run on it cannot be seen, as AWS says.
    Unseen(String),
    /// AWS refuses to delete it, as it says.
    Refused(String),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("one of the newest"),
            Self::Alias(alias) => write!(f, "{alias} points at it"),
            Self::Weight(alias) => write!(f, "{alias} sends it a part of its traffic"),
            Self::Marker { alias, field } if field == "prev" => {
                write!(f, "{alias} was there before, and can be rolled back to it")
            }
            Self::Marker { alias, field } => write!(f, "the marker of {alias} names it ({field})"),
            Self::Provisioned => f.write_str("it has provisioned concurrency"),
            Self::Url => f.write_str("it has a URL"),
            Self::EventInvoke => f.write_str("it has settings for asynchronous invocations"),
            Self::Trigger(source) => write!(f, "a trigger leads to it: {source}"),
            Self::Policy => f.write_str("it has a policy: others may call it by its number"),
            Self::Durable => f.write_str("a durable execution runs on it"),
            Self::Unseen(why) => {
                write!(f, "whether durable executions run on it cannot be seen: {why}")
            }
            Self::Refused(why) => write!(f, "AWS does not delete it: {why}"),
        }
    }
}

/// A published version, and why it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// `CodeSize`: the length of its code in bytes; zero of an image.
    pub size: u64,
    /// When it was published, as AWS says it.
    pub published: String,
    /// Whether executions of it may be replayed: it has a `DurableConfig`.
    pub durable: bool,
    /// What it is needed for; nothing: it may go.
    pub needs: BTreeSet<Need>,
}

/// The published versions of a function, the newest first, each with what it is needed for. `keep`: how many
/// of the newest stay, whether something needs them or not. `$LATEST` is none of them.
#[must_use]
pub fn versions(inventory: &Inventory, keep: NonZero<usize>) -> Vec<Version> {
    let mut needs = needs(inventory);
    let mut all: Vec<Version> = inventory.versions.iter().filter_map(read).collect();
    all.sort_by_key(|version| Reverse(version.number));
    all.dedup_by_key(|version| version.number);
    for (at, version) in all.iter_mut().enumerate() {
        version.needs = needs.remove(&version.number).unwrap_or_default();
        if at < keep.get() {
            version.needs.insert(Need::Newest);
        }
    }
    all
}

fn read(item: &Object) -> Option<Version> {
    let durable = item.get("DurableConfig").is_some_and(|durable| !durable.is_null());
    Some(Version {
        number: text(item, "Version")?.parse().ok()?,
        size: item.get("CodeSize").and_then(Value::as_u64).unwrap_or_default(),
        published: text(item, "LastModified").unwrap_or_default().to_owned(),
        durable,
        needs: BTreeSet::new(),
    })
}

/// What each version is needed for, by its number.
fn needs(inventory: &Inventory) -> BTreeMap<u64, BTreeSet<Need>> {
    let mut all: BTreeMap<u64, BTreeSet<Need>> = BTreeMap::new();
    let mut add = |number: u64, need| {
        all.entry(number).or_default().insert(need);
    };
    for alias in &inventory.aliases {
        let name = text(alias, "Name").unwrap_or_default();
        if let Ok(number) = points_at(alias).parse() {
            add(number, Need::Alias(name.to_owned()));
        }
        for number in weights(alias).keys().filter_map(|number| number.parse().ok()) {
            add(number, Need::Weight(name.to_owned()));
        }
        for (field, number) in marker::versions(text(alias, "Description").unwrap_or_default()) {
            add(number, Need::Marker { alias: name.to_owned(), field: field.to_owned() });
        }
    }
    // What lives on an alias leads to what the alias leads to.
    let mut of_qualifiers = |items: &[Object], need: &dyn Fn(&Object) -> Need| {
        for item in items {
            let named = named(text(item, "FunctionArn").unwrap_or_default());
            if let Some((name, Some(qualifier))) = named
                && name == inventory.function
                && let Ok(number) = qualifier.parse()
            {
                add(number, need(item));
            }
        }
    };
    of_qualifiers(&inventory.provisioned, &|_| Need::Provisioned);
    of_qualifiers(&inventory.urls, &|_| Need::Url);
    of_qualifiers(&inventory.event_invokes, &|_| Need::EventInvoke);
    of_qualifiers(&inventory.mappings, &|mapping| {
        let source = text(mapping, "EventSourceArn").or_else(|| text(mapping, "UUID"));
        Need::Trigger(source.unwrap_or_default().to_owned())
    });
    all
}

/// The function that an ARN is of, and the version or alias, if it names one.
#[must_use]
pub fn named(arn: &str) -> Option<(&str, Option<&str>)> {
    let (_, named) = arn.split_once(":function:")?;
    Some(match named.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (named, None),
    })
}

/// The names of the layers that a function's versions use, `$LATEST` too.
pub fn layers(inventory: &Inventory) -> impl Iterator<Item = String> {
    let all = inventory.versions.iter().filter_map(|version| version.get("Layers")?.as_array());
    all.flatten().filter_map(|layer| Some(name_of(layer["Arn"].as_str()?).to_owned()))
}

/// What is left of all functions of an account (items of `ListFunctions`, every version of each) without the
/// versions that go, by function and number.
#[must_use]
pub fn without(mut functions: Vec<Object>, going: &BTreeSet<(&str, u64)>) -> Vec<Object> {
    functions.retain(|one| {
        let number = text(one, "Version").and_then(|number| number.parse().ok());
        let name = text(one, "FunctionName").unwrap_or_default();
        !number.is_some_and(|number| going.contains(&(name, number)))
    });
    functions
}

#[cfg(test)]
mod tests;
