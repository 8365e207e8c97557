//! `include`: what its elements may be.

use super::check::{self, Lookup};
use super::located::{Located, Mistake, Node, Table};
use crate::function::{IncludeRoot, IncludeRule};
use crate::nearest::suggestion;

const KEYS: [&str; 4] = ["exclude", "from", "root", "to"];

/// Where paths start when an element does not say.
pub(super) fn default_root(of_workspace: bool) -> &'static str {
    if of_workspace { "workspace" } else { "package" }
}

/// An element as a table with a `root`, or all that is wrong with it.
pub(super) fn element(name: &str, item: &Located, root: &str) -> Result<Located, Vec<Mistake>> {
    let at = |value: &Located, what: String| Mistake { origin: value.origin.clone(), what };
    let text =
        |text: &str| Located { node: Node::Text(text.to_owned()), origin: item.origin.clone() };
    let mut table = match &item.node {
        Node::Missing(_) => return Ok(item.clone()),
        Node::Text(from) if from.is_empty() => {
            return Err(vec![at(
                item,
                format!("`{name}` has an empty element; `.` stands for everything"),
            )]);
        }
        Node::Text(from) => Table::from([("from".to_owned(), text(from))]),
        Node::Table(table) => table.clone(),
        other => {
            return Err(vec![at(
                item,
                format!("`{name}` holds paths or tables, not {}", other.kind()),
            )]);
        }
    };
    let mut mistakes = Vec::new();
    for (key, value) in &table {
        let wrong = |expected: &str| {
            at(value, format!("`{name}.{key}` must be {expected}, not {}", value.node.kind()))
        };
        match (key.as_str(), &value.node) {
            (_, Node::Missing(_)) | ("from" | "to", Node::Text(_)) => {}
            ("root", Node::Text(root)) if root == "package" || root == "workspace" => {}
            ("root", Node::Text(other)) => mistakes.push(at(
                value,
                format!("`{name}.root`: `{other}` is neither \"package\" nor \"workspace\""),
            )),
            ("exclude", Node::List(items)) => {
                let others = items
                    .iter()
                    .filter(|item| !matches!(item.node, Node::Text(_) | Node::Missing(_)));
                mistakes.extend(others.map(|item| {
                    at(
                        item,
                        format!("`{name}.exclude` must hold strings, not {}", item.node.kind()),
                    )
                }));
            }
            ("from" | "to" | "root", _) => mistakes.push(wrong("a string")),
            ("exclude", _) => mistakes.push(wrong("a list of strings")),
            _ => {
                let near = suggestion(key, KEYS);
                mistakes.push(at(value, format!("unknown key `{name}.{key}`; {near}")));
            }
        }
    }
    if !table.contains_key("from") {
        mistakes.push(at(item, format!("a table in `{name}` needs `from`")));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    table.entry("root".to_owned()).or_insert_with(|| text(root));
    Ok(Located { node: Node::Table(table), origin: item.origin.clone() })
}

/// An element with its variables put in.
pub(super) fn expanded(
    name: &str,
    item: &Located,
    lookup: Lookup<'_>,
) -> Result<Located, Vec<Mistake>> {
    let text = |value: &Located| check::expanded(name, value, lookup);
    let node = match &item.node {
        Node::Text(_) => return text(item),
        Node::Table(table) => {
            let mut expanded = Table::new();
            for (key, value) in table {
                let value = match &value.node {
                    Node::List(items) => {
                        let items: Result<_, _> = items.iter().map(text).collect();
                        Located { node: Node::List(items?), origin: value.origin.clone() }
                    }
                    _ => text(value)?,
                };
                expanded.insert(key.clone(), value);
            }
            Node::Table(expanded)
        }
        other => other.clone(),
    };
    Ok(Located { node, origin: item.origin.clone() })
}

/// The rule of an element that was checked.
pub(super) fn rule(item: &Located) -> Option<IncludeRule> {
    let Node::Table(table) = &item.node else { return None };
    let text = |key: &str| match table.get(key).map(|value| &value.node) {
        Some(Node::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let exclude = match table.get("exclude").map(|value| &value.node) {
        Some(Node::List(items)) => items
            .iter()
            .filter_map(|item| match &item.node {
                Node::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some(IncludeRule {
        from: text("from")?,
        to: text("to"),
        exclude,
        root: if text("root")? == "workspace" {
            IncludeRoot::Workspace
        } else {
            IncludeRoot::Package
        },
    })
}
