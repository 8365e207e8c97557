//! Bases out of a registry, and the lock file that keeps them.

use std::fs;

use serde_json::Value;

use super::corpus::check;
use super::maker::Tar;
use super::package::{base, record, workspace};
use crate::registry::real::Registry;
use crate::support::Workspace;

/// Packages on this base; what it ends with.
fn package(workspace: &Workspace, base: &str, args: &[&str]) -> crate::support::Run {
    let words = ["package", "--format", "image", "--linker", "host", "--base", base];
    workspace.run(&[&words[..], args].concat())
}

fn locked(workspace: &Workspace) -> String {
    fs::read_to_string(workspace.path().join("lambda-pack.lock")).unwrap_or_default()
}

fn digest(record: &Value) -> String {
    record["base_digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_base_of_a_registry_stays_what_it_was() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let Some(image) = base() else { return };
    let place = tempfile::tempdir().unwrap();
    image.layout(&place.path().join("one"));
    image
        .and(Tar::new().folders(&["etc"]).file("etc/more", 0o644, b""))
        .layout(&place.path().join("two"));
    let workspace = workspace();
    let name = format!("{}/some/app:1", registry.host);
    // The layouts have one image each, under whatever name.
    let fill = |layout: &str| registry.fill_from(&place.path().join(layout));

    fill("one");
    let run = package(&workspace, &name, &["--locked"]).code(2);
    run.says("lambda-pack.lock has no digest of");
    assert_eq!(locked(&workspace), "", "nothing is written");
    package(&workspace, &name, &[]).code(0).says("Locking");
    let first = digest(&record(&workspace, "hello"));
    let lock = locked(&workspace);
    assert!(lock.contains(&format!("name = \"{name}\"\ndigest = \"{first}\"")), "{lock}");

    // The tag moves, and the base does not.
    fill("two");
    let again = package(&workspace, &name, &["--locked"]).code(0);
    again.says("Unchanged");
    assert_eq!((digest(&record(&workspace, "hello")), locked(&workspace)), (first.clone(), lock));
    package(&workspace, &name, &["--update-base"]).code(0).says("Locking");
    let second = digest(&record(&workspace, "hello"));
    assert_ne!(second, first);
    assert!(locked(&workspace).contains(&second));
    check(place.path(), &[&name]).code(0);
    check(place.path(), &[&format!("docker://{name}")]).code(0);

    // Without the registry, from what is here.
    drop(registry);
    fs::remove_dir_all(workspace.path().join("target/lambda-pack")).unwrap();
    package(&workspace, &name, &["--offline"]).code(0);
    assert_eq!(digest(&record(&workspace, "hello")), second);
    fs::remove_dir_all(workspace.path().join("target/lambda-pack.blobs")).unwrap();
    package(&workspace, &name, &["--offline"]).code(2).says("`--offline` was said");
    package(&workspace, &name, &[]).code(4).says("is `127.0.0.1:");
}

#[test]
fn a_base_that_is_not_there_is_told_of_before_anything_is_built() {
    let workspace = workspace();
    for (base, code, text) in [
        ("scrach", 2, "did you mean `scratch`?"),
        ("oci:nowhere", 2, "/nowhere"),
        ("127.0.0.1:1/x:y", 4, "cannot connect to 127.0.0.1:1"),
        ("Bad Name", 2, "in a registry there can be none"),
        ("user:hunter22@x.example/a", 2, "write it without what stands before the `@`"),
    ] {
        let run = package(&workspace, base, &[]).code(code);
        let run = run.says(text);
        assert!(!run.stderr.contains("hunter22"), "{}", run.stderr);
        assert!(!run.stderr.contains("Finished"), "{}", run.stderr);
    }
}

/// The lock says what images were made of: nothing of a base that none can be put on, and everything that
/// runs at the same time have found.
#[test]
fn the_lock_keeps_what_images_were_made_of() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let Some(image) = base() else { return };
    let place = tempfile::tempdir().unwrap();
    image.layout(&place.path().join("good"));
    let escapes = Tar::new().file("../a", 0o644, b"");
    image.and(escapes).layout(&place.path().join("bad"));
    let workspace = workspace();
    let name = format!("{}/some/app:1", registry.host);
    registry.fill_from(&place.path().join("good"));
    package(&workspace, &name, &[]).code(0);
    let lock = locked(&workspace);
    registry.fill_from(&place.path().join("bad"));
    let refused = package(&workspace, &name, &["--update-base"]).code(3);
    assert!(!refused.stderr.contains("--no-check"), "{}", refused.stderr);
    assert_eq!(locked(&workspace), lock);

    registry.fill_from(&place.path().join("good"));
    let digest = lock.rsplit('"').nth(1).unwrap();
    for tag in ["a", "b", "c", "d"] {
        let mut copy = std::process::Command::new("skopeo");
        copy.args(["copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"]);
        copy.arg(format!("docker://{name}"));
        copy.arg(format!("docker://{}/some/app:{tag}", registry.host));
        crate::support::run(&mut copy).code(0);
    }
    let running: Vec<_> = ["a", "b", "c", "d"]
        .iter()
        .map(|tag| {
            let base = format!("{}/some/app:{tag}", registry.host);
            let words = ["package", "--format", "image", "--linker", "host", "-q", "--base", &base];
            let target = format!("target-{tag}");
            let mut command = workspace.command(&[&words[..], &["--target-dir", &target]].concat());
            command.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let lock = locked(&workspace);
    assert_eq!(lock.matches("[[base]]").count(), 5, "{lock}");
    assert_eq!(lock.matches(digest).count(), 5, "{lock}");
}
