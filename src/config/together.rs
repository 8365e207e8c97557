//! What is wrong with what was merged for one handler, which no value shows by itself: counts, and
//! what AWS takes only with something else or not with it.

mod halves;
mod triggers;

use std::collections::BTreeMap;

use super::Merged;
use super::check::{NONE, TAG_CHARACTERS, of_tag};
use super::keys::{self, Check, Key, Kind};
use super::located::{Located, Mistake, Node, Table};
use crate::routes::Routes;

pub(super) use halves::mistakes as halves;

/// The largest environment, in bytes over names and values ("Lambda quotas": 4 KB).
const MAX_ENVIRONMENT: usize = 4096;

/// What is wrong whatever is done with it.
pub(super) fn mistakes(all: &Merged) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (key, value) in all {
        mistakes.extend(value.missing());
        let what = keys::find(key).and_then(|key| whole(key, value));
        mistakes.extend(what.map(|what| mistake(value, what)));
    }
    mistakes.extend(levels(all));
    mistakes.extend(unset(all));
    mistakes.extend(file_system(all));
    mistakes.extend(network(all));
    mistakes.extend(concurrency(all));
    mistakes.extend(repeated(all.get("permissions"), "id"));
    mistakes.extend(ids(all));
    mistakes.extend(triggers::mistakes(all));
    mistakes
}

fn mistake(value: &Located, what: String) -> Mistake {
    Mistake { origin: value.origin.clone(), what }
}

/// A value that says something and does not clear.
fn said<'a>(all: &'a Merged, key: &str) -> Option<&'a Located> {
    all.get(key).filter(|value| match &value.node {
        Node::Text(text) => !text.is_empty() && text != NONE,
        Node::List(items) => !items.is_empty(),
        Node::Missing(_) => false,
        _ => true,
    })
}

/// A list that is said to be empty.
fn emptied<'a>(all: &'a Merged, key: &str) -> Option<&'a Located> {
    all.get(key).filter(|value| matches!(&value.node, Node::List(items) if items.is_empty()))
}

/// What is wrong with one value when everything is merged.
fn whole(key: &Key, value: &Located) -> Option<String> {
    let most = match (key.kind, &value.node) {
        (Kind::Map(check), Node::Table(table)) => return whole_map(check, table),
        (Kind::Texts(most, _), Node::List(_)) => most,
        (Kind::Tables(shape), Node::List(_)) => shape.most,
        _ => return None,
    };
    let count = value.node.items().len();
    (count > most)
        .then(|| format!("`{}` has {count} elements together; AWS takes {most}", key.name))
}

/// What is wrong with a whole map, when everything is merged.
fn whole_map(check: Check, table: &Table) -> Option<String> {
    match check {
        Check::Variables => {
            // As JSON, which is what AWS counts, escapes and all.
            let plain: BTreeMap<&str, &str> =
                table.iter().map(|(key, value)| (key.as_str(), value.text())).collect();
            let bytes = serde_json::to_string(&plain).map_or(0, |json| json.len());
            (bytes > MAX_ENVIRONMENT).then(|| {
                format!("the environment has {bytes} bytes; Lambda takes {MAX_ENVIRONMENT}")
            })
        }
        Check::Tags if table.len() > 50 => Some(format!("{} tags; AWS takes 50", table.len())),
        Check::Tags => table.iter().find_map(|(name, value)| match value.text() {
            value if value.chars().count() > 256 => {
                Some(format!("the tag `{name}` has more than 256 characters"))
            }
            value if !value.chars().all(of_tag) => {
                Some(format!("the value of the tag `{name}`: {TAG_CHARACTERS}"))
            }
            _ => None,
        }),
        // One that is missing is said by itself.
        Check::Routes if table.values().any(|value| matches!(value.node, Node::Missing(_))) => None,
        Check::Routes => {
            let routes = table.iter().map(|(route, function)| (route, function.text()));
            let errors = Routes::new(routes).err()?;
            Some(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        _ => None,
    }
}

/// "Valid only with JSON": `LoggingConfig`, both levels.
fn levels(all: &Merged) -> Vec<Mistake> {
    let Some(format) = all.get("logging.format") else { return Vec::new() };
    if !["text", NONE].contains(&format.text()) {
        return Vec::new();
    }
    let levels = ["logging.level", "logging.system-level"];
    let levels = levels.into_iter().filter_map(|key| Some((key, said(all, key)?)));
    let what = |(key, level): (&str, &Located)| {
        let denied = &format.origin;
        let what =
            format!("`{key}` goes with `logging.format = \"json\"` only, which {denied} denies");
        mistake(level, what)
    };
    levels.map(what).collect()
}

/// A variable that is both set and removed.
fn unset(all: &Merged) -> Vec<Mistake> {
    let Some(Located { node: Node::Table(set), .. }) = all.get("environment") else {
        return Vec::new();
    };
    let names = all.get("environment-unset").map_or(&[][..], |names| names.node.items());
    let both = names.iter().filter_map(|value| {
        let name = value.text();
        let at = &set.get(name)?.origin;
        Some(mistake(value, format!("`environment-unset` names `{name}`, which {at} sets")))
    });
    both.collect()
}

/// A file system is reached through a VPC.
fn file_system(all: &Merged) -> Option<Mistake> {
    let arn = said(all, "file-system.arn")?;
    let denied = &emptied(all, "vpc.subnets")?.origin;
    let what = format!("`file-system.arn` is reached through a VPC, which {denied} takes away");
    Some(mistake(arn, what))
}

/// A function in a VPC has a security group.
fn network(all: &Merged) -> Option<Mistake> {
    let subnets = said(all, "vpc.subnets")?;
    let denied = &emptied(all, "vpc.security-groups")?.origin;
    let what = format!(
        "`vpc.subnets` goes with one of `vpc.security-groups` or more, which {denied} denies"
    );
    Some(mistake(subnets, what))
}

/// Provisioned concurrency is part of what is reserved.
fn concurrency(all: &Merged) -> Option<Mistake> {
    let number = |key| match said(all, key)? {
        Located { node: Node::Integer(number), origin } => Some((*number, origin)),
        _ => None,
    };
    let (kept, _) = number("provisioned-concurrency")?;
    let (reserved, at) = number("reserved-concurrency")?;
    let value = all.get("provisioned-concurrency")?;
    let what = || {
        format!(
            "`provisioned-concurrency` is {kept}; it must fit into the {reserved} that {at} reserves"
        )
    };
    (kept > reserved).then(|| mistake(value, what()))
}

/// Ids of statements that are given to those of a function's URL.
fn ids(all: &Merged) -> Vec<Mistake> {
    let list = all.get("permissions").map_or(&[][..], |list| list.node.items());
    let ids = list.iter().filter_map(|item| match &item.node {
        Node::Table(table) => table.get("id"),
        _ => None,
    });
    let of_url = ids.filter(|id| id.text().starts_with("lambda-pack-url"));
    let what = "ids that begin with `lambda-pack-url` are of the function's URL";
    of_url.map(|id| mistake(id, what.to_owned())).collect()
}

/// Tables of a list that have the same text under a key.
fn repeated(list: Option<&Located>, key: &str) -> Vec<Mistake> {
    let mut first: BTreeMap<&str, &Located> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for item in list.map_or(&[][..], |list| list.node.items()) {
        let Node::Table(table) = &item.node else { continue };
        let Some(value) = table.get(key).filter(|value| !value.text().is_empty()) else { continue };
        let before = first.entry(value.text()).or_insert(value);
        if !std::ptr::eq(*before, value) {
            let (text, at) = (value.text(), &before.origin);
            mistakes.push(mistake(value, format!("`{key}` is `{text}`, as in {at}")));
        }
    }
    mistakes
}
