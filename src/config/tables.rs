//! Lists of tables: what each key of a table takes is checked as a key of its own is.

use super::check::{self, Lookup};
use super::keys::Shape;
use super::located::{Located, Mistake, Node, Table};
use crate::nearest::suggestion;

/// A table of a list with its variables put in, or all that is wrong with it.
pub(super) fn element(
    name: &str,
    shape: &Shape,
    item: &Located,
    lookup: Lookup<'_>,
) -> Result<Located, Vec<Mistake>> {
    let mistake = |at: &Located, what: String| Mistake { origin: at.origin.clone(), what };
    let table = match &item.node {
        Node::Table(table) => table,
        Node::Missing(_) => return Ok(item.clone()),
        other => {
            return Err(vec![mistake(
                item,
                format!("`{name}` holds tables, not {}", other.kind()),
            )]);
        }
    };
    let mut good = Table::new();
    let mut mistakes = Vec::new();
    for (key, value) in table {
        let full = format!("{name}.{key}");
        let Some(field) = shape.fields.iter().find(|field| field.name == key) else {
            let near = suggestion(key, shape.fields.iter().map(|field| field.name));
            mistakes.push(mistake(value, format!("unknown key `{full}`; {near}")));
            continue;
        };
        match check::value(&full, field.kind, value, lookup, false) {
            Ok(Located { node: Node::Table(_), .. }) => {
                mistakes.push(mistake(value, format!("`{full}` must be a list of strings")));
            }
            Ok(value) => drop(good.insert(key.clone(), value)),
            Err(more) => mistakes.extend(more),
        }
    }
    let empty = |value: &Located| matches!(&value.node, Node::Text(text) if text.is_empty());
    if let Some(first) = shape.fields.first()
        && table.get(first.name).is_none_or(empty)
    {
        mistakes.push(mistake(item, format!("a table in `{name}` needs `{}`", first.name)));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Located { node: Node::Table(good), origin: item.origin.clone() })
}
