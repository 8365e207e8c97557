//! `LAMBDA_PACK_…`: a key in capitals, with underscores for its hyphens and dots. For the whole
//! selection, above all files.

use std::collections::BTreeMap;

use super::keys::{KEYS, Key, Kind, Scope};
use super::layers::{For, Layer, Rank, Reader, Source, Tier};
use super::located::{self, Located, Node, Origin, Table};
use crate::nearest::nearest;

const PREFIX: &str = "LAMBDA_PACK_";
/// Picks the environment, and is no setting.
pub(super) const ENV: &str = "LAMBDA_PACK_ENV";

/// The variable of a key.
pub(super) fn variable(key: &Key) -> String {
    format!("{PREFIX}{}", key.name.to_ascii_uppercase().replace(['-', '.'], "_"))
}

/// Reads those that begin with our prefix.
pub(super) fn read(reader: &mut Reader<'_>, variables: &[(String, String)]) {
    let mut values = BTreeMap::new();
    for (name, text) in variables {
        if !name.starts_with(PREFIX) || name == ENV {
            continue;
        }
        let origin = Origin::Variable(name.clone());
        let Some(key) = KEYS.iter().find(|key| variable(key) == *name) else {
            // Without the prefix: with it, everything would be near.
            let known: Vec<String> =
                KEYS.iter().map(|key| variable(key)[PREFIX.len()..].to_owned()).collect();
            let rest = &name[PREFIX.len()..];
            let near = match nearest(rest, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{PREFIX}{near}`?"),
                None => "`cargo lambda-pack config keys` lists the settings".to_owned(),
            };
            reader.mistake(&origin, format!("no setting has that variable; {near}"));
            continue;
        };
        let node = match node(key.kind, text, &origin) {
            Node::Text(_) if matches!(key.kind, Kind::Tables(_)) => {
                let what =
                    format!("`{}` must be a list of tables, as TOML has it: `[{{ … }}]`", key.name);
                reader.mistake(&origin, what);
                continue;
            }
            Node::Text(_) if key.kind == Kind::Json => {
                let what =
                    format!("`{}` must be a value as TOML has it: `{{ ok = true }}`", key.name);
                reader.mistake(&origin, what);
                continue;
            }
            Node::Text(_) if matches!(key.kind, Kind::Map(_)) => {
                let what = format!("`{}` must be pairs, each name once: `A=1,B=2`", key.name);
                reader.mistake(&origin, what);
                continue;
            }
            node => node,
        };
        let value = Located { node, origin: origin.clone() };
        // Paths of includes start from the workspace: a variable is for all.
        if let Some(value) = reader.value_in(Scope::Workspace, key, &value) {
            values.insert(key.name, value);
        }
    }
    let rank = Rank {
        tier: Tier::Variables,
        scope: Scope::Handler,
        source: Source::LambdaPack,
        env: true,
    };
    reader.layers.push(Layer { rank, for_: For::All, values, env_file: None });
    reader.env_file(None);
}

/// A variable's text as its key takes it: lists with commas, maps as `A=1,B=2`. What does not fit
/// stays a text, which the check then refuses.
fn node(kind: Kind, text: &str, origin: &Origin) -> Node {
    let located = |node| Located { node, origin: origin.clone() };
    let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
    match kind {
        Kind::Boolean => match text {
            "true" | "1" => Node::Boolean(true),
            "false" | "0" => Node::Boolean(false),
            _ => Node::Text(text.to_owned()),
        },
        Kind::Integer(..) => {
            text.trim().parse().map_or_else(|_| Node::Text(text.to_owned()), Node::Integer)
        }
        Kind::Choice(_) | Kind::Text(_) => Node::Text(text.to_owned()),
        Kind::Texts(..) | Kind::Includes => {
            Node::List(items().map(|item| located(Node::Text(item.to_owned()))).collect())
        }
        Kind::Tables(_) | Kind::Json => toml(text, origin),
        Kind::Map(_) => {
            let mut table = Table::new();
            for item in items() {
                let pair = item.split_once('=').map(|(name, value)| {
                    (name.trim().to_owned(), located(Node::Text(value.trim().to_owned())))
                });
                match pair {
                    Some((name, value)) if !table.contains_key(&name) => {
                        table.insert(name, value);
                    }
                    _ => return Node::Text(text.to_owned()),
                }
            }
            Node::Table(table)
        }
    }
}

/// A value as TOML has it, which comes from the variable throughout.
fn toml(text: &str, origin: &Origin) -> Node {
    fn moved(value: &mut Located, to: &Origin) {
        value.origin = to.clone();
        match &mut value.node {
            Node::List(items) => items.iter_mut().for_each(|item| moved(item, to)),
            Node::Table(table) => table.values_mut().for_each(|item| moved(item, to)),
            _ => {}
        }
    }
    let (mut table, mistakes) = located::parse(&"".into(), &format!("list = {}", text.trim()));
    match table.remove("list") {
        Some(mut list) if mistakes.is_empty() && table.is_empty() => {
            moved(&mut list, origin);
            list.node
        }
        _ => Node::Text(text.to_owned()),
    }
}
