//! Facts about the programs of this machine: rustc, and the linker driver that cargo will use.

mod machine;
mod rustc;
mod tools;
mod ziglang;

use std::ffi::OsString;
use std::path::Path;

use crate::process::{ProcessError, Step};

pub use machine::{data, facts, means, qemu};
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

/// The branch that is checked out there; none where there is no git, no commit or no branch.
#[must_use]
pub fn branch(folder: &Path) -> Option<String> {
    git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"])
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
}
