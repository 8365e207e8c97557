//! Mended copies, and images that other tools made.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::corpus::check;
use super::maker::*;
use super::tools::{Podman, by_the_schemas, is_root, skopeo, unpacked};
use crate::support::{Run, have, run};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The manifest of a layout with one image.
fn manifest(layout: &Path) -> Value {
    json(&path(layout, &json(&layout.join("index.json"))["manifests"][0]))
}

fn in_folder(make: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("image")).unwrap();
    make(&folder.path().join("image"));
    folder
}

fn fix(folder: &Path, out: &str) -> Run {
    check(folder, &["image", "--fix", out, "--arch", "x86_64"])
}

/// Good layers stay, byte for byte, and other tools take what is made anew.
#[test]
fn a_mended_copy_keeps_what_was_good() {
    let image = Image::good()
        .and_layer(Layer::zstd(&Tar::new().folders(&["opt"]).end()))
        .and_layer(Layer::plain(&Tar::new().folders(&["opt", "opt/a"]).end()))
        .and(Tar::new().file("srv/b/c", 0o644, b"c").file("opt/a", 0o644, b"1"))
        .and(Tar::new().file("d", 0o644, b"1").file("d", 0o644, b"2"));
    let folder = in_folder(|folder| {
        let one = image.store(folder);
        let at = blob(folder, index(&[one], INDEX).to_string().as_bytes(), INDEX);
        layout(folder, &[at]);
    });
    fix(folder.path(), "out").code(0);
    let out = folder.path().join("out");
    by_the_schemas(&out);
    let mended = manifest(&out);
    let config = json(&path(&out, &mended["config"]));
    let layers = mended["layers"].as_array().unwrap();
    let digest = |bytes: &[u8]| lambda_pack::digest::Sha256::of(bytes).to_string();
    for (number, (layer, is)) in image.layers.iter().zip(layers).enumerate() {
        assert_eq!(is["mediaType"], GZIP);
        let diff_id = &config["rootfs"]["diff_ids"][number];
        // The first is as it was; the next two are packed anew; of the others the tar is another.
        assert_eq!(is["digest"] == digest(&layer.blob), number == 0, "{number}");
        assert_eq!(*diff_id == layer.diff_id.as_str(), number < 3, "{number}");
    }
    if have("skopeo") {
        let to = format!("dir:{}", folder.path().join("dir").display());
        skopeo(&["copy", "-q", &format!("oci:{}:latest", out.display()), &to]);
    }
    if let Some(root) = unpacked(&out, &folder.path().join("unpacked")) {
        assert_eq!(fs::read_to_string(root.join("srv/b/c")).unwrap(), "c");
        assert_eq!(fs::read_to_string(root.join("d")).unwrap(), "2");
        assert!(root.join("opt/a").is_file());
    }
    // It is what it is: mended again, it is the same; nothing is written over.
    let again = check(folder.path(), &["out", "--fix", "again", "--arch", "x86_64"]);
    again.code(0);
    assert_eq!(manifest(&folder.path().join("again")), mended);
    let refused = fix(folder.path(), "out").code(2);
    assert!(refused.stderr.contains("out is there already"), "{}", refused.stderr);
    // As an archive, and with docker's media types.
    fix(folder.path(), "out.tar").code(0);
    check(folder.path(), &["out.tar", "--arch", "x86_64"]).code(0);
    if have("skopeo") {
        let name = format!("oci-archive:{}", folder.path().join("out.tar").display());
        skopeo(&["inspect", &name]);
    }
    let docker = ["image", "--fix", "docker", "--media-types", "docker", "--arch", "x86_64"];
    check(folder.path(), &docker).code(0);
    assert_eq!(manifest(&folder.path().join("docker"))["layers"][0]["mediaType"], DOCKER_LAYER);
    // Nothing of the making stays.
    let names = |item: fs::DirEntry| item.file_name().into_string().unwrap();
    let all = fs::read_dir(folder.path()).unwrap().map(|item| names(item.unwrap()));
    assert_eq!(all.filter(|name| name.starts_with('.')).count(), 0);
}

#[test]
fn what_cannot_be_mended_leaves_nothing() {
    let folder = in_folder(|folder| {
        let mut image = Image::good();
        image.layers[0].blob.truncate(100);
        image.layout(folder);
    });
    fix(folder.path(), "out").code(2);
    fix(folder.path(), "out.tar").code(2);
    fix(folder.path(), "none/out").code(1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A folder for a build: a program for each place.
fn context(folder: &Path) {
    for (name, data) in [("bootstrap", program()), ("asset", b"text".to_vec())] {
        fs::write(folder.join(name), data).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.join(name), mode).unwrap();
    }
    fs::write(
        folder.join("Containerfile"),
        "FROM scratch\nCOPY bootstrap /var/task/bootstrap\nCOPY asset /var/task/lib/asset\n\
         ENV A=b\nWORKDIR /var/task\nENTRYPOINT [\"/var/task/bootstrap\"]\n",
    )
    .unwrap();
}

/// Nothing is found in it, but for what is expected of an image that has no libraries.
#[track_caller]
fn is_good(folder: &Path, image: &str) {
    let run = check(folder, &[image, "--arch", "x86_64"]).code(0);
    assert_eq!(run.findings(), Vec::<String>::new(), "{}", run.stdout);
}

#[test]
fn what_buildah_and_podman_build_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let Some(podman) = Podman::new(folder.path()) else { return };
    context(folder.path());
    let policy = folder.path().join("policy.json");
    let more = ["--platform", "linux/amd64", "--isolation", "chroot", "--layers", "-q"];
    let build = |format: &str| {
        let mut command = podman.command(&["build", "--format", format, "-t", format]);
        run(command.args(more).arg("--signature-policy").arg(&policy).arg(folder.path())).code(0);
        for kind in ["oci-archive", "docker-archive"] {
            let file = format!("{format}-{kind}.tar");
            let mut command = podman.command(&["save", "-q", "--format", kind, "-o"]);
            run(command.arg(folder.path().join(&file)).arg(format!("localhost/{format}"))).code(0);
            is_good(folder.path(), &file);
        }
    };
    build("oci");
    build("docker");
    if have("buildah") {
        let storage = |args: &[&str]| {
            let mut command = Command::new("buildah");
            command.args(["--storage-driver", "vfs", "--root"]).arg(folder.path().join("bud"));
            command.arg("--runroot").arg(folder.path().join("budrun")).args(args);
            command
        };
        let mut bud =
            storage(&["bud", "--isolation", "chroot", "--arch", "amd64", "-q", "-t", "b"]);
        run(bud.arg("--signature-policy").arg(&policy).arg(folder.path())).code(0);
        let to = format!("oci:{}:b", folder.path().join("buildah").display());
        let mut push = storage(&["push", "-q", "--signature-policy"]);
        run(push.arg(&policy).args(["b", &to])).code(0);
        is_good(folder.path(), "buildah");
    }
}

#[test]
fn what_umoci_makes_is_good() {
    if !have("umoci") || !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let umoci = |args: &[&str]| {
        run(Command::new("umoci").args(args).current_dir(folder.path())).code(0);
    };
    umoci(&["init", "--layout", "image"]);
    umoci(&["new", "--image", "image:a"]);
    umoci(&["unpack", "--image", "image:a", "bundle"]);
    let task = folder.path().join("bundle/rootfs/var/task");
    fs::create_dir_all(&task).unwrap();
    fs::write(task.join("bootstrap"), program()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(task.join("bootstrap"), mode).unwrap();
    umoci(&["repack", "--image", "image:a", "bundle"]);
    let program = "--config.entrypoint=/var/task/bootstrap";
    umoci(&["config", "--image", "image:a", program, "--config.workingdir=/var/task"]);
    umoci(&["config", "--image", "image:a", "--architecture", "amd64"]);
    is_good(folder.path(), "oci:image:a");
}
