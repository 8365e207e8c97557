//! A root folder laid out like Lambda, in which this machine's real loader runs programs.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lambda_pack::elf::{self, ElfFacts};
use tempfile::TempDir;

use crate::support::{Run, cc, have, run};

/// Lambda's, by AWS's documentation; written down here a second time on purpose.
pub(crate) const LIBRARY_PATH: &str =
    "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";

/// What Lambda promises of this machine's libraries.
const PROMISED: [&str; 9] = [
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libresolv.so.2",
    "libutil.so.1",
    "libgcc_s.so.1",
    "libstdc++.so.6",
];

/// Sets the environment, which must not reach the programs that enter the jail.
const RUNNER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    int at = 1;
    clearenv();
    for (; at < count && strchr(words[at], '='); at++) putenv(words[at]);
    if (chdir("/var/task") == 0) execv(words[at], words + at);
    perror(words[at]);
    return 126;
}
"#;

/// How this machine lets us change the root.
#[derive(Clone, Copy)]
enum Way {
    /// A user namespace of our own: needs no privilege where it is allowed.
    Unshare,
    /// As root, where namespaces are not allowed.
    Chroot,
}

pub(crate) struct Jail {
    folder: TempDir,
    way: Way,
}

/// What the loader says of a program that it would load.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Name and path of each library in the order of loading, without the loader itself. Where a
    /// library was asked for by a path, the name is empty.
    pub(crate) loaded: Vec<(String, String)>,
    /// Names that it did not find, sorted, each once.
    pub(crate) missing: Vec<String>,
    /// Version, library, and who requires it; sorted.
    pub(crate) versions: Vec<(String, String, String)>,
}

/// The ELF facts of a file of this machine.
pub(crate) fn facts(path: &Path) -> ElfFacts {
    elf::read(&mut File::open(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The path of this machine's loader.
pub(crate) fn interpreter() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    let read = || facts(&std::env::current_exe().unwrap()).interpreter.unwrap();
    PATH.get_or_init(read).clone()
}

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Jail {
    /// A root with glibc, libgcc and libstdc++ of this machine and nothing else. None, with a line,
    /// where no way leads into it; in CI that is a failure.
    pub(crate) fn new() -> Option<Self> {
        let jail = Self { folder: TempDir::with_prefix("jail ").unwrap(), way: Way::Unshare };
        for folder in [
            "lib64",
            "usr/lib64",
            "var/task/lib",
            "var/task/own",
            "var/runtime/lib",
            "opt/lib",
            "tmp",
        ] {
            fs::create_dir_all(jail.path(folder)).unwrap();
        }
        let loader = jail.path(&interpreter());
        fs::create_dir_all(loader.parent().unwrap()).unwrap();
        fs::copy(interpreter(), &loader).unwrap();
        executable(&loader);
        for name in PROMISED {
            let asked =
                Command::new("cc").arg(format!("-print-file-name={name}")).output().unwrap();
            let path = PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim());
            if path.is_absolute() {
                fs::copy(path, jail.path(&format!("lib64/{name}"))).unwrap();
            }
        }
        let runner = cc(jail.folder.path(), RUNNER, "run", &["-static"]);
        executable(&runner);
        executable(jail.folder.path());
        jail.with_a_way()
    }

    fn with_a_way(mut self) -> Option<Self> {
        let probe = cc(&self.path("var/task"), "int main(void) { return 42; }", "probe", &[]);
        for way in [Way::Unshare, Way::Chroot] {
            self.way = way;
            let ended = self.command(&["LD_LIBRARY_PATH=/lib64", "/var/task/probe"]).output();
            if ended.is_ok_and(|ended| ended.status.code() == Some(42)) {
                fs::remove_file(probe).unwrap();
                fs::remove_file(self.path("var/task/probe.c")).unwrap();
                return Some(self);
            }
        }
        have("a-way-into-another-root (user namespaces, or root)");
        None
    }

    /// A path of the jail as this machine has it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// The program is the last word.
    fn command(&self, words: &[&str]) -> Command {
        let root = self.folder.path();
        // All that the loader asks /proc for: where the program lies, for $ORIGIN.
        fs::create_dir_all(root.join("proc/self")).unwrap();
        let link = root.join("proc/self/exe");
        let _ = fs::remove_file(&link);
        symlink(words.last().unwrap(), link).unwrap();
        let mut command = match self.way {
            Way::Unshare => {
                let mut command = Command::new("unshare");
                command.arg("-r").arg(format!("--root={}", root.display()));
                command
            }
            Way::Chroot => {
                let mut command = Command::new("chroot");
                command.arg(root);
                command
            }
        };
        command.arg("/run").args(words).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// Runs a program of the jail as Lambda would.
    pub(crate) fn run(&self, program: &str) -> Run {
        let path = format!("LD_LIBRARY_PATH={LIBRARY_PATH}");
        run(&mut self.command(&[&path, "LAMBDA_TASK_ROOT=/var/task", program]))
    }

    /// What the loader would load for a program, by its own word.
    pub(crate) fn trace(&self, program: &str) -> Trace {
        let path = format!("LD_LIBRARY_PATH={LIBRARY_PATH}");
        let run = run(&mut self.command(&[&path, "LD_TRACE_LOADED_OBJECTS=1", program]));
        assert!(!run.stderr.contains("error while loading"), "{}", run.stderr);
        assert_eq!(run.code, 0, "{run:?}");
        Trace::read(&run)
    }

    /// Unpacks a zip where Lambda would.
    pub(crate) fn unpack(&self, zip: &Path, at: &str) {
        let mut archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
        archive.extract(self.path(at)).unwrap();
    }
}

impl Trace {
    fn read(run: &Run) -> Self {
        let (mut loaded, mut missing) = (Vec::new(), Vec::new());
        for line in run.stdout.lines() {
            let line = line.trim();
            let itself = line.split(' ').next().unwrap_or_default();
            let (name, rest) = line.split_once(" => ").unwrap_or((itself, line));
            if rest == "not found" {
                missing.push(name.to_owned());
                continue;
            }
            let Some((path, _)) = rest.split_once(" (0x") else { continue };
            let path = normal(path);
            if !path.contains("linux-vdso") && path != interpreter() {
                let name = if name.contains('/') { "" } else { name };
                loaded.push((name.to_owned(), path));
            }
        }
        missing.sort();
        missing.dedup();
        let mut versions: Vec<_> = run.stderr.lines().filter_map(version).collect();
        versions.sort();
        versions.dedup();
        Self { loaded, missing, versions }
    }
}

/// ``PROGRAM: LIBRARY: version `V' not found (required by FILE)``.
fn version(line: &str) -> Option<(String, String, String)> {
    let (library, rest) = line.split_once(": version `")?;
    let library = library.rsplit(": ").next()?;
    let (version, rest) = rest.split_once("' not found (required by ")?;
    Some((version.to_owned(), normal(library), normal(rest.strip_suffix(')')?)))
}

/// A path from the root, without `.` and `..`; relative ones begin where programs are started.
pub(crate) fn normal(path: &str) -> String {
    let full = if path.starts_with('/') { path.to_owned() } else { format!("/var/task/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
