//! What is written for cargo-lambda: `[package.metadata.lambda]`, `[workspace.metadata.lambda]` and
//! `CargoLambda.toml`. The lowest of all layers, so that its projects work with no edit; what we do
//! not take is said once, with what to write instead.
//!
//! Its own order holds within: `CargoLambda.toml`, then the workspace, its `bin.<name>`, the package,
//! its `bin.<name>`. A section of `CargoLambda.toml` that is none of its own (`[production.deploy]`)
//! is a context there and an environment here.

use std::collections::BTreeMap;

use super::keys::{self, Kind, Scope};
use super::layers::{For, Layer, Rank, Reader, Source, Tier};
use super::located::{Located, Node, Table};

/// Its keys and ours.
const KEYS: &[(&str, &str)] = &[
    ("build.include", "include"),
    ("deploy.description", "description"),
    ("deploy.env", "environment"),
    ("deploy.env_file", "env-file"),
    ("deploy.env_var", "environment"),
    ("deploy.env_vars", "environment"),
    ("deploy.iam_role", "role"),
    ("deploy.include", "include"),
    ("deploy.layer", "layers"),
    ("deploy.layer_arn", "layers"),
    ("deploy.layers", "layers"),
    ("deploy.memory", "memory"),
    ("deploy.role", "role"),
    ("deploy.runtime", "runtime"),
    ("deploy.security_group_ids", "vpc.security-groups"),
    ("deploy.subnet_ids", "vpc.subnets"),
    ("deploy.tag", "tags"),
    ("deploy.tags", "tags"),
    ("deploy.timeout", "timeout"),
    ("deploy.tracing", "tracing"),
    ("deploy.vpc.security_group_ids", "vpc.security-groups"),
    ("deploy.vpc.subnet_ids", "vpc.subnets"),
];

/// What to write instead of keys that we do not take.
const REPLACEMENTS: &[(&str, &str)] = &[
    ("build.arm64", "build on that architecture, until `--arch` is there"),
    ("build.compiler", "choose a linker for cargo (`[target.<triple>] linker`)"),
    ("build.output_format", "`package` writes both the executable and the zip"),
    ("build.release", "`package` builds release by default; `--profile dev` does not"),
    ("build.target", "`package` builds for this machine's architecture"),
    ("deploy.s3_bucket", "nothing yet: `deploy` will have it"),
    ("env", "set the variables in the environment that runs the build"),
    ("watch", "nothing yet: `watch` will have it"),
];

const SECTIONS: [&str; 5] = ["bin", "build", "deploy", "env", "watch"];

/// Reads `[workspace.metadata.lambda]`; a binary's table is for every package that has it.
pub(super) fn workspace(
    reader: &mut Reader<'_>,
    table: &Table,
    packages: &BTreeMap<String, std::collections::BTreeSet<String>>,
) {
    let rank = rank(Scope::Workspace, Source::LambdaPack, false);
    layer(reader, table, rank, &For::All);
    for (bin, inner) in bins(table) {
        for (package, _) in packages.iter().filter(|(_, names)| names.contains(bin)) {
            let for_ = For::Handler(package.clone(), bin.clone());
            layer(reader, inner, Rank { env: true, ..rank }, &for_);
        }
    }
}

/// Reads `[package.metadata.lambda]`.
pub(super) fn package(reader: &mut Reader<'_>, table: &Table, package: &str) {
    let for_ = For::Package(package.to_owned());
    layer(reader, table, rank(Scope::Package, Source::Manifest, false), &for_);
    for (bin, inner) in bins(table) {
        let for_ = For::Handler(package.to_owned(), bin.clone());
        layer(reader, inner, rank(Scope::Handler, Source::Manifest, false), &for_);
    }
}

/// Reads `CargoLambda.toml`.
pub(super) fn file(reader: &mut Reader<'_>, table: &Table) {
    let rank = rank(Scope::Workspace, Source::Manifest, false);
    layer(reader, table, rank, &For::All);
    for (name, value) in table {
        let Node::Table(context) = &value.node else { continue };
        if SECTIONS.contains(&name.as_str()) || name == "template" {
            continue;
        }
        reader.envs.insert(name.clone());
        if reader.env == Some(name.as_str()) {
            layer(reader, context, Rank { env: true, ..rank }, &For::All);
        }
    }
}

fn rank(scope: Scope, source: Source, env: bool) -> Rank {
    Rank { tier: Tier::CargoLambda, scope, source, env }
}

fn bins(table: &Table) -> impl Iterator<Item = (&String, &Table)> {
    let bins = match table.get("bin").map(|value| &value.node) {
        Some(Node::Table(bins)) => Some(bins),
        _ => None,
    };
    bins.into_iter().flatten().filter_map(|(name, value)| match &value.node {
        Node::Table(table) => Some((name, table)),
        _ => None,
    })
}

fn layer(reader: &mut Reader<'_>, table: &Table, rank: Rank, for_: &For) {
    let mut values = BTreeMap::new();
    for section in ["build", "deploy"] {
        if let Some(Node::Table(inner)) = table.get(section).map(|value| &value.node) {
            entries(reader, inner, &format!("{section}."), rank.scope, &mut values);
        }
    }
    for section in ["env", "watch"] {
        if let Some(value) = table.get(section) {
            not_taken(reader, section, value);
        }
    }
    reader.layers.push(Layer { rank, for_: for_.clone(), values, env_file: None });
    reader.env_file();
}

fn entries(
    reader: &mut Reader<'_>,
    table: &Table,
    prefix: &str,
    scope: Scope,
    values: &mut BTreeMap<&'static str, Located>,
) {
    for (name, value) in table {
        let full = format!("{prefix}{name}");
        let ours = KEYS.iter().find(|(theirs, _)| *theirs == full);
        match (ours.and_then(|(_, ours)| keys::find(ours)), &value.node) {
            (Some(key), _) => {
                let value = as_ours(key.kind, key.name, value);
                if let Some(value) = reader.value_in(scope, key, &value) {
                    values.insert(key.name, value);
                }
            }
            (None, Node::Table(inner)) if name == "vpc" => {
                entries(reader, inner, &format!("{full}."), scope, values);
            }
            (None, _) => not_taken(reader, &full, value),
        }
    }
}

fn not_taken(reader: &mut Reader<'_>, key: &str, value: &Located) {
    let instead = REPLACEMENTS
        .iter()
        .find(|(theirs, _)| *theirs == key)
        .map_or("nothing here does the same", |(_, instead)| instead);
    reader.warnings.push(super::Mistake {
        origin: value.origin.clone(),
        what: format!("cargo-lambda's `{key}` is not taken; instead: {instead}"),
    });
}

/// Its ways of writing a value: a list or a text of `KEY=VALUE`, `DEST:SRC`, words in capitals.
fn as_ours(kind: Kind, name: &str, value: &Located) -> Located {
    let located = |node| Located { node, origin: value.origin.clone() };
    let one_or_more = || match &value.node {
        Node::Text(text) => {
            text.split(',').map(|item| located(Node::Text(item.trim().to_owned()))).collect()
        }
        Node::List(items) => items.clone(),
        _ => Vec::new(),
    };
    match (kind, &value.node) {
        (Kind::Choice(_), Node::Text(text)) if name == "tracing" => {
            let word = text.to_ascii_lowercase();
            located(Node::Text(if word == "passthrough" {
                "pass-through".to_owned()
            } else {
                word
            }))
        }
        (Kind::Map(_), Node::Text(_) | Node::List(_)) => {
            let pairs = one_or_more().into_iter().filter_map(|item| match &item.node {
                Node::Text(text) => {
                    let (key, value) = text.split_once('=')?;
                    let node = Node::Text(value.to_owned());
                    Some((key.to_owned(), Located { node, origin: item.origin.clone() }))
                }
                _ => None,
            });
            located(Node::Table(pairs.collect()))
        }
        (Kind::Texts(..), Node::Text(_)) => located(Node::List(one_or_more())),
        (Kind::Includes, Node::List(items)) => {
            located(Node::List(items.iter().map(include).collect()))
        }
        _ => value.clone(),
    }
}

/// `DEST:SRC`, or a path.
fn include(item: &Located) -> Located {
    let Node::Text(text) = &item.node else { return item.clone() };
    let Some((to, from)) = text.split_once(':') else { return item.clone() };
    let text =
        |text: &str| Located { node: Node::Text(text.to_owned()), origin: item.origin.clone() };
    let table = Table::from([("from".to_owned(), text(from)), ("to".to_owned(), text(to))]);
    Located { node: Node::Table(table), origin: item.origin.clone() }
}
