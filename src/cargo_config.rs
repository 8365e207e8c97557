//! Cargo's own configuration, as it counts for a folder: files, variables and `--config`.
//!
//! The rules are those of The Cargo Book, "Configuration", and where it is silent those of cargo
//! 1.95, against which `tests/it/precedence.rs` holds them:
//!
//! - strings, numbers and booleans: `--config` (a later one first) over variables over files, of
//!   which the one in the deepest folder counts most and `$CARGO_HOME` least;
//! - what a file includes stands below the file itself, in order;
//! - lists are joined, from the least to the most that counts. Flags may also be one string: then
//!   only the topmost counts, but the words of the variable are still added.
//!
//! Nothing here complains: a file that cargo cannot read, cargo names itself, and better. Nothing
//! touches the disk either: see `cargo_files`.

mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use cargo_platform::{Cfg, CfgExpr};

pub use values::{Said, Value, Values};

use crate::config::Origin;
use crate::digest::Sha256;

/// Where cargo's configuration comes from, as it was found.
pub struct Sources<'a> {
    /// The files, the one in the deepest folder first.
    pub files: Vec<PathBuf>,
    /// `--config`, in order.
    pub arguments: &'a [String],
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// The folder that cargo runs in.
    pub folder: &'a Path,
    /// The text of a file, if it is one.
    pub read: &'a dyn Fn(&Path) -> Option<String>,
}

/// All of cargo's configuration for one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoConfig {
    /// From the least to the most that counts.
    files: Vec<Layer>,
    variables: BTreeMap<String, String>,
    /// From the least to the most that counts.
    arguments: Vec<Layer>,
    folder: PathBuf,
}

/// One file or one `--config KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    values: Values,
    /// The digest of its text.
    text: Sha256,
    /// What paths of programs in it are relative to.
    root: PathBuf,
}

/// One word of a list and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Its place.
    pub origin: Origin,
}

impl Word {
    /// A word and its place.
    #[must_use]
    pub fn new(text: &str, origin: &Origin) -> Self {
        Self { text: text.to_owned(), origin: origin.clone() }
    }
}

/// Where cargo sorts the words of a list by where they come from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    File,
    Variable,
    Argument,
}

/// A list of words as cargo joins it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// In cargo's order.
    pub words: Vec<Word>,
    /// Files or `--config` say it as one string: cargo refuses to join that with a list.
    pub is_string: bool,
}

/// How a value of ours reaches cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// In the environment of cargo alone.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// As `--config`, after those of the user.
    Config(String),
}

impl Handed {
    /// A `--config` of this key.
    #[must_use]
    pub fn config(key: &[&str], value: &Value) -> Self {
        Self::Config(argument(key, value))
    }
}

/// The argument of `--config` that gives a key this value.
#[must_use]
pub fn argument(key: &[&str], value: &Value) -> String {
    let bare = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let part = |part: &&str| if bare(part) { (*part).to_owned() } else { values::quoted(part) };
    let key: Vec<String> = key.iter().map(part).collect();
    format!("{}={value}", key.join("."))
}

/// The variable of a key (The Cargo Book, "Environment variables").
#[must_use]
pub fn variable_of(key: &[&str]) -> String {
    let parts = key.iter().map(|part| part.replace('-', "_").to_uppercase());
    std::iter::once("CARGO".to_owned()).chain(parts).collect::<Vec<_>>().join("_")
}

impl CargoConfig {
    /// Reads all of it.
    #[must_use]
    pub fn new(sources: &Sources<'_>) -> Self {
        let mut reader = Reader { sources, open: BTreeSet::new() };
        let files = sources.files.iter().rev().flat_map(|path| reader.file(path)).collect();
        let arguments = sources.arguments.iter().flat_map(|text| reader.argument(text)).collect();
        Self {
            files,
            arguments,
            variables: sources.variables.iter().cloned().collect(),
            folder: sources.folder.to_path_buf(),
        }
    }

    /// What counts for a key that is a string, a number or a boolean.
    #[must_use]
    pub fn value(&self, key: &[&str]) -> Option<Said> {
        self.found(key).map(|(said, _)| said)
    }

    /// What counts for a key, and the folder that a path in it is relative to.
    fn found(&self, key: &[&str]) -> Option<(Said, &Path)> {
        let topmost = |layers: &'_ [Layer]| {
            let place = layers.iter().rposition(|layer| layer.values.get(key).is_some());
            place.and_then(|place| Some((place, layers.get(place)?.values.get(key)?.clone())))
        };
        if let Some((place, said)) = topmost(&self.arguments) {
            return Some((said, self.arguments.get(place)?.root.as_path()));
        }
        let name = variable_of(key);
        if let Some(text) = self.variable(&name) {
            let said = Said { value: Value::of_variable(text), origin: Origin::Variable(name) };
            return Some((said, &self.folder));
        }
        let (place, said) = topmost(&self.files)?;
        Some((said, self.files.get(place)?.root.as_path()))
    }

    /// The words of a key that is a list of strings, or a string of words.
    #[must_use]
    pub fn words(&self, key: &[&str]) -> Words {
        let mut joined: Vec<(Rank, Word)> = Vec::new();
        let mut is_string = false;
        for (rank, layers) in [(Rank::File, &self.files), (Rank::Argument, &self.arguments)] {
            for Said { value, origin } in layers.iter().filter_map(|l| l.values.get(key)) {
                let word = |text: &str| (rank, Word::new(text, origin));
                match value {
                    Value::List(items) => joined.extend(items.iter().map(|item| word(item))),
                    Value::Text(text) => {
                        joined = text.split_whitespace().map(word).collect();
                        is_string = true;
                    }
                    _ => {}
                }
            }
        }
        let name = variable_of(key);
        let words = self.variable(&name).unwrap_or_default().split_whitespace();
        let origin = Origin::Variable(name.clone());
        joined.extend(words.map(|word| (Rank::Variable, Word::new(word, &origin))));
        joined.sort_by_key(|(rank, _)| *rank);
        Words { words: joined.into_iter().map(|(_, word)| word).collect(), is_string }
    }

    /// What tells it from another: the folder that cargo runs in, then for every file and `--config`
    /// the folder that its paths start from and the digest of its text, from the least to the most
    /// that counts. The variables come beside it.
    pub fn layers(&self) -> impl Iterator<Item = (&Path, Option<&Sha256>)> {
        let layers = self.files.iter().chain(&self.arguments);
        let layers = layers.map(|layer| (layer.root.as_path(), Some(&layer.text)));
        std::iter::once((self.folder.as_path(), None)).chain(layers)
    }

    /// The environment, by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What the programs that cargo runs find in a variable, and whether the configuration forces it:
    /// the environment's value, else that of the table `env` (The Cargo Book, "[env]").
    #[must_use]
    pub fn env(&self, name: &str) -> Option<(String, bool)> {
        let text = |key: &[&str]| match self.value(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let configured = text(&["env", name, "value"]).or_else(|| text(&["env", name]));
        let force = self.value(&["env", name, "force"]).map(|said| said.value);
        let own = self.variable(name).map(str::to_owned);
        match (own, configured) {
            (_, Some(value)) if force == Some(Value::Boolean(true)) => Some((value, true)),
            (Some(value), _) | (None, Some(value)) => Some((value, false)),
            (None, None) => None,
        }
    }

    /// A variable of the environment.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The linker that cargo hands to rustc for a target, if anything names one: that of the triple,
    /// else that of the `cfg(…)` that holds. A path in a file is made absolute, as cargo does.
    #[must_use]
    pub fn linker(&self, triple: &str, cfgs: &[Cfg]) -> Option<(PathBuf, Origin)> {
        let of = |name: &str| self.found(&["target", name, "linker"]);
        // That two hold is an error of cargo's.
        let (said, root) =
            of(triple).or_else(|| self.cfg_keys(cfgs).into_iter().find_map(|key| of(&key)))?;
        let Value::Text(program) = said.value else { return None };
        let path = if program.contains('/') { root.join(program) } else { program.into() };
        Some((path, said.origin))
    }

    /// The rustc that cargo calls: `RUSTC`, else `build.rustc`, else the one in `PATH`. A path in a
    /// file is made absolute, as cargo does.
    #[must_use]
    pub fn rustc(&self) -> PathBuf {
        let named = self.variable("RUSTC").filter(|program| !program.is_empty());
        let named = named.map(|program| (Value::Text(program.to_owned()), self.folder.as_path()));
        let configured = || self.found(&["build", "rustc"]).map(|(said, root)| (said.value, root));
        match named.or_else(configured) {
            Some((Value::Text(program), root)) if program.contains('/') => root.join(program),
            Some((Value::Text(program), _)) => program.into(),
            _ => "rustc".into(),
        }
    }

    /// `rustflags` of every `target.'cfg(…)'` that holds, joined as cargo does.
    #[must_use]
    pub fn cfg_rustflags(&self, cfgs: &[Cfg]) -> Vec<Word> {
        let keys = self.cfg_keys(cfgs);
        keys.iter().flat_map(|key| self.words(&["target", key, "rustflags"]).words).collect()
    }

    /// Whether any table has a `cfg(…)`, so that somebody must ask rustc what holds.
    #[must_use]
    pub fn has_cfgs(&self) -> bool {
        !self.all_cfg_keys().is_empty()
    }

    fn cfg_keys(&self, cfgs: &[Cfg]) -> BTreeSet<String> {
        let mut keys = self.all_cfg_keys();
        keys.retain(|key| CfgExpr::matches_key(key, cfgs));
        keys
    }

    fn all_cfg_keys(&self) -> BTreeSet<String> {
        let layers = self.files.iter().chain(&self.arguments);
        layers
            .flat_map(|layer| layer.values.keys())
            .filter_map(|key| match key {
                [target, cfg, _] if target == "target" && cfg.starts_with("cfg(") => Some(cfg),
                _ => None,
            })
            .cloned()
            .collect()
    }
}

/// Reads files with what they include.
struct Reader<'a> {
    sources: &'a Sources<'a>,
    /// The files that are being read: cargo refuses a circle.
    open: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    /// A file's layers: what it includes, then itself.
    fn file(&mut self, path: &Path) -> Vec<Layer> {
        let key = plain(path);
        if !self.open.insert(key.clone()) {
            return Vec::new();
        }
        let mut layers = Vec::new();
        if let Some(text) = (self.sources.read)(path) {
            let name = path.strip_prefix(self.sources.folder).unwrap_or(path);
            let values = Values::of_file(&name.display().to_string().into(), &text);
            let beside = path.parent().unwrap_or(path);
            layers = self.included(&values, beside);
            let root = beside.parent().unwrap_or(beside).to_path_buf();
            layers.push(Layer { values, text: Sha256::of(text.as_bytes()), root });
        }
        self.open.remove(&key);
        layers
    }

    /// The layers of one `--config`: a file if there is one of that name, else `KEY=VALUE`.
    fn argument(&mut self, text: &str) -> Vec<Layer> {
        let folder = self.sources.folder;
        let path = folder.join(text);
        if !text.is_empty() && (self.sources.read)(&path).is_some() {
            return self.file(&path);
        }
        let values = Values::of_argument(text);
        let mut layers = self.included(&values, folder);
        let text = Sha256::of(text.as_bytes());
        layers.push(Layer { values, text, root: folder.to_path_buf() });
        layers
    }

    fn included(&mut self, values: &Values, beside: &Path) -> Vec<Layer> {
        values.includes.iter().flat_map(|path| self.file(&beside.join(path))).collect()
    }
}

/// A path without `..` and `.`, to know a file again.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
