//! What the programs of this machine said is asked once: the second run starts none of them, and
//! whatever changes is asked again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Workspace, have, host_arch, run, tools};

/// Longer than a clock's tick, for which a file counts as just changed.
const SETTLING: Duration = Duration::from_millis(300);

/// A workspace with programs in front of those of `PATH`, which log that they are called.
struct Shims(Workspace);

/// With `Cargo.lock`: what is not locked is asked again.
fn locked() -> Workspace {
    let workspace = Workspace::hello();
    let mut cargo = Command::new("cargo");
    run(cargo.args(["generate-lockfile", "--offline"]).current_dir(workspace.path())).code(0);
    workspace
}

impl Shims {
    fn new() -> Self {
        let this = Self(locked());
        this.forward("rustc", "");
        this.forward("cc", "");
        sleep(SETTLING);
        this
    }

    /// A shim for the program of that name in `PATH`, with something before it.
    fn forward(&self, name: &str, first: &str) {
        let path = std::env::var_os("PATH").unwrap();
        let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
        let real = found.find(|path| path.is_file()).unwrap();
        let log = self.0.path().join("log");
        let called = format!("echo \"{name} $*\" >> '{}'", log.display());
        let text = format!("#!/bin/sh\n{called}\n{first}\nexec '{}' \"$@\"\n", real.display());
        let path = self.0.write(&format!("bin/{name}"), text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What a run calls: cargo itself too, which remembers as well.
    #[track_caller]
    fn calls(&self, args: &[&str]) -> String {
        let log = self.0.path().join("log");
        let _ = fs::remove_file(&log);
        let path = std::env::var_os("PATH").unwrap();
        let bin = self.0.path().join("bin");
        let all = std::iter::once(bin).chain(std::env::split_paths(&path));
        let mut command = self.0.command(args);
        command.env("PATH", std::env::join_paths(all).unwrap()).env_remove("RUSTC");
        run(&mut command).code(0);
        fs::read_to_string(log).unwrap_or_default()
    }

    fn linker(&self) -> String {
        let record = fs::read(self.0.output("hello", "lambda-pack.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        record["linker"]["version"].as_str().unwrap().to_owned()
    }
}

const PACKAGE: [&str; 3] = ["package", "--linker", "host"];
const QUESTIONS: [&str; 4] =
    ["rustc --print sysroot", "rustc -vV", "cc --version", "cc -print-file-name=libc.so.6"];

#[test]
fn a_second_run_starts_no_tool_and_a_changed_one_is_asked_again() {
    let shims = Shims::new();
    let asked = |calls: &str| QUESTIONS.map(|question| calls.lines().any(|line| line == question));
    assert_eq!(asked(&shims.calls(&PACKAGE))[1..3], [true, true]);
    assert_eq!(shims.calls(&PACKAGE), "");
    shims.forward("cc", "case $1 in --version) echo 'cc 99'; exit;; esac");
    sleep(SETTLING);
    let calls = shims.calls(&PACKAGE);
    assert_eq!(asked(&calls)[1..3], [false, true], "{calls}");
    assert_eq!(shims.linker(), "cc 99");
    assert_eq!(shims.calls(&PACKAGE), "");
    // Put back in the past, with the same size: another inode, and another time of change.
    let cc = shims.0.path().join("bin/cc");
    let (text, time) = (fs::read_to_string(&cc).unwrap(), fs::metadata(&cc).unwrap());
    shims.0.write("bin/cc", text.replace("99", "98"));
    fs::File::open(&cc).unwrap().set_modified(time.modified().unwrap()).unwrap();
    shims.calls(&PACKAGE);
    assert_eq!(shims.linker(), "cc 98");
    // `check` asks the same, and doctor always.
    sleep(SETTLING);
    shims.calls(&PACKAGE);
    assert_eq!(shims.calls(&["check", "--linker", "host"]), "");
    for _ in 0..2 {
        assert_eq!(asked(&shims.calls(&["doctor"])), [true, true, true, true]);
    }
}

#[test]
fn a_broken_file_of_answers_is_as_good_as_none() {
    let shims = Shims::new();
    shims.calls(&PACKAGE);
    let file = shims.0.path().join("target/lambda-pack.tools.json");
    let good = fs::read_to_string(&file).unwrap();
    let linker = shims.linker();
    for bad in ["", "{}", &good[1..], &good.replace("format 1", "format 99")] {
        fs::write(&file, bad).unwrap();
        let calls = shims.calls(&PACKAGE);
        assert!(calls.contains("cc --version"), "{calls}");
        assert_eq!(shims.linker(), linker);
        assert_eq!(shims.calls(&PACKAGE), "", "written anew");
    }
    // The folder was made by us.
    assert!(file.with_file_name("CACHEDIR.TAG").exists());
}

/// The command lines of the processes that a command starts, but for cargo's builds.
#[track_caller]
fn helpers(command: &Command, folder: &Path) -> Vec<String> {
    let log = folder.join("strace.log");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-s", "300", "-e", "trace=execve", "-o"]).arg(&log);
    traced.arg(command.get_program()).args(command.get_args()).current_dir(folder).env_clear();
    let set: BTreeMap<_, _> = command.get_envs().collect();
    traced.envs(std::env::vars_os().filter(|(name, _)| !set.contains_key(name.as_os_str())));
    traced.envs(set.into_iter().filter_map(|(name, value)| Some((name, value?))));
    run(&mut traced).code(0);
    let text = fs::read(log).unwrap();
    let text = String::from_utf8_lossy(&text);
    let mut started: BTreeMap<&str, &str> = BTreeMap::new();
    // A process may become another program: rustup's proxies do.
    for line in text.lines().filter(|line| line.contains("execve(") && !line.contains("ENOENT")) {
        let (process, call) = line.split_once(' ').unwrap();
        started.entry(process).or_insert(call);
    }
    let own = text.split(' ').next().unwrap();
    let helper = |(process, call): &(&str, &str)| *process != own && !call.contains("\"build\"");
    started.into_iter().filter(helper).map(|(_, call)| call.to_owned()).collect()
}

#[test]
fn nothing_to_do_starts_few_processes() {
    if !have("strace") {
        return;
    }
    let workspace = locked();
    let command = || workspace.command(&["package"]);
    run(&mut command()).code(0);
    // The tools are older than the run by far: one is enough.
    let helpers = helpers(&command(), workspace.path());
    let named = |name: &str| helpers.iter().any(|call| call.contains(name));
    assert!(named("\"metadata\"") && named("\"status\""), "{helpers:#?}");
    // Where rustup chooses by a folder's rules, it is asked.
    assert!(helpers.len() <= 3, "{helpers:#?}");
}

/// The Python that `tests/setup` gives zig to.
fn python_with_zig() -> Option<PathBuf> {
    let python = tools().join("zig/bin/python3");
    have(&python).then_some(python)
}

#[test]
fn nothing_to_do_with_zig_starts_few_processes() {
    let Some(python) = python_with_zig() else { return };
    if !have("strace") {
        return;
    }
    let workspace = locked();
    let cache = workspace.path().join("cache");
    let command = || {
        let mut command = workspace.command(&["package", "--linker", "zig"]);
        command.env("CARGO_ZIGBUILD_PYTHON_PATH", &python).env("XDG_CACHE_HOME", &cache);
        command
    };
    let says = run(&mut command()).code(0);
    assert!(says.stderr.contains("with zig cc 0.17.0"), "{}", says.stderr);
    let bytes = || fs::read(workspace.output("hello", "bootstrap.zip")).unwrap();
    let first = bytes();
    let few = helpers(&command(), workspace.path());
    assert!(few.len() <= 3, "{few:#?}");
    assert_eq!(bytes(), first);
    // Without its wrappers it must be set up again.
    let wrappers = cache.join("cargo-lambda-pack");
    fs::remove_dir_all(&wrappers).unwrap();
    fs::write(workspace.path().join("crates/hello/src/main.rs"), "fn main() {}\n").unwrap();
    run(&mut command()).code(0);
    assert!(wrappers.is_dir());
    assert_ne!(bytes(), first);
}

#[test]
fn a_zig_that_is_installed_or_removed_is_seen_at_once() {
    let Some(python) = python_with_zig() else { return };
    let package = tools().join("zig/lib");
    let python_of = |path: &Path| fs::read_dir(path).unwrap().next().unwrap().unwrap().path();
    let package = python_of(&package).join("site-packages/ziglang");
    let workspace = Workspace::hello();
    let venv = workspace.path().join("venv");
    let mut make = Command::new(fs::canonicalize(python).unwrap());
    run(make.args(["-m", "venv", "--without-pip"]).arg(&venv)).code(0);
    let site = python_of(&venv.join("lib")).join("site-packages");
    sleep(SETTLING);
    let with = |args: &[&str]| {
        let mut command = workspace.command(args);
        command.env("CARGO_ZIGBUILD_PYTHON_PATH", venv.join("bin/python3"));
        run(command.env("XDG_DATA_HOME", workspace.path().join("data")))
    };
    let zig = ["package", "--linker", "zig"];
    // The first run that ends well keeps that there is none, if it had to ask.
    for _ in 0..2 {
        with(&["package"]).code(0);
        with(&zig).code(2).says("there is no zig");
    }
    symlink(&package, site.join("ziglang")).unwrap();
    for _ in 0..2 {
        with(&zig).code(0).says("with zig cc 0.17.0");
    }
    fs::remove_file(site.join("ziglang")).unwrap();
    with(&zig).code(2).says("there is no zig");
    // By a file that names another folder.
    fs::write(site.join("more.pth"), format!("{}\n", package.parent().unwrap().display())).unwrap();
    with(&zig).code(0);
    fs::write(site.join("more.pth"), "/nowhere\n").unwrap();
    with(&zig).code(2).says("there is no zig");
    assert!(workspace.output("hello", "bootstrap").is_file(), "{}", host_arch());
}
