//! Finding zig: the program, or the one that Python's package `ziglang` brings.
//!
//! Python is asked where its package lies, and what decides that: the folders it looks in and the
//! files that name more of them (`*.pth`, `pyvenv.cfg`). So its answer, yes or no, is known until one
//! of those changes, and a package that is installed is found at once. From then on zig is called by
//! its own path, without Python.
//!
//! Where this program was installed by pip, its wheel brought the package along, in a version that was
//! tried: that one comes first, whether the environment is entered or not.

use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::linker::Zig;
use crate::process::Step;
use crate::remedy;
use crate::tool_cache::{Answer, Question, ToolCache};

/// The zig that came with this program's own wheel; `zig`; or Python's package `ziglang`, of the system
/// or in the folder that `doctor` has it in. `CARGO_ZIGBUILD_ZIG_PATH` and
/// `CARGO_ZIGBUILD_PYTHON_PATH` name others, as they do for cargo-zigbuild: then nothing comes before
/// these.
#[must_use]
pub fn zig(cache: &ToolCache) -> Option<Zig> {
    let named = |variable: &str| {
        let value = env::var_os(variable).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    };
    let (zig, python) = (named("CARGO_ZIGBUILD_ZIG_PATH"), named("CARGO_ZIGBUILD_PYTHON_PATH"));
    let beside = env::current_exe().ok().and_then(|program| python_beside(&program));
    let beside = beside.filter(|_| zig.is_none() && python.is_none());
    // As `doctor` has it installed.
    let ours = remedy::zig_folder(&super::data()).join("bin/python3").display().to_string();
    let of = |python: &str| in_package(cache, python).and_then(|zig| that_answers(cache, zig));
    let own = beside.and_then(|python| of(&python));
    own.or_else(|| that_answers(cache, vec![zig.unwrap_or_else(|| "zig".to_owned())]))
        .or_else(|| of(&python.unwrap_or_else(|| "python3".to_owned())))
        .or_else(|| of(&ours))
}

/// The Python of the virtual environment that a program is installed in (PEP 405: its folder has a
/// `pyvenv.cfg`). Through links, for `pipx` and `uv tool` put one into `PATH`.
fn python_beside(program: &Path) -> Option<String> {
    let folder = fs::canonicalize(program).ok()?.parent()?.to_owned();
    let is_environment = folder.parent()?.join("pyvenv.cfg").is_file();
    is_environment.then(|| folder.join("python3").display().to_string())
}

/// The zig that a variable names or that stands in `PATH`, whether it answers or not.
#[must_use]
pub fn zig_that_is_named() -> Option<String> {
    let named = ["CARGO_ZIGBUILD_ZIG_PATH", "CARGO_ZIGBUILD_PYTHON_PATH"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let found = which::which("zig").ok().map(|path| path.display().to_string());
    named.or(found)
}

fn that_answers(cache: &ToolCache, command: Vec<String>) -> Option<Zig> {
    let (program, args) = command.split_first()?;
    let step = Step::new(program, args.iter().map(String::as_str).chain(["version"]));
    let question = Question::of(&step);
    // A script chooses among several, by rules of its own.
    let is_program = args.is_empty() && which::which(program).is_ok_and(|found| is_elf(&found));
    let question = if is_program { question } else { question.once() };
    let read = |text: &str| version(text).ok_or(());
    let version = cache.ask(&question, read, || printed(&step).map(Answer::of)).ok()?;
    Some(Zig { command, version })
}

/// A `zig` of another kind answers something else.
fn version(text: &str) -> Option<String> {
    let version = text.trim();
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    (is_version && !version.contains('\n')).then(|| version.to_owned())
}

/// That there is none is no error here.
fn printed(step: &Step) -> Result<String, ()> {
    let answer = step.quiet_output().map_err(drop)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Prints [`Package`]. What `site` would look into counts even while it is not there.
const WHERE: &str = "
import glob, importlib.util, json, os, site, sys
spec = importlib.util.find_spec('ziglang')
sites = site.getsitepackages() + [site.getusersitepackages()]
watched = [os.path.join(os.path.abspath(folder), 'ziglang') for folder in sys.path]
watched += sites + [name for folder in sites for name in glob.glob(os.path.join(folder, '*.pth'))]
watched += [os.path.join(sys.prefix, 'pyvenv.cfg'), sys.executable]
folders = spec.submodule_search_locations if spec else None
zigs = [os.path.join(folder, 'zig') for folder in folders or []]
print(json.dumps({'zigs': zigs, 'watched': watched}))
";

/// Where Python has the package.
#[derive(Deserialize)]
struct Package {
    /// Where its zig would be; none without the package.
    zigs: Vec<String>,
    /// What that follows from.
    watched: Vec<PathBuf>,
}

/// The zig of a Python's package `ziglang`: by its path, or through Python where it lies elsewhere.
fn in_package(cache: &ToolCache, python: &str) -> Option<Vec<String>> {
    let step = Step::new(python, ["-c", WHERE]);
    let steers = |name: &str| {
        ["HOME", "VIRTUAL_ENV"].contains(&name)
            || ["PYTHON", "PYENV_"].iter().any(|start| name.starts_with(start))
    };
    // The folder at hand is the first that is looked in.
    let folder = env::current_dir().unwrap_or_default();
    let question = Question::of(&step).variables(steers).part(&folder);
    let found = which::which(python).ok()?;
    let question = match choices(&found, &folder) {
        Some(files) => files.into_iter().fold(question, Question::file),
        None => question.once(),
    };
    let read = |text: &str| serde_json::from_str::<Package>(text).map_err(drop);
    let ask = || {
        let text = printed(&step)?;
        let watched = read(&text)?.watched;
        Ok(Answer::of(text).files(watched))
    };
    let package = cache.ask(&question, read, ask).ok()?;
    let through = ["-m", "ziglang"].map(str::to_owned);
    let through = std::iter::once(python.to_owned()).chain(through).collect();
    let is_there = |zig: &&String| Path::new(zig).is_file();
    match package.zigs.iter().find(is_there) {
        Some(zig) => Some(vec![zig.clone()]),
        None => (!package.zigs.is_empty()).then_some(through),
    }
}

/// The files by which a Python is chosen; none where that is not known. A program is what it is.
/// pyenv's scripts go by `.python-version` in the folder or above it, then by their own `version`
/// (pyenv, "Understanding Python version selection"; its variables are asked for above).
fn choices(python: &Path, folder: &Path) -> Option<Vec<PathBuf>> {
    if is_elf(python) {
        return Some(Vec::new());
    }
    let shims = python.parent().filter(|folder| folder.ends_with("shims"))?;
    let version = shims.with_file_name("version");
    let is_pyenvs = shims.with_file_name("versions").is_dir();
    let local = folder.ancestors().map(|folder| folder.join(".python-version"));
    is_pyenvs.then(|| local.chain([version]).collect())
}

fn is_elf(path: &Path) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    let mut magic = [0; 4];
    let read = path.is_file().then(|| File::open(path)?.read_exact(&mut magic));
    matches!(read, Some(Ok(()))) && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_line_of_numbers() {
        assert_eq!(version("0.17.0\n").as_deref(), Some("0.17.0"));
        assert_eq!(version("0.17.0-dev.1+abc\n").as_deref(), Some("0.17.0-dev.1+abc"));
        for text in ["", "nonsense", "1\n2\n"] {
            assert_eq!(version(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_a_virtual_environment_has_a_python_beside_its_programs() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("venv/bin/cargo-lambda-pack");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        super::super::tests::program(&program);
        assert_eq!(python_beside(&program), None, "as in /usr/bin");
        let marker = folder.path().join("venv/pyvenv.cfg");
        crate::files::write_atomically(&marker, b"home = /usr/bin\n").unwrap();
        let python = fs::canonicalize(program.parent().unwrap()).unwrap().join("python3");
        assert_eq!(python_beside(&program), Some(python.display().to_string()));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        assert_eq!(python_beside(&link), Some(python.display().to_string()));
        assert_eq!(python_beside(&folder.path().join("nothing")), None);
    }

    #[test]
    fn pyenv_goes_by_files_and_other_scripts_by_who_knows_what() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("shims/python3");
        fs::create_dir_all(python.parent().unwrap()).unwrap();
        super::super::tests::program(&python);
        assert_eq!(choices(&python, Path::new("/a")), None);
        fs::create_dir(folder.path().join("versions")).unwrap();
        let files = choices(&python, Path::new("/a")).unwrap();
        let own = folder.path().join("version");
        assert_eq!(files, [Path::new("/a/.python-version"), Path::new("/.python-version"), &own]);
        let program = env::current_exe().unwrap();
        assert_eq!(choices(&program, Path::new("/a")), Some(Vec::new()));
    }
}
