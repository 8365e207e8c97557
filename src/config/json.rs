//! Values that stand for themselves: TOML as JSON, kept as its text, so that the topmost one takes the
//! place of any other.

use serde_json::Value;

use super::check::{self, Lookup};
use super::located::{Located, Mistake, Node, Table};

/// The JSON of a value with its variables put in, as a text.
pub(super) fn value(
    name: &str,
    value: &Located,
    lookup: Lookup<'_>,
) -> Result<Located, Vec<Mistake>> {
    let value = expanded(name, value, lookup)?;
    if let Some(missing) = value.missing().into_iter().next() {
        return Ok(Located { node: Node::Missing(missing.what), origin: missing.origin });
    }
    let node = Node::Text(json(name, &value)?.to_string());
    Ok(Located { node, origin: value.origin })
}

fn expanded(name: &str, value: &Located, lookup: Lookup<'_>) -> Result<Located, Vec<Mistake>> {
    let node = match &value.node {
        Node::List(items) => {
            let items = items.iter().map(|item| expanded(name, item, lookup));
            Node::List(items.collect::<Result<_, _>>()?)
        }
        Node::Table(table) => {
            let one = |(key, item): (&String, &Located)| {
                Ok::<_, Vec<Mistake>>((key.clone(), expanded(name, item, lookup)?))
            };
            Node::Table(table.iter().map(one).collect::<Result<Table, _>>()?)
        }
        _ => return check::expanded(name, value, lookup),
    };
    Ok(Located { node, origin: value.origin.clone() })
}

fn json(name: &str, value: &Located) -> Result<Value, Vec<Mistake>> {
    Ok(match &value.node {
        Node::Text(text) => text.as_str().into(),
        Node::Integer(number) => (*number).into(),
        Node::Fraction(number) => (*number).into(),
        Node::Boolean(boolean) => (*boolean).into(),
        Node::List(items) => {
            items.iter().map(|item| json(name, item)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Node::Table(table) => {
            let one = |(key, item): (&String, &Located)| Ok((key.clone(), json(name, item)?));
            table.iter().map(one).collect::<Result<serde_json::Map<_, _>, Vec<Mistake>>>()?.into()
        }
        other @ (Node::Other(_) | Node::Missing(_)) => {
            let what = format!("`{name}` holds {}, which JSON has not", other.kind());
            return Err(vec![Mistake { origin: value.origin.clone(), what }]);
        }
    })
}
