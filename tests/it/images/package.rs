//! `package --format image`: other tools take what it writes, the handler answers in it, and the same
//! files give the same image.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::corpus::check;
use super::maker::{Image, Layer, Tar, gzip};
use super::tools::{Podman, addresses, by_the_schemas, skopeo, unpacked};
use crate::local::cli::HANDLER;
use crate::support::{Run, Workspace, have, host_arch, run, tools};

pub(super) const PACKAGE: [&str; 5] = ["package", "--format", "image", "--linker", "host"];

pub(super) fn workspace() -> Workspace {
    let workspace = Workspace::quick();
    workspace.write("crates/hello/src/main.rs", HANDLER);
    workspace
}

fn command(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace.command(&[&PACKAGE, args].concat());
    command.env("LAMBDA_PACK_SYSROOT", "/");
    command
}

fn package(workspace: &Workspace, args: &[&str]) -> Run {
    run(&mut command(workspace, args)).code(0)
}

pub(super) fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    let base = workspace.path().join("target/lambda-pack").join(name);
    base.join(format!("image-{}", host_arch()))
}

pub(super) fn record(workspace: &Workspace, name: &str) -> Value {
    let text = fs::read(folder(workspace, name).join("image.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn layers(record: &Value) -> Vec<(String, String)> {
    let word = |layer: &Value, member: &str| layer[member].as_str().unwrap().to_owned();
    let all = record["layers"].as_array().unwrap().iter();
    all.map(|layer| (word(layer, "what"), word(layer, "digest"))).collect()
}

/// A copy in a folder without blanks and colons, which umoci cannot have in a name.
fn copied(layout: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(layout).arg(to)).code(0);
}

/// Every tool takes a layout and the archive beside it; the files that umoci makes of it.
pub(super) fn taken(image: &Path, folder: &Path) -> Option<PathBuf> {
    check(folder, &[image.join("oci").to_str().unwrap()]).code(0);
    let layout = folder.join("layout");
    copied(&image.join("oci"), &layout);
    by_the_schemas(&layout);
    if have("skopeo") {
        let name = format!("oci:{}:latest", layout.display());
        let seen: Value = serde_json::from_str(&skopeo(&["inspect", &name]).stdout).unwrap();
        assert_eq!(seen["Os"], "linux");
        for to in ["dir:", "docker-archive:"] {
            let to = format!("{to}{}", folder.join(format!("to-{}", to.len())).display());
            skopeo(&["copy", "-q", &name, &to]);
        }
    }
    unpacked(&layout, &folder.join("unpacked"))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(super) const EVENT: &str = r#"{"hello":"image"}"#;

#[test]
fn an_image_from_scratch_is_taken_and_answers() {
    let workspace = workspace();
    let place = tempfile::tempdir().unwrap();
    package(&workspace, &["--base", "scratch", "--archive", "docker"]).says("Packed");
    let image = folder(&workspace, "hello");
    if let Some(root) = taken(&image, place.path()) {
        assert_eq!(mode(&root.join("tmp")), 0o1777);
        assert_eq!(mode(&root.join("var/task/bootstrap")), 0o755);
        assert!(root.join("etc/ssl/certs/ca-certificates.crt").is_file());
    }
    check(place.path(), &[image.join("image.tar").to_str().unwrap()]).code(0);
    if let Some(podman) = Podman::new(place.path()) {
        podman.load(&image.join("image.tar"));
        let emulator = tools().join(format!("rie/aws-lambda-rie-{}", host_arch()));
        let (port, flags) = addresses();
        let volume = format!("{}:/rie:ro", emulator.display());
        let mut args = vec!["-v", &volume, "--entrypoint", "/rie", "localhost/hello:latest"];
        args.extend(flags.split(' '));
        args.push("/var/task/bootstrap");
        let answer = podman.answer(&args, port, EVENT);
        assert!(answer.ends_with(EVENT), "{answer}");
    }

    // A second time: nothing is done.
    let before = record(&workspace, "hello");
    let index = image.join("oci/index.json");
    let time = fs::metadata(&index).unwrap().modified().unwrap();
    package(&workspace, &["--base", "scratch", "--archive", "docker"]).says("Unchanged");
    assert_eq!(fs::metadata(&index).unwrap().modified().unwrap(), time);

    // Elsewhere, at another time, on one thread, with another mask.
    let other = self::workspace();
    let mut shell = Command::new("sh");
    let one = command(&other, &["--base", "scratch", "--archive", "docker", "-j", "1"]);
    shell.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(one.get_program()).args(one.get_args());
    crate::support::scrub(&mut shell);
    shell.current_dir(other.path()).env("TZ", "Asia/Tokyo").env("LC_ALL", "C");
    shell.env("CARGO_NET_OFFLINE", "true").env("LAMBDA_PACK_SYSROOT", "/");
    run(&mut shell).code(0);
    let after = record(&other, "hello");
    assert_eq!(before["digest"], after["digest"]);
    let archive = |workspace: &Workspace| fs::read(folder(workspace, "hello").join("image.tar"));
    assert!(archive(&workspace).unwrap() == archive(&other).unwrap());
    assert_eq!(mode(&image.join("oci/blobs/sha256").join(&layers(&before)[0].1[7..])), 0o644);

    // Another handler: another last layer.
    workspace.write("crates/hello/src/main.rs", HANDLER.replace("handling", "doing"));
    package(&workspace, &["--base", "scratch", "--archive", "docker"]).says("Packed");
    let (before, after) = (layers(&before), layers(&record(&workspace, "hello")));
    assert_eq!(before.len(), after.len());
    let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0].0.0, "functions");
    assert_eq!(Some(changed[0].1), after.last());
}

/// As AWS's own, but for the flags of the emulator.
const SCRIPT: &str = r#"#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"
RUNTIME_ENTRYPOINT=/var/runtime/bootstrap
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie $RIE_FLAGS $RUNTIME_ENTRYPOINT
else
  exec $RUNTIME_ENTRYPOINT
fi
"#;

/// An image arranged as AWS's: links, folders, the script, and the emulator; its shell and its libraries
/// are this machine's.
pub(super) fn base() -> Option<Image> {
    let emulator = tools().join(format!("rie/aws-lambda-rie-{}", host_arch()));
    if !have(&emulator) {
        return None;
    }
    let (loader, lib) = if host_arch() == "arm64" {
        ("ld-linux-aarch64.so.1", "lib")
    } else {
        ("ld-linux-x86-64.so.2", "lib64")
    };
    let mut tar = Tar::new()
        .folders(&["etc", "opt", "usr", "usr/bin", "usr/lib", "usr/lib64", "usr/local"])
        .folders(&["usr/local/bin", "var", "var/runtime", "var/task"])
        .folder("tmp", 0o1777)
        .folder("root", 0o550);
    for link in ["bin", "lib", "lib64"] {
        tar = tar.symlink(link, &format!("usr/{link}"));
    }
    tar = tar.file("usr/bin/sh", 0o755, &fs::read("/bin/sh").unwrap());
    let real = format!("/{lib}/{loader}");
    tar = tar.file(&format!("usr/{lib}/{loader}"), 0o755, &fs::read(real).unwrap());
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1"] {
        let places = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib"];
        let found = places.iter().find_map(|place| fs::read(Path::new(place).join(name)).ok());
        tar = tar.file(&format!("usr/lib64/{name}"), 0o755, &found.unwrap());
    }
    let system = tar.end();
    Some(arranged(&system, &fs::read(emulator).unwrap()))
}

/// A system with what AWS puts on it: the emulator, the script, and the configuration.
pub(super) fn arranged(system: &[u8], emulator: &[u8]) -> Image {
    let emulator = Tar::new().folders(&["usr", "usr/local", "usr/local/bin"]).file(
        "usr/local/bin/aws-lambda-rie",
        0o755,
        emulator,
    );
    let script = Tar::new().file("lambda-entrypoint.sh", 0o755, SCRIPT.as_bytes());
    let mut image = Image::of(vec![Layer::gzip(system)]).and(emulator).and(script);
    image.docker = true;
    image.platform.0 = if host_arch() == "arm64" { "arm64" } else { "amd64" };
    image.config = json!({
        "Entrypoint": ["/lambda-entrypoint.sh"],
        "WorkingDir": "/var/task",
        "Env": [
            "LANG=en_US.UTF-8",
            "PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:\
             /var/task/lib:/opt/lib",
            "LAMBDA_TASK_ROOT=/var/task",
            "LAMBDA_RUNTIME_DIR=/var/runtime",
        ],
        "Labels": { "of": "the base" },
        "Unheard": { "of": 1 },
    });
    image
}

#[test]
fn an_image_on_a_base_as_awss_is_taken_and_answers() {
    let Some(image) = base() else { return };
    let workspace = workspace();
    let place = tempfile::tempdir().unwrap();
    let layout = place.path().join("base");
    fs::create_dir(&layout).unwrap();
    image.layout(&layout);
    let base = format!("oci:{}", layout.display());
    package(&workspace, &["--base", &base, "--archive", "oci"]);
    let made = folder(&workspace, "hello");
    let record = record(&workspace, "hello");
    // The layers of the base are its own, byte for byte.
    for (layer, (what, digest)) in image.layers.iter().zip(layers(&record)) {
        let is = lambda_pack::digest::Sha256::of(&layer.blob).to_string();
        assert_eq!((what.as_str(), digest), ("base", is));
    }
    assert_eq!(record["base_digest"].as_str().map(str::len), Some(71));
    if let Some(root) = taken(&made, place.path()) {
        assert_eq!(fs::read_link(root.join("lib64")).unwrap(), Path::new("usr/lib64"));
        assert_eq!((mode(&root.join("tmp")), mode(&root.join("root"))), (0o1777, 0o550));
    }
    if let Some(podman) = Podman::new(place.path()) {
        podman.load(&made.join("image.tar"));
        let (port, flags) = addresses();
        let variable = format!("RIE_FLAGS={flags}");
        let answer = podman.answer(&["-e", &variable, "localhost/hello:latest"], port, EVENT);
        assert!(answer.ends_with(EVENT), "{answer}");
    }
    // What is unknown of the base stays.
    let index: Value =
        serde_json::from_slice(&fs::read(made.join("oci/index.json")).unwrap()).unwrap();
    let blob = |at: &Value| -> Value {
        serde_json::from_slice(&fs::read(super::maker::path(&made.join("oci"), at)).unwrap())
            .unwrap()
    };
    let config = blob(&blob(&index["manifests"][0])["config"]);
    assert_eq!(config["config"]["Unheard"], json!({ "of": 1 }));
    assert_eq!(config["config"]["Labels"]["of"], "the base");

    // The same base as an archive: docker's has plain layers, whose blobs are made anew.
    let of = |record: &Value, member: &str| -> Vec<Value> {
        record["layers"].as_array().unwrap().iter().map(|layer| layer[member].clone()).collect()
    };
    fs::write(place.path().join("base.tar"), super::maker::archive(&layout)).unwrap();
    let oci = format!("oci-archive:{}", place.path().join("base.tar").display());
    package(&workspace, &["--base", &oci]);
    assert_eq!(of(&self::record(&workspace, "hello"), "digest"), of(&record, "digest"));
    if have("skopeo") {
        let docker = format!("docker-archive:{}", place.path().join("docker.tar").display());
        skopeo(&["copy", "-q", &format!("oci:{}", layout.display()), &docker]);
        package(&workspace, &["--base", &docker]);
        assert_eq!(of(&self::record(&workspace, "hello"), "diff_id"), of(&record, "diff_id"));
    }

    // A base that is changed, and says so, makes another image; one that lies is refused.
    let again = image.and(Tar::new().file("usr/more", 0o644, b"more"));
    again.layout(&layout);
    package(&workspace, &["--base", &base, "--archive", "oci"]).says("Packed");
    let whole = self::record(&workspace, "hello");
    assert_ne!(whole["digest"], record["digest"]);
    let mut lies = again.clone();
    lies.layers[3].diff_id = lies.layers[0].diff_id.clone();
    lies.layout(&layout);
    let refused = run(&mut command(&workspace, &["--base", &base])).code(3);
    assert!(refused.stderr.contains("unpacks to"), "{}", refused.stderr);
    assert_eq!(self::record(&workspace, "hello"), whole);
}

type Make = fn(&Path);

#[test]
fn bases_that_are_broken_or_hostile_write_nothing() {
    let workspace = workspace();
    let place = tempfile::tempdir().unwrap();
    let cases: [(&str, Make); 7] = [
        ("leads out", |f| Image::good().and(Tar::new().file("../a", 0o644, b"")).layout(f)),
        ("device", |f| {
            let tar = Tar::new().file("a", 0o644, b"").file("a/b", 0o644, b"");
            Image::good().and(tar).layout(f);
        }),
        ("truncated", |f| {
            let mut image = Image::good();
            image.layers[0].blob.truncate(100);
            image.layout(f);
        }),
        ("bomb", |f| {
            let tar = Tar::new().header(b'0', b"a", 0o644, 12 << 30, "").open();
            Image::good().and_layer(Layer::of(b"", gzip(&tar), super::maker::GZIP)).layout(f);
        }),
        ("hard link out", |f| {
            Image::good().and(Tar::new().hard_link("a", "../../etc/passwd")).layout(f);
        }),
        ("not JSON", |f| {
            let at = Image::good().store_papers(f, b"{]", |_| ());
            super::maker::layout(f, &[at]);
        }),
        ("file for a folder", |f| {
            let tar = Tar::new().folders(&["var"]).file("var/task", 0o644, b"");
            Image::tar(tar).layout(f);
        }),
    ];
    for (name, make) in cases {
        let layout = place.path().join(name);
        fs::create_dir(&layout).unwrap();
        make(&layout);
        let base = format!("oci:{}", layout.display());
        let ended = run(&mut command(&workspace, &["--base", &base]));
        assert!(matches!(ended.code, 2 | 3), "{name}: {} {}", ended.code, ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{name}: {}", ended.stderr);
        assert!(!folder(&workspace, "hello").exists(), "{name}");
    }
}

#[test]
fn functions_share_an_image_and_extensions_are_in_it() {
    let workspace = workspace();
    workspace.handler("hello", "image.name = \"both\"\n");
    workspace.handler("second", "image.name = \"both\"\n");
    workspace.write("crates/hello/src/main.rs", HANDLER);
    workspace.write("crates/second/src/main.rs", HANDLER.replace("handling", "second"));
    workspace
        .package("watcher", "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n");
    package(&workspace, &["--base", "scratch"]);
    let record = record(&workspace, "both");
    let entries: Vec<&str> = record["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|function| function["entry_point"][0].as_str().unwrap())
        .collect();
    assert_eq!(entries, ["/var/task/hello", "/var/task/second"]);
    let place = tempfile::tempdir().unwrap();
    let made = folder(&workspace, "both");
    let layout = made.join("oci");
    let both = ["--entry-point", "/var/task/hello", "--entry-point", "/var/task/second"];
    check(place.path(), &[&[layout.to_str().unwrap()][..], &both].concat()).code(0);
    if let Some(root) = taken(&made, place.path()) {
        assert_eq!(mode(&root.join("opt/extensions/watcher")), 0o755);
        assert_eq!(mode(&root.join("var/task/second")), 0o755);
    }
}

#[test]
fn a_kill_leaves_the_image_that_was_there() {
    let workspace = workspace();
    workspace.handler("hello", "include = [\"assets\"]\n");
    let mut noise = 1_u64;
    let mut asset = || {
        let mut next = || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.to_be_bytes()[0]
        };
        std::iter::repeat_with(&mut next).take(6 << 20).collect::<Vec<u8>>()
    };
    workspace.write("crates/hello/assets/data", asset());
    workspace.write("assets/data", asset());
    package(&workspace, &["--base", "scratch"]);
    let made = folder(&workspace, "hello");
    for wait in [60, 120, 200, 300, 450, 600] {
        let data = asset();
        workspace.write("crates/hello/assets/data", &data);
        workspace.write("assets/data", &data);
        let mut child = command(&workspace, &["--base", "scratch", "-q"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        check(workspace.path(), &[made.join("oci").to_str().unwrap()]).code(0);
        record(&workspace, "hello");
    }
    package(&workspace, &["--base", "scratch"]);
    check(workspace.path(), &[made.join("oci").to_str().unwrap()]).code(0);
}

/// Where a base lies is no part of what is made of it; and what nobody can make is said before a build.
#[test]
fn what_is_asked_of_images_is_looked_at() {
    let Some(image) = base() else { return };
    let workspace = workspace();
    let place = tempfile::tempdir().unwrap();
    for folder in [place.path(), workspace.path()] {
        image.layout(&folder.join("base"));
    }
    let absolute = format!("oci:{}", place.path().join("base").display());
    package(&workspace, &["--base", &absolute]);
    let first = record(&workspace, "hello");
    for base in ["oci:base", "base"] {
        package(&workspace, &["--base", base]);
        assert_eq!(record(&workspace, "hello")["digest"], first["digest"], "{base}");
    }
    for (args, says) in [
        (&["package", "--base", "scratch"][..], "`--base` is for container images"),
        (&["package", "--archive", "oci"], "`--archive` is for container images"),
        (&["package", "--format", "image", "--layout", "cargo-lambda"], "is for zips"),
        (
            &[
                "package",
                "--format",
                "image",
                "--update-base",
                "--locked",
                "--base",
                "127.0.0.1:1/a",
            ],
            "forbids that",
        ),
    ] {
        workspace.run(args).code(2).says(says);
    }
    let certificates =
        "image.certificates = \"nope.pem\"\nimage.base = \"scratch\"\nlinker = \"host\"\n";
    workspace.write("lambda-pack.toml", certificates);
    let run = workspace.run(&["package", "--format", "image"]).code(2);
    assert_eq!(run.stderr.matches("nope.pem").count(), 1, "{}", run.stderr);
    // A part of a shared image would take the place of the whole.
    workspace.handler("second", "image.name = \"both\"\n");
    workspace.handler("hello", "image.name = \"both\"\n");
    workspace.write("lambda-pack.toml", "");
    let alone = [&PACKAGE[..], &["--base", "scratch", "-p", "hello"]].concat();
    workspace.run(&alone).code(2).says("is also that of `second`");
}

#[test]
fn out_has_an_index_of_its_images() {
    let workspace = workspace();
    package(&workspace, &["--base", "scratch", "--out", "dist"]);
    let index = fs::read(workspace.path().join("dist/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["images"][0]["folder"], format!("hello/image-{}", host_arch()));
    assert_eq!(index["images"][0]["record"]["functions"][0]["function"], "hello");
    assert_eq!(index["bundles"], json!([]));
}

/// Who writes to a blob that is shared with the store damages no image but for so long.
#[test]
fn a_blob_that_was_written_to_is_made_again() {
    let workspace = workspace();
    package(&workspace, &["--base", "scratch"]);
    let before = record(&workspace, "hello");
    let layer = layers(&before).last().unwrap().1[7..].to_owned();
    let blob = folder(&workspace, "hello").join("oci/blobs/sha256").join(layer);
    let mut bytes = fs::read(&blob).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    // In place: the same inode, the same length.
    fs::OpenOptions::new()
        .write(true)
        .open(&blob)
        .map(|mut file| {
            std::io::Write::write_all(&mut file, &bytes).unwrap();
        })
        .unwrap();
    package(&workspace, &["--base", "scratch"]);
    assert_eq!(record(&workspace, "hello")["digest"], before["digest"]);
    let layout = folder(&workspace, "hello").join("oci");
    check(workspace.path(), &[layout.to_str().unwrap()]).code(0);
}
