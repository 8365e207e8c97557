//! What is opened, and what is looked at of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::corpus::check;
use super::maker::*;
use super::tools::is_root;
use crate::support::{have, host_arch, lambda_pack, run};

fn image(make: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("image")).unwrap();
    make(&folder.path().join("image"));
    folder
}

fn of(platforms: &[&'static str]) -> tempfile::TempDir {
    image(|folder| {
        let one = |name: &&'static str| {
            Image { platform: (name, "linux"), ..Image::good() }.store(folder)
        };
        let all: Vec<Value> = platforms.iter().map(one).collect();
        let at = blob(folder, index(&all, INDEX).to_string().as_bytes(), INDEX);
        layout(folder, &[at]);
    })
}

/// Nobody need name the only platform that an index has.
#[test]
fn of_an_index_something_is_looked_at() {
    let other = if host_arch() == "x86_64" { "arm64" } else { "amd64" };
    let folder = of(&[other]);
    let alone = check(folder.path(), &["image"]).code(3);
    assert!(alone.stdout.contains("image-index"), "{}", alone.stdout);
    let both = of(&["arm64", "amd64"]);
    let one = check(both.path(), &["image"]).code(3);
    let goname = if host_arch() == "x86_64" { "amd64" } else { "arm64" };
    assert!(one.stdout.contains(&format!("looked at: that for linux/{goname}")), "{}", one.stdout);
    let all = check(both.path(), &["image", "--arch", "both"]).code(3);
    for name in ["amd64", "arm64"] {
        assert!(
            all.stdout.contains(&format!("looked at: that for linux/{name}")),
            "{}",
            all.stdout
        );
    }
    let fix = check(both.path(), &["image", "--arch", "both", "--fix", "out"]).code(2);
    assert!(fix.stderr.contains("means two"), "{}", fix.stderr);
    // What is no index is one image.
    let single = image(|folder| Image::good().layout(folder));
    check(single.path(), &["image", "--arch", "both"]).code(0);
}

#[test]
fn what_may_not_be_read_is_not_called_wrong() {
    if is_root() && !have("setpriv") {
        return;
    }
    let folder = image(|folder| Image::good().layout(folder));
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), open.clone()).unwrap();
    let blobs = folder.path().join("image/blobs");
    let manifest: Value =
        serde_json::from_slice(&fs::read(folder.path().join("image/index.json")).unwrap()).unwrap();
    let manifest = path(&folder.path().join("image"), &manifest["manifests"][0]);
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let layer = path(&folder.path().join("image"), &manifest["layers"][0]);
    for shut in [layer, blobs] {
        let before = fs::metadata(&shut).unwrap().permissions();
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o0)).unwrap();
        let program = lambda_pack(folder.path());
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(program.get_program()).args(program.get_args());
            command.current_dir(folder.path());
            command.envs(program.get_envs().filter_map(|(name, value)| value.map(|it| (name, it))));
            command
        } else {
            program
        };
        let run = run(command.args(["check", "image"])).code(2);
        assert!(run.stderr.contains("ermission denied"), "{}", run.stderr);
        assert!(!run.stdout.contains("Lambda answers"), "{}", run.stdout);
        fs::set_permissions(&shut, before).unwrap();
    }
}

#[test]
fn docker_archives_have_images_by_short_names() {
    let folder = tempfile::tempdir().unwrap();
    let tar = files().end();
    let config = Image::of(vec![Layer::gzip(&tar)]).whole_config().to_string();
    let tags = json!(["docker.io/library/a:1", "localhost/b:latest"]);
    let manifest = json!([{ "Config": "c.json", "RepoTags": tags, "Layers": ["l.tar"] }]);
    let archive = Tar::new().file("c.json", 0o644, config.as_bytes()).file("l.tar", 0o644, &tar);
    let archive = archive.file("manifest.json", 0o644, manifest.to_string().as_bytes());
    fs::write(folder.path().join("f.tar"), archive.end()).unwrap();
    for (name, code) in [("a:1", 0), ("docker.io/library/a:1", 0), ("localhost/b", 0), ("a:2", 2)] {
        let named = format!("docker-archive:f.tar:{name}");
        check(folder.path(), &[&named, "--arch", "x86_64"]).code(code);
    }
}

/// What other tools name, and what they name shorter.
#[test]
fn what_is_elsewhere_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("json.tar", &b"{}"[..]), ("empty.tar", b""), ("zeros.tar", &[0; 10240])]
    {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    for (name, says) in [
        ("json.tar", "is no tar archive"),
        ("empty.tar", "empty.tar is empty"),
        ("zeros.tar", "and no image"),
        ("alpine:3", "`docker://alpine:3`"),
        ("library/alpine:3", "`docker://library/alpine:3`"),
        ("containers-storage:alpine", "`skopeo copy containers-storage:alpine oci:OUT`"),
        ("docker-daemon:alpine:3", "`skopeo copy docker-daemon:alpine:3 oci:OUT`"),
        ("oci:", "`oci:DIR`"),
        ("oci:none", "No such file"),
        ("oci-archive:none.tar", "No such file"),
    ] {
        let run = check(folder.path(), &[name]).code(2);
        assert!(run.stderr.contains(says), "{name}: {}", run.stderr);
    }
}
