//! Where the user stands, and the same place in fresh sources.

use std::env;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;

use crate::cargo_files;
use crate::cli::args::Global;
use crate::cli::lower::shown;
use crate::error::Error;
use crate::files;
use crate::fresh;
use crate::shell::Shell;
use crate::toolchain;

/// The workspace, and what is around it.
pub(super) struct Place {
    /// The folder of the workspace's manifest.
    root: PathBuf,
    /// The work tree of git that it is in.
    top: Option<PathBuf>,
    /// The manifest that the user named.
    manifest: Option<PathBuf>,
    /// The packages in folders outside of the workspace.
    beside: Vec<String>,
    /// Where cargo builds.
    outputs: Vec<PathBuf>,
}

/// Fresh sources.
pub(super) struct Sources {
    /// All of them.
    base: PathBuf,
    /// Where to run `package`.
    pub(super) folder: PathBuf,
    /// `--manifest-path`.
    pub(super) manifest: Option<PathBuf>,
    /// `--target-dir`; not inside of the sources.
    pub(super) target: PathBuf,
}

impl Sources {
    /// The folders that are built in.
    pub(super) fn built_in(&self) -> [String; 2] {
        [&self.base, &self.target].map(|path| path.display().to_string())
    }
}

impl Place {
    pub(super) fn new(metadata: &Metadata, global: &Global) -> Result<Self, Error> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let root = real(metadata.workspace_root.as_std_path());
        let top = fresh::top_level(&root).map(|top| real(&top));
        let place = Self {
            top: top.filter(|top| root.starts_with(top)),
            manifest: global.manifest_path.as_deref().map(real),
            beside: metadata
                .packages
                .iter()
                .filter(|package| package.source.is_none())
                .filter(|package| !real(package.manifest_path.as_std_path()).starts_with(&root))
                .map(|package| package.name.to_string())
                .collect(),
            outputs: std::iter::once(&metadata.target_directory)
                .chain(&metadata.build_directory)
                .map(|path| real(path.as_std_path()))
                .collect(),
            root,
        };
        let base = place.base();
        let manifests =
            metadata.packages.iter().map(|package| real(package.manifest_path.as_std_path()));
        match manifests.chain(place.manifest.clone()).find(|manifest| !manifest.starts_with(base)) {
            Some(outside) => Err(Error::Usage(format!(
                "{} is outside of {}, and only what is inside comes along into a fresh folder",
                outside.display(),
                base.display()
            ))),
            None => Ok(place),
        }
    }

    /// Whether there are commits to be had.
    pub(super) fn has_git(&self) -> bool {
        self.top.is_some()
    }

    /// All that belongs to the workspace is below this.
    fn base(&self) -> &Path {
        self.top.as_deref().unwrap_or(&self.root)
    }

    /// Puts the sources of a commit, or those of the work tree as it is now, into a new folder.
    pub(super) fn sources(
        &self,
        commit: Option<&str>,
        fresh: &Path,
        shell: &Shell,
    ) -> Result<Sources, Error> {
        let (base, target) = (fresh.join("source"), fresh.join("target"));
        let into = base.as_path();
        match (commit, &self.top) {
            (Some(commit), Some(top)) => {
                shell.status("Checkout", format!("of {commit}"));
                let branch = toolchain::branch(top);
                fresh::checkout(top, commit, branch.as_deref(), into)?;
                self.warn_of_what_is_not_in(into, shell);
            }
            _ => self.copy(into, shell)?,
        }
        let at = |path: &Path| path.strip_prefix(self.base()).ok().map(|below| into.join(below));
        let root = at(&self.root).unwrap_or_else(|| into.to_path_buf());
        if !root.join("Cargo.toml").is_file() {
            let from = commit.unwrap_or("the copy");
            return Err(Error::Usage(format!("{from} has no workspace in {}", shown(&self.root))));
        }
        self.lock_file(&root, shell)?;
        let here = env::current_dir().ok().and_then(|here| at(&here)).filter(|here| here.is_dir());
        let manifest = self.manifest.as_deref().and_then(at);
        Ok(Sources { folder: here.unwrap_or(root), manifest, target, base })
    }

    fn copy(&self, into: &Path, shell: &Shell) -> Result<(), Error> {
        let base = self.base();
        shell.status("Copying", format!("{} as it is now", shown(base)));
        // The fresh folder itself may lie below, where `TMPDIR` does.
        let mut leave_out = self.outputs.clone();
        leave_out.extend(into.ancestors().skip(1).take(2).map(Path::to_path_buf));
        let copied = fresh::copy(base, into, &leave_out)?;
        for path in copied.left_out {
            shell.detail("Left out", format!("{}, where cargo builds", shown(&path)));
        }
        for path in copied.odd {
            shell.warn(format!("{} is neither a file nor a folder: left out", shown(&path)));
        }
        Ok(())
    }

    /// Says which of cargo's configuration is here and not in the commit.
    fn warn_of_what_is_not_in(&self, fresh: &Path, shell: &Shell) {
        let here = env::current_dir().ok().and_then(|here| here.canonicalize().ok());
        let from = here.filter(|here| here.starts_with(self.base()));
        let from = from.unwrap_or_else(|| self.root.clone());
        let inside = from.ancestors().take_while(|folder| folder.starts_with(self.base()));
        for folder in inside {
            for path in ["config.toml", "config"].map(|name| folder.join(".cargo").join(name)) {
                let there = path.strip_prefix(self.base()).map(|below| fresh.join(below));
                if path.is_file() && there.is_ok_and(|there| !there.exists()) {
                    let what = "is not in the commit, so it does not count";
                    shell.warn(format!("{} {what}", shown(&path)));
                }
            }
        }
    }

    /// Without it cargo would resolve all dependencies anew.
    fn lock_file(&self, root: &Path, shell: &Shell) -> Result<(), Error> {
        let (here, there) = (self.root.join("Cargo.lock"), root.join("Cargo.lock"));
        if there.exists() || !here.is_file() {
            return Ok(());
        }
        shell.warn("Cargo.lock is not in that commit: the present one is taken");
        Ok(files::copy_atomically(&here, &there, 0o644)?)
    }

    /// Says what of the present place does not count in a fresh folder.
    pub(super) fn warn_of_configuration(&self, shell: &Shell) {
        let home = cargo_files::own_home();
        for package in &self.beside {
            shell.warn(format!(
                "{package} is not of the workspace: cargo puts the place of its folder into the names \
                 of its symbols, so the bytes differ in another folder"
            ));
        }
        for folder in self.base().ancestors().skip(1).map(|folder| folder.join(".cargo")) {
            let names = ["config.toml", "config"];
            let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
            if let Some(path) = found.filter(|_| home.as_ref() != Some(&folder)) {
                shell.warn(format!("{} does not count in a fresh folder", path.display()));
            }
        }
    }
}
