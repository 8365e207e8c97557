//! rustc: which one it is, and what it says of targets.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::ToolchainError;
use crate::process::{ProcessError, Step};
use crate::tool_cache::{Answer, Question, ToolCache};

/// What `rustc -vV` and `rustc --print sysroot` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustc {
    /// The program, as cargo calls it.
    pub program: PathBuf,
    /// The host triple.
    pub host: String,
    /// The first line: version, commit and date.
    pub version: String,
    /// The whole commit it was built of; none for a build that does not know.
    pub commit: Option<String>,
    /// The folder of its libraries, absolute.
    pub sysroot: PathBuf,
    /// The file that tells it from another.
    file: PathBuf,
}

/// A rustc, and the file that tells it from another.
#[derive(Debug, Clone)]
pub struct Found {
    program: PathBuf,
    file: PathBuf,
    /// What it says, if it had to be asked.
    sysroot: Option<String>,
}

/// Finds the rustc of that name or path. Where rustup chooses it and no variable says which, that
/// takes a process.
pub fn find_rustc(program: PathBuf) -> Result<Found, ToolchainError> {
    if let Some(file) = file_of(&program) {
        return Ok(Found { program, file, sysroot: None });
    }
    let answer = Step::new(&program, SYSROOT).output()?;
    let sysroot = String::from_utf8_lossy(&answer).into_owned();
    let file = Path::new(sysroot.trim()).join("bin/rustc");
    Ok(Found { program, file, sysroot: Some(sysroot) })
}

const SYSROOT: [&str; 2] = ["--print", "sysroot"];

/// What a rustc is.
pub fn rustc(cache: &ToolCache, found: Found) -> Result<Rustc, ToolchainError> {
    let Found { program, file, sysroot } = found;
    let asked = |args: &[&str]| {
        let step = Step::new(&program, args.iter().copied());
        ask(cache, &question_of(&step, &file), &step, Step::output)
    };
    let sysroot = sysroot.map_or_else(|| asked(&SYSROOT), Ok)?;
    let version = asked(&["-vV"])?;
    parse(&program, &version, &sysroot, file)
        .ok_or_else(|| ToolchainError::NotRustc(program.display().to_string()))
}

impl Rustc {
    /// Whether its host can start what is built for Lambda, as far as the system goes.
    #[must_use]
    pub fn is_on_linux(&self) -> bool {
        self.host.split('-').any(|part| part == "linux")
    }
}

fn parse(program: &Path, version: &str, sysroot: &str, file: PathBuf) -> Option<Rustc> {
    let line = |key: &str| version.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let commit = line("commit-hash: ").filter(|commit| *commit != "unknown");
    Some(Rustc {
        program: program.to_path_buf(),
        host: line("host: ")?.to_owned(),
        version: version.lines().next()?.trim().to_owned(),
        commit: commit.map(str::to_owned),
        sysroot: Some(PathBuf::from(sysroot.trim())).filter(|folder| folder.is_absolute())?,
        file,
    })
}

/// The file that stands for a rustc, as for cargo's own cache (`util/rustc.rs`): the program itself,
/// or where that is rustup's proxy, the one of the toolchain that the environment names. None where
/// rustup goes by other rules (a folder's `rust-toolchain.toml`, an override, the default).
fn file_of(program: &Path) -> Option<PathBuf> {
    let found = which::which(program).ok()?;
    let real = fs::canonicalize(&found).ok()?;
    let is_proxy = real.file_name().is_some_and(|name| name == "rustup" || name == "rustup-init")
        // A hard link or a copy.
        || found.with_file_name("rustup").is_file();
    if !is_proxy {
        return Some(real);
    }
    let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let toolchain = named("RUSTUP_TOOLCHAIN")?;
    let home = named("RUSTUP_HOME").or_else(|| env::home_dir().map(|home| home.join(".rustup")))?;
    let rustc = home.join("toolchains").join(toolchain).join("bin/rustc");
    rustc.is_file().then_some(rustc)
}

fn question_of(step: &Step, file: &Path) -> Question {
    let steers = |name: &str| name.starts_with("RUSTUP_") || name == "RUSTC_BOOTSTRAP";
    let question = Question::of(step).variables(steers).part(file).file(file);
    // Not where a toolchain has it: nothing would tell of a change.
    if file.is_file() { question } else { question.once() }
}

fn ask(
    cache: &ToolCache,
    question: &Question,
    step: &Step,
    how: How,
) -> Result<String, ProcessError> {
    let ask = || Ok(Answer::of(String::from_utf8_lossy(&how(step)?)));
    cache.ask(question, |text| Ok(text.to_owned()), ask)
}

/// How a question is asked: whether its complaints reach the user.
pub type How = fn(&Step) -> Result<Vec<u8>, ProcessError>;

impl Rustc {
    /// What it prints for `--print <what>` of a target under these flags.
    fn print(
        &self,
        cache: &ToolCache,
        what: &str,
        triple: &str,
        flags: &[String],
        how: How,
    ) -> Result<String, ProcessError> {
        let args = ["--print", what, "--target", triple].map(str::to_owned);
        let step = Step::new(&self.program, args.into_iter().chain(flags.iter().cloned()));
        // Of the processor at hand, or of what another file says.
        let mut passing = flags.iter().any(|flag| flag.contains("native") || flag.starts_with('@'));
        // The answer repeats what a flag sets, and that may be a secret: it is not for the disk.
        passing |= flags.iter().any(|flag| flag.contains("cfg") || flag.contains('"'));
        let question = question_of(&step, &self.file);
        ask(cache, &if passing { question.once() } else { question }, &step, how)
    }

    /// The lines of `--print cfg`: what holds for a target under the flags that cargo gives rustc.
    pub fn cfg(
        &self,
        cache: &ToolCache,
        triple: &str,
        flags: &[String],
        how: How,
    ) -> Result<String, ProcessError> {
        self.print(cache, "cfg", triple, flags, how)
    }

    /// The processors that it knows of a target, by name.
    pub fn cpus(&self, cache: &ToolCache, triple: &str) -> Result<Vec<String>, ProcessError> {
        let text = self.print(cache, "target-cpus", triple, &[], Step::output)?;
        // `    name  - what it is`, below a headline.
        let names = text.lines().filter(|line| line.starts_with("  "));
        Ok(names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// What stands for its own sources in what it compiles: `/rustc/<commit>`, or another folder where a
    /// distribution built it (`CFG_VIRTUAL_RUST_SOURCE_BASE_DIR`). Nobody tells it, but the standard
    /// library has it in every panic message. None without one.
    #[must_use]
    pub fn source_name(&self, cache: &ToolCache, triple: &str) -> Option<String> {
        let folder = self.print(cache, "target-libdir", triple, &[], Step::quiet_output).ok()?;
        let folder = PathBuf::from(folder.trim());
        let step = Step::new(&self.program, ["--print", "target-libdir", "--target", triple]);
        let question = question_of(&step, &self.file).part("its sources").file(&folder);
        let ask = || name_in(&folder).map(Answer::of).ok_or(());
        cache.ask(&question, |text| Ok(text.to_owned()), ask).ok()
    }

    /// Whether the standard library of a target is there now.
    #[must_use]
    pub fn has_standard_library(&self, cache: &ToolCache, triple: &str) -> bool {
        let folder = self.print(cache, "target-libdir", triple, &[], Step::quiet_output);
        let folder = folder.unwrap_or_default();
        let entries = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
        let is_core = |name: &OsStr| name.to_string_lossy().starts_with("libcore-");
        entries.into_iter().any(|entry| is_core(&entry.file_name()))
    }
}

/// The folder that the standard library in `folder` calls its own.
fn name_in(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let is_std = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    };
    let std = entries.map(|entry| entry.path()).find(is_std)?;
    common_name(&fs::read(std).ok()?)
}

/// What stands before every `/library/std/src/`: strings follow one another without a sign between
/// them, so what differs before it belongs to others.
fn common_name(bytes: &[u8]) -> Option<String> {
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+-~".contains(byte);
    let mut common: Option<&[u8]> = None;
    for at in memchr::memmem::find_iter(bytes, "/library/std/src/") {
        let before = bytes.get(..at)?;
        let start = before.iter().rposition(|byte| !is_path(byte)).map_or(0, |last| last + 1);
        let run = before.get(start..)?;
        let known = common.unwrap_or(run);
        let same = known.iter().rev().zip(run.iter().rev()).take_while(|(a, b)| a == b).count();
        common = known.get(known.len() - same..);
    }
    let name = std::str::from_utf8(common?).ok()?;
    name.get(name.find('/')?..).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(version: &str, sysroot: &str) -> Option<Rustc> {
        parse(Path::new("rustc"), version, sysroot, PathBuf::from("/opt/rust/bin/rustc"))
    }

    #[test]
    fn what_rustc_says_of_itself() {
        let text = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 59807616e1fa\n\
                    host: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        let rustc = parsed(text, "/opt/rust\n").unwrap();
        assert_eq!(rustc.version, "rustc 1.95.0 (59807616e 2026-04-14)");
        assert_eq!(rustc.host, "x86_64-unknown-linux-gnu");
        assert_eq!(rustc.commit.as_deref(), Some("59807616e1fa"));
        assert_eq!(rustc.sysroot, Path::new("/opt/rust"));
        let built = text.replace("59807616e1fa", "unknown");
        assert_eq!(parsed(&built, "/opt/rust").unwrap().commit, None);
        assert_eq!(parsed(text, "error\n"), None);
        assert_eq!(parsed("rustc 1.95.0\n", "/opt/rust"), None);
    }

    #[test]
    fn a_proxy_stands_for_nothing_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let rustc = folder.path().join("rustc");
        super::super::tests::program(&rustc);
        assert_eq!(file_of(&rustc), Some(fs::canonicalize(&rustc).unwrap()));
        super::super::tests::program(&folder.path().join("rustup"));
        // Of the toolchain that the environment names, if it names one.
        assert_ne!(file_of(&rustc), Some(fs::canonicalize(&rustc).unwrap()));
        assert_eq!(file_of(Path::new("/nowhere/rustc")), None);
    }

    #[test]
    fn the_name_of_its_sources_is_what_all_have_in_common() {
        for (text, name) in [
            (
                "failed/rustc/abc/library/std/src/a.rs\0is/rustc/abc/library/std/src/b.rs",
                "/rustc/abc",
            ),
            ("\0/usr/src/rustc-1.96.0/library/std/src/a.rs", "/usr/src/rustc-1.96.0"),
        ] {
            assert_eq!(common_name(text.as_bytes()).as_deref(), Some(name));
        }
        assert_eq!(common_name(b"a/library/std/src/b/library/std/src/"), None);
        assert_eq!(common_name(b"nothing"), None);
    }
}
