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
mod keys;
mod layers;
mod located;
mod patch;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use expand::Placeholders;
pub use keys::{Check, Form, KEYS, Key, Kind, RESERVED, Scope};
pub use layers::{For, Layer, Rank, Source, Tier};
pub use located::{Located, Mistake, Node, Origin, Table};

use crate::compile::{LinkerRequest, Optimize};
use crate::function::{FunctionName, IncludeRule, Role};
use crate::nearest::suggestion;
use crate::target::{Arch, Libc, Runtime};
use cargo_lambda::Written;
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
    /// Answers `branch` and `commit`, if the work tree has them; asked only where a name holds them.
    pub git: &'a dyn Fn(&str) -> Option<String>,
    /// Looks up variables for `${…}`.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
}

/// All layers, the lowest first.
#[derive(Debug, Clone, Default)]
pub struct Config {
    layers: Vec<Layer>,
    /// The environment that was picked.
    pub env: Option<String>,
    /// What is written for cargo-lambda and not taken.
    pub warnings: Vec<Mistake>,
    /// Those of every handler, by package and name.
    settings: BTreeMap<(String, String), Settings>,
}

/// The settings of one handler, by full key, each with its origin. Maps hold an origin an entry.
pub type Merged = BTreeMap<&'static str, Located>;

impl Config {
    /// Reads everything.
    pub fn load(inputs: &Inputs<'_>) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader {
            env: inputs.env.as_deref(),
            lookup: Some(inputs.lookup),
            read: inputs.read,
            layers: Vec::new(),
            warnings: Vec::new(),
            mistakes: Vec::new(),
            syntax: Vec::new(),
            envs: BTreeSet::new(),
            named: Vec::new(),
        };
        read_files(&mut reader, inputs);
        variables::read(&mut reader, &inputs.variables);
        let rank = Rank {
            tier: Tier::Flags,
            scope: Scope::Handler,
            source: Source::LambdaPack,
            env: true,
        };
        for (key, value) in &inputs.flags {
            let values = BTreeMap::from([(*key, value.clone())]);
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
            warnings: reader.warnings,
            settings: BTreeMap::new(),
        };
        let git =
            |what| config.mentions(&format!("{{{what}}}")).then(|| (inputs.git)(what)).flatten();
        let (branch, commit) = (git("branch"), git("commit"));
        for (package, handlers) in &inputs.packages {
            for handler in handlers {
                let placeholders = Placeholders {
                    handler,
                    package,
                    env: config.env.as_deref(),
                    branch: branch.as_deref(),
                    commit: commit.as_deref(),
                };
                match Settings::new(&config.of_handler(package, handler), &placeholders) {
                    Ok(settings) => {
                        config.settings.insert((package.clone(), handler.clone()), settings);
                    }
                    Err(more) => mistakes.extend(more),
                }
            }
        }
        mistakes.retain(|mistake| !syntax.iter().any(|broken| follows(mistake, broken)));
        mistakes.extend(syntax);
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    /// Whether a table of this very handler has the key.
    #[must_use]
    pub fn says_of_handler(&self, package: &str, handler: &str, key: &str) -> bool {
        let for_ = For::Handler(package.to_owned(), handler.to_owned());
        self.layers.iter().any(|layer| layer.for_ == for_ && layer.values.contains_key(key))
    }

    /// The settings of one handler that building and packaging use.
    #[must_use]
    pub fn settings(&self, package: &str, handler: &str) -> Settings {
        self.settings.get(&(package.to_owned(), handler.to_owned())).cloned().unwrap_or_default()
    }

    /// Whether a text is in any name.
    fn mentions(&self, text: &str) -> bool {
        let names = self.layers.iter().filter_map(|layer| layer.values.get("name"));
        names.into_iter().any(|name| matches!(&name.node, Node::Text(name) if name.contains(text)))
    }

    /// The settings of one handler.
    #[must_use]
    pub fn of_handler(&self, package: &str, handler: &str) -> Merged {
        let concerned = |layer: &&Layer| match &layer.for_ {
            For::All => true,
            For::Package(name) => name == package,
            For::Handler(name, target) => name == package && target == handler,
        };
        let layers: Vec<&Layer> = self.layers.iter().filter(concerned).collect();
        // As with every single value, the topmost `env-file` takes the place of those below.
        let env_file = layers.iter().rposition(|layer| layer.values.contains_key("env-file"));
        let mut merged: BTreeMap<&'static str, Patch> = BTreeMap::new();
        for (place, layer) in layers.into_iter().enumerate() {
            let of_file = layer.env_file.as_ref().filter(|_| env_file == Some(place));
            let of_file = of_file.map(|value| ("environment", value));
            let values = layer.values.iter().map(|(key, value)| (*key, value));
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

fn read_files(reader: &mut Reader<'_>, inputs: &Inputs<'_>) {
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
    cargo_lambda::read(reader, &written, &inputs.variables, &inputs.packages);
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
        let origin = Origin::Flag("--env");
        reader.mistake(&origin, format!("no table `env.{env}` anywhere; {near}"));
    }
}

/// Settings that building and packaging use, as values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether this is a handler at all, whatever it depends on.
    pub handler: Option<bool>,
    /// Function, or which kind of extension.
    pub role: Option<Role>,
    /// The function's name; the binary's by default.
    pub name: Option<FunctionName>,
    /// The AWS runtime.
    pub runtime: Option<Runtime>,
    /// Files beside the executable.
    pub include: Vec<IncludeRule>,
    /// Libraries of the system's that the audit accepts.
    pub trust_system: Vec<String>,
    /// The architectures; empty where nothing was said.
    pub archs: Vec<Arch>,
    /// The C library.
    pub libc: Option<Libc>,
    /// The processor.
    pub target_cpu: Option<String>,
    /// The linker.
    pub linker: Option<LinkerRequest>,
    /// Speed or size.
    pub optimize: Optimize,
    /// Libraries that the program opens by itself.
    pub dlopen: Vec<String>,
    /// Folders with libraries that may be bundled.
    pub library_paths: Vec<String>,
}

impl Settings {
    /// Takes them out of what was merged for one handler.
    pub fn new(merged: &Merged, placeholders: &Placeholders<'_>) -> Result<Self, Vec<Mistake>> {
        let text = |key: &str| match merged.get(key) {
            Some(Located { node: Node::Text(text), origin })
                if !text.is_empty() && text != check::NONE =>
            {
                Some((text.as_str(), origin))
            }
            _ => None,
        };
        let items = |key: &str| match merged.get(key).map(|value| &value.node) {
            Some(Node::List(items)) => items.clone(),
            _ => Vec::new(),
        };
        let texts = |key: &str| -> Vec<String> {
            let text = |item: Located| match item.node {
                Node::Text(text) => Some(text),
                _ => None,
            };
            items(key).into_iter().filter_map(text).collect()
        };
        let mut mistakes = Vec::new();
        let name = text("name").and_then(|(text, origin)| {
            let name = expand::placeholders(text, placeholders)
                .and_then(|name| FunctionName::new(&name).map_err(|error| error.to_string()));
            name.map_err(|what| mistakes.push(Mistake { origin: origin.clone(), what })).ok()
        });
        for (key, value) in merged {
            let what = keys::find(key).and_then(|key| check::merged(key, value, merged));
            mistakes.extend(what.map(|what| Mistake { origin: value.origin.clone(), what }));
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            handler: match merged.get("handler").map(|value| &value.node) {
                Some(Node::Boolean(boolean)) => Some(*boolean),
                _ => None,
            },
            role: text("extension").map(|(text, _)| match text {
                "internal" => Role::InternalExtension,
                _ => Role::ExternalExtension,
            }),
            name,
            runtime: text("runtime").and_then(|(text, _)| text.parse().ok()),
            include: items("include").iter().filter_map(include::rule).collect(),
            trust_system: texts("trust-system"),
            archs: match text("arch") {
                Some(("both", _)) => Arch::ALL.to_vec(),
                found => found.and_then(|(text, _)| text.parse().ok()).into_iter().collect(),
            },
            libc: text("libc").and_then(|(text, _)| text.parse().ok()),
            target_cpu: text("target-cpu").map(|(text, _)| text.to_owned()),
            linker: text("linker").and_then(|(text, _)| LinkerRequest::of_name(text)),
            optimize: match text("optimize") {
                Some(("size", _)) => Optimize::Size,
                _ => Optimize::Speed,
            },
            dlopen: texts("dlopen"),
            library_paths: texts("library-paths"),
        })
    }
}

#[cfg(test)]
mod tests;
