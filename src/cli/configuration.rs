//! Where settings are found: files, variables, flags.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;
use cargo_metadata::camino::Utf8Path;

use super::args::{Audit, Compile, Global};
use crate::config::{Config, ConfigFile, Inputs, Located, Mistake, Node, Origin};
use crate::error::Error;
use crate::files;
use crate::message::Message;
use crate::plan;
use crate::shell::Shell;
use crate::toolchain;

/// The settings file beside the workspace's manifest.
const FILE: &str = "lambda-pack.toml";
/// That of cargo-lambda.
pub(super) const CARGO_LAMBDA: &str = "CargoLambda.toml";

/// Reads all settings of a workspace. Every mistake is reported at once, also of files that cannot
/// be read at all.
pub(super) fn load(
    metadata: &Metadata,
    flags: Vec<(&'static str, Located)>,
    global: &Global,
    shell: &Shell,
) -> Result<Config, Error> {
    warn_of_members(metadata, metadata.workspace_root.as_std_path(), shell);
    let (config, mut mistakes, files) = gathered(metadata, flags, global, Config::load);
    let mut config = match config {
        Ok(config) if mistakes.is_empty() => config,
        Ok(_) => return Err(Error::Config(mistakes)),
        Err(more) => {
            mistakes.extend(more);
            mistakes.sort();
            return Err(Error::Config(mistakes));
        }
    };
    config.files = files;
    warn(&config.warnings, shell)?;
    Ok(config)
}

/// Says what is not taken.
pub(super) fn warn(warnings: &[Mistake], shell: &Shell) -> Result<(), Error> {
    for warning in warnings {
        shell.warn(warning);
        if shell.is_json() {
            shell.record(&Message::Warning { message: warning.to_string() })?;
        }
    }
    Ok(())
}

/// Finds everything that configures, and works with it. Beside what that answers: what cannot be read
/// or is in the wrong place, and the files that were asked for.
pub(super) fn gathered<T>(
    metadata: &Metadata,
    flags: Vec<(&'static str, Located)>,
    global: &Global,
    work: impl FnOnce(&Inputs<'_>) -> T,
) -> (T, Vec<Mistake>, Vec<PathBuf>) {
    let root = metadata.workspace_root.as_std_path();
    let mut mistakes = Vec::new();
    let mut read = |path: &Path| -> Option<ConfigFile> {
        let name: std::sync::Arc<str> =
            path.strip_prefix(root).unwrap_or(path).display().to_string().into();
        match files::read_settings(path) {
            Ok(text) => text.map(|text| ConfigFile { name, text }),
            Err(why) => {
                let what = format!("cannot be read: {why}");
                mistakes.push(Mistake { origin: Origin::File { file: name, line: 1 }, what });
                None
            }
        }
    };
    let members = metadata.workspace_packages().into_iter().filter_map(|package| {
        Some((package.name.to_string(), read(package.manifest_path.as_std_path())?))
    });
    let members = members.collect();
    let none = || ConfigFile { name: "Cargo.toml".into(), text: String::new() };
    let workspace = read(&root.join("Cargo.toml")).unwrap_or_else(none);
    let lambda_pack = read(&root.join(FILE));
    // That tool takes the nearest one on the way up, from where it is run.
    let nearest = root.ancestors().map(|folder| folder.join(CARGO_LAMBDA)).find(|at| at.exists());
    let cargo_lambda = nearest.and_then(|path| read(&path));
    mistakes.extend(files_elsewhere(metadata, root));
    let variables = variables(&mut mistakes);
    let by_name: BTreeMap<&str, &str> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let asked = RefCell::new(vec![root.join(FILE)]);
    let inputs = Inputs {
        members,
        workspace,
        lambda_pack,
        cargo_lambda,
        read: &|path| {
            let path = root.join(path);
            let text = files::read_settings(&path);
            asked.borrow_mut().push(path);
            match text {
                Ok(Some(text)) => Ok(text),
                Ok(None) => Err("it is not there".to_owned()),
                Err(why) => Err(why.to_string()),
            }
        },
        // An empty variable picks none.
        env: global.env.clone().filter(|env| !env.is_empty()),
        flags,
        packages: plan::targets(metadata),
        git: &|what| git(root, what),
        lookup: &|name| by_name.get(name).map(|&value| value.to_owned()),
        variables: variables.clone(),
    };
    let answer = work(&inputs);
    (answer, mistakes, asked.take())
}

/// The branch or the commit, for a name.
fn git(root: &Path, what: &str) -> Result<String, String> {
    let commit = toolchain::commit(root).ok_or("this is no git work tree with a commit")?;
    match what {
        "branch" => toolchain::branch(root).ok_or_else(|| {
            "no branch is checked out (HEAD is detached); take `{commit}`, or a variable that your \
             CI sets (`${BRANCH}`)"
                .to_owned()
        }),
        _ => Ok(commit.chars().take(12).collect()),
    }
}

/// Files that someone means to be read and that are not: in a member's folder, or misspelled.
fn files_elsewhere(metadata: &Metadata, root: &Path) -> Vec<Mistake> {
    let at = |path: &Path, what: String| {
        let file = path.strip_prefix(root).unwrap_or(path).display().to_string().into();
        Mistake { origin: Origin::File { file, line: 1 }, what }
    };
    let packages = metadata.workspace_packages();
    let members = packages.iter().filter_map(|package| {
        let folder = package.manifest_path.parent()?.as_std_path();
        let path = folder.join(FILE);
        (folder != root && path.exists()).then(|| {
            let name = &package.name;
            at(
                &path,
                format!(
                    "this file is not read; move it to `[package.metadata.lambda-pack]` beside it, \
                     or to `[package.{name}]` of the {FILE} at the workspace's root"
                ),
            )
        })
    });
    let mut mistakes: Vec<Mistake> = members.collect();
    let known = [FILE, CARGO_LAMBDA];
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let near = known.iter().find(|known| nearly(&name, known));
        if let Some(near) = near.filter(|_| !known.contains(&name.as_str())) {
            mistakes.push(at(&entry.path(), format!("this file is not read; is it `{near}`?")));
        }
    }
    mistakes
}

/// That tool reads the file of the folder that it is run in; here one file is for all.
fn warn_of_members(metadata: &Metadata, root: &Path, shell: &Shell) {
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().map(Utf8Path::as_std_path);
        let path = folder.filter(|folder| *folder != root).map(|folder| folder.join(CARGO_LAMBDA));
        if let Some(path) = path.filter(|path| path.exists()) {
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            shell.warn(format!(
                "{name} is not read, only one at the workspace's root or above; instead: \
                 `[package.metadata.lambda]` beside it"
            ));
        }
    }
}

/// Whether a file's name is another spelling of a known one.
fn nearly(name: &str, known: &str) -> bool {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    let distance = strsim::damerau_levenshtein(&plain(name), &plain(known));
    distance == 0 || (distance == 1 && name.ends_with("ml"))
}

/// The environment of this process; of our own variables, those that are no text are mistakes.
fn variables(mistakes: &mut Vec<Mistake>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for (name, value) in env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with("LAMBDA_PACK_") => mistakes.push(Mistake {
                origin: Origin::Variable(name),
                what: "its value is not UTF-8".to_owned(),
            }),
            Err(_) => {}
        }
    }
    variables
}

impl Compile {
    /// What flags say of settings.
    pub(super) fn settings(&self, audit: &Audit) -> Vec<(&'static str, Located)> {
        let located = |flag, node| Located { node, origin: Origin::Flag(flag) };
        let target = &self.target;
        let texts = [
            ("arch", "--arch", &target.arch),
            ("libc", "--libc", &target.libc),
            ("linker", "--linker", &target.linker),
            ("target-cpu", "--target-cpu", &target.target_cpu),
            ("optimize", "--optimize", &target.optimize),
            ("runtime", "--runtime", &audit.runtime),
            ("compression", "--compression", &self.compression),
        ];
        let texts = texts.into_iter().filter_map(|(key, flag, value)| {
            Some((key, located(flag, Node::Text(value.clone()?))))
        });
        let mut flags: Vec<_> = texts.collect();
        if !audit.trust_system.is_empty() {
            let flag = "--trust-system";
            let names = audit.trust_system.iter();
            let names = names.map(|name| located(flag, Node::Text(name.clone()))).collect();
            flags.push(("trust-system", located(flag, Node::List(names))));
        }
        flags
    }
}
