//! A whole system as the base: Debian 11, arranged as AWS arranges its own, out of a real registry.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::corpus::check;
use super::maker::Tar;
use super::package::{EVENT, arranged, folder, record, taken, workspace};
use super::tools::{Podman, addresses};
use crate::registry::real::Registry;
use crate::support::{have, host_arch, run, tools};

#[test]
#[ignore = "with Debian 11"]
fn a_debootstrapped_root_is_a_base() {
    let root = tools().join("bullseye/root");
    let emulator = tools().join(format!("rie/aws-lambda-rie-{}", host_arch()));
    let python = tools().join("zig/bin/python3");
    if !have(root.join("usr/lib/x86_64-linux-gnu/libc.so.6")) || !have(&emulator) || !have(&python)
    {
        return;
    }
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let place = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(&root).args(["--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*"]);
    let system = tar.args(["--numeric-owner", "-c", "."]).output().unwrap();
    assert!(system.status.success());
    let own = Tar::new().folders(&["var", "var/runtime", "var/task", "opt"]);
    let image = arranged(&system.stdout, &fs::read(&emulator).unwrap()).and(own);
    let layout = place.path().join("base");
    fs::create_dir(&layout).unwrap();
    image.layout(&layout);
    registry.fill_from(&layout);
    drop(image);
    let base = format!("{}/some/app:1", registry.host);
    // Nothing is wrong with it but that it starts nothing.
    check(place.path(), &["--entry-point", "/bin/true", layout.to_str().unwrap()]).code(0);

    let workspace = workspace();
    let package = |args: &[&str]| {
        let words = ["package", "--format", "image", "--archive", "oci", "--base", &base];
        let mut command = workspace.command(&[&words[..], args].concat());
        run(command.env("CARGO_ZIGBUILD_PYTHON_PATH", &python))
    };
    // A program of this machine, if that is newer, wants a newer glibc than this base has: seen before
    // anything is written.
    let host = package(&["--linker", "host"]);
    if host.code != 0 {
        assert!(host.stderr.contains("GLIBC_2."), "{}", host.stderr);
        host.code(3);
        assert!(!folder(&workspace, "hello").exists());
    }
    package(&["--linker", "zig", "--runtime", "provided.al2"]).code(0).says("Packed");
    let made = folder(&workspace, "hello");
    if let Some(unpacked) = taken(&made, place.path()) {
        assert_eq!(fs::read_link(unpacked.join("lib64")).unwrap().to_str(), Some("usr/lib64"));
        assert!(unpacked.join("etc/debian_version").is_file());
    }
    if let Some(podman) = Podman::new(place.path()) {
        podman.load(&made.join("image.tar"));
        let (port, flags) = addresses();
        let variable = format!("RIE_FLAGS={flags}");
        let answer = podman.answer(&["-e", &variable, "localhost/hello:latest"], port, EVENT);
        assert!(answer.ends_with(EVENT), "{answer}");
    }
    // And the embedded Lambda.
    let settings = format!(
        "format = \"image\"\nimage.base = \"{base}\"\nruntime = \"provided.al2\"\nlinker = \"zig\"\n"
    );
    workspace.write("lambda-pack.toml", settings);
    let mut command = workspace.command(&["invoke", "hello", "--local", "--payload", EVENT]);
    let answer = run(command.env("CARGO_ZIGBUILD_PYTHON_PATH", &python)).code(0);
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(answer, serde_json::from_str::<Value>(EVENT).unwrap());
    assert_eq!(record(&workspace, "hello")["base"], base);
}
