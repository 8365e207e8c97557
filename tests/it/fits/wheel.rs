//! The wheel: `pip install` brings the program and zig, and that is enough to package a handler.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::python_of;
use crate::support::{Workspace, repository, run, scrub};

fn pin() -> String {
    format!("ziglang=={}", lambda_pack::linker::KNOWN_ZIGS[0])
}

#[test]
fn it_wants_the_zig_that_doctor_would_install() {
    let project = fs::read_to_string(repository().join("pyproject.toml")).unwrap();
    assert!(project.contains(&format!("dependencies = [\"{}\"]", pin())), "{project}");
    let setup = fs::read_to_string(repository().join("tests/setup")).unwrap();
    assert!(setup.contains(&format!("zig_version={}", lambda_pack::linker::KNOWN_ZIGS[0])));
}

/// Builds the wheel, with the cargo of this folder if there is one.
fn wheel(folder: &Path, bin: Option<&Path>) -> Option<PathBuf> {
    let python = python_of("fits")?;
    let mut maturin = Command::new(python);
    scrub(&mut maturin);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    maturin.args(["-m", "maturin", "build", "--locked", "--offline", "--profile", profile]);
    maturin.args(["--compatibility", "linux", "--out"]).arg(folder.join("wheels"));
    maturin.arg("--target-dir").arg(folder.join("target")).env("CARGO_INCREMENTAL", "0");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = bin.map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    maturin.env("PATH", std::env::join_paths(path).unwrap());
    run(maturin.current_dir(repository())).code(0);
    let wheels = fs::read_dir(folder.join("wheels"));
    Some(wheels.unwrap().next().unwrap().unwrap().path())
}

/// Puts what cargo has compiled for this test into the wheel's target folder, which is another one: the program
/// under test must stay where it is, as other tests are running it.
fn share(folder: &Path) {
    let built = Path::new(env!("CARGO_BIN_EXE_cargo-lambda-pack")).parent().unwrap();
    let target = folder.join("target").join(built.file_name().unwrap());
    fs::create_dir_all(&target).unwrap();
    let parts = ["build", "deps", ".fingerprint"].map(|part| built.join(part));
    run(Command::new("cp").arg("-al").args(parts).arg(&target)).code(0);
}

/// A folder with a `cargo` that answers maturin's build with the program under test. Cargo itself would compile it
/// anew, since the tests' own dependencies ask ours for more features; `tests/long` has it do that.
fn built(folder: &Path) -> PathBuf {
    // Not the one that other tests are running: maturin may change what it takes.
    let executable = folder.join("cargo-lambda-pack");
    fs::copy(env!("CARGO_BIN_EXE_cargo-lambda-pack"), &executable).unwrap();
    let mut id = Command::new("cargo");
    scrub(&mut id);
    let id = run(id.args(["pkgid", "--offline"]).current_dir(repository())).code(0).stdout;
    let profile = json!({ "opt_level": "0", "debuginfo": 0, "debug_assertions": true,
        "overflow_checks": true, "test": false });
    let target = json!({ "kind": ["bin"], "crate_types": ["bin"], "name": "cargo-lambda-pack",
        "src_path": repository().join("src/main.rs"), "edition": "2024" });
    let artifact = json!({ "reason": "compiler-artifact", "package_id": id.trim(),
        "manifest_path": repository().join("Cargo.toml"), "target": target, "profile": profile,
        "features": [], "filenames": [&executable], "executable": executable, "fresh": true });
    let finished = json!({ "reason": "build-finished", "success": true });
    fs::write(folder.join("artifact"), format!("{artifact}\n{finished}\n")).unwrap();
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let real = which::which("cargo").unwrap();
    let script = "#!/bin/sh\ncase \"$1\" in\nrustc) cat \"${0%/bin/cargo}/artifact\" ;;\n";
    let script = format!("{script}*) exec '{}' \"$@\" ;;\nesac\n", real.display());
    fs::write(bin.join("cargo"), script).unwrap();
    fs::set_permissions(bin.join("cargo"), Permissions::from_mode(0o755)).unwrap();
    bin
}

/// A folder that hard links can be made in.
fn folder() -> tempfile::TempDir {
    let built = Path::new(env!("CARGO_BIN_EXE_cargo-lambda-pack")).ancestors().nth(2).unwrap();
    tempfile::tempdir_in(built).unwrap()
}

/// An environment with nothing in it, and its folder of packages.
fn bare(folder: &Path, python: &Path) -> (PathBuf, PathBuf) {
    let venv = folder.join("venv");
    run(Command::new(fs::canonicalize(python).unwrap()).args(["-m", "venv"]).arg(&venv)).code(0);
    let site = packages(&venv);
    (venv, site)
}

fn packages(venv: &Path) -> PathBuf {
    let version = fs::read_dir(venv.join("lib")).unwrap().next().unwrap().unwrap().path();
    version.join("site-packages")
}

/// Packages a handler with the program of an environment that was not entered, where no other zig is
/// to be found.
#[track_caller]
fn packages_from(venv: &Path) {
    let workspace = Workspace::hello();
    let mut command = Command::new(venv.join("bin/cargo-lambda-pack"));
    scrub(&mut command);
    command.args(["package", "--linker", "zig"]).current_dir(workspace.path());
    command.env("CARGO_NET_OFFLINE", "true").env("XDG_DATA_HOME", workspace.path());
    let zig = format!("with zig cc {}", lambda_pack::linker::KNOWN_ZIGS[0]);
    run(&mut command).code(0).says(&zig);
    assert!(workspace.output("hello", "bootstrap.zip").is_file());
}

fn pip(venv: &Path, args: &[&str]) -> Command {
    let mut pip = Command::new(venv.join("bin/python3"));
    pip.args(["-m", "pip", "--disable-pip-version-check"]).args(args);
    pip
}

#[test]
fn installed_in_a_bare_environment_it_packages() {
    let Some(zig) = python_of("zig") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(wheel) = wheel(folder.path(), Some(&built(folder.path()))) else { return };
    let (venv, site) = bare(folder.path(), &zig);
    run(pip(&venv, &["install", "-q", "--no-deps", "--no-index"]).arg(wheel)).code(0);
    run(&mut pip(&venv, &["check"])).code(1).says_out("requires ziglang");
    // What pip would have fetched, from where tests/setup has it.
    for entry in fs::read_dir(packages(zig.ancestors().nth(2).unwrap())).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("ziglang") {
            symlink(entry.path(), site.join(entry.file_name())).unwrap();
        }
    }
    run(&mut pip(&venv, &["check"])).code(0);
    packages_from(&venv);
}

#[test]
#[ignore = "cargo builds it, and pip fetches zig"]
fn pip_brings_everything() {
    let Some(python) = python_of("fits") else { return };
    let folder = folder();
    share(folder.path());
    let Some(wheel) = wheel(folder.path(), None) else { return };
    let (venv, _) = bare(folder.path(), &python);
    run(pip(&venv, &["install", "-q"]).arg(wheel)).code(0);
    packages_from(&venv);
}
