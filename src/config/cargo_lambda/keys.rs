//! The keys of cargo-lambda 1.9.2, ours for them, and its ways of writing a value.

use std::collections::BTreeMap;

use super::super::keys::{self, Key, Kind, Scope};
use super::super::layers::Reader;
use super::super::located::{Located, Node, Table};
use super::{Said, warn};
use crate::nearest::nearest;

/// The sections that it reads.
pub(in crate::config) const SECTIONS: [&str; 5] = ["bin", "build", "deploy", "env", "watch"];

/// Second names of keys, and the first ones.
const ALIASES: [(&str, &str); 4] =
    [("env_var", "env"), ("iam_role", "role"), ("layer", "layers"), ("tag", "tags")];

/// Its keys and ours.
const KEYS: &[(&str, &str)] = &[
    ("build.all_features", "cargo.all-features"),
    ("build.features", "cargo.features"),
    ("build.include", "build.include"),
    ("build.no_default_features", "cargo.no-default-features"),
    ("build.profile", "cargo.profile"),
    ("deploy.alias", "alias"),
    ("deploy.description", "description"),
    ("deploy.env", "environment"),
    ("deploy.env_file", "env-file"),
    ("deploy.include", "include"),
    ("deploy.layers", "layers"),
    ("deploy.memory", "memory"),
    ("deploy.merge_env", "environment-mode"),
    ("deploy.name", "name"),
    ("deploy.region", "region"),
    ("deploy.role", "role"),
    ("deploy.runtime", "runtime"),
    ("deploy.s3_bucket", "s3-bucket"),
    ("deploy.tags", "tags"),
    ("deploy.timeout", "timeout"),
    ("deploy.tracing", "tracing"),
    ("deploy.vpc.ipv6_allowed_for_dual_stack", "vpc.dual-stack"),
    ("deploy.vpc.security_group_ids", "vpc.security-groups"),
    ("deploy.vpc.subnet_ids", "vpc.subnets"),
];

/// Flags that together say one of our keys.
const FLAGS: [&str; 6] = [
    "arm64",
    "deploy.disable_function_url",
    "deploy.enable_function_url",
    "extension",
    "internal",
    "x86_64",
];

/// What to write instead of keys that we do not take.
const REPLACEMENTS: &[(&str, &str)] = &[
    ("build.bin", "use `--bin`"),
    ("build.bins", "use `--bins`"),
    ("build.color", "use `--color`"),
    ("build.compiler", "use `linker`"),
    ("build.config", "use `--config`"),
    ("build.env", "set the variables in the environment that runs the build"),
    ("build.env_file", "set the variables in the environment that runs the build"),
    ("build.example", "use `--example`"),
    ("build.exclude", "use `--exclude`"),
    ("build.frozen", "use `--frozen`"),
    ("build.jobs", "use `--jobs`"),
    ("build.keep_going", "use `--keep-going`"),
    ("build.lambda_dir", "use `--out`"),
    ("build.locked", "use `--locked`"),
    ("build.manifest_path", "use `--manifest-path`"),
    ("build.offline", "use `--offline`"),
    ("build.output_format", "`package` writes both the executable and the zip"),
    ("build.packages", "use `--package`"),
    ("build.quiet", "use `--quiet`"),
    (
        "build.release",
        "`package` builds release, unless `cargo.profile` or `--profile` says otherwise",
    ),
    ("build.target", "use `arch` and `libc`"),
    ("build.target_dir", "use `--target-dir`"),
    ("build.timings", "use `--timings`"),
    ("build.unstable_flags", "use `-Z`"),
    ("build.verbose", "use `--verbose`"),
    ("build.workspace", "use `--workspace`"),
    ("deploy.compatible_runtimes", "a layer is published for the runtimes of its functions"),
    ("deploy.endpoint_url", "set `AWS_ENDPOINT_URL_LAMBDA`"),
    ("deploy.log_retention", "log groups are not this program's: `aws logs put-retention-policy`"),
    ("deploy.profile", "set `AWS_PROFILE`"),
    (
        "deploy.remote_config",
        "that tool passes over it too; write `region` and `alias` into `deploy` itself",
    ),
    ("deploy.s3_key", "keys are made of what is in the zip; `s3-prefix` is their beginning"),
    ("watch", "use flags of `watch`, and `routes` for its `router`"),
];

/// Keys that it knows and that mean nothing here.
const KNOWN: &[&str] = &[
    "build.all",
    "build.all_targets",
    "build.artifact_dir",
    "build.bench",
    "build.benches",
    "build.build_plan",
    "build.disable_optimizations",
    "build.examples",
    "build.flatten",
    "build.future_incompat_report",
    "build.ignore_rust_version",
    "build.lib",
    "build.message_format",
    "build.override",
    "build.skip_target_check",
    "build.test",
    "build.tests",
    "build.unit_graph",
    "deploy.binary_name",
    "deploy.binary_path",
    "deploy.dry",
    "deploy.lambda_dir",
    "deploy.manifest_path",
    "deploy.output_format",
    "deploy.retry_attempts",
];

/// A table with the first names of its keys.
pub(super) fn canonical(sections: &Table) -> Table {
    let rename = |name: &String| {
        let first = ALIASES.iter().find(|(second, _)| second == name);
        first.map_or_else(|| name.clone(), |(_, first)| (*first).to_owned())
    };
    let inside = |value: &Located| match &value.node {
        Node::Table(table) => {
            let renamed = table.iter().map(|(name, value)| (rename(name), value.clone()));
            Located { node: Node::Table(renamed.collect()), origin: value.origin.clone() }
        }
        _ => value.clone(),
    };
    let of = |(name, value): (&String, &Located)| match name.as_str() {
        "deploy" | "build" => (name.clone(), inside(value)),
        _ => (name.clone(), value.clone()),
    };
    sections.iter().map(of).collect()
}

/// What a table's sections say. What is wrong in them is a mistake, as it is there; what is passed
/// over there is a warning here.
pub(super) fn said(reader: &mut Reader<'_>, sections: &Table) -> Said {
    let mut said = Said::default();
    for (name, value) in &canonical(sections) {
        match name.as_str() {
            "build" | "deploy" => {
                if let Some(table) = reader.table(&format!("lambda.{name}"), value) {
                    entries(reader, table, &format!("{name}."), &mut said.values);
                    said.values.extend(extension(table));
                    said.values.extend(arch(table));
                    said.values.extend(url(table).filter(|_| name == "deploy"));
                }
            }
            "env" => {
                let key = keys::find("environment");
                let checked = key.and_then(|key| reader.value_in(Scope::Workspace, key, value));
                if let Some(Located { node: Node::Table(table), .. }) = checked {
                    said.environment.extend(table);
                }
            }
            "watch" => not_taken(reader, name, value),
            "bin" => {}
            _ => warn(reader, value, format!("cargo-lambda has no section `{name}`")),
        }
    }
    said
}

fn entries(
    reader: &mut Reader<'_>,
    table: &Table,
    prefix: &str,
    values: &mut BTreeMap<&'static str, Located>,
) {
    for (name, value) in table {
        let full = format!("{prefix}{name}");
        let ours = KEYS.iter().find(|(theirs, _)| *theirs == full).map(|(_, ours)| *ours);
        let key = ours.and_then(|ours| keys::find(ours.strip_prefix("build.").unwrap_or(ours)));
        match (ours.zip(key), &value.node) {
            (Some((ours, key)), _) => {
                let taken = as_ours(reader, key, &full, value);
                let checked =
                    taken.and_then(|value| reader.value_in(Scope::Workspace, key, &value));
                // There, an empty list and `false` are as good as nothing.
                let nothing = |value: &Located| match &value.node {
                    Node::List(items) => items.is_empty() && ours != "include",
                    Node::Boolean(boolean) => !boolean,
                    _ => false,
                };
                values.extend(checked.filter(|value| !nothing(value)).map(|value| (ours, value)));
            }
            (None, Node::Table(inner)) if full == "deploy.vpc" => {
                entries(reader, inner, "deploy.vpc.", values);
            }
            (None, _) if FLAGS.contains(&full.as_str()) || FLAGS.contains(&name.as_str()) => {}
            (None, _) => not_taken(reader, &full, value),
        }
    }
}

/// The first of these names that is `true`, as the word that it stands for.
fn flagged(
    table: &Table,
    key: &'static str,
    words: &[(&str, &str)],
) -> Option<(&'static str, Located)> {
    let (found, word) = words.iter().find_map(|(name, word)| {
        let found = table.get(*name).filter(|value| value.node == Node::Boolean(true));
        Some((found?, *word))
    })?;
    Some((key, Located { node: Node::Text(word.to_owned()), origin: found.origin.clone() }))
}

/// `extension = true` and `internal = true`, which stand in either section.
fn extension(table: &Table) -> Option<(&'static str, Located)> {
    flagged(table, "extension", &[("internal", "internal"), ("extension", "external")])
}

/// `arm64 = true` and `x86_64 = true` of `build`.
fn arch(table: &Table) -> Option<(&'static str, Located)> {
    flagged(table, "arch", &[("arm64", "arm64"), ("x86_64", "x86_64")])
}

/// `enable_function_url = true`, which that tool makes public, and the other, which it does last.
fn url(table: &Table) -> Option<(&'static str, Located)> {
    let words = [("disable_function_url", "none"), ("enable_function_url", "public")];
    flagged(table, "url.auth", &words)
}

fn not_taken(reader: &mut Reader<'_>, key: &str, value: &Located) {
    let instead =
        REPLACEMENTS.iter().find(|(theirs, _)| *theirs == key).map(|(_, instead)| instead);
    let what = match instead {
        Some(instead) => format!("cargo-lambda's `{key}` is not taken; {instead}"),
        None if KNOWN.contains(&key) => {
            format!("cargo-lambda's `{key}` is not taken; nothing here does the same")
        }
        None => {
            let known = KEYS.iter().chain(REPLACEMENTS).map(|(theirs, _)| *theirs);
            let near = nearest(key, known.chain(KNOWN.iter().copied()));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("cargo-lambda has no key `{key}` and passes over it{near}")
        }
    };
    warn(reader, value, what);
}

/// Its ways of writing a value: a list of `KEY=VALUE`, `DEST:SRC`, words in capitals. None where it
/// passes over the value.
fn as_ours(reader: &mut Reader<'_>, key: &Key, full: &str, value: &Located) -> Option<Located> {
    let located = |node| Located { node, origin: value.origin.clone() };
    match (key.kind, &value.node) {
        (Kind::Choice(_), Node::Text(text)) if key.name == "tracing" => {
            let word = text.to_ascii_lowercase();
            let word = if word == "passthrough" { "pass-through".to_owned() } else { word };
            Some(located(Node::Text(word)))
        }
        // Its `false` would replace; where nothing is said, we merge.
        (Kind::Choice(_), Node::Boolean(merge)) if key.name == "environment-mode" => {
            merge.then(|| located(Node::Text("merge".to_owned())))
        }
        (Kind::Texts(..), Node::Text(_)) if key.name == "alias" => {
            Some(located(Node::List(vec![value.clone()])))
        }
        (Kind::Map(_), Node::Table(_)) => Some(value.clone()),
        (Kind::Map(_), Node::List(items)) => {
            pairs(reader, key, full, items).map(|pairs| located(Node::Table(pairs)))
        }
        (Kind::Map(_), _) => {
            let kind = value.node.kind();
            warn(reader, value, format!("cargo-lambda passes over `{full}`, which is {kind}"));
            None
        }
        (Kind::Includes, Node::List(items)) => {
            Some(located(Node::List(items.iter().map(include).collect())))
        }
        _ => Some(value.clone()),
    }
}

/// A list of `KEY=VALUE`. Items of tags that are none are passed over; of variables, refused.
fn pairs(reader: &mut Reader<'_>, key: &Key, full: &str, items: &[Located]) -> Option<Table> {
    let mut pairs = Table::new();
    for item in items {
        let Node::Text(text) = &item.node else {
            let kind = item.node.kind();
            warn(reader, item, format!("cargo-lambda passes over `{full}`: it holds {kind}"));
            return None;
        };
        let variable = key.name == "environment";
        match text.split_once('=') {
            Some((name, value)) => {
                let (name, value) =
                    if variable { (name.trim(), value.trim()) } else { (name, value) };
                let node = Node::Text(value.to_owned());
                pairs.insert(name.to_owned(), Located { node, origin: item.origin.clone() });
            }
            // Not shown: it may be a secret.
            None if variable => {
                reader.mistake(&item.origin, format!("`{full}` holds what is not `NAME=value`"));
            }
            None => warn(reader, item, format!("cargo-lambda passes over `{text}` in `{full}`")),
        }
    }
    Some(pairs)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `build` of cargo-lambda 1.9.2 is cargo-options 0.8.1's `Build` with more.
    const OF_CARGO: [&str; 35] = [
        "all_features",
        "all_targets",
        "bench",
        "benches",
        "bin",
        "bins",
        "color",
        "config",
        "example",
        "examples",
        "exclude",
        "features",
        "frozen",
        "ignore_rust_version",
        "jobs",
        "keep_going",
        "lib",
        "locked",
        "manifest_path",
        "message_format",
        "no_default_features",
        "offline",
        "packages",
        "profile",
        "quiet",
        "release",
        "target",
        "target_dir",
        "test",
        "tests",
        "timings",
        "unit_graph",
        "unstable_flags",
        "verbose",
        "workspace",
    ];

    #[test]
    fn no_key_that_it_has_is_called_unknown() {
        for name in OF_CARGO {
            let key = format!("build.{name}");
            let pairs = KEYS.iter().chain(REPLACEMENTS).map(|(theirs, _)| *theirs);
            assert!(pairs.chain(KNOWN.iter().copied()).any(|known| known == key), "{key}");
        }
        // Every key of ours is one.
        for (_, ours) in KEYS {
            let ours = if *ours == "build.include" { "include" } else { ours };
            assert!(keys::find(ours).is_some(), "{ours}");
        }
    }
}
