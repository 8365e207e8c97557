//! Where cargo's configuration stands on this machine, and what rustc says holds for a target.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cargo_platform::Cfg;

use crate::cargo_config::{CargoConfig, Sources};
use crate::process::Step;
use crate::remap::{self, Place};
use crate::rustflags;
use crate::tool_cache::ToolCache;
use crate::toolchain::Rustc;

/// The environment of this process, as far as cargo's configuration can read it: what is no UTF-8
/// it passes over.
#[must_use]
pub fn variables() -> Vec<(String, String)> {
    let text = |text: OsString| text.into_string().ok();
    env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}

/// Reads all of cargo's configuration that counts when it runs in `folder` (absolute; cargo looks
/// from where it is run, not from the workspace) with these variables and these `--config`.
#[must_use]
pub fn load(folder: &Path, variables: Vec<(String, String)>, arguments: &[String]) -> CargoConfig {
    let named = variables.iter().find(|(name, _)| name == "CARGO_HOME");
    let home = home(folder, named.map(|(_, home)| home.as_ref()));
    let files = config_files(folder, home.as_deref());
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    CargoConfig::new(&Sources { files, arguments, variables, folder, read: &read })
}

/// Cargo's home, where it runs in `folder` and `CARGO_HOME` is `named`; empty is as good as not set.
fn home(folder: &Path, named: Option<&OsStr>) -> Option<PathBuf> {
    match named.filter(|home| !home.is_empty()) {
        Some(home) => Some(folder.join(home)),
        None => env::home_dir().map(|home| home.join(".cargo")),
    }
}

/// The home of a cargo that runs where this process does, with its environment.
#[must_use]
pub fn own_home() -> Option<PathBuf> {
    let folder = env::current_dir().unwrap_or_default();
    home(&folder, env::var_os("CARGO_HOME").as_deref())
}

/// The folders of what cargo has downloaded and unpacked so far, with their fixed names: for where
/// `cargo metadata` cannot tell.
#[must_use]
pub fn checkouts() -> Vec<Place> {
    let home = own_home();
    let folders = |path: &Path| {
        let items = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            items.map(|item| item.path()).filter(|path| path.is_dir()).collect();
        found.sort();
        found
    };
    let home = home.unwrap_or_default();
    let git = folders(&home.join("git/checkouts"));
    let registries = folders(&home.join("registry/src")).into_iter().map(remap::registry);
    registries.chain(git.iter().flat_map(|clone| folders(clone)).map(remap::checkout)).collect()
}

/// The file of every folder that has one, the deepest first and cargo's home last.
fn config_files(folder: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = folder.ancestors().map(|f| f.join(".cargo")).collect();
    let same = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    // Below the home directory it is met on the way up, and counts for what it is there.
    if let Some(home) = home
        && !folders.iter().any(|folder| same(folder) == same(home))
    {
        folders.push(home.to_path_buf());
    }
    // If there are both, cargo warns and reads the one of old.
    let file = |folder: PathBuf| {
        ["config", "config.toml"]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.exists())
    };
    folders.into_iter().filter_map(file).collect()
}

/// What `rustc --print cfg` says of a target under the user's flags, which is what cargo holds each
/// `target.'cfg(…)'` against. Empty if no table has one: then nobody needs to ask.
#[must_use]
pub fn cfgs(cache: &ToolCache, config: &CargoConfig, rustc: &Rustc, triple: &str) -> Vec<Cfg> {
    if !config.has_cfgs() {
        return Vec::new();
    }
    let flags = rustflags::without_cfgs(config, triple).into_iter().map(|word| word.text);
    let flags: Vec<String> = flags.collect();
    // That rustc does not take the flags, cargo tells.
    let answer = rustc.cfg(cache, triple, &flags, Step::quiet_output).unwrap_or_default();
    answer.lines().filter_map(|line| line.parse().ok()).collect()
}
