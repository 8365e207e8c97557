//! Where people already are: the wheel, and the examples for other tools, each held against the tool
//! that it is for.

mod cdk;
#[cfg(feature = "aws")]
mod jobs;
mod release;
mod sam;
mod terraform;
mod wheel;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Workspace, copy, have, repository, run, scrub, tools};

/// The Python of an environment that `tests/setup` has fetched.
fn python_of(name: &str) -> Option<PathBuf> {
    let python = tools().join(name).join("bin/python3");
    have(&python).then_some(python)
}

/// A stand-in for `examples/orders` that compiles at once, with a copy of one of the examples beside it
/// as there: `../orders` is the workspace.
fn orders(example: &str) -> Workspace {
    let workspace = Workspace::quick();
    fs::remove_dir_all(workspace.path().join("crates/hello")).unwrap();
    for name in ["orders-api", "orders-worker"] {
        workspace.handler(name, "");
    }
    symlink(".", workspace.path().join("orders")).unwrap();
    copy(&repository().join("examples").join(example), &workspace.path().join(example));
    workspace
}

/// A program that may call `cargo lambda-pack`, with the program under test first in `PATH`.
fn with_lambda_pack(program: impl Into<OsString>, folder: &Path) -> Command {
    let mut command = Command::new(program.into());
    scrub(&mut command);
    let own = Path::new(env!("CARGO_BIN_EXE_cargo-lambda-pack")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(all).unwrap()).env("CARGO_NET_OFFLINE", "true");
    let zig = tools().join("zig/bin/python3");
    command.env("CARGO_ZIGBUILD_PYTHON_PATH", zig).current_dir(folder);
    command
}

/// A YAML file of the repository as JSON.
fn yaml(python: &Path, path: &str) -> Value {
    const PROGRAM: &str = "
import json, sys
from ruamel.yaml import YAML
print(json.dumps(YAML(typ='safe').load(open(sys.argv[1]))))
";
    let mut command = Command::new(python);
    command.args(["-c", PROGRAM]).arg(repository().join(path));
    serde_json::from_str(&run(&mut command).code(0).stdout).unwrap()
}
