//! The wheel: `pip install` brings the program and zig, and that is enough to package a handler.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Builds the wheel from what cargo has compiled for this test already. In a target folder of its own,
/// for the program under test must stay where it is: other tests are running it.
fn wheel(folder: &Path) -> Option<PathBuf> {
    let python = python_of("fits")?;
    let built = Path::new(env!("CARGO_BIN_EXE_cargo-lambda-pack")).parent().unwrap();
    let target = folder.join("target").join(built.file_name().unwrap());
    fs::create_dir_all(&target).unwrap();
    let parts = ["build", "deps", ".fingerprint"].map(|part| built.join(part));
    run(Command::new("cp").arg("-al").args(parts).arg(&target)).code(0);
    let mut maturin = Command::new(python);
    scrub(&mut maturin);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    maturin.args(["-m", "maturin", "build", "--locked", "--offline", "--profile", profile]);
    maturin.args(["--compatibility", "linux", "--out"]).arg(folder.join("wheels"));
    maturin.arg("--target-dir").arg(folder.join("target")).env("CARGO_INCREMENTAL", "0");
    run(maturin.current_dir(repository())).code(0);
    let wheels = fs::read_dir(folder.join("wheels"));
    Some(wheels.unwrap().next().unwrap().unwrap().path())
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
    let folder = folder();
    let Some(wheel) = wheel(folder.path()) else { return };
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
#[ignore = "pip fetches zig"]
fn pip_brings_everything() {
    let Some(python) = python_of("fits") else { return };
    let folder = folder();
    let Some(wheel) = wheel(folder.path()) else { return };
    let (venv, _) = bare(folder.path(), &python);
    run(pip(&venv, &["install", "-q"]).arg(wheel)).code(0);
    packages_from(&venv);
}
