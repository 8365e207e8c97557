//! What is written for cargo-lambda, in our own tables.
//!
//! Table by table and key by key, so that a project keeps its structure. Its order of precedence is
//! another one than ours: a key that would come to mean something else for any handler, in any
//! environment, is said in the handlers' own tables instead (`choose`). What is written is then read as it
//! would be from the disk and compared with what counted before; nothing is migrated that differs.
//!
//! Pure: texts in, texts out.

mod choose;
mod old;
mod sheet;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cargo_lambda::{self, Levels};
use super::layers::{Reader, Tier};
use super::located::{Mistake, Origin};
use super::{Config, ConfigFile, Inputs, env_file_layer, read_files};
use choose::{Known, differences};
pub use old::{masked, secrets};

/// Files by their names as they are shown, each with its new text; none of one that goes.
type Files = Vec<(Arc<str>, Option<String>)>;

/// What changes.
#[derive(Debug)]
pub struct Migration {
    /// Files by their names as they are shown, each with its new text; none of one that goes.
    pub files: Vec<(Arc<str>, Option<String>)>,
    /// What is not taken, and what to write instead.
    pub warnings: Vec<Mistake>,
    /// The contexts, which are environments then.
    pub contexts: Vec<String>,
}

/// The settings in one environment.
struct State {
    config: Config,
    levels: Levels,
    /// Whether `CargoLambda.toml` has a context of that name.
    is_context: bool,
}

/// The changes that say with our tables what cargo-lambda's say, in every environment. Variables and flags
/// count for nothing. With `keep` the old tables stay, below ours.
///
/// # Errors
///
/// What is wrong with the settings as they are; what our tables cannot say.
pub fn migrate(inputs: &Inputs<'_>, keep: bool) -> Result<Migration, Vec<Mistake>> {
    let inputs = &given(inputs, &[], None);
    let before = states(inputs)?;
    let mut warnings: BTreeSet<Mistake> = BTreeSet::new();
    for state in before.values() {
        warnings.extend(state.config.warnings.iter().cloned());
    }
    let warnings: Vec<Mistake> = warnings.into_iter().collect();
    let sheet = Known { inputs, before: &before }.sheet()?;
    let files = write::files(inputs, &sheet, &warnings, keep)?;
    proved(inputs, &before, &files)?;
    let contexts = before.iter().filter(|(_, state)| state.is_context);
    let contexts = contexts.filter_map(|(env, _)| env.clone()).collect();
    Ok(Migration { files, warnings, contexts })
}

/// The settings in every environment.
fn states(inputs: &Inputs<'_>) -> Result<BTreeMap<Option<String>, State>, Vec<Mistake>> {
    let plain = state(inputs)?;
    let mut all = BTreeMap::new();
    for env in &plain.config.envs {
        all.insert(Some(env.clone()), state(&given(inputs, &[], Some(env)))?);
    }
    all.insert(None, plain);
    Ok(all)
}

fn state(inputs: &Inputs<'_>) -> Result<State, Vec<Mistake>> {
    let config = Config::load(inputs)?;
    let mut reader = Reader::new(inputs);
    let written = read_files(&mut reader, inputs);
    let is_context = match (&written.file, &inputs.env) {
        (Some(file), Some(env)) => cargo_lambda::is_context(file, env),
        _ => false,
    };
    let levels = Levels::of(&mut reader, &written, &inputs.variables);
    Ok(State { config, levels, is_context })
}

/// The inputs in an environment with files changed, without what only this process says.
fn given<'a>(
    inputs: &'a Inputs<'a>,
    changed: &[(Arc<str>, Option<String>)],
    env: Option<&str>,
) -> Inputs<'a> {
    let now = |file: &ConfigFile| match changed.iter().find(|(name, _)| *name == file.name) {
        Some((name, text)) => {
            text.as_ref().map(|text| ConfigFile { name: name.clone(), text: text.clone() })
        }
        None => Some(file.clone()),
    };
    let added = changed.iter().find(|(name, _)| &**name == write::FILE);
    let added =
        added.and_then(|(name, text)| Some(ConfigFile { name: name.clone(), text: text.clone()? }));
    let empty = || ConfigFile { name: inputs.workspace.name.clone(), text: String::new() };
    let members = inputs.members.iter();
    Inputs {
        members: members.filter_map(|(name, file)| Some((name.clone(), now(file)?))).collect(),
        workspace: now(&inputs.workspace).unwrap_or_else(empty),
        lambda_pack: inputs.lambda_pack.as_ref().and_then(now).or(added),
        cargo_lambda: inputs.cargo_lambda.as_ref().and_then(now),
        read: inputs.read,
        env: env.map(str::to_owned),
        variables: Vec::new(),
        flags: Vec::new(),
        packages: inputs.packages.clone(),
        git: &|_| Err("names stay as they are".to_owned()),
        lookup: inputs.lookup,
    }
}

/// Whether the files as they will be mean what they have meant.
fn proved(
    inputs: &Inputs<'_>,
    before: &BTreeMap<Option<String>, State>,
    files: &[(Arc<str>, Option<String>)],
) -> Result<(), Vec<Mistake>> {
    let mut mistakes = Vec::new();
    for (env, state) in before {
        let after = Config::load(&given(inputs, files, env.as_deref()))?;
        for (package, handlers) in &inputs.packages {
            for handler in handlers {
                let (old, new) = (&state.config, &after);
                let mut keys = old.of_handler(package, handler);
                keys.extend(new.of_handler(package, handler));
                let at = (package.as_str(), handler.as_str());
                mistakes.extend(differences(env.as_ref(), (old, new), at, keys.into_keys()));
            }
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// The file of variables of a handler, from the workspace's folder on.
fn env_file_path(config: &Config, package: &str, handler: &str) -> Option<String> {
    let layers = config.layers_of(package, handler);
    let layer = layers.get(env_file_layer(&layers)?)?;
    let value = layer.values.get("env-file")?;
    let text = value.text();
    let folder = match &value.origin {
        Origin::File { file, .. } if layer.rank.tier != Tier::CargoLambda => {
            file.rsplit_once('/').map_or("", |(folder, _)| folder)
        }
        _ => "",
    };
    if folder.is_empty() || text.is_empty() || text.starts_with('/') {
        return Some(text.to_owned());
    }
    Some(plain_path(&format!("{folder}/{text}")))
}

/// A path without `.` and, where a folder stands before it, `..`.
fn plain_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| *part != ".") {
        match parts.last() {
            Some(last) if part == ".." && !["..", ""].contains(last) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
