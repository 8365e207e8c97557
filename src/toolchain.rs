//! Facts about the programs of this machine: rustc, and the linker driver that cargo will use.

mod machine;
mod rustc;
mod tools;
mod ziglang;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::process::{ProcessError, Step};

pub use machine::{data, facts, means, qemu, runs_default_cpu};
pub use rustc::{Found, How, Rustc, find_rustc, rustc};
pub use tools::{cc, gcc, is_there, musl_gcc, version};
pub use ziglang::{zig, zig_that_is_named};

/// Why the facts are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// rustc does not run.
    #[error("cannot ask rustc for its version")]
    Rustc(#[from] ProcessError),
    /// It answers something else than rustc does.
    #[error("`{0}` does not answer `-vV` and `--print sysroot` as rustc does")]
    NotRustc(String),
}

/// The commit of the work tree around a folder, with `-dirty` when files that git tracks are
/// changed; none where there is no git or no commit.
#[must_use]
pub fn commit(folder: &Path) -> Option<String> {
    git(folder, &["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"])
}

/// The same, with `-dirty` also when there are files that git neither tracks nor ignores, and that are
/// not below these folders, which cargo and this program write.
#[must_use]
pub fn work_tree(folder: &Path, outputs: &[PathBuf]) -> Option<String> {
    let status = ["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z"];
    let text = git(folder, &status)?;
    let top = folder.ancestors().find(|above| above.join(".git").exists()).unwrap_or(folder);
    let ours = |path: &str| {
        let path = top.join(path);
        let is_output = |output: &PathBuf| path.starts_with(output) || output.starts_with(&path);
        // Cargo writes one itself where there is none.
        path.ends_with("Cargo.lock") || outputs.iter().any(is_output)
    };
    let mut entries = text.split('\0');
    let commit = entries.find_map(|entry| entry.strip_prefix("# branch.oid "))?;
    let mut rest = entries.filter(|entry| !entry.starts_with('#') && !entry.is_empty());
    let dirty = rest.any(|entry| entry.strip_prefix("? ").is_none_or(|path| !ours(path)));
    let is_commit = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| format!("{commit}{}", if dirty { "-dirty" } else { "" }))
}

/// The branch that is checked out there; none where there is no git, no commit or no branch.
#[must_use]
pub fn branch(folder: &Path) -> Option<String> {
    git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"])
}

/// The tag of the commit that is checked out there; none where it has none.
#[must_use]
pub fn tag(folder: &Path) -> Option<String> {
    git(folder, &["describe", "--tags", "--exact-match", "HEAD"])
}

fn git(folder: &Path, args: &[&str]) -> Option<String> {
    // It only looks: a commit of the user's at the same time must find no lock.
    let folder = [OsString::from("--no-optional-locks"), OsString::from("-C"), folder.into()];
    let step = Step::new("git", folder.into_iter().chain(args.iter().map(Into::into)))
        // Set inside git's own hooks: they would speak of another repository.
        .without(["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"]);
    let text = String::from_utf8(step.quiet_output().ok()?).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that answers anything.
    pub(super) fn program(path: &Path) {
        crate::files::write_atomically(path, b"#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn files_that_are_not_in_the_commit_make_it_dirty() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |name: &str| crate::files::write_atomically(&root.join(name), b"x").unwrap();
        let run = |args: &[&str]| git(&root, args);
        run(&["init", "-q"]);
        assert_eq!(work_tree(&root, &[]), None);
        write("a");
        run(&["add", "a"]);
        let me = ["-c", "user.name=a", "-c", "user.email=a@b"];
        run(&[&me[..], &["commit", "-qm", "one"]].concat());
        let commit = work_tree(&root, &[]).unwrap();
        assert_eq!(commit, run(&["rev-parse", "HEAD"]).unwrap());
        fs::create_dir(root.join("target")).unwrap();
        write("target/out");
        assert_eq!(work_tree(&root, &[root.join("target")]).unwrap(), commit);
        assert_eq!(work_tree(&root, &[]).unwrap(), format!("{commit}-dirty"));
        write("new.rs");
        assert_eq!(work_tree(&root, &[root.join("target")]).unwrap(), format!("{commit}-dirty"));
    }
}
