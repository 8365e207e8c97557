//! The one rule of precedence. Every table that says something becomes a layer with a rank:
//!
//! 1. scope: handler over package over workspace,
//! 2. then source: `lambda-pack.toml` over manifest metadata,
//! 3. then `[env.X]` over what stands beside it;
//!
//! above all of that the variables `LAMBDA_PACK_…`, above them the flags, both for the whole
//! selection; below all of it what is written for cargo-lambda.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Lookup;
use super::keys::{self, KEYS, Key, Scope};
use super::located::{Located, Mistake, Node, Origin, Table};
use super::{Inputs, check, env_file, patch};
use crate::nearest::{nearest, suggestion};

/// Who says something; later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Tables written for cargo-lambda.
    CargoLambda,
    /// Manifests and `lambda-pack.toml`.
    Files,
    /// `LAMBDA_PACK_…`.
    Variables,
    /// The command line.
    Flags,
}

/// Which file says something; later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `[package.metadata.lambda-pack]` and `[workspace.metadata.lambda-pack]`.
    Manifest,
    /// `lambda-pack.toml`.
    LambdaPack,
}

/// The place of a layer among the others: compared field by field, the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Who.
    pub tier: Tier,
    /// For what.
    pub scope: Scope,
    /// Where.
    pub source: Source,
    /// Whether in an `[env.X]` table.
    pub env: bool,
}

/// What a layer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum For {
    /// Every function.
    All,
    /// Those of one package.
    Package(String),
    /// One handler.
    Handler(String, String),
}

/// One table's settings.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its place.
    pub rank: Rank,
    /// What it is for.
    pub for_: For,
    /// Its values by their full key.
    pub values: BTreeMap<&'static str, Located>,
    /// What its `env-file` holds, for as long as no higher layer names another or clears it.
    pub env_file: Option<Located>,
}

/// The key of those of which nothing counts that is said below.
pub(super) const FORGET: &str = "forget";

impl Layer {
    /// Whether what is said of a key below does not count from here on.
    pub(super) fn forgets(&self, key: &str) -> bool {
        let items = match self.values.get(FORGET).map(|value| &value.node) {
            Some(Node::Table(table)) => table.get("items").map(|items| &items.node),
            said => said,
        };
        items.is_some_and(|items| items.items().iter().any(|item| item.text() == key))
    }
}

/// Reads tables into layers, and gathers every mistake on the way.
pub(super) struct Reader<'a> {
    pub(super) env: Option<&'a str>,
    /// What becomes of variables.
    pub(super) lookup: Lookup<'a>,
    /// Reads a file by its path from the workspace's folder.
    pub(super) read: &'a dyn Fn(&str) -> Result<String, String>,
    pub(super) layers: Vec<Layer>,
    /// What is not wrong and not taken either.
    pub(super) warnings: Vec<Mistake>,
    pub(super) mistakes: Vec<Mistake>,
    /// Lines that are no TOML.
    pub(super) syntax: Vec<Mistake>,
    /// Every environment that some table names.
    pub(super) envs: BTreeSet<String>,
    /// Every package that `lambda-pack.toml` names, and every handler that a table names.
    pub(super) named: Vec<(Origin, For)>,
}

impl<'a> Reader<'a> {
    /// One that has read nothing yet.
    pub(super) fn new(inputs: &'a Inputs<'a>) -> Self {
        Self {
            env: inputs.env.as_deref(),
            lookup: Lookup::Now(inputs.lookup),
            read: inputs.read,
            layers: Vec::new(),
            warnings: Vec::new(),
            mistakes: Vec::new(),
            syntax: Vec::new(),
            envs: BTreeSet::new(),
            named: Vec::new(),
        }
    }

    pub(super) fn mistake(&mut self, origin: &Origin, what: String) {
        self.mistakes.push(Mistake { origin: origin.clone(), what });
    }

    /// A table that must be one.
    pub(super) fn table<'v>(&mut self, name: &str, value: &'v Located) -> Option<&'v Table> {
        if let Node::Table(table) = &value.node {
            return Some(table);
        }
        self.mistake(&value.origin, format!("`{name}` must be a table, not {}", value.node.kind()));
        None
    }

    /// Reads the settings of one scope with its `env` tables, and those of the scopes in it.
    pub(super) fn scope(&mut self, table: &Table, scope: Scope, source: Source, for_: &For) {
        let rank = Rank { tier: Tier::Files, scope, source, env: false };
        self.layer(table, rank, for_, &inner_tables(scope, source));
        for (name, value) in self.entries(table, "env") {
            self.envs.insert(name.clone());
            if let Some(table) = self.table(&format!("env.{name}"), value) {
                let active = self.env == Some(name.as_str());
                // Checked in any case, so that a mistake is not found on release day; but the
                // variables of another environment need not be set.
                let lookup = self.lookup;
                if !active {
                    self.lookup = Lookup::Later;
                }
                self.layer(table, Rank { env: true, ..rank }, for_, &[]);
                self.lookup = lookup;
                if !active {
                    self.layers.pop();
                }
            }
        }
        match (scope, for_) {
            (Scope::Workspace, _) if source == Source::LambdaPack => {
                for (name, value) in self.entries(table, "package") {
                    let for_ = For::Package(name.clone());
                    self.named.push((value.origin.clone(), for_.clone()));
                    if let Some(table) = self.table(&format!("package.{name}"), value) {
                        self.scope(table, Scope::Package, source, &for_);
                    }
                }
            }
            (Scope::Package, For::Package(package)) => {
                for (name, value) in self.entries(table, "handlers") {
                    let for_ = For::Handler(package.clone(), name.clone());
                    self.named.push((value.origin.clone(), for_.clone()));
                    if let Some(table) = self.table(&format!("handlers.{name}"), value) {
                        self.scope(table, Scope::Handler, source, &for_);
                    }
                }
            }
            _ => {}
        }
    }

    fn entries<'v>(&mut self, table: &'v Table, name: &str) -> Vec<(&'v String, &'v Located)> {
        let Some(value) = table.get(name) else { return Vec::new() };
        self.table(name, value).map(|table| table.iter().collect()).unwrap_or_default()
    }

    /// One table's own settings as a layer. It is always pushed.
    pub(super) fn layer(&mut self, table: &Table, rank: Rank, for_: &For, others: &[&str]) {
        let mut values = BTreeMap::new();
        self.settings(table, "", rank, others, &mut values);
        self.layers.push(Layer { rank, for_: for_.clone(), values, env_file: None });
        self.env_file(None);
    }

    /// Reads the last layer's `env-file`, if its environment is the one that counts; from `folder`,
    /// else from that of the file that names it.
    pub(super) fn env_file(&mut self, folder: Option<&str>) {
        let active = !matches!(self.lookup, Lookup::Later);
        let Some(layer) = self.layers.last_mut().filter(|_| active) else { return };
        let Some(Located { node: Node::Text(name), origin }) =
            layer.values.get("env-file").cloned()
        else {
            return;
        };
        if name.is_empty() {
            return;
        }
        let folder = match &origin {
            _ if folder.is_some() => folder.unwrap_or_default(),
            Origin::File { file, .. } => file.rsplit_once('/').map_or("", |(folder, _)| folder),
            Origin::Variable(_) | Origin::Flag(_) | Origin::Several(_) => "",
        };
        let alone = folder.is_empty() || name.starts_with('/');
        let path = if alone { name } else { format!("{folder}/{name}") };
        let text = match (self.read)(&path) {
            Ok(text) => text,
            Err(why) => {
                let node = Node::Missing(format!("cannot read {path}: {why}"));
                layer.env_file = Some(Located { node, origin });
                return;
            }
        };
        match env_file::parse(&path.into(), &text) {
            Ok(table) => {
                let Some(key) = keys::find("environment") else { return };
                let origin = layer.values["env-file"].origin.clone();
                let value = Located { node: Node::Table(table), origin };
                // Names are checked as those of a table are; values are taken as they stand.
                match check::value(key.name, key.kind, &value, Lookup::Never, false) {
                    Ok(value) => layer.env_file = Some(value),
                    Err(mistakes) => self.mistakes.extend(mistakes),
                }
            }
            Err(mistakes) => self.mistakes.extend(mistakes),
        }
    }

    fn settings(
        &mut self,
        table: &Table,
        prefix: &str,
        rank: Rank,
        others: &[&str],
        values: &mut BTreeMap<&'static str, Located>,
    ) {
        for (name, value) in table {
            let full = spelled(format!("{prefix}{name}"), &value.node);
            if others.contains(&full.as_str()) {
                continue;
            }
            // A dot in the name itself, in quotes, is no table.
            if let Some(key) = keys::find(&full).filter(|_| !name.contains('.')) {
                if !key.is_of(rank.scope) {
                    let what = if key.from > rank.scope {
                        "one package or handler, not of all"
                    } else {
                        "the workspace, not of one package or handler"
                    };
                    self.mistake(&value.origin, format!("`{full}` is of {what}"));
                } else if let Some(checked) = self.value_in(rank.scope, key, value) {
                    values.insert(key.name, checked);
                }
            } else if KEYS.iter().any(|key| key.name.starts_with(&table_of(&full))) {
                let full = full.trim_end_matches('.');
                if let Some(inner) = self.table(full, value) {
                    self.settings(inner, &table_of(full), rank, &[], values);
                }
            } else {
                let what = match name.as_str() {
                    "env" if rank.env => "an `env` table holds no other".to_owned(),
                    "handlers" if rank.scope == Scope::Handler => {
                        "a handler's table holds no other handlers".to_owned()
                    }
                    "handlers" => "handlers stand in their package: \
                                   `[package.NAME.handlers.BIN]`"
                        .to_owned(),
                    _ if name.contains('.') => quoted_name(&full),
                    _ => near(name, prefix, rank.scope, others),
                };
                self.mistake(&value.origin, format!("unknown key `{full}`; {what}"));
            }
        }
    }

    /// A value with its variables put in, if it is one that its key takes.
    pub(super) fn value_in(&mut self, scope: Scope, key: &Key, value: &Located) -> Option<Located> {
        let of_workspace = scope == Scope::Workspace;
        match check::value(key.name, key.kind, value, self.lookup, of_workspace) {
            Ok(value) => Some(value),
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }
}

/// The key that is meant: `layers` may be a list of ARNs, a word, or a table of both and more.
fn spelled(full: String, value: &Node) -> String {
    match (full.as_str(), value) {
        ("layers", Node::Text(_)) => "layers.share".to_owned(),
        ("layers.arns", _) => "layers".to_owned(),
        ("layers", Node::Table(table)) if !patch::is_extension(table) => "layers.".to_owned(),
        _ => full,
    }
}

/// What the keys of a table begin with.
fn table_of(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn inner_tables(scope: Scope, source: Source) -> Vec<&'static str> {
    match (scope, source) {
        (Scope::Workspace, Source::LambdaPack) => vec!["env", "package"],
        (Scope::Package, _) => vec!["env", "handlers"],
        (Scope::Workspace | Scope::Handler, _) => vec!["env"],
    }
}

/// What to say of an unknown key of a table: the nearest, by its whole name.
fn near(name: &str, prefix: &str, scope: Scope, others: &[&str]) -> String {
    let all = KEYS.iter().filter(|key| key.is_of(scope));
    let all = all.filter_map(|key| key.name.strip_prefix(prefix));
    let all: Vec<&str> = all
        .map(|rest| rest.split('.').next().unwrap_or(rest))
        .chain(others.iter().copied())
        .collect();
    match nearest(name, all.iter().copied()) {
        Some(near) => format!("did you mean `{prefix}{near}`?"),
        None => suggestion(name, all),
    }
}

/// The same of a name with a dot in it, in quotes: such names no key has.
fn quoted_name(full: &str) -> String {
    match nearest(full, KEYS.iter().map(|key| key.name)) {
        Some(near) => format!("did you mean `{near}`, without quotes?"),
        None => suggestion(full, KEYS.iter().map(|key| key.name)),
    }
}
