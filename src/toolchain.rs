//! Facts about the programs of this machine: rustc, and the linker driver that cargo will use.

mod machine;
mod tools;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::process::{ProcessError, Step};

pub use machine::{data, facts, means, qemu};
pub use tools::{cc, compiler, gcc, is_there, musl_gcc, standard_library, zig, zig_that_is_named};

/// What `rustc -vV` and `rustc --print sysroot` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The host triple.
    pub host: String,
    /// The first line: version, commit and date.
    pub version: String,
    /// The whole commit it was built of; none for a build that does not know.
    pub commit: Option<String>,
    /// The folder of its libraries, absolute.
    pub sysroot: PathBuf,
}

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

/// The rustc that cargo would use: `RUSTC`, else `rustc` in `PATH`.
#[must_use]
pub fn rustc_program() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// Asks it what it is.
pub fn rustc() -> Result<Rustc, ToolchainError> {
    let program = rustc_program();
    let version = Step::new(&program, ["-vV"]).output()?;
    let sysroot = Step::new(&program, ["--print", "sysroot"]).output()?;
    let parsed = parse(&String::from_utf8_lossy(&version), &String::from_utf8_lossy(&sysroot));
    parsed.ok_or_else(|| ToolchainError::NotRustc(program.to_string_lossy().into_owned()))
}

fn parse(version: &str, sysroot: &str) -> Option<Rustc> {
    let line = |key: &str| version.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let commit = line("commit-hash: ").filter(|commit| *commit != "unknown");
    Some(Rustc {
        host: line("host: ")?.to_owned(),
        version: version.lines().next()?.trim().to_owned(),
        commit: commit.map(str::to_owned),
        sysroot: Some(PathBuf::from(sysroot.trim())).filter(|folder| folder.is_absolute())?,
    })
}

/// The processors that rustc knows of a target, by name.
pub fn cpus(triple: &str) -> Result<Vec<String>, ToolchainError> {
    let answer =
        Step::new(rustc_program(), ["--print", "target-cpus", "--target", triple]).output()?;
    let text = String::from_utf8_lossy(&answer);
    // `    name  - what it is`, below a headline.
    let names = text.lines().filter(|line| line.starts_with("  "));
    Ok(names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
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
    let folder = [OsString::from("-C"), folder.into()];
    let step = Step::new("git", folder.into_iter().chain(args.iter().map(Into::into)))
        // Set inside git's own hooks: they would speak of another repository.
        .without(["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"]);
    let text = String::from_utf8(step.quiet_output().ok()?).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rustc_says_of_itself() {
        let text = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 59807616e1fa\n\
                    host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        let rustc = parse(text, "/opt/rust\n").unwrap();
        assert_eq!(rustc.version, "rustc 1.95.0 (59807616e 2026-04-14)");
        assert_eq!(rustc.host, "x86_64-unknown-linux-gnu");
        assert_eq!(rustc.commit.as_deref(), Some("59807616e1fa"));
        assert_eq!(rustc.sysroot, Path::new("/opt/rust"));
        let built = text.replace("59807616e1fa", "unknown");
        assert_eq!(parse(&built, "/opt/rust").unwrap().commit, None);
        assert_eq!(parse(text, "error\n"), None);
        assert_eq!(parse("rustc 1.95.0\n", "/opt/rust"), None);
    }
}
