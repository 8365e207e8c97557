//! What was configured: `[package.metadata.lambda-pack]`, `[workspace.metadata.lambda-pack]`,
//! `lambda-pack.toml`, `LAMBDA_PACK_…` and flags, merged by one rule (see `layers`).
//!
//! Absent means "leave alone", empty means "clear"; what has no empty value is cleared with `"none"`.
//! Every mistake of every source is reported at once, with its file and line. Defaults are applied
//! later, in the plan.

mod cargo_lambda;
mod check;
mod env_file;
mod expand;
mod include;
mod json;
mod keys;
mod layers;
mod located;
mod migrate;
mod patch;
mod settings;
mod tables;
mod together;
mod variables;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use check::NONE;
pub use expand::{Known, Placeholders, filled};
pub use keys::{Check, Field, Form, KEYS, Key, Kind, RESERVED, Scope, Shape};
use layers::FORGET;
pub use layers::{For, Layer, Rank, Source, Tier};
pub(crate) use located::{Lines, TOO_LARGE, integer};
pub use located::{Located, Mistake, Node, Origin, Table};
pub use migrate::{Migration, masked, migrate, secrets};
pub use settings::{CargoFlags, Settings, features};
pub use wanted::wanted;

use crate::nearest::suggestion;
use crate::routes::{RouteError, Routes};
use crate::target::Arch;
pub use cargo_lambda::CONTEXT;
use cargo_lambda::Written;
use check::Lookup;
use layers::Reader;
use patch::Patch;

/// A file's name, as people see it, and its text.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// The name.
    pub name: Arc<str>,
    /// The text.
    pub text: String,
}

/// Everything that configures, as it was found.
pub struct Inputs<'a> {
    /// The manifests of the members, by package.
    pub members: Vec<(String, ConfigFile)>,
    /// The workspace's manifest.
    pub workspace: ConfigFile,
    /// `lambda-pack.toml` beside it.
    pub lambda_pack: Option<ConfigFile>,
    /// `CargoLambda.toml` beside it.
    pub cargo_lambda: Option<ConfigFile>,
    /// Reads a file by its path from the workspace's folder; else says why not.
    pub read: &'a dyn Fn(&str) -> Result<String, String>,
    /// The environment that `--env` or `LAMBDA_PACK_ENV` picks.
    pub env: Option<String>,
    /// The environment of this process.
    pub variables: Vec<(String, String)>,
    /// Settings from flags, by key.
    pub flags: Vec<(&'static str, Located)>,
    /// The packages, each with its binaries and examples.
    pub packages: BTreeMap<String, BTreeSet<String>>,
    /// Answers `branch` and `commit`, or why there is none; asked only where a name holds them.
    pub git: &'a dyn Fn(&str) -> Result<String, String>,
    /// Looks up variables for `${…}`.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
}

/// All layers, the lowest first.
#[derive(Debug, Clone, Default)]
pub struct Config {
    layers: Vec<Layer>,
    /// The environment that was picked.
    pub env: Option<String>,
    /// Every one that some table names.
    envs: BTreeSet<String>,
    /// What is written for cargo-lambda and not taken.
    pub warnings: Vec<Mistake>,
    /// The files that it was read from, beside the manifests.
    pub files: Vec<std::path::PathBuf>,
    /// Those of every handler, by package and name, or what is wrong with them together.
    settings: BTreeMap<(String, String), Result<Settings, Vec<Mistake>>>,
}

/// The settings of one handler, by full key, each with its origin. Maps hold an origin an entry.
pub type Merged = BTreeMap<&'static str, Located>;

impl Config {
    /// Reads everything.
    pub fn load(inputs: &Inputs<'_>) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader::new(inputs);
        let written = read_files(&mut reader, inputs);
        cargo_lambda::read(&mut reader, &written, &inputs.variables, &inputs.packages);
        read_lambda_pack(&mut reader, inputs);
        variables::read(&mut reader, &inputs.variables);
        let rank = Rank {
            tier: Tier::Flags,
            scope: Scope::Handler,
            source: Source::LambdaPack,
            env: true,
        };
        // What a shell leaves of `$` is a text.
        reader.lookup = Lookup::Never;
        for (name, value) in &inputs.flags {
            let key = keys::find(name);
            let Some(value) = key.and_then(|key| reader.value_in(Scope::Workspace, key, value))
            else {
                continue;
            };
            let values = BTreeMap::from([(*name, value)]);
            reader.layers.push(Layer { rank, for_: For::All, values, env_file: None });
        }
        check_names(&mut reader, inputs);
        reader.layers.sort_by_key(|layer| layer.rank);
        reader.warnings.sort();
        reader.warnings.dedup();
        let syntax = reader.syntax;
        let mut mistakes = reader.mistakes;
        let mut config = Self {
            layers: reader.layers,
            env: inputs.env.clone(),
            envs: reader.envs,
            warnings: reader.warnings,
            files: Vec::new(),
            settings: BTreeMap::new(),
        };
        config.settle(inputs);
        mistakes.retain(|mistake| !syntax.iter().any(|broken| follows(mistake, broken)));
        mistakes.extend(syntax);
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() {
            return Ok(config);
        }
        // Something must be mended anyway: all of it at once then.
        mistakes.extend(config.settings.into_values().filter_map(Result::err).flatten());
        mistakes.sort();
        mistakes.dedup();
        Err(mistakes)
    }

    /// Puts together what counts for each handler.
    fn settle(&mut self, inputs: &Inputs<'_>) {
        let git = |what: &str| {
            let asked = self.mentions(&format!("{{{what}}}"));
            if asked { (inputs.git)(what) } else { Err(String::new()) }
        };
        let (branch, commit) = (git("branch"), git("commit"));
        let env = self.env.clone();
        for (package, handlers) in &inputs.packages {
            for handler in handlers {
                let placeholders = Placeholders {
                    handler,
                    package,
                    env: env.as_deref().ok_or("no `--env` is given"),
                    branch: branch.as_deref().map_err(String::as_str),
                    commit: commit.as_deref().map_err(String::as_str),
                };
                let settings = Settings::new(&self.of_handler(package, handler), &placeholders);
                self.settings.insert((package.clone(), handler.clone()), settings);
            }
        }
    }

    /// Every architecture that some handler is wanted for; one that says nothing is wanted for the
    /// default.
    #[must_use]
    pub fn architectures(&self, default: Option<Arch>) -> BTreeSet<Arch> {
        let settings = self.settings.values().filter_map(|settings| settings.as_ref().ok());
        let archs = settings.flat_map(|settings| match settings.archs.as_slice() {
            [] => default.as_slice().to_vec(),
            archs => archs.to_vec(),
        });
        // With mistakes in the settings of all, these are to be said.
        archs.chain(default).collect()
    }

    /// Whether a table of this very handler has the key.
    #[must_use]
    pub fn says_of_handler(&self, package: &str, handler: &str, key: &str) -> bool {
        let for_ = For::Handler(package.to_owned(), handler.to_owned());
        self.layers.iter().any(|layer| layer.for_ == for_ && layer.values.contains_key(key))
    }

    /// What is said of whether this is a handler, whatever else is wrong with its settings.
    #[must_use]
    pub fn is_handler(&self, package: &str, handler: &str) -> Option<bool> {
        match self.of_handler(package, handler).get("handler")?.node {
            Node::Boolean(is) => Some(is),
            _ => None,
        }
    }

    /// The settings of one handler that building and packaging use, or all that is wrong with them:
    /// variables that are missing, and what no table shows by itself.
    pub fn settings(&self, package: &str, handler: &str) -> Result<Settings, Vec<Mistake>> {
        let settings = self.settings.get(&(package.to_owned(), handler.to_owned()));
        settings.cloned().unwrap_or_else(|| Ok(Settings::default()))
    }

    /// The routes of the workspace. What is wrong with them is said by [`Config::settings`] too.
    pub fn routes(&self) -> Result<Routes, Vec<Mistake>> {
        // Of no handler: then what is of all is left.
        let merged = self.of_handler("", "");
        let Some(value) = merged.get("routes") else { return Ok(Routes::default()) };
        let missing = value.missing();
        let Node::Table(table) = &value.node else { return Ok(Routes::default()) };
        if !missing.is_empty() {
            return Err(missing);
        }
        Routes::new(table.iter().map(|(route, function)| (route, function.text()))).map_err(|all| {
            let mistake = |what: &RouteError| Mistake {
                origin: value.origin.clone(),
                what: what.to_string(),
            };
            all.iter().map(mistake).collect()
        })
    }

    /// Whether a flag says in which format a handler is packaged: for one run.
    #[must_use]
    pub fn has_format_by_flag(&self, package: &str, handler: &str) -> bool {
        let merged = self.of_handler(package, handler);
        merged.get("format").is_some_and(|it| matches!(it.origin, Origin::Flag(_)))
    }

    /// What layers' names begin with, where that is said, and what a layer must save in bytes.
    #[must_use]
    pub fn layer_rules(&self) -> (Option<String>, u64) {
        let merged = self.of_handler("", "");
        let prefix = merged.get("layers.prefix").map(Located::text).filter(|text| !text.is_empty());
        let least = match merged.get("layers.min-saving").map(|value| &value.node) {
            Some(Node::Integer(number)) => u64::try_from(*number).unwrap_or_default(),
            _ => crate::layer::MIN_SAVING,
        };
        (prefix.map(str::to_owned), least)
    }

    /// Whether a text is in any name.
    fn mentions(&self, text: &str) -> bool {
        let names = self.layers.iter().filter_map(|layer| layer.values.get("name"));
        names.into_iter().any(|name| matches!(&name.node, Node::Text(name) if name.contains(text)))
    }

    /// Those that concern one handler.
    fn layers_of(&self, package: &str, handler: &str) -> Vec<&Layer> {
        let concerned = |layer: &&Layer| match &layer.for_ {
            For::All => true,
            For::Package(name) => name == package,
            For::Handler(name, target) => name == package && target == handler,
        };
        self.layers.iter().filter(concerned).collect()
    }

    /// The settings of one handler.
    #[must_use]
    pub fn of_handler(&self, package: &str, handler: &str) -> Merged {
        let layers = self.layers_of(package, handler);
        let env_file = env_file_layer(&layers);
        let mut merged: BTreeMap<&'static str, Patch> = BTreeMap::new();
        for (place, layer) in layers.into_iter().enumerate() {
            merged.retain(|key, _| !layer.forgets(key));
            let of_file = layer.env_file.as_ref().filter(|_| env_file == Some(place));
            // One that cannot be read takes the place of its own name.
            let (unread, of_file): (Vec<_>, Vec<_>) =
                of_file.into_iter().partition(|file| matches!(file.node, Node::Missing(_)));
            let of_file = of_file.first().map(|value| ("environment", *value));
            let value_of = |key: &'static str, value| match unread.first() {
                Some(unread) if key == "env-file" => (key, *unread),
                _ => (key, value),
            };
            let values = layer.values.iter().filter(|(key, _)| **key != FORGET);
            let values = values.map(|(key, value)| value_of(key, value));
            // An empty `environment` clears what is below it, not the file beside it.
            let (clear, values): (Vec<_>, Vec<_>) =
                values.partition(|(key, value)| *key == "environment" && is_empty(value));
            if !clear.is_empty() && of_file.is_none() {
                merged.remove("env-file");
            }
            let of_file = clear.into_iter().chain(of_file);
            for (key, value) in of_file.into_iter().chain(values) {
                let patch = match merged.remove(key) {
                    Some(below) => Patch::new(value).over(below),
                    None => Patch::new(value),
                };
                merged.insert(key, patch);
            }
        }
        merged.into_iter().map(|(key, patch)| (key, patch.into_value())).collect()
    }
}

/// As with every single value, the topmost `env-file` takes the place of those below, unless one that is
/// above it forgets it.
fn env_file_layer(layers: &[&Layer]) -> Option<usize> {
    let said = |layer: &&Layer| layer.values.contains_key("env-file");
    let place = layers.iter().rposition(|layer| said(layer) || layer.forgets("env-file"))?;
    layers.get(place).is_some_and(said).then_some(place)
}

fn is_empty(value: &Located) -> bool {
    matches!(&value.node, Node::Table(table) if table.is_empty())
}

/// Reads our tables of manifests; what is written for cargo-lambda is the answer.
fn read_files(reader: &mut Reader<'_>, inputs: &Inputs<'_>) -> Written {
    let mut written = Written::default();
    let workspace = parse(reader, &inputs.workspace);
    if let Some(metadata) = metadata(&workspace, "workspace") {
        near_misses(reader, metadata, "workspace");
        if let Some(value) = metadata.get("lambda-pack")
            && let Some(table) = reader.table("workspace.metadata.lambda-pack", value)
        {
            reader.scope(table, Scope::Workspace, Source::Manifest, &For::All);
        }
        let table = metadata.get("lambda");
        let table = table.and_then(|value| reader.table("workspace.metadata.lambda", value));
        written.workspace = table.cloned();
    }
    for (package, file) in &inputs.members {
        let manifest = parse(reader, file);
        let Some(metadata) = metadata(&manifest, "package") else { continue };
        near_misses(reader, metadata, "package");
        if let Some(value) = metadata.get("lambda-pack")
            && let Some(table) = reader.table("package.metadata.lambda-pack", value)
        {
            let for_ = For::Package(package.clone());
            reader.scope(table, Scope::Package, Source::Manifest, &for_);
        }
        if let Some(value) = metadata.get("lambda")
            && let Some(table) = reader.table("package.metadata.lambda", value)
        {
            written.packages.insert(package.clone(), table.clone());
        }
    }
    written.file = inputs.cargo_lambda.as_ref().map(|file| parse(reader, file));
    written
}

fn read_lambda_pack(reader: &mut Reader<'_>, inputs: &Inputs<'_>) {
    if let Some(file) = &inputs.lambda_pack {
        let table = parse(reader, file);
        reader.scope(&table, Scope::Workspace, Source::LambdaPack, &For::All);
    }
}

fn parse(reader: &mut Reader<'_>, file: &ConfigFile) -> Table {
    let (table, mistakes) = located::parse(&file.name, &file.text);
    reader.syntax.extend(mistakes);
    table
}

/// Whether a mistake is but the consequence of a line that is no TOML: on the same line, or anywhere
/// below a header that does not end.
fn follows(mistake: &Mistake, broken: &Mistake) -> bool {
    let (Origin::File { file, line }, Origin::File { file: other, line: of_broken }) =
        (&mistake.origin, &broken.origin)
    else {
        return false;
    };
    file == other && (line == of_broken || (line > of_broken && broken.what.contains("unclosed")))
}

/// `[package.metadata]` or `[workspace.metadata]` of a manifest.
fn metadata<'a>(manifest: &'a Table, kind: &str) -> Option<&'a Table> {
    table_of(table_of(manifest, kind)?, "metadata")
}

fn table_of<'a>(table: &'a Table, key: &str) -> Option<&'a Table> {
    match &table.get(key)?.node {
        Node::Table(table) => Some(table),
        _ => None,
    }
}

/// A section under metadata that is nearly ours would be passed over silently.
fn near_misses(reader: &mut Reader<'_>, metadata: &Table, kind: &str) {
    for (name, value) in metadata {
        let plain = name.replace(['-', '_'], "").to_ascii_lowercase();
        let near = strsim::damerau_levenshtein(&plain, "lambdapack") <= 2
            || ["lambdapackage", "cargolambdapack"].contains(&plain.as_str());
        if name != "lambda-pack" && near {
            let what = format!("`{kind}.metadata.{name}` is not read; did you mean `lambda-pack`?");
            reader.mistake(&value.origin, what);
        }
    }
}

/// Packages, handlers and environments that are named and do not exist.
fn check_names(reader: &mut Reader<'_>, inputs: &Inputs<'_>) {
    for (origin, for_) in std::mem::take(&mut reader.named) {
        match for_ {
            For::Package(name) if !inputs.packages.contains_key(&name) => {
                let near = suggestion(&name, inputs.packages.keys().map(String::as_str));
                reader.mistake(&origin, format!("no package `{name}` in this workspace; {near}"));
            }
            For::Handler(package, name) => {
                let targets = inputs.packages.get(&package).cloned().unwrap_or_default();
                if !targets.contains(&name) {
                    let near = suggestion(&name, targets.iter().map(String::as_str));
                    let what =
                        format!("package `{package}` has no binary or example `{name}`; {near}");
                    reader.mistake(&origin, what);
                }
            }
            _ => {}
        }
    }
    if let Some(env) = &inputs.env
        && !reader.envs.contains(env)
    {
        let near = suggestion(env, reader.envs.iter().map(String::as_str));
        let by_variable = inputs.variables.iter().any(|(n, v)| n == variables::ENV && v == env);
        let variable = || Origin::Variable(variables::ENV.to_owned());
        let origin = if by_variable { variable() } else { Origin::Flag("--env") };
        reader.mistake(&origin, format!("no table `env.{env}` anywhere; {near}"));
    }
}

#[cfg(test)]
mod tests;
