//! What cargo and rustc say before anything is decided.

use std::env;
use std::path::{Component, Path, PathBuf};
use std::thread;

use cargo_metadata::Metadata;

use crate::cargo;
use crate::cargo_config::CargoConfig;
use crate::cargo_files;
use crate::error::Error;
use crate::files;
use crate::plan::CargoOptions;
use crate::tool_cache::ToolCache;
use crate::toolchain::{self, Rustc};

/// The workspace and the tools that it is built with.
pub(super) struct Facts {
    pub(super) options: CargoOptions,
    /// `cargo metadata --no-deps`.
    pub(super) metadata: Metadata,
    /// Cargo's configuration. As cargo: from where it is run, not from the workspace.
    pub(super) config: CargoConfig,
    pub(super) rustc: Rustc,
    /// What the other tools have answered.
    pub(super) tools: ToolCache,
    /// Cargo's target folder, absolute.
    pub(super) target: PathBuf,
}

impl Facts {
    /// Asks them. What tools answer is remembered in the target folder, if that is wanted.
    pub(super) fn gather(mut options: CargoOptions, remember: bool) -> Result<Self, Error> {
        let folder = env::current_dir().unwrap_or_default();
        let config = cargo_files::load(&folder, cargo_files::variables(), &options.config);
        let (metadata, found) = thread::scope(|scope| {
            let found = scope.spawn(|| toolchain::find_rustc(config.rustc()));
            (cargo::metadata(&options), found.join())
        });
        let metadata = metadata?;
        let found = found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let target = match &options.target_dir {
            Some(folder) => spelled(folder),
            None => metadata.target_directory.as_std_path().components().collect(),
        };
        options.target_dir = options.target_dir.map(|_| target.clone());
        let tools = if remember {
            ToolCache::open(target.join("lambda-pack.tools.json"))
        } else {
            ToolCache::default()
        };
        let rustc = toolchain::rustc(&tools, found)?;
        options.host &= !rustc.is_on_linux();
        Ok(Self { options, metadata, config, rustc, tools, target })
    }
}

/// One spelling of a folder, whatever was typed: C compilers compare paths letter by letter.
fn spelled(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let folder = if folder.components().any(|part| part == Component::ParentDir) {
        files::real(&folder).unwrap_or(folder)
    } else {
        folder
    };
    // Without a slash at the end.
    folder.components().collect()
}
