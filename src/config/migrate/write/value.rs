//! Values as they are written, and where in a table.

use toml_edit::{Array, InlineTable, Item, Table, TableLike, Value};

use super::super::old::Comment;
use super::line;
use crate::config::layers::FORGET;
use crate::config::located::{Located, Node, Origin};

/// The width that a table on one line may have.
const WIDTH: usize = 90;

/// A value as it is written: a map on one line where that is short and has no comments.
pub(super) fn item(
    key: &str,
    value: &Located,
    (is_local, up): (bool, &str),
    is_inline: bool,
    comments: &mut impl FnMut(&Origin) -> Comment,
) -> Item {
    let mut written = encoded(value);
    if let (Node::List(items), "include") = (&value.node, key) {
        written = Value::Array(items.iter().map(|item| include(item, is_local)).collect());
    }
    if let (Node::Text(text), "env-file") = (&value.node, key)
        && !text.is_empty()
        && !text.starts_with('/')
    {
        written = Value::from(escaped(&format!("{up}{text}")));
    }
    if let (Value::Array(array), false) = (&mut written, is_inline) {
        by_line(array);
    }
    let (Node::Table(entries), false) = (&value.node, is_inline) else {
        return Item::Value(written);
    };
    let mut all = Vec::new();
    for (name, entry) in entries {
        let own = line(&entry.origin) != line(&value.origin);
        all.push((name, entry, if own { comments(&entry.origin) } else { Comment::default() }));
    }
    let is_plain =
        all.iter().all(|(_, _, comment)| comment.above.is_empty() && comment.behind.is_none());
    if is_plain && key.len() + written.to_string().len() < WIDTH {
        return Item::Value(written);
    }
    let mut table = Table::new();
    table.set_dotted(true);
    for (name, entry, comment) in all {
        table.insert(name, Item::Value(encoded(entry)));
        beside(&mut table, name, comment);
    }
    Item::Table(table)
}

/// A long list has a line for each of its elements.
fn by_line(array: &mut Array) {
    if array.to_string().len() < WIDTH {
        return;
    }
    for value in array.iter_mut() {
        value.decor_mut().set_prefix("\n    ");
    }
    array.set_trailing("\n");
    array.set_trailing_comma(true);
}

/// Puts an item into a table under its full name, unless that says it. Else what is in the way.
pub(super) fn insert(
    table: &mut dyn TableLike,
    key: &str,
    item: Item,
    comment: Comment,
    is_inline: bool,
) -> Result<(), String> {
    if let Some((first, rest)) = key.split_once('.') {
        let inner = table.entry(first).or_insert_with(|| {
            if is_inline {
                return Item::Value(Value::InlineTable(InlineTable::new()));
            }
            let mut table = Table::new();
            table.set_dotted(true);
            Item::Table(table)
        });
        let is_inline = inner.is_inline_table();
        let inner = inner.as_table_like_mut().ok_or_else(|| first.to_owned())?;
        return insert(inner, rest, item, comment, is_inline);
    }
    let is_inner = |item: &Item| item.is_table() || item.is_inline_table();
    match table.get_mut(key) {
        Some(known) if key == FORGET => {
            let list = known.as_array_mut().ok_or_else(|| key.to_owned())?;
            let more = item.as_array().into_iter().flatten().cloned();
            for value in more {
                let is_there = list.iter().any(|known| known.as_str() == value.as_str());
                if !is_there {
                    list.push(value);
                }
            }
            return Ok(());
        }
        Some(known) if key == "layers" && is_inner(known) => {
            let is_inline = known.is_inline_table();
            let inner = known.as_table_like_mut().ok_or_else(|| key.to_owned())?;
            return insert(inner, "arns", item, comment, is_inline);
        }
        // A word that says whether libraries are shared leaves no place for a list.
        Some(known) if key == "layers" && known.is_str() => return Err(key.to_owned()),
        Some(known) if is_inner(known) && is_inner(&item) => {
            let known = known.as_table_like_mut().ok_or_else(|| key.to_owned())?;
            let entries = item.as_table_like().into_iter().flat_map(TableLike::iter);
            for (name, entry) in entries.filter(|(_, entry)| entry.is_value()) {
                known.entry(name).or_insert_with(|| entry.clone());
            }
            return Ok(());
        }
        Some(_) => return Ok(()),
        None => {}
    }
    table.insert(key, item);
    beside(table, key, comment);
    Ok(())
}

/// Puts a comment beside a key.
fn beside(table: &mut dyn TableLike, key: &str, comment: Comment) {
    let Comment { above, behind } = comment;
    let first = table.get(key).and_then(Item::as_table).and_then(|it| it.iter().next());
    // Of a map that has a line for each entry: above the first.
    if let Some(first) = first.map(|(name, _)| name.to_owned())
        && let Some(inner) = table.get_mut(key).and_then(Item::as_table_mut)
    {
        return beside(
            inner,
            &first,
            Comment { above: [above, behind.into_iter().collect()].concat(), behind: None },
        );
    }
    if !above.is_empty()
        && let Some(mut key) = table.key_mut(key)
    {
        let known =
            key.leaf_decor().prefix().and_then(|it| it.as_str()).unwrap_or_default().to_owned();
        key.leaf_decor_mut().set_prefix(format!("{}\n{known}", above.join("\n")));
    }
    if let (Some(behind), Some(Item::Value(value))) = (behind, table.get_mut(key)) {
        value.decor_mut().set_suffix(format!(" {behind}"));
    }
}

fn encoded(value: &Located) -> Value {
    match &value.node {
        Node::Text(text) => Value::from(escaped(text)),
        Node::Integer(number) => Value::from(*number),
        Node::Boolean(boolean) => Value::from(*boolean),
        Node::Fraction(number) => Value::from(*number),
        Node::List(items) => Value::Array(items.iter().map(encoded).collect::<Array>()),
        Node::Table(table) => {
            let entries = table.iter().map(|(name, value)| (name.as_str(), encoded(value)));
            Value::InlineTable(entries.collect::<InlineTable>())
        }
        // No value that was checked is one.
        Node::Other(_) | Node::Missing(_) => Value::from(""),
    }
}

/// There `${` is a text like any other.
fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// A file that is taken along: from the workspace's folder, which other tables must be told.
fn include(item: &Located, is_local: bool) -> Value {
    let Node::Table(table) = &item.node else { return encoded(item) };
    let mut table = table.clone();
    if !is_local {
        table.remove("root");
    }
    match table.get("from") {
        Some(from) if table.len() == 1 => encoded(from),
        _ => encoded(&Located { node: Node::Table(table), origin: item.origin.clone() }),
    }
}
