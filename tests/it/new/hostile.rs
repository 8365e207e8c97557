//! Templates from folders, archives and git that try more than to be files.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Cursor, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_pack::tar::{Member, What, Writer};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use super::pack;
use crate::support::{run, scrub};

const MANIFEST: &str = "description = \"d\"\n";
/// What else a template needs.
const PACKAGE: [(&str, &str); 2] =
    [("Cargo.toml.jinja", "[package]\nname = \"{{ name }}\"\n"), ("src/main.rs", "fn main() {}\n")];

/// What is refused leaves nothing behind, neither in the place nor beside it.
#[track_caller]
fn refused(folder: &Path, template: &Path, says: &str) {
    let work = folder.join("work");
    fs::create_dir_all(&work).unwrap();
    let template = template.to_str().unwrap();
    let answer = pack(&work, &["new", "made", "-t", template]).code(2);
    assert!(answer.stderr.contains(says), "{template}: no {says:?} in {}", answer.stderr);
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "{template}");
    assert!(!folder.join("outside").exists(), "{template}");
}

fn folder(at: &Path, name: &str) -> PathBuf {
    let folder = at.join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("template.toml"), MANIFEST).unwrap();
    folder
}

fn tar_gz(path: &Path, members: &[(&str, What, &[u8])]) {
    let mut tar = Writer::new(Vec::new(), 0);
    let mut write = |path: &str, what: What, mut bytes: &[u8]| {
        let member = Member { path: path.to_owned(), what, mode: 0o644, uid: 0, gid: 0 };
        tar.write(&member, &mut bytes as &mut dyn Read).unwrap();
    };
    write("template.toml", file(MANIFEST.as_bytes()), MANIFEST.as_bytes());
    for (path, what, bytes) in members {
        write(path, what.clone(), bytes);
    }
    let mut gzip =
        flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
    gzip.write_all(&tar.finish().unwrap()).unwrap();
    gzip.finish().unwrap();
}

fn file(bytes: &[u8]) -> What {
    What::File(bytes.len() as u64)
}

fn zipped(path: &Path, members: &[(&str, &str)], links: &[(&str, &str)]) {
    zipped_as(path, &[&[("template.toml", MANIFEST)], members].concat(), links);
}

fn zipped_as(path: &Path, members: &[(&str, &str)], links: &[(&str, &str)]) {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, text) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    for (name, target) in links {
        zip.add_symlink(*name, *target, options).unwrap();
    }
    fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

#[test]
fn folders() {
    let scratch = TempDir::new().unwrap();
    let at = scratch.path();
    let links = folder(at, "links");
    symlink("/etc/passwd", links.join("a")).unwrap();
    refused(at, &links, "something else than files and folders: \"a\"");
    let linked = folder(at, "linked");
    symlink("/etc", linked.join("dir")).unwrap();
    refused(at, &linked, "something else than files and folders: \"dir\"");
    let large = folder(at, "large");
    File::create(large.join("large")).unwrap().set_len(1 << 40).unwrap();
    refused(at, &large, "the template is too large");
    let device = folder(at, "device");
    fs::write(device.join("aux.rs"), "").unwrap();
    refused(at, &device, "Windows takes it for a device");
    let twice = folder(at, "twice");
    fs::write(twice.join("a"), "").unwrap();
    fs::write(twice.join("A.jinja"), "x").unwrap();
    refused(at, &twice, "want one place");
    let none = at.join("none");
    fs::create_dir_all(&none).unwrap();
    refused(at, &none, "no template.toml in it");
    let odd = folder(at, "odd");
    fs::write(odd.join(OsStr::from_bytes(b"a\xff")), "").unwrap();
    refused(at, &odd, "a name that is no UTF-8: \"a\u{fffd}\"");
    // A text that doubles itself forty times ends where memory is bounded, and not with the machine's.
    let double = folder(at, "double");
    let text =
        "{% set a = 'xxxxxxxx' %}".to_owned() + &"{% set a = a ~ a %}".repeat(40) + "{{ a }}";
    fs::write(double.join("a.jinja"), text).unwrap();
    let work = at.join("doubled");
    fs::create_dir_all(&work).unwrap();
    let answer = pack(&work, &["new", "made", "-t", double.to_str().unwrap()]).code(2);
    answer.says("the template takes more memory than it may (1 GiB): nothing was written");
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
}

#[test]
fn archives() {
    let scratch = TempDir::new().unwrap();
    let at = scratch.path();
    let tar = at.join("t.tar.gz");
    for (path, what, says) in [
        ("../outside", file(b"x"), "has a `..`"),
        ("/outside", file(b"x"), "is absolute"),
        ("a/../../outside", file(b"x"), "has a `..`"),
        ("a", What::Symlink("../outside".to_owned()), "something else than files"),
        ("template.toml", file(b"x"), "want one place"),
        (".git/hooks/pre-commit", file(b"x"), "git would find it"),
    ] {
        tar_gz(&tar, &[(path, what, b"x")]);
        refused(at, &tar, says);
    }
    // A terabyte that is announced, and a gigabyte of zeros in a few kilobytes.
    let large = vec![0; 5 << 20];
    tar_gz(&tar, &[("large", file(&large), &large)]);
    refused(at, &tar, "the template is too large");
    fs::write(&tar, b"no gzip").unwrap();
    refused(at, &tar, "cannot read");
    // The checksum is wrong, or not there: behind all files.
    tar_gz(&tar, &PACKAGE.map(|(path, text)| (path, file(text.as_bytes()), text.as_bytes())));
    let whole = fs::read(&tar).unwrap();
    let mut wrong = whole.clone();
    wrong[whole.len() - 8] ^= 1;
    for damaged in [&wrong, &whole[..whole.len() - 20]] {
        fs::write(&tar, damaged).unwrap();
        refused(at, &tar, "cannot read");
    }
    fs::write(&tar, whole).unwrap();
    pack(at, &["new", "from-tar", "-t", "t.tar.gz"]).code(0);

    let zip = at.join("t.zip");
    for (name, says) in
        [("../outside", "has a `..`"), ("/outside", "is absolute"), ("COM1", "a device")]
    {
        zipped(&zip, &[(name, "x")], &[]);
        refused(at, &zip, says);
    }
    zipped(&zip, &[], &[("a", "../outside")]);
    refused(at, &zip, "something else than files");
    zipped(&zip, &[("large", &"0".repeat(5 << 20))], &[]);
    refused(at, &zip, "the template is too large");
    // As macOS archives a folder.
    let folder = PACKAGE.map(|(path, text)| (format!("ours/{path}"), text));
    let mut members: Vec<_> = folder.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    members.extend([
        ("ours/template.toml", MANIFEST),
        ("__MACOSX/ours/._Cargo.toml", "x"),
        ("ours/.DS_Store", "x"),
        ("ours/src/._main.rs", "x"),
    ]);
    zipped_as(&zip, &members, &[]);
    pack(at, &["new", "from-zip", "-t", "t.zip"]).code(0);
    assert_eq!(
        walkdir::WalkDir::new(at.join("from-zip"))
            .into_iter()
            .filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().starts_with("._"))
            .count(),
        0
    );
    assert!(!at.join("from-zip/.DS_Store").exists());
}

#[test]
fn a_link_in_the_place_is_not_followed() {
    let scratch = TempDir::new().unwrap();
    let at = scratch.path();
    let (place, outside) = (at.join("place"), at.join("outside"));
    fs::create_dir_all(&place).unwrap();
    fs::create_dir_all(&outside).unwrap();
    symlink(&outside, place.join("src")).unwrap();
    for force in [&["init"][..], &["init", "--force"]] {
        pack(&place, force).code(2).says("src is a link: nothing is written through it");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // A link in the place of a file is replaced, not written through.
    fs::remove_file(place.join("src")).unwrap();
    fs::write(place.join("src"), "").unwrap();
    pack(&place, &["init", "--force"])
        .code(2)
        .says("src is no folder, and the template has one there");
    fs::remove_file(place.join("src")).unwrap();
    fs::write(outside.join("mine"), "mine").unwrap();
    symlink(outside.join("mine"), place.join("README.md")).unwrap();
    pack(&place, &["init"]).code(2).says("`README.md`");
    pack(&place, &["init", "--force"]).code(0);
    assert_eq!(fs::read_to_string(outside.join("mine")).unwrap(), "mine");
}

fn git(folder: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    scrub(&mut command);
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
    run(command.args(identity).args(args).current_dir(folder)).code(0);
}

#[test]
fn git_repositories() {
    let scratch = TempDir::new().unwrap();
    let at = scratch.path();
    let repository = at.join("repository");
    fs::create_dir_all(repository.join("sub/src")).unwrap();
    fs::write(repository.join("sub/template.toml"), MANIFEST).unwrap();
    fs::write(repository.join("sub/Cargo.toml.jinja"), "[package]\nname = \"{{ name }}\"\n")
        .unwrap();
    fs::write(repository.join("sub/src/main.rs"), "fn main() {}\n").unwrap();
    git(&repository, &["init", "--quiet", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "-m", "one"]);
    git(&repository, &["tag", "v1"]);
    let work = at.join("work");
    fs::create_dir_all(&work).unwrap();
    let url = format!("file://{}", repository.display());
    for (name, end) in [("a", "#:sub"), ("b", "#main:sub"), ("c", "#v1:sub/")] {
        pack(&work, &["new", name, "-t", &format!("{url}{end}")]).code(0);
        let manifest = fs::read_to_string(work.join(name).join("Cargo.toml")).unwrap();
        assert_eq!(manifest, format!("[package]\nname = \"{name}\"\n"));
    }
    for (end, says) in [
        ("", "no template.toml in it"),
        ("#nowhere:sub", "cannot fetch the template"),
        ("#:nowhere", "cannot fetch the template"),
        ("#:../..", "cannot fetch the template"),
        ("#--upload-pack=touch:sub", "no branch, tag or commit"),
    ] {
        let answer = pack(&work, &["new", "d", "-t", &format!("{url}{end}")]).code(2);
        assert!(answer.stderr.contains(says), "{end}: {}", answer.stderr);
        assert!(!work.join("d").exists());
    }
    // What a password is in is not said, and nobody is asked for one.
    let answer =
        pack(&work, &["new", "d", "-t", "http://u:secretpw@127.0.0.1:1/x.git#0123abc"]).code(2);
    assert!(!answer.stderr.contains("secretpw"), "{}", answer.stderr);
    answer.says("cannot fetch the template from http://…@127.0.0.1:1/x.git#0123abc (if `0123abc` is a commit");
    symlink("/etc", repository.join("sub/link")).unwrap();
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "-m", "two"]);
    let answer = pack(&work, &["new", "d", "-t", &format!("{url}#main:sub")]).code(2);
    answer.says("something else than files and folders: \"link\"");
}
