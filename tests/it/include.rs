//! `include`: what goes into a bundle, where, and what is refused.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{Workspace, have, run};

/// The paths in the zip of `hello` with this `include`.
#[track_caller]
fn paths(workspace: &Workspace, include: &str) -> Vec<String> {
    workspace.handler("hello", &format!("include = [{include}]"));
    let run = workspace.run(&["package", "--output", "json", "-q"]).code(0);
    let files = run.records()[0]["files"].as_array().unwrap().clone();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap().to_owned())
        .filter(|path| path != "bootstrap")
        .collect()
}

/// What `package` says of this `include`.
#[track_caller]
fn refused(workspace: &Workspace, include: &str, message: &str) {
    workspace.handler("hello", &format!("include = [{include}]"));
    let run = workspace.run(&["package"]).code(2).says(message);
    assert!(!run.stderr.contains("Compiling"), "built before it looked: {}", run.stderr);
}

fn with_assets() -> Workspace {
    let workspace = Workspace::hello();
    for path in
        ["assets/a.txt", "assets/b.json", "assets/deep/c.txt", "assets/.hidden", "config.json"]
    {
        workspace.write(&format!("crates/hello/{path}"), path);
    }
    workspace.write("shared/s.txt", "s");
    workspace
}

#[test]
fn files_folders_globs_and_where_they_go() {
    let workspace = with_assets();
    let all = ["assets/.hidden", "assets/a.txt", "assets/b.json", "assets/deep/c.txt"];
    for (include, expected) in [
        ("\"config.json\"", &["config.json"][..]),
        ("\"./assets/\"", &all),
        ("\"assets\"", &all),
        ("\"assets/**\"", &all),
        ("\"assets/*.txt\"", &["assets/a.txt"]),
        ("\"assets/**/*.txt\"", &["assets/a.txt", "assets/deep/c.txt"]),
        ("{from=\"assets\", exclude=[\"**/*.txt\", \"**/.*\"]}", &["assets/b.json"]),
        ("{from=\"assets/**/*.txt\", to=\"data\"}", &["data/a.txt", "data/deep/c.txt"]),
        ("{from=\"assets/deep\", to=\"\"}", &["c.txt"]),
        ("{from=\"config.json\", to=\"conf/prod.json\"}", &["conf/prod.json"]),
        ("{from=\"config.json\", to=\"conf/\"}", &["conf/config.json"]),
        ("{from=\"shared/s.txt\", root=\"workspace\"}", &["shared/s.txt"]),
        ("\"config.json\", \"config.*\"", &["config.json"]),
    ] {
        assert_eq!(paths(&workspace, include), expected, "{include}");
    }
}

#[test]
fn what_is_excluded() {
    let workspace = with_assets();
    workspace.write("crates/hello/assets/tmp/x", "x");
    workspace.write("crates/hello/assets/deep/s.tmp", "x");
    let package = workspace.path().join("crates/hello");
    symlink("/", package.join("assets/everything")).unwrap();
    let kept = ["assets/a.txt", "assets/b.json", "assets/deep/c.txt"];
    for exclude in [
        "\"assets/tmp\", \"*.tmp\", \".*\", \"everything\"",
        "\"assets/tmp/\", \"assets/**/*.tmp\", \"./assets/.hidden\", \"assets/everything\"",
        "\"tmp\", \"s.tmp\", \".hidden\", \"every*\"",
    ] {
        let include = format!("{{from=\"assets\", exclude=[{exclude}]}}");
        assert_eq!(paths(&workspace, &include), kept, "{include}");
    }
    // What a pattern cannot reach is not looked at, what it reaches is refused, and at once.
    assert_eq!(paths(&workspace, "\"assets/*.txt\""), ["assets/a.txt"]);
    refused(&workspace, "{from=\"assets\", exclude=[\"tmp\", \"*.tmp\"]}", "leads out of");
}

#[test]
fn no_bundle_holds_another() {
    let workspace = Workspace::hello();
    workspace.handler("hello", "include = [{from=\"**\", exclude=[\"Cargo.toml\"]}]");
    let package = workspace.path().join("crates/hello");
    let arguments =
        ["package", "--output", "json", "-q", "--out", "dist/x/../out", "--target-dir", "t"];
    for _ in 0..2 {
        let mut command = workspace.command(&arguments);
        let answer = run(command.current_dir(&package)).code(0);
        let files = answer.records()[0]["files"].as_array().unwrap().clone();
        let paths: Vec<_> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["bootstrap", "src/main.rs"]);
    }
}

#[test]
fn a_build_script_may_write_what_is_included() {
    let workspace = Workspace::hello();
    workspace.handler("hello", "include = [\"generated\"]");
    workspace.run(&["package"]).code(2).says("include `generated` matches no file");
    workspace.write(
        "crates/hello/build.rs",
        "fn main() { std::fs::create_dir_all(\"generated\").unwrap(); \
         std::fs::write(\"generated/x\", \"x\").unwrap(); }",
    );
    assert_eq!(paths(&workspace, "\"generated\""), ["generated/x"]);
    workspace.handler("hello", "include = [\"other\"]");
    workspace.run(&["package"]).code(2).says("include `other` matches no file");
}

#[test]
fn the_workspaces_own_include_starts_at_the_workspace() {
    let workspace = with_assets();
    let root = std::fs::read_to_string(workspace.path().join("Cargo.toml")).unwrap();
    workspace
        .write("Cargo.toml", root + "[workspace.metadata.lambda-pack]\ninclude = [\"shared\"]\n");
    workspace.handler("hello", "");
    let run = workspace.run(&["package", "--output", "json", "-q"]).code(0);
    assert_eq!(run.records()[0]["files"][1]["path"], "shared/s.txt");
}

#[test]
fn links_are_followed_inside_the_root() {
    let workspace = with_assets();
    let package = workspace.path().join("crates/hello");
    symlink("a.txt", package.join("assets/link.txt")).unwrap();
    symlink("assets/deep", package.join("linked")).unwrap();
    let found = paths(&workspace, "\"linked\", \"assets/l*\"");
    assert_eq!(found, ["assets/link.txt", "linked/c.txt"]);
    let zip = workspace.output("hello", "bootstrap.zip");
    let mut unzip = Command::new("unzip");
    if have("unzip") {
        let text = run(unzip.arg("-p").arg(zip).arg("assets/link.txt")).code(0).stdout;
        assert_eq!(text, "assets/a.txt", "the contents, not the link");
    }
}

#[test]
fn what_leads_out_is_refused() {
    let workspace = with_assets();
    let package = workspace.path().join("crates/hello");
    refused(&workspace, "\"../other/x\"", "include `../other/x` leads out of");
    refused(&workspace, "\"/etc/passwd\"", "include `/etc/passwd` leads out of");
    refused(&workspace, "\"assets/../../x\"", "leads out of");
    symlink("/etc/hostname", package.join("assets/out.txt")).unwrap();
    refused(&workspace, "\"assets\"", "to /etc/hostname");
    assert_eq!(paths(&workspace, "\"assets/a.txt\""), ["assets/a.txt"], "not taken, no matter");
    std::fs::remove_file(package.join("assets/out.txt")).unwrap();
    symlink("../../../shared", package.join("assets/elsewhere")).unwrap();
    refused(&workspace, "\"assets\"", "leads out of");
    std::fs::remove_file(package.join("assets/elsewhere")).unwrap();
    refused(
        &workspace,
        "{from=\"config.json\", to=\"../config.json\"}",
        "cannot be packed as `../config.json`: the path has a `..`",
    );
    refused(&workspace, "{from=\"config.json\", to=\"/x\"}", "the path is absolute");
}

#[test]
fn what_is_missing_or_cannot_be_read_is_refused() {
    let workspace = with_assets();
    let package = workspace.path().join("crates/hello");
    refused(&workspace, "\"nothing.txt\"", "include `nothing.txt` matches no file in");
    refused(&workspace, "\"assest/a.txt\"", "did you mean `assets`?");
    refused(&workspace, "\"assets/*.xml\"", "include `assets/*.xml` matches no file in");
    refused(&workspace, "\"assets/[.txt\"", "is no valid pattern");
    refused(&workspace, "\"\"", "`include` has an empty element; `.` stands for everything");
    symlink("nowhere", package.join("assets/dangling")).unwrap();
    refused(&workspace, "\"assets\"", "No such file or directory");
    std::fs::remove_file(package.join("assets/dangling")).unwrap();
    symlink("../assets", package.join("assets/loop")).unwrap();
    refused(&workspace, "\"assets\"", "a symbolic link leads back to a folder above it");
    std::fs::remove_file(package.join("assets/loop")).unwrap();
    if have("mkfifo") {
        run(Command::new("mkfifo").arg(package.join("assets/pipe"))).code(0);
        refused(&workspace, "\"assets\"", "is not a regular file");
    }
}

#[test]
fn every_mistake_of_every_function_at_once() {
    let workspace = with_assets();
    workspace.handler("hello", "include = [\"one\", \"../two\"]");
    workspace.handler("other", "include = [\"three\"]");
    workspace
        .run(&["package"])
        .code(2)
        .says("hello: include `one` matches no file")
        .says("hello: include `../two` leads out of")
        .says("other: include `three` matches no file")
        .says("hint: ");
}

#[test]
fn a_clash_names_both_sources() {
    let workspace = with_assets();
    let both = "{from=\"config.json\", to=\"x\"}, {from=\"assets/a.txt\", to=\"x\"}";
    refused(&workspace, both, "`x` clashes: ");
    refused(&workspace, both, "config.json and ");
    let own = workspace.write("crates/hello/bootstrap", "mine");
    workspace.handler("hello", "include = [\"bootstrap\"]");
    let run = workspace.run(&["package"]).code(2).says("`bootstrap` clashes: ");
    assert!(run.stderr.contains(own.to_str().unwrap()), "{}", run.stderr);
    assert!(run.stderr.contains("and the executable of bin `hello` of package `hello`"));
    assert!(!run.stderr.contains("Finished"), "built before it looked: {}", run.stderr);
}

#[test]
fn an_unreadable_file_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let workspace = with_assets();
    let secret = workspace.write("crates/hello/assets/secret", "s");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&secret).is_err() {
        refused(&workspace, "\"assets\"", "Permission denied");
        return;
    }
    // Root reads everything: try as nobody, who gets a copy of the program and of the workspace.
    if !have("setpriv") {
        return;
    }
    workspace.handler("hello", "include = [\"assets\"]");
    let program = workspace.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_cargo-lambda-pack"), &program).unwrap();
    run(Command::new("chmod").arg("-R").arg("a+rX,u+w").arg(workspace.path())).code(0);
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new("setpriv");
    crate::support::scrub(&mut command);
    let stub = stub_cargo(&workspace);
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    command.arg("package").current_dir(workspace.path()).env("CARGO", &stub).env("RUSTC", &stub);
    run(&mut command).code(2).says("assets/secret: Permission denied");
}

/// Answers as cargo and rustc do before a build: nobody may have no toolchain of its own.
fn stub_cargo(workspace: &Workspace) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let mut metadata = Command::new("cargo");
    crate::support::scrub(&mut metadata);
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let answer = run(metadata.current_dir(workspace.path())).code(0).stdout;
    let answer = workspace.write("metadata.json", answer);
    let stub = workspace.write(
        "stub",
        format!(
            "#!/bin/sh\n\
             case \"$*\" in\n\
             metadata*--no-deps*) exec cat '{}' ;;\n\
             metadata*) exit 101 ;;\n\
             '--print sysroot') exec echo /usr ;;\n\
             *) printf 'rustc 1\\nhost: x86_64-unknown-linux-gnu\\n' ;;\n\
             esac\n",
            answer.display()
        ),
    );
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    stub
}
