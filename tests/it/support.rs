//! Fixture workspaces, the program under test in a clean environment, and tools that may be missing.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lambda_pack::tool_cache::ToolCache;
use lambda_pack::toolchain::{self, Rustc};
use tempfile::TempDir;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where `tests/setup` puts what it fetches.
pub(crate) fn tools() -> PathBuf {
    repository().join(".tools")
}

/// Whether a program is there. Without it: a line on a laptop, a failure in CI.
pub(crate) fn have(program: impl AsRef<OsStr>) -> bool {
    let program = program.as_ref();
    let found = if Path::new(program).is_absolute() {
        Path::new(program).is_file()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    if !found {
        let name = program.to_string_lossy();
        assert!(std::env::var_os("CI").is_none(), "{name} is missing in CI: run tests/setup");
        // Past the test harness's capture, so that a skip is always seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED for want of {name}: run tests/setup");
    }
    found
}

/// The program under test, with nothing of the caller's environment that changes what it does.
pub(crate) fn lambda_pack(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lambda-pack"));
    scrub(&mut command);
    command.current_dir(folder);
    command
}

/// Takes out of a command's environment what steers cargo, rustc, terminals and the clock.
pub(crate) fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let kept = ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "RUSTC"].contains(&&*text);
        let steers = ["CARGO", "RUST", "LAMBDA_PACK", "CI"].iter().any(|p| text.starts_with(p));
        if steers && !kept {
            command.env_remove(&name);
        }
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "SOURCE_DATE_EPOCH", "COLUMNS"] {
        command.env_remove(name);
    }
    command.env("TERM", "dumb").env("COLUMNS", "80").stdin(Stdio::null());
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Run {
    /// Asserts the exit code, and shows all that was said if it is another.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that a text stands on standard error.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        self
    }

    /// The same of standard output.
    #[track_caller]
    pub(crate) fn says_out(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in:\n{}", self.stdout);
        self
    }

    /// Standard output as JSON records: every line is one.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The codes of the findings in the records.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<String> {
        let records = self.records();
        let findings = records.iter().filter(|record| record["reason"] == "finding");
        findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A Cargo workspace in a folder of its own. Its `lambda_runtime` is an empty crate of that name:
/// what makes a handler is the dependency, and nothing is fetched or compiled for it.
pub(crate) struct Workspace {
    folder: TempDir,
}

/// The dependency that makes a package's binaries handlers.
pub(crate) const LAMBDA: &str = "[dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n";

impl Workspace {
    /// A workspace with no handler yet.
    pub(crate) fn new() -> Self {
        let this = Self { folder: TempDir::with_prefix("lambda pack ü ").unwrap() };
        this.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n\
             [profile.release]\nopt-level = 0\nstrip = \"symbols\"\n",
        );
        for name in ["lambda_runtime", "lambda-extension"] {
            this.library(name, "");
        }
        this
    }

    /// Runs git in it; gives what that prints.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@t.invalid"]).args(args);
        run(git.current_dir(self.path())).code(0).stdout
    }

    /// A workspace with one handler, `hello`, compiled as quickly as it can be.
    pub(crate) fn quick() -> Self {
        let this = Self::hello();
        this.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n[profile.release]\n\
             opt-level = 0\nstrip = \"symbols\"\nlto = false\ncodegen-units = 16\n",
        );
        this
    }

    /// A workspace with one handler, `hello`.
    pub(crate) fn hello() -> Self {
        let this = Self::new();
        this.handler("hello", "");
        this
    }

    /// The workspace's folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, path: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    /// A package with these lines after `[package]`, and a main that prints its name.
    pub(crate) fn package(&self, name: &str, rest: &str) {
        self.write(&format!("crates/{name}/Cargo.toml"), manifest(name, rest));
        self.write(
            &format!("crates/{name}/src/main.rs"),
            format!("fn main() {{ println!(\"I am {name}\"); }}\n"),
        );
    }

    /// A package with only a library.
    pub(crate) fn library(&self, name: &str, rest: &str) {
        self.write(&format!("crates/{name}/Cargo.toml"), manifest(name, rest));
        self.write(&format!("crates/{name}/src/lib.rs"), "");
    }

    /// A package that depends on `lambda_runtime`, with this in `[package.metadata.lambda-pack]`.
    pub(crate) fn handler(&self, name: &str, metadata: &str) {
        self.package(name, &format!("{LAMBDA}[package.metadata.lambda-pack]\n{metadata}\n"));
    }

    /// The program under test, in this workspace, offline.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = lambda_pack(self.path());
        command.args(args).env("CARGO_NET_OFFLINE", "true");
        command
    }

    /// Runs the program under test in this workspace.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    /// A file of a function's output folder.
    pub(crate) fn output(&self, function: &str, file: &str) -> PathBuf {
        self.path().join("target/lambda-pack").join(function).join(host_arch()).join(file)
    }

    /// The names of the functions that a `package` of everything writes, by its JSON.
    #[track_caller]
    pub(crate) fn packaged(&self, args: &[&str]) -> Vec<String> {
        let all: Vec<&str> =
            ["package", "--output", "json", "-q"].iter().chain(args).copied().collect();
        let run = self.run(&all).code(0);
        let records = run.records();
        let of_functions = records.iter().filter_map(|record| record["function"].as_str());
        of_functions.map(str::to_owned).collect()
    }
}

fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{rest}")
}

/// This machine's rustc.
pub(crate) fn rustc() -> Rustc {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let found = toolchain::find_rustc(program.into()).unwrap();
    toolchain::rustc(&ToolCache::none(), found).unwrap()
}

/// AWS's name of this machine's architecture.
pub(crate) fn host_arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// Compiles C with the machine's compiler; the arguments say what it becomes.
#[track_caller]
pub(crate) fn cc(folder: &Path, source: &str, output: &str, args: &[&str]) -> PathBuf {
    let file = folder.join(format!("{output}.c"));
    fs::write(&file, source).unwrap();
    let path = folder.join(output);
    let mut command = Command::new("cc");
    command.arg(&file).arg("-o").arg(&path).args(args).current_dir(folder);
    run(&mut command).code(0);
    path
}

/// Runs a Python 3 program, which prints what the test compares.
#[track_caller]
pub(crate) fn python(program: &str, args: &[&OsStr]) -> String {
    let mut command = Command::new("python3");
    command.arg("-c").arg(program).args(args);
    run(&mut command).code(0).stdout
}
