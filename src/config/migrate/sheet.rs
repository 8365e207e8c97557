//! What tables of ours are to say.

use std::collections::BTreeMap;

use crate::config::keys::{self, Kind, Scope};
use crate::config::layers::{FORGET, For, Layer, Rank, Source, Tier};
use crate::config::located::{Located, Node, Origin};

/// A table without its `env` tables.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// `[workspace.metadata.lambda-pack]`.
    Workspace,
    /// `lambda-pack.toml`.
    File,
    /// `[package.metadata.lambda-pack]` of a package.
    Package(String),
    /// Its `handlers.<name>`.
    Handler(String, String),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) at: At,
    /// The environment whose table it is.
    pub(super) env: Option<String>,
}

/// Values by key.
pub(super) type Values = BTreeMap<&'static str, Located>;

/// What each table says beside what it says already. `env-file` is a path from the workspace's folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Sheet(pub(super) BTreeMap<Place, Values>);

impl Place {
    fn scope(&self) -> Scope {
        match self.at {
            At::Workspace | At::File => Scope::Workspace,
            At::Package(_) => Scope::Package,
            At::Handler(..) => Scope::Handler,
        }
    }

    /// The layer that it becomes.
    pub(super) fn layer(&self, values: Values) -> Layer {
        let source = if self.at == At::File { Source::LambdaPack } else { Source::Manifest };
        let env = self.env.is_some();
        let rank = Rank { tier: Tier::Files, scope: self.scope(), source, env };
        let for_ = match &self.at {
            At::Workspace | At::File => For::All,
            At::Package(package) => For::Package(package.clone()),
            At::Handler(package, name) => For::Handler(package.clone(), name.clone()),
        };
        Layer { rank, for_, values, env_file: None }
    }
}

impl Sheet {
    /// Puts values into a table, with the keys that it forgets.
    pub(super) fn put(&mut self, at: &At, env: Option<&String>, values: Values, forget: &[&str]) {
        if values.is_empty() && forget.is_empty() {
            return;
        }
        let table = self.table(at, env);
        table.extend(values);
        let none = || Located { node: Node::List(Vec::new()), origin: Origin::Flag("forget") };
        if !forget.is_empty()
            && let Node::List(items) = &mut table.entry(FORGET).or_insert_with(none).node
        {
            let text = |key: &&str| Located {
                node: Node::Text((*key).to_owned()),
                origin: Origin::Flag("forget"),
            };
            items.extend(forget.iter().map(text));
        }
    }

    /// A table, which is then there.
    pub(super) fn table(&mut self, at: &At, env: Option<&String>) -> &mut Values {
        self.0.entry(Place { at: at.clone(), env: env.cloned() }).or_default()
    }

    /// Adds what another says.
    pub(super) fn add(&mut self, other: Self) {
        for (Place { at, env }, mut values) in other.0 {
            let forget = values.remove(FORGET);
            let items = forget.as_ref().map_or(&[][..], |list| list.node.items());
            let names: Vec<&str> = items.iter().map(Located::text).collect();
            self.put(&at, env.as_ref(), values, &names);
        }
    }

    /// Whether each key may stand where it does.
    pub(super) fn is_allowed(&self) -> bool {
        self.0.iter().all(|(place, values)| {
            values.keys().all(|key| keys::find(key).is_some_and(|key| key.is_of(place.scope())))
        })
    }
}

/// Whether a key's values are merged entry by entry.
pub(super) fn is_map(key: &str) -> bool {
    keys::find(key).is_some_and(|key| matches!(key.kind, Kind::Map(_)))
}

/// Whether a value is a list or a table without anything in it.
pub(super) fn is_empty(value: &Located) -> bool {
    match &value.node {
        Node::List(items) => items.is_empty(),
        Node::Table(table) => table.is_empty(),
        _ => false,
    }
}

/// Whether two values are the same, wherever they were said.
pub(super) fn same(one: &Located, other: &Located) -> bool {
    match (&one.node, &other.node) {
        (Node::List(one), Node::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Node::Table(one), Node::Table(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|((name, one), (known, other))| name == known && same(one, other))
        }
        (one, other) => one == other,
    }
}

/// Whether values that may be absent are the same.
pub(super) fn same_if_any(one: Option<&Located>, other: Option<&Located>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
