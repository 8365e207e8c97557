//! `new` and `init`: what is written, where, and what of hostile templates is not.

mod all;
mod hostile;
pub(crate) mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Run, lambda_pack, run};

/// `new` or `init`, in a folder.
fn pack(folder: &Path, args: &[&str]) -> Run {
    run(lambda_pack(folder).args(args))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}: {}", path.display()))
}

/// A folder with a workspace of one member.
fn workspace() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("old/src")).unwrap();
    let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\n    \"old\", # the first\n]\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let old = "[package]\nname = \"old\"\nedition = \"2024\"\n";
    fs::write(folder.path().join("old/Cargo.toml"), old).unwrap();
    fs::write(folder.path().join("old/src/lib.rs"), "").unwrap();
    folder
}

/// What stands there is more than a package's settings.
#[test]
fn the_manifest_of_a_workspace_is_not_written_over() {
    let workspace = workspace();
    let before = read(workspace.path().join("Cargo.toml"));
    for force in [&["init", "--name", "x"][..], &["init", "--name", "x", "--force"]] {
        pack(workspace.path(), force).code(2).says("is the root of a workspace");
    }
    assert_eq!(read(workspace.path().join("Cargo.toml")), before);
    assert!(!workspace.path().join("src").exists());
}

#[test]
fn nothing_is_asked_where_nobody_is_and_the_next_command_is_said() {
    let folder = TempDir::new().unwrap();
    let made = pack(folder.path(), &["new", "hello"]).code(0);
    assert_eq!(
        made.stderr,
        "     Created `hello` in hello/ (http, 6 files)\n        Next cd hello\n        \
         Next cargo lambda-pack invoke --local --payload events/function-url.json\n"
    );
    let hello = folder.path().join("hello");
    assert!(read(hello.join("Cargo.toml")).contains("name = \"hello\"\n"));
    assert!(hello.join("events/function-url.json").is_file());
    // It is there: nothing of it is touched.
    fs::write(hello.join("README.md"), "mine").unwrap();
    pack(folder.path(), &["new", "hello"]).code(2).says("hello is there already");
    pack(&hello, &["init"]).code(2).says("with other contents: `README.md`; `--force` writes");
    assert_eq!(read(hello.join("README.md")), "mine");
    pack(&hello, &["init", "--force"]).code(0);
    assert!(read(hello.join("README.md")).contains("hello"));
    // What is the same is not in the way.
    pack(&hello, &["init"]).code(0);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_package_joins_the_workspace_that_it_stands_in() {
    let folder = workspace();
    let made = pack(folder.path(), &["new", "crates/jobs", "-t", "schedule", "--output", "json"]);
    let record = &made.code(0).records()[0];
    let manifest = fs::canonicalize(folder.path()).unwrap().join("Cargo.toml");
    assert_eq!(record["workspace"], manifest.to_str().unwrap());
    assert_eq!(record["package"], "jobs");
    let joined = "[workspace]\nresolver = \"3\"\nmembers = [\n    \"old\", # the first\n    \"crates/jobs\",\n]\n";
    assert_eq!(read(folder.path().join("Cargo.toml")), joined);
    let metadata = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let read_by_cargo = std::process::Command::new("cargo")
        .args(metadata)
        .current_dir(folder.path().join("crates/jobs"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&read_by_cargo.stdout).contains("crates/jobs/Cargo.toml"));
    // A workspace cannot be in a workspace.
    let refused = pack(folder.path(), &["new", "more", "-t", "workspace"]).code(2);
    refused.says("`more` would be a workspace in the workspace of");
    assert!(!folder.path().join("more").exists());
    assert_eq!(read(folder.path().join("Cargo.toml")), joined);
}

#[test]
fn what_is_said_wrongly_changes_nothing() {
    let folder = TempDir::new().unwrap();
    for (args, says) in [
        (&["new"][..], "`new` takes a PATH"),
        (&["new", "nul"], "`nul` cannot be the name of the package"),
        (&["new", "a b"], "a package's name has letters"),
        (&["new", "x", "--name", "fn"], "it means something to Rust already"),
        (&["new", "x", "-t", "htpp"], "no template `htpp`: did you mean `http`?"),
        (&["new", "x", "--set", "evnts=alb"], "asks for no `evnts`: did you mean `events`?"),
        (&["new", "x", "--set", "events=abl"], "did you mean `alb`?"),
        (&["new", "x", "--set", "events"], "is not KEY=VALUE"),
        (&["new", "core"], "`--name NAME` gives it another one"),
        (&["new", "x", "--manifest-path", "y"], "`--manifest-path` means nothing here"),
        (
            &["new", &"a".repeat(60), "-t", "workspace"],
            "a function's name has at most 64 characters",
        ),
        (&["new", "x", "-t", "./nowhere"], "there is no folder ./nowhere; a git repository"),
        (&["new", "x", "-t", "/a/repo#v1:http"], "there is no folder"),
        (&["new", "x", "-t", "t.tar.xz"], "is an archive of another kind"),
        (&["new", "x", "-t", "nowhere.zip"], "nowhere.zip"),
        (&["new", "x", "-t", "ext::sh -c touch% y://x"], "is no URL of a git repository"),
        (&["new", "x", "-t", "file:///nowhere/at/all"], "cannot fetch the template"),
        (&["new", ".."], ".. is there already"),
        (&["init", "/"], "cannot be the name"),
    ] {
        let answer = pack(folder.path(), args).code(2);
        assert!(answer.stderr.contains(says), "{args:?}: {}", answer.stderr);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{args:?}");
    }
}

#[test]
fn templates_and_what_they_ask_are_listed() {
    let folder = TempDir::new().unwrap();
    let list = pack(folder.path(), &["new", "--list"]).code(0).stdout;
    assert!(list.contains("\nhttp "), "{list}");
    for line in list.lines() {
        assert!(line.chars().count() <= 78, "{line}");
    }
    let records = pack(folder.path(), &["init", "--list", "--output", "json"]).code(0).records();
    assert_eq!(records.len(), list.lines().count() - 1);
    assert!(records.iter().all(|record| record["reason"] == "template"));
    let asked = pack(folder.path(), &["new", "--list", "-t", "http"]).code(0);
    asked.says_out("function-url, api-gateway-v2, alb");
    pack(folder.path(), &["new", "--list", "-t", "basic"]).code(0).says_out("it asks nothing");
}

#[test]
fn what_cargo_does_not_take_leaves_nothing() {
    let folder = workspace();
    let at = folder.path();
    let template = |name: &str, manifest: &str| {
        let template = at.join("templates").join(name);
        fs::create_dir_all(template.join("src")).unwrap();
        fs::write(template.join("template.toml"), "description = \"d\"\n").unwrap();
        fs::write(template.join("src/main.rs"), "fn main() {}\n").unwrap();
        if !manifest.is_empty() {
            fs::write(template.join("Cargo.toml.jinja"), manifest).unwrap();
        }
    };
    template("broken", "[package\nname = \"{{ name }}\"\n");
    template("another", "[package]\nname = \"another\"\n");
    template("none", "");
    // A pattern that nothing matches is no member that cargo could read.
    fs::create_dir_all(at.join("crates/here/src")).unwrap();
    fs::copy(at.join("old/src/lib.rs"), at.join("crates/here/src/lib.rs")).unwrap();
    fs::write(at.join("crates/here/Cargo.toml"), "[package]\nname = \"here\"\n").unwrap();
    let manifest = at.join("Cargo.toml");
    let text = "[workspace]\nresolver = \"3\"\nmembers = [\"old\", \"crates/*\"]\nexclude = [\"crates/skip\"]\n";
    fs::write(&manifest, text).unwrap();
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o600)).unwrap();
    for (args, says) in [
        (
            &["new", "n", "--name", "old", "-t", "basic"][..],
            "cargo does not take what the template makes",
        ),
        (&["new", "crates/deep/er", "-t", "basic"], "cargo does not take what the template makes"),
        (&["new", "n", "-t", "./templates/broken"], "Cargo.toml"),
        (&["new", "n", "-t", "./templates/another"], "calls the package `another`, not `n`"),
        (&["new", "n", "-t", "./templates/none"], "the template writes no Cargo.toml"),
    ] {
        let answer = pack(at, args).code(2);
        assert!(answer.stderr.contains(says), "{args:?}: {}", answer.stderr);
        assert_eq!(read(&manifest), text, "{args:?}");
        assert!(!at.join("n").exists() && !at.join("crates/deep").exists(), "{args:?}");
    }
    // Left out of the members' pattern, and a member by it: `..` in a path leads where it says.
    let skipped =
        pack(at, &["new", "old/../crates/skip", "-t", "basic", "--output", "json"]).code(0);
    assert_eq!(skipped.records()[0]["workspace"], serde_json::Value::Null);
    pack(at, &["new", "crates/taken", "-t", "basic"]).code(0);
    pack(at, &["new", "more", "-t", "basic"]).code(0).says("Added");
    assert_eq!(read(&manifest), text.replace("\"crates/*\"]", "\"crates/*\", \"more\"]"));
    assert_eq!(fs::metadata(&manifest).unwrap().permissions().mode() & 0o777, 0o600);
    // One that cannot be read is not passed over.
    for broken in ["[workspace", "[workspace]\nmembers = \"old\"\n"] {
        fs::write(&manifest, broken).unwrap();
        pack(at, &["new", "n", "-t", "basic"]).code(2).says("cannot read the workspace");
        assert!(!at.join("n").exists());
    }
}

#[test]
fn several_at_once_are_all_members() {
    let folder = workspace();
    let names = ["c1", "c2", "c3", "c4"];
    std::thread::scope(|scope| {
        for name in names {
            scope.spawn(|| pack(folder.path(), &["new", name, "-t", "basic"]).code(0));
        }
    });
    let manifest = read(folder.path().join("Cargo.toml"));
    for name in names {
        assert!(manifest.contains(&format!("\"{name}\"")), "{name}: {manifest}");
    }
}
