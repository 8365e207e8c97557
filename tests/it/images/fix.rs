//! Mended copies, and images that other tools made.

use std::fs;
use std::io::Read as _;
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
fn what_cannot_be_mended_leaves_nothing_and_is_told_of() {
    let folder = in_folder(|folder| {
        let mut image = Image::good();
        image.layers[0].blob.truncate(100);
        image.layout(folder);
    });
    // Some errors can be mended, and others stay.
    let some = in_folder(|folder| {
        let tar = Tar::new().file("opt/a", 0o644, b"");
        Image::good().and(tar).set("Entrypoint", serde_json::json!(["/none"])).layout(folder);
    });
    let stays = fix(some.path(), "out").code(3);
    assert!(stays.stderr.contains("one error in image cannot be mended"), "{}", stays.stderr);
    assert!(!stays.stderr.contains("nothing to mend"), "{}", stays.stderr);
    assert_eq!(stays.findings().len(), 1, "{}", stays.stdout);
    assert_eq!(fs::read_dir(some.path()).unwrap().count(), 1);
    let refused = fix(folder.path(), "out").code(3);
    assert_eq!(refused.findings(), check(folder.path(), &["image"]).findings());
    assert_eq!(refused.findings().len(), 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("image cannot be mended: layer 1: "), "{}", refused.stderr);
    assert!(!refused.stdout.contains("it cannot be read: it cannot be read"));
    fix(folder.path(), "out.tar").code(3);
    fix(folder.path(), "none/out").code(1);
    let two = check(folder.path(), &["image", "image", "--fix", "out"]).code(2);
    assert!(two.stderr.contains("`--fix out` mends one image, and 2 are named"), "{}", two.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The only layer of the mended copy, as a tar.
fn layer(out: &Path, number: usize) -> Vec<u8> {
    let layer = &manifest(out)["layers"][number];
    let blob = fs::read(path(out, layer)).unwrap();
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(blob.as_slice()).read_to_end(&mut tar).unwrap();
    tar
}

/// Every entry of a tar: its letter, path, mode and contents.
fn entries(tar: &[u8]) -> Vec<(u8, Vec<u8>, String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut rest = tar;
    while rest[0] != 0 {
        let field = |at: usize, to: usize| -> Vec<u8> {
            rest[at..to].iter().copied().take_while(|byte| *byte != 0).collect()
        };
        let text = |at, to| String::from_utf8(field(at, to)).unwrap();
        let size = usize::from_str_radix(&text(124, 136), 8).unwrap();
        let data = rest[512..512 + size].to_vec();
        all.push((rest[156], field(0, 100), text(100, 107), data));
        rest = &rest[512 + size.next_multiple_of(512)..];
    }
    all
}

#[test]
fn names_that_are_no_utf_8_stay_byte_for_byte() {
    let tar = Tar::new()
        .header(b'0', b"d\xe9/f", 0o644, 0, "")
        .header(b'0', b"a\xff", 0o644, 0, "")
        .header(b'0', b"a\xfe", 0o644, 0, "")
        .header(b'0', b"d\xe8/f", 0o600, 0, "");
    let folder = in_folder(|folder| Image::good().and(tar).layout(folder));
    fix(folder.path(), "out").code(0);
    let all = entries(&layer(&folder.path().join("out"), 1));
    let names: Vec<&[u8]> = all.iter().map(|entry| entry.1.as_slice()).collect();
    let wanted: [&[u8]; 6] = [b"d\xe9/", b"d\xe9/f", b"a\xff", b"a\xfe", b"d\xe8/", b"d\xe8/f"];
    assert_eq!(names, wanted);
}

#[test]
fn what_repeats_is_mended_in_one_pass() {
    let tar = Tar::new()
        .folder("a", 0o700)
        .file("a/f", 0o644, b"1")
        .hard_link("l", "a/f")
        .folder("./a/", 0o711)
        .file("a/f", 0o600, b"2")
        .hard_link("m", "a/f")
        .file("late/x", 0o644, b"")
        .folder("late", 0o750);
    let folder = in_folder(|folder| Image::good().and(tar).layout(folder));
    let run = fix(folder.path(), "out").code(0);
    for line in
        ["Mended [image-entry] a/f: the layer has this path twice", "Copied image to out, mended"]
    {
        assert!(run.stderr.contains(line), "{}", run.stderr);
    }
    let mended = run.records().iter().filter(|it| it["reason"] == "mended").count();
    assert_eq!(mended, 3, "{}", run.stdout);
    let all = entries(&layer(&folder.path().join("out"), 1));
    let entry = |kind: u8, path: &str, mode: &str, data: &[u8]| {
        (kind, path.as_bytes().to_vec(), format!("0000{mode}"), data.to_vec())
    };
    assert_eq!(
        all,
        [
            entry(b'5', "./a/", "711", b""),
            entry(b'0', "l", "644", b"1"),
            entry(b'0', "a/f", "600", b"2"),
            entry(b'1', "m", "644", b""),
            entry(b'5', "late", "750", b""),
            entry(b'0', "late/x", "644", b""),
        ]
    );
}

/// What a manifest says beside its blobs, and whose media types it has.
#[test]
fn a_mended_copy_says_what_the_image_said() {
    let folder = in_folder(|folder| {
        let docker =
            Image { docker: true, ..Image::good().and(Tar::new().file("opt/a", 0o644, b"")) };
        docker.layout_but(folder, |it| {
            it["annotations"] = serde_json::json!({ "a": "b" });
            it["layers"][1]["annotations"] = serde_json::json!({ "c": "d" });
            it["artifactType"] = "application/x".into();
            it["subject"] = it["config"].clone();
        });
    });
    let was = manifest(&folder.path().join("image"));
    fix(folder.path(), "oci:out:v1").code(0);
    let out = folder.path().join("out");
    let is = manifest(&out);
    for member in ["annotations", "artifactType", "subject", "mediaType"] {
        assert_eq!(is[member], was[member], "{member}");
    }
    assert_eq!(is["layers"][1]["annotations"], was["layers"][1]["annotations"]);
    assert_eq!(is["layers"][1]["mediaType"], DOCKER_LAYER);
    assert_eq!(is["layers"][0], was["layers"][0]);
    check(folder.path(), &["oci:out:v1", "--arch", "x86_64"]).code(0);
    // What is good stays as it is, papers too.
    let again = check(folder.path(), &["out", "--fix", "oci-archive:again", "--arch", "x86_64"]);
    let again = again.code(0);
    assert!(again.stderr.contains("there was nothing to mend"), "{}", again.stderr);
    check(folder.path(), &["again", "--fix", "third", "--arch", "x86_64"]).code(0);
    let digest =
        |layout: &str| json(&folder.path().join(layout).join("index.json"))["manifests"][0].clone();
    assert_eq!(digest("third")["digest"], digest("out")["digest"]);
    fix(folder.path(), "docker-archive:no").code(2);
}

/// What is left of a mending that was killed goes away later, and a disk that is full is named.
#[test]
fn a_mending_that_ends_early() {
    let folder = in_folder(|folder| {
        let noise: Vec<u8> =
            (0..200_000_u64).map(|n| (n * n * n % 249 + n % 7).to_le_bytes()[0]).collect();
        Image::good()
            .and_layer(Layer::plain(&Tar::new().file("a", 0o644, &noise).end()))
            .layout(folder);
    });
    let old = folder.path().join(".lambda-pack-mend-old");
    fs::create_dir(&old).unwrap();
    let new = folder.path().join(".lambda-pack-mend-new");
    fs::create_dir(&new).unwrap();
    // Another is at work in it.
    let held = fs::File::open(&new).unwrap();
    held.lock().unwrap();
    // A limit takes the place of the disk's end.
    let program = crate::support::lambda_pack(folder.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]).arg(program.get_program());
    limited
        .args(program.get_args())
        .args(["check", "image", "--fix", "out"])
        .current_dir(folder.path());
    limited.envs(program.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    let run = run(&mut limited).code(1);
    assert!(run.stderr.contains("cannot write"), "{}", run.stderr);
    assert!(!run.stderr.contains("cannot read"), "{}", run.stderr);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".lambda-pack-mend-new", "image"]);
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

/// SIGTERM in the middle of it takes away what was begun.
#[test]
fn an_interrupted_mending_leaves_nothing() {
    let folder = in_folder(|folder| {
        let mut noise = 1_u64;
        let mut next = || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.to_be_bytes()[0]
        };
        let data: Vec<u8> = std::iter::repeat_with(&mut next).take(64 << 20).collect();
        let tar = Tar::new().file("a", 0o644, &data).end();
        Image::good().and_layer(Layer::plain(&tar)).layout(folder);
    });
    let names = || -> Vec<String> {
        let all = fs::read_dir(folder.path()).unwrap();
        all.map(|item| item.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut command = crate::support::lambda_pack(folder.path());
    let mut child = command.args(["check", "image", "--fix", "out"]).spawn().unwrap();
    let begun = || names().iter().any(|name| name.starts_with(".lambda-pack-mend-"));
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    run(Command::new("kill").arg(child.id().to_string())).code(0);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(names(), ["image"]);
}
