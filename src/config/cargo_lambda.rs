//! What is written for cargo-lambda: `[package.metadata.lambda]`, `[workspace.metadata.lambda]` and
//! `CargoLambda.toml`. The lowest of all layers, so that its projects work with no edit; what we do
//! not take is said once, with what to write instead.
//!
//! Its own order holds within, not ours: `CargoLambda.toml`, then the workspace, its `bin.<name>`,
//! the package, its `bin.<name>`; variables, tags and lists of a higher one take the place of those
//! below, only `[env]` and `vpc` are merged by key. A context (`[production.deploy]`), which is an
//! environment here, takes the place of the plain sections of that file, with `[default.…]` beneath.
//! Where 1.9.2 departs from its documentation (a binary's table hides its package's), this follows
//! the documentation. Seen with the real tool: `tests/it/fixtures/cargo-lambda`.

pub(super) mod keys;

use std::collections::{BTreeMap, BTreeSet};

use super::Mistake;
use super::check::Lookup;
use super::keys::Scope;
use super::layers::{For, Layer, Rank, Reader, Source, Tier};
use super::located::{Located, Node, Origin, Table};
use keys::SECTIONS;

/// The environment variable that picks a context there, and here where `--env` picks none.
pub const CONTEXT: &str = "CARGO_LAMBDA_CONTEXT";

/// All that was written, as it was found.
#[derive(Default)]
pub(super) struct Written {
    /// `CargoLambda.toml`.
    pub(super) file: Option<Table>,
    /// `[workspace.metadata.lambda]`.
    pub(super) workspace: Option<Table>,
    /// `[package.metadata.lambda]`, by package.
    pub(super) packages: BTreeMap<String, Table>,
}

/// One table's settings, by our keys; `build.include` has that name, for it comes on top.
#[derive(Default, Clone)]
pub(super) struct Said {
    values: BTreeMap<&'static str, Located>,
    /// The section `[env]`: variables too, below `deploy.env_file` and `deploy.env`.
    environment: Table,
}

/// A table and those of its binaries.
#[derive(Default)]
struct WithBins {
    own: Said,
    bins: BTreeMap<String, (Located, Said)>,
}

/// Who says something there, from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// `CargoLambda.toml`.
    File,
    /// The workspace's table.
    Workspace,
    /// One of its `bin.<name>`.
    WorkspaceBin,
    /// The package's table.
    Package,
    /// One of its `bin.<name>`.
    PackageBin,
}

/// What all tables say.
pub(super) struct Levels {
    file: Option<Said>,
    workspace: Option<WithBins>,
    packages: BTreeMap<String, WithBins>,
}

impl Levels {
    pub(super) fn of(
        reader: &mut Reader<'_>,
        written: &Written,
        variables: &[(String, String)],
    ) -> Self {
        // `${…}` is a text like any other there.
        let lookup = std::mem::replace(&mut reader.lookup, Lookup::Never);
        let file = written.file.as_ref().map(|table| self::file(reader, table, variables));
        let workspace = written.workspace.as_ref().map(|table| with_bins(reader, table));
        let tables = written.packages.iter();
        let packages =
            tables.map(|(package, table)| (package.clone(), with_bins(reader, table))).collect();
        reader.lookup = lookup;
        Self { file, workspace, packages }
    }

    /// What counts for a handler, the lowest first; of a binary's table with its place.
    pub(super) fn of_handler(
        &self,
        (package, handlers): (&String, &BTreeSet<String>),
        handler: &String,
    ) -> Vec<(Level, &Said, Option<&Origin>)> {
        let mut all: Vec<_> = self.file.iter().map(|said| (Level::File, said, None)).collect();
        let mine = self.packages.get(package);
        for (level, bin, found) in [
            (Level::Workspace, Level::WorkspaceBin, self.workspace.as_ref()),
            (Level::Package, Level::PackageBin, mine),
        ] {
            let Some(found) = found else { continue };
            all.push((level, &found.own, None));
            // By the binary's name, then by the package's, unless another binary has that.
            let of_package = (!handlers.contains(package)).then_some(package);
            let mut names = std::iter::once(handler).chain(of_package);
            if let Some((at, said)) = names.find_map(|name| found.bins.get(name)) {
                all.push((bin, said, Some(&at.origin)));
            }
        }
        all
    }

    /// Of the workspace or of a package, without its binaries' tables.
    pub(super) fn own(&self, package: Option<&str>) -> Option<&Said> {
        let found = package.map_or(self.workspace.as_ref(), |package| self.packages.get(package));
        found.map(|found| &found.own)
    }

    /// Of `CargoLambda.toml`.
    pub(super) fn file(&self) -> Option<&Said> {
        self.file.as_ref()
    }
}

/// Reads everything into two layers a handler.
pub(super) fn read(
    reader: &mut Reader<'_>,
    written: &Written,
    variables: &[(String, String)],
    packages: &BTreeMap<String, BTreeSet<String>>,
) {
    let levels = Levels::of(reader, written, variables);
    ignored_variables(reader, written, variables);
    let lookup = std::mem::replace(&mut reader.lookup, Lookup::Never);
    let mut used = BTreeSet::new();
    for (package, handlers) in packages {
        for handler in handlers {
            let mut merged = Said::default();
            for (_, said, at) in levels.of_handler((package, handlers), handler) {
                merged = merged.below(said);
                used.extend(at.cloned());
            }
            push(reader, merged, &For::Handler(package.clone(), handler.clone()));
        }
    }
    reader.lookup = lookup;
    for level in levels.workspace.iter().chain(levels.packages.values()) {
        for (name, (at, _)) in &level.bins {
            if !used.contains(&at.origin) {
                warn(reader, at, format!("cargo-lambda's `bin.{name}` names no binary"));
            }
        }
    }
}

impl Said {
    /// This with a higher one on top.
    fn below(mut self, above: &Self) -> Self {
        self.values.extend(above.values.clone());
        self.environment.extend(above.environment.clone());
        self
    }

    /// All of it by our keys, as one table of ours would say it.
    pub(super) fn flat(&self) -> BTreeMap<&'static str, Located> {
        let mut values = self.values.clone();
        if let Some(build) = values.remove("build.include") {
            let include = with_deploy(build, values.get("include"));
            values.insert("include", include);
        }
        if let Some(first) = self.environment.values().next() {
            let none = || Located { node: Node::Table(Table::new()), origin: first.origin.clone() };
            let above = values.entry("environment").or_insert_with(none);
            if let Node::Table(above) = &mut above.node {
                let mut whole = self.environment.clone();
                whole.append(above);
                *above = whole;
            }
        }
        values
    }
}

/// `deploy` adds to the zip that `build` made.
fn with_deploy(mut build: Located, deploy: Option<&Located>) -> Located {
    if let (Some(deploy), Node::List(items)) = (deploy, &mut build.node) {
        items.extend(deploy.node.items().to_vec());
        build.origin = build.origin.and(deploy.origin.clone());
    }
    build
}

/// `[env]` in one layer, the rest above it. What is empty there takes the lower one away and is then
/// nothing, not "clear".
fn push(reader: &mut Reader<'_>, said: Said, for_: &For) {
    let rank =
        |scope| Rank { tier: Tier::CargoLambda, scope, source: Source::Manifest, env: false };
    let mut layer = |scope, values| {
        reader.layers.push(Layer { rank: rank(scope), for_: for_.clone(), values, env_file: None });
    };
    if let Some(first) = said.environment.values().next() {
        let origin = first.origin.clone();
        let table = Located { node: Node::Table(said.environment.clone()), origin };
        layer(Scope::Workspace, BTreeMap::from([("environment", table)]));
    }
    let mut values = said.values;
    if let Some(build) = values.remove("build.include") {
        let include = with_deploy(build, values.get("include"));
        values.insert("include", include);
    }
    values.retain(|_, value| match &value.node {
        Node::Table(table) => !table.is_empty(),
        Node::List(items) => !items.is_empty(),
        _ => true,
    });
    if !values.is_empty() {
        layer(Scope::Handler, values);
        reader.env_file(Some(""));
    }
}

/// `CargoLambda.toml`: its plain sections, or those of a context with `[default]` beneath.
fn file(reader: &mut Reader<'_>, table: &Table, variables: &[(String, String)]) -> Said {
    let contexts: Vec<(&String, &Located)> =
        table.iter().filter(|(name, _)| !SECTIONS.contains(&name.as_str())).collect();
    for (name, value) in &contexts {
        match &value.node {
            _ if *name == "template" => {}
            Node::Table(inner) if inner.keys().any(|key| SECTIONS.contains(&key.as_str())) => {
                if *name != "default" && *name != "global" {
                    reader.envs.insert((*name).clone());
                }
            }
            _ => {
                let what = format!("`{name}` is neither a section nor a context of cargo-lambda's");
                warn(reader, value, what);
            }
        }
    }
    let named = variables.iter().find(|(name, _)| name == CONTEXT).map(|(_, value)| value.as_str());
    let wanted = reader.env.or(named.filter(|name| !name.is_empty()));
    let context = wanted
        .and_then(|wanted| contexts.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)));
    let Some((name, Located { node: Node::Table(context), .. })) = context else {
        if let (None, Some(named)) = (reader.env, wanted) {
            let origin = Origin::Variable(CONTEXT.to_owned());
            let what = format!(
                "CargoLambda.toml has no context `{named}`; its plain sections count only without one"
            );
            reader.warnings.push(Mistake { origin, what });
            let default = table.get("default").map(|value| &value.node);
            let Some(Node::Table(default)) = default else { return Said::default() };
            return keys::said(reader, default);
        }
        if let Some(bin) = table.get("bin") {
            warn(reader, bin, "cargo-lambda reads no `bin` in CargoLambda.toml".to_owned());
        }
        let plain = table.iter().filter(|(name, _)| SECTIONS.contains(&name.as_str()));
        return keys::said(reader, &plain.map(|(k, v)| (k.clone(), v.clone())).collect());
    };
    let mut whole = match table.get("default").map(|value| &value.node) {
        Some(Node::Table(default)) if *name != "default" => keys::canonical(default),
        _ => Table::new(),
    };
    overlay(&mut whole, &keys::canonical(context));
    keys::said(reader, &whole)
}

/// Whether a table of that file is the context of this name.
pub(super) fn is_context(table: &Table, name: &str) -> bool {
    table.iter().any(|(known, value)| {
        !SECTIONS.contains(&known.as_str())
            && known.eq_ignore_ascii_case(name)
            && matches!(value.node, Node::Table(_))
    })
}

/// Tables by key, anything else as a whole: how that file's own tables lie over one another.
fn overlay(below: &mut Table, above: &Table) {
    for (name, value) in above {
        match (below.get_mut(name).map(|found| &mut found.node), &value.node) {
            (Some(Node::Table(inner)), Node::Table(above)) => overlay(inner, above),
            _ => drop(below.insert(name.clone(), value.clone())),
        }
    }
}

fn with_bins(reader: &mut Reader<'_>, table: &Table) -> WithBins {
    let mut result = WithBins { own: keys::said(reader, table), bins: BTreeMap::new() };
    let Some(bins) = table.get("bin") else { return result };
    let Some(bins) = reader.table("lambda.bin", bins) else { return result };
    for (name, value) in bins {
        if let Some(inner) = reader.table(&format!("lambda.bin.{name}"), value) {
            let said = keys::said(reader, inner);
            result.bins.insert(name.clone(), (value.clone(), said));
        }
    }
    result
}

/// `CARGO_LAMBDA_…` ranks below everything there; it is not read here, and that is said.
fn ignored_variables(reader: &mut Reader<'_>, written: &Written, variables: &[(String, String)]) {
    let context = variables.iter().find(|(name, value)| name == CONTEXT && !value.is_empty());
    if let (Some((name, _)), None, None) = (context, &written.file, reader.env) {
        // A release would go out with the plain settings.
        let what =
            "there is no CargoLambda.toml with contexts; `--env` or `LAMBDA_PACK_ENV` picks an \
                    environment"
                .to_owned();
        reader.warnings.push(Mistake { origin: Origin::Variable(name.clone()), what });
    }
    let project = written.file.is_some() || written.workspace.is_some();
    if !project && written.packages.is_empty() {
        return;
    }
    for (name, _) in variables {
        if name.starts_with("CARGO_LAMBDA_") && name != CONTEXT {
            let origin = Origin::Variable(name.clone());
            let what = "cargo-lambda's variable is not read; instead: `LAMBDA_PACK_…`, as \
                        `cargo lambda-pack config keys` lists the keys"
                .to_owned();
            reader.warnings.push(Mistake { origin, what });
        }
    }
}

fn warn(reader: &mut Reader<'_>, value: &Located, what: String) {
    reader.warnings.push(Mistake { origin: value.origin.clone(), what });
}
