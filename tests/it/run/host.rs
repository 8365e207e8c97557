//! A host that is not Linux, played by a rustc that says so of itself: what is built for it starts here.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;

use super::{Served, word, workspace};
use crate::support::Workspace;

const HOST: &str = "aarch64-apple-darwin";

/// What says of itself that it is on another system.
fn rustc(workspace: &Workspace) -> std::path::PathBuf {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
    let real = format!("{}/bin/rustc", String::from_utf8(sysroot).unwrap().trim());
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in\n-vV) {real} -vV | sed 's/^host: .*/host: {HOST}/' ;;\n\
         *) exec {real} \"$@\" ;;\nesac\n"
    );
    let path = workspace.write("rustc.sh", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn where_lambda_is_another_system_it_is_built_as_cargo_does_it() {
    let workspace = workspace();
    // None of it is for what is built here.
    workspace.write(
        "lambda-pack.toml",
        "arch = \"both\"\n[package.hello]\nlibc = \"musl\"\ntarget-cpu = \"no-such\"\n",
    );
    let start = |command: &str| {
        let mut command = workspace.command(&[command, "-v"]);
        command.env("RUSTC", rustc(&workspace));
        Served::start_by(command)
    };
    let mut served = start("run");
    for name in ["hello", "other"] {
        assert_eq!(served.invoke(name)["word"], "one");
    }
    let said = served.said();
    let line = format!(
        "Building for this machine ({HOST}): this is not the packaged bundle, and not Lambda's Linux"
    );
    assert_eq!(said.matches(&line).count(), 1, "{said}");
    let cargo = said.lines().find(|line| line.contains("Running `") && line.contains(" build "));
    let cargo = cargo.unwrap_or_else(|| panic!("{said}"));
    for flag in ["--target", "--config", "RUSTFLAGS"] {
        assert!(!cargo.contains(flag), "{cargo}");
    }
    // Where `cargo build` has it, too.
    assert!(workspace.path().join("target/debug/hello").is_file());
    assert_eq!(served.stop(), Some(0));

    // Cargo's own configuration may build for Lambda, which cannot be started there.
    workspace.write(".cargo/config.toml", "[build]\ntarget = \"x86_64-unknown-linux-gnu\"\n");
    let mut command = workspace.command(&["run", "-v", "--port", "0"]);
    let output = command.env("RUSTC", rustc(&workspace)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // This machine's real compiler has no standard library for it.
    assert!(said.contains(&format!("build.target=\"{HOST}\"")) && said.contains("E0463"), "{said}");
    assert_eq!(output.status.code(), Some(101), "{said}");
    std::fs::remove_dir_all(workspace.path().join(".cargo")).unwrap();

    let mut served = start("watch");
    assert_eq!(served.invoke("hello"), json!({ "word": "one", "stage": "" }));
    word(&workspace, "two");
    served.soon("the edit serves", || served.invoke("hello")["word"] == "two");
    assert_eq!(served.said().matches(&line).count(), 1, "{}", served.said());
    assert_eq!(served.stop(), Some(0));
}

/// What is for Lambda stays for Lambda there.
#[test]
fn bundles_are_for_lambda_wherever_they_are_made() {
    let workspace = Workspace::quick();
    let output = workspace
        .command(&["package", "-v", "--linker", "host"])
        .env("RUSTC", rustc(&workspace))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && !said.contains("Building for this machine"), "{said}");
}
