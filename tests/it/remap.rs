//! Fixed names for the folders of this machine beside what the user has set; and what else makes
//! cargo compile again. Whether the bytes are the same is held by `same_bytes`.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::support::{Workspace, host_arch, run};

fn code_sha256(workspace: &Workspace, target: &str) -> String {
    let place = format!("{target}/lambda-pack/hello/{}/lambda-pack.json", host_arch());
    let text = fs::read(workspace.path().join(place)).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
    record["CodeSha256"].as_str().unwrap().to_owned()
}

#[test]
fn another_linker_links_again() {
    let workspace = Workspace::quick();
    let (bin, real) = (tempfile::tempdir().unwrap(), which::which("cc").unwrap());
    let cc = |version: &str, flag: &str| {
        let path = bin.path().join("cc");
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exec echo 'cc (Own) {version}'\n\
             exec '{}' \"$@\" {flag}\n",
            real.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:{}", bin.path().display(), env::var("PATH").unwrap());
    let package = |target: &str| {
        let args = ["package", "--linker", "host", "--target-dir", target];
        run(workspace.command(&args).env("PATH", &path)).code(0);
        code_sha256(&workspace, target)
    };
    cc("12.1.0", "-Wl,--build-id=none");
    let first = package("target");
    cc("12.2.0", "-Wl,--build-id=sha1");
    let second = package("target");
    assert_ne!(first, second);
    assert_eq!(second, package("fresh"), "not what was linked before");
}

/// A build script sees what crates that compile C see.
#[test]
fn the_users_flags_for_c_stay_wherever_they_stand() {
    let workspace = Workspace::quick();
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let name = format!("CFLAGS_{}", triple.replace('-', "_"));
    workspace.write(
        "crates/hello/build.rs",
        format!(
            "fn main() {{\n    println!(\"cargo::rerun-if-env-changed={name}\");\n    \
             let flags = std::env::var(\"{name}\").unwrap();\n    \
             assert!(flags.contains(\"-DOWN\") && flags.contains(\"-prefix-map=\"), \"{{flags}}\");\n    \
             assert!(!flags.contains(\"/=/target\"), \"{{flags}}\");\n    \
             let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             assert!(!out.contains(\"/./\") && !out.contains(\"//\") && !out.contains(\"/../\"), \"{{out}}\");\n}}\n"
        ),
    );
    run(workspace.command(&["package"]).env(&name, "-DOWN")).code(0);
    workspace.run(&["package"]).code(101).says("-prefix-map=");
    for text in ["\"-DOWN\"", "{ value = \"-DOWN\" }", "{ value = \"-DOWN\", force = true }"] {
        workspace.write(".cargo/config.toml", format!("[env]\n{name} = {text}\n"));
        workspace.run(&["package"]).code(0);
    }
    // What was forced counts over the environment for cargo, and so for us.
    run(workspace.command(&["package"]).env(&name, "-DOTHER")).code(0);
    for spelling in ["./one", "two//below/", "target/../three"] {
        workspace.run(&["package", "--target-dir", spelling]).code(0);
    }
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"] {
        run(workspace.command(&["package"]).env(name, format!("{name}/"))).code(0);
    }
}

#[test]
fn what_the_user_remaps_stays_theirs() {
    let workspace = Workspace::quick();
    workspace.write(
        "crates/hello/build.rs",
        "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         std::fs::write(out + \"/g.rs\", \"pub fn place() -> &'static str { file!() }\").unwrap();\n}\n",
    );
    workspace.write(
        "crates/hello/src/main.rs",
        "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\nfn main() { println!(\"{}\", place()); }\n",
    );
    let says = || run(&mut Command::new(workspace.output("hello", "bootstrap"))).stdout;
    workspace.run(&["package"]).code(0);
    assert!(says().starts_with("/target/"), "{}", says());
    let root = fs::canonicalize(workspace.path()).unwrap();
    let own = format!("--remap-path-prefix={}=OWN", root.join("target").display());
    run(workspace.command(&["package"]).env("CARGO_ENCODED_RUSTFLAGS", &own)).code(0);
    assert!(says().starts_with("OWN/"), "{}", says());
    // In a list, cargo would put ours behind.
    let list = format!("[target.'cfg(unix)']\nrustflags = [{own:?}]\n");
    workspace.write(".cargo/config.toml", list);
    workspace.run(&["package"]).code(0);
    assert!(says().starts_with("OWN/"), "{}", says());
}

#[test]
fn builds_that_cargo_would_take_for_one_another_do_not_undo_one_another() {
    if env::consts::ARCH != "x86_64" {
        return;
    }
    let workspace = Workspace::quick();
    workspace.handler("hello", "target-cpu = \"x86-64\"");
    workspace.handler("other", "");
    workspace.run(&["package"]).code(0);
    let again = workspace.run(&["package"]).code(0).stderr;
    assert!(!again.contains("Compiling"), "{again}");
    assert!(again.contains("Unchanged"), "{again}");
    let own = workspace.path().join("target/lambda-pack.build/x86-64");
    assert!(own.is_dir());
}

#[test]
fn another_commit_and_a_lost_record_cost_a_record() {
    let workspace = Workspace::quick();
    workspace.write(".gitignore", "target\n");
    workspace.run(&["package"]).code(0);
    workspace.git(&["init", "-q"]);
    workspace.git(&["add", "-A"]);
    workspace.git(&["commit", "-qm", "one"]);
    workspace.run(&["package"]).code(0);
    let inode = |file: &str| workspace.output("hello", file).metadata().unwrap().ino();
    let commit = || {
        let text = fs::read(workspace.output("hello", "lambda-pack.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
        record["commit"].as_str().unwrap().to_owned()
    };
    let (zip, first) = (inode("bootstrap.zip"), commit());
    workspace.git(&["commit", "-q", "--allow-empty", "-m", "two"]);
    workspace.run(&["package"]).code(0);
    assert_eq!(inode("bootstrap.zip"), zip);
    assert_ne!(commit(), first);
    let second = commit();
    fs::remove_file(workspace.output("hello", "lambda-pack.json")).unwrap();
    workspace.run(&["package"]).code(0);
    assert_eq!(commit(), second);
    let folder = workspace.output("hello", "");
    assert_eq!(fs::read_dir(Path::new(&folder)).unwrap().count(), 3);
}
