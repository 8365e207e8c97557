//! The corpus: what Lambda refuses, each as one tiny image.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::maker::*;
use crate::tiny_elf::TinyElf;

/// Makes an image in an empty folder, or as a file at that place.
pub(super) type Make = fn(&Path);

fn with_entry(elf: &TinyElf) -> Image {
    let tar = Tar::new().folders(&["var", "var/task"]);
    Image::tar(tar.file("var/task/bootstrap", 0o755, &dynamic(elf)))
}

fn loader() -> TinyElf {
    let interpreter = Some("/lib64/ld-linux-x86-64.so.2".to_owned());
    TinyElf { interpreter, needed: vec!["libc.so.6".to_owned()], ..TinyElf::default() }
}

/// With the loader and a C library that defines this.
fn and_libc(image: Image, version: &str) -> Image {
    let soname = |name: &str| Some(name.to_owned());
    let libc = TinyElf {
        soname: soname("libc.so.6"),
        defines: vec![version.to_owned()],
        ..TinyElf::default()
    };
    let tar = Tar::new().folders(&["lib64"]).file("lib64/libc.so.6", 0o755, &dynamic(&libc));
    image.and(tar.file("lib64/ld-linux-x86-64.so.2", 0o755, &dynamic(&TinyElf::default())))
}

fn wants(version: &str) -> TinyElf {
    let wants = vec![("libc.so.6".to_owned(), version.to_owned(), false)];
    TinyElf { wants, ..loader() }
}

fn script(line: &str, more: Tar) -> Image {
    let tar = Tar::new().folders(&["var", "var/task"]);
    Image::tar(tar.file("var/task/bootstrap", 0o755, line.as_bytes())).and(more)
}

/// An archive as dockers write it; `link` puts the second layer there as a link to the first.
fn docker(place: &Path, layers: &[Vec<u8>], ids: &[&Layer], link: bool) {
    let image = Image::of(ids.iter().map(|layer| (*layer).clone()).collect());
    let mut tar = Tar::new().file("c.json", 0o644, image.whole_config().to_string().as_bytes());
    let mut names = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let name = format!("{number}/layer.tar");
        tar = tar.folder(&format!("{number}/"), 0o755);
        tar = if link && number > 0 {
            tar.symlink(&name, "../0/layer.tar")
        } else {
            tar.file(&name, 0o644, layer)
        };
        names.push(name);
    }
    let manifest = json!([{ "Config": "c.json", "RepoTags": ["a:latest"], "Layers": names }]);
    fs::write(place, tar.file("manifest.json", 0o644, manifest.to_string().as_bytes()).end())
        .unwrap();
}

fn truncated(image: &Image, folder: &Path) {
    let mut image = image.clone();
    let blob = &mut image.layers[0].blob;
    blob.truncate(blob.len() - 20);
    image.layout(folder);
}

fn attested(folder: &Path, media_type: &str, docker: bool) {
    let image = Image { docker, ..Image::good() };
    let arm = Image { platform: ("arm64", "linux"), ..image.clone() };
    let mut attestation = image.store_with(folder, |_| (), |it| it["config"]["size"] = 2.into());
    attestation["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    let all = [arm.store(folder), image.store(folder), attestation];
    let at = blob(folder, index(&all, media_type).to_string().as_bytes(), media_type);
    layout(folder, &[at]);
}

const LOADER: &str = "lib64/ld-linux-x86-64.so.2";

/// A program with its loader and its library, and something over them.
fn linked(over: Tar) -> Image {
    and_libc(with_entry(&loader()), "GLIBC_2.34").and(over)
}

fn libc() -> Vec<u8> {
    dynamic(&TinyElf { soname: Some("libc.so.6".to_owned()), ..TinyElf::default() })
}

fn elf(machine: u16) -> Vec<u8> {
    dynamic(&TinyElf { machine: Some(machine), ..TinyElf::default() })
}

const FOO: &str = "libfoo.so.1";

/// A program that needs a library, somewhere, and that library at that place.
fn with_foo(program: &str, runpath: Option<&str>, place: &str) -> Image {
    let runpath = runpath.map(str::to_owned);
    let needed = vec![FOO.to_owned(), "libc.so.6".to_owned()];
    let folders = |tar: Tar, path: &str| {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        above.fold(tar, |tar, folder| tar.folder(folder, 0o755))
    };
    let library = TinyElf { soname: Some(FOO.to_owned()), ..TinyElf::default() };
    let elf = dynamic(&TinyElf { needed, runpath, ..loader() });
    let image = Image::tar(folders(files(), program)).and(Tar::new().file(program, 0o755, &elf));
    let image = image.and(folders(Tar::new(), place).file(place, 0o755, &dynamic(&library)));
    and_libc(image, "GLIBC_2.34").set("Entrypoint", json!([format!("/{program}")]))
}

/// Docker's archive with other members of its `manifest.json`.
fn docker_but(place: &Path, change: impl FnOnce(&mut Value)) {
    fs::remove_dir(place).unwrap();
    let tar = files().end();
    let config = Image::of(vec![Layer::gzip(&tar)]).whole_config();
    let mut manifest =
        json!([{ "Config": "c.json", "RepoTags": ["a:latest"], "Layers": ["l/layer.tar"] }]);
    change(&mut manifest);
    let archive = Tar::new().file("c.json", 0o644, config.to_string().as_bytes());
    let archive = archive.file("l/layer.tar", 0o644, &tar);
    let archive = archive.file("manifest.json", 0o644, manifest.to_string().as_bytes());
    fs::write(place, archive.end()).unwrap();
}

/// The members of a layout as one archive, by their names.
fn archive_of(place: &Path, named: fn(&str) -> Option<String>) {
    let folder = place.with_extension("d");
    fs::create_dir(&folder).unwrap();
    Image::good().layout(&folder);
    fs::remove_dir(place).unwrap();
    let mut tar = Tar::new();
    for (path, bytes) in members(&folder) {
        if let Some(name) = named(&path) {
            tar = tar.file(&name, 0o644, &bytes);
        }
    }
    fs::write(place, tar.end()).unwrap();
}

/// As GNU's tar writes it (`--sparse --format=pax`): the path is none that is to be unpacked.
fn sparse() -> Tar {
    let records =
        [("GNU.sparse.major", "1"), ("GNU.sparse.name", "s"), ("GNU.sparse.realsize", "9")];
    let record = |(key, value): &(&str, &str)| {
        let rest = key.len() + value.len() + 3;
        format!("{} {key}={value}\n", rest + 2)
    };
    let records: String = records.iter().map(record).collect();
    let tar = Tar::new().header(b'x', b"x", 0o644, records.len() as u64, "");
    tar.bytes(records.as_bytes()).file("GNUSparseFile.0/s", 0o644, b"0\n")
}

#[rustfmt::skip]
pub(super) const CASES: &[(&str, Make)] = &[
    // Good ones.
    ("good", |f| Image::good().layout(f)),
    ("good, docker's media types", |f| Image { docker: true, ..Image::good() }.layout(f)),
    ("good, history with an empty layer", |f| Image::good().layout_with(f, |it| it["history"] = json!([{"empty_layer": true}, {}]))),
    ("good, no history", |f| Image::good().layout_with(f, |it| drop(it.as_object_mut().unwrap().remove("history")))),
    ("good, whiteouts and a lower folder again", |f| Image::good().and(Tar::new().folders(&["var", "var/task"]).file("var/task/.wh.none", 0o644, b"").file("var/.wh..wh..opq", 0o644, b"")).and(files()).layout(f)),
    ("good, a file through a lower link", |f| Image::good().and(Tar::new().folders(&["usr", "usr/lib64"]).symlink("lib64", "usr/lib64")).and(Tar::new().file("lib64/a", 0o644, b"a")).layout(f)),
    ("good, dynamic", |f| and_libc(with_entry(&wants("GLIBC_2.34")), "GLIBC_2.34").layout(f)),
    ("good, a tar of it", |f| { fs::create_dir(f.with_extension("d")).unwrap(); Image::good().layout(&f.with_extension("d")); fs::remove_dir(f).unwrap(); fs::write(f, archive(&f.with_extension("d"))).unwrap(); }),
    ("good, docker's tar of plain layers", |f| { fs::remove_dir(f).unwrap(); let tar = files().end(); docker(f, std::slice::from_ref(&tar), &[&Layer::gzip(&tar)], false); }),
    ("good, docker's tar of gzip layers", |f| { fs::remove_dir(f).unwrap(); let tar = files().end(); docker(f, &[gzip(&tar)], &[&Layer::gzip(&tar)], false); }),
    ("good, docker's tar with a linked layer", |f| { fs::remove_dir(f).unwrap(); let tar = files().end(); let layer = Layer::gzip(&tar); docker(f, &[tar.clone(), tar.clone()], &[&layer, &layer], true); }),
    // Manifests.
    ("index", |f| { let one = Image::good().store(f); let at = blob(f, index(&[one], INDEX).to_string().as_bytes(), INDEX); layout(f, &[at]); }),
    ("index with an attestation", |f| attested(f, INDEX, false)),
    ("manifest list of docker's", |f| attested(f, DOCKER_LIST, true)),
    ("index of an index", |f| { let one = Image::good().store(f); let inner = blob(f, index(&[one], INDEX).to_string().as_bytes(), INDEX); let at = blob(f, index(&[inner], INDEX).to_string().as_bytes(), INDEX); layout(f, &[at]); }),
    ("index without this architecture", |f| { let one = Image { platform: ("arm64", "linux"), ..Image::good() }.store(f); let at = blob(f, index(&[one], INDEX).to_string().as_bytes(), INDEX); layout(f, &[at]); }),
    ("layout of two images", |f| { let one = Image::good().store(f); layout(f, &[one.clone(), one]); }),
    ("layout of two images with names", |f| { let one = |name: &str| { let mut at = Image::good().store(f); at["annotations"] = json!({ "org.opencontainers.image.ref.name": name }); at }; let all = [one("a"), one("b")]; layout(f, &all); }),
    ("layout of two platforms", |f| { let arm = Image { platform: ("arm64", "linux"), ..Image::good() }; let all = [arm.store(f), Image::good().store(f)]; layout(f, &all); }),
    ("layout without its mark", |f| { Image::good().layout(f); fs::remove_file(f.join("oci-layout")).unwrap(); }),
    ("folder as skopeo's dir: has it", |f| { fs::write(f.join("version"), "Directory Transport Version: 1.1\n").unwrap(); fs::write(f.join("manifest.json"), "{}").unwrap(); }),
    ("docker's tar, packed once more", |f| { fs::remove_dir(f).unwrap(); let tar = files().end(); docker(f, std::slice::from_ref(&tar), &[&Layer::gzip(&tar)], false); fs::write(f, gzip(&fs::read(f).unwrap())).unwrap(); }),
    ("layout of none", |f| { Image::good().store(f); layout(f, &[]); }),
    ("mixed media types", |f| Image::good().layout_but(f, |it| it["layers"][0]["mediaType"] = DOCKER_LAYER.into())),
    ("unknown type of the configuration", |f| Image::good().layout_but(f, |it| it["config"]["mediaType"] = "application/vnd.unknown.config.v1+json".into())),
    ("unknown type of a layer", |f| Image::good().layout_but(f, |it| it["layers"][0]["mediaType"] = "application/x".into())),
    ("no media type in the manifest", |f| Image::good().layout_but(f, |it| drop(it.as_object_mut().unwrap().remove("mediaType")))),
    ("another media type in the manifest", |f| Image::good().layout_but(f, |it| it["mediaType"] = DOCKER_MANIFEST.into())),
    ("schema version 1", |f| Image::good().layout_but(f, |it| it["schemaVersion"] = 1.into())),
    ("manifest that is no JSON", |f| { let at = blob(f, b"{", MANIFEST); layout(f, &[at]); }),
    ("manifest with other contents", |f| { let at = Image::good().store(f); let place = path(f, &at); fs::write(place, b"{}").unwrap(); layout(f, &[at]); }),
    ("manifest that is not there", |f| { let at = Image::good().store(f); fs::remove_file(path(f, &at)).unwrap(); layout(f, &[at]); }),
    ("sha512 digest", |f| Image::good().layout_but(f, |it| it["layers"][0]["digest"] = format!("sha512:{}", "0".repeat(128)).into())),
    // Configurations.
    ("configuration that is no JSON", |f| { let at = Image::good().store_papers(f, b"{]", |_| ()); layout(f, &[at]); }),
    ("configuration that is a list", |f| { let at = Image::good().store_papers(f, b"[]", |_| ()); layout(f, &[at]); }),
    ("configuration that is not there", |f| { let image = Image::good(); let mut config = Value::Null; let at = image.store_with(f, |_| (), |it| config = it["config"].clone()); fs::remove_file(path(f, &config)).unwrap(); layout(f, &[at]); }),
    ("configuration with other contents", |f| { let image = Image::good(); let mut config = Value::Null; let at = image.store_with(f, |_| (), |it| config = it["config"].clone()); let mut other = image.whole_config(); other["config"]["User"] = "root".into(); fs::write(path(f, &config), other.to_string()).unwrap(); layout(f, &[at]); }),
    ("windows", |f| Image { platform: ("amd64", "windows"), ..Image::good() }.layout(f)),
    ("s390x", |f| Image { platform: ("s390x", "linux"), ..Image::good() }.layout(f)),
    ("arm64 where amd64 is asked for", |f| Image { platform: ("arm64", "linux"), ..Image::good() }.layout(f)),
    ("rootfs of another type", |f| Image::good().layout_with(f, |it| it["rootfs"]["type"] = "x".into())),
    ("members of other types", |f| Image::good().set("Env", json!("A=b")).set("Cmd", json!([1])).set("WorkingDir", json!(["/"])).layout_with(f, |it| { it["history"] = json!("x"); it["created"] = json!("yesterday"); })),
    ("entry point that is a string", |f| Image::good().set("Entrypoint", json!("/var/task/bootstrap")).layout(f)),
    ("fewer diff_ids", |f| Image::good().and(files()).layout_with(f, |it| drop(it["rootfs"]["diff_ids"].as_array_mut().unwrap().pop()))),
    ("history of more layers", |f| Image::good().layout_with(f, |it| it["history"] = json!([{}, {}, {"empty_layer": true}]))),
    ("history of fewer layers", |f| Image::good().and(files()).layout_with(f, |it| it["history"] = json!([{}]))),
    ("reserved variables", |f| Image::good().set("Env", json!(["AWS_REGION=x", "_HANDLER=y", "A=b"])).layout(f)),
    ("variable twice", |f| Image::good().set("Env", json!(["A=1", "B=2", "A=3"])).layout(f)),
    ("variables that are none", |f| Image::good().set("Env", json!(["A", "=b", "", "C="])).layout(f)),
    ("a home that cannot be written", |f| Image::good().set("Env", json!(["HOME=/home/app"])).layout(f)),
    ("user", |f| Image::good().set("User", json!("app")).layout(f)),
    ("volume", |f| Image::good().set("Volumes", json!({"/data": {}})).layout(f)),
    // Layers.
    ("zstd layer", |f| Image::of(vec![Layer::zstd(&files().end())]).layout(f)),
    ("zstd layer that says gzip", |f| Image::of(vec![Layer { media_type: GZIP.to_owned(), ..Layer::zstd(&files().end()) }]).layout(f)),
    ("plain layer", |f| Image::of(vec![Layer::plain(&files().end())]).layout(f)),
    ("plain layer that says gzip", |f| Image::of(vec![Layer { media_type: GZIP.to_owned(), ..Layer::plain(&files().end()) }]).layout(f)),
    ("gzip of two members", |f| { let tar = files().end(); let (a, b) = tar.split_at(700); Image::of(vec![Layer::of(&tar, [gzip(a), gzip(b)].concat(), GZIP)]).layout(f); }),
    ("zeros after the gzip", |f| { let tar = files().end(); Image::of(vec![Layer::of(&tar, [gzip(&tar), vec![0; 700]].concat(), GZIP)]).layout(f); }),
    ("something after the gzip", |f| { let tar = files().end(); Image::of(vec![Layer::of(&tar, [gzip(&tar), b"garbage".to_vec()].concat(), GZIP)]).layout(f); }),
    ("truncated gzip", |f| truncated(&Image::good(), f)),
    ("truncated zstd", |f| truncated(&Image::of(vec![Layer::zstd(&files().end())]), f)),
    ("truncated tar", |f| { let mut tar = files().end(); tar.truncate(tar.len() - 1024 - 512); Image::of(vec![Layer::gzip(&tar)]).layout(f); }),
    ("wrong checksum of the gzip", |f| { let mut image = Image::good(); let at = image.layers[0].blob.len() - 8; image.layers[0].blob[at] ^= 1; image.layout(f); }),
    ("layer that is no tar", |f| Image::of(vec![Layer::gzip(&[7; 2048])]).layout(f)),
    ("empty blob", |f| Image::of(vec![Layer::of(b"", Vec::new(), GZIP)]).layout(f)),
    ("wrong diff_id", |f| Image::good().layout_with(f, |it| it["rootfs"]["diff_ids"][0] = format!("sha256:{}", "1".repeat(64)).into())),
    ("layer with other contents", |f| { let mut layer = Value::Null; let at = Image::good().store_with(f, |_| (), |it| layer = it["layers"][0].clone()); let tar = files().folder("x", 0o755).end(); fs::write(path(f, &layer), gzip(&tar)).unwrap(); layout(f, &[at]); }),
    ("layer of another length", |f| Image::good().layout_but(f, |it| it["layers"][0]["size"] = 7.into())),
    ("layer that is not there", |f| { let mut layer = Value::Null; let at = Image::good().store_with(f, |_| (), |it| layer = it["layers"][0].clone()); fs::remove_file(path(f, &layer)).unwrap(); layout(f, &[at]); }),
    ("128 layers", |f| { let mut image = Image::good(); for number in 0..127 { image = image.and(Tar::new().file(&format!("f{number}"), 0o644, b"")); } image.layout(f); }),
    // Entries.
    ("no parent", |f| Image::good().and(Tar::new().file("opt/a", 0o644, b"")).layout(f)),
    ("no parents at all", |f| Image::good().and(Tar::new().file("opt/a/b/c/d", 0o644, b"").file("opt/a/b/e/f", 0o644, b"")).layout(f)),
    ("parent after its child", |f| Image::good().and(Tar::new().file("opt/a", 0o644, b"").folder("opt", 0o700)).layout(f)),
    ("parent after its child, twice", |f| Image::good().and(Tar::new().file("opt/a", 0o644, b"").folder("opt", 0o700).folder("./opt", 0o711)).layout(f)),
    ("300 folders without entries", |f| Image::good().and((0..300).fold(Tar::new(), |tar, n| tar.file(&format!("d{n}/f"), 0o644, b""))).layout(f)),
    ("parent taken away by a whiteout", |f| Image::good().and(Tar::new().folders(&["opt"])).and(Tar::new().file(".wh.opt", 0o644, b"").file("opt/a", 0o644, b"")).layout(f)),
    ("parent taken away by a later whiteout", |f| Image::good().and(Tar::new().folders(&["opt"])).and(Tar::new().file("opt/a", 0o644, b"").file(".wh.opt", 0o644, b"")).layout(f)),
    ("the same path twice", |f| Image::good().and(Tar::new().file("a", 0o644, b"1").file("./a", 0o644, b"2")).layout(f)),
    ("the same folder three times", |f| Image::good().and(Tar::new().folders(&["a", "a/", "./a"])).layout(f)),
    ("twice, and a link to the first", |f| Image::good().and(Tar::new().file("a", 0o644, b"1").hard_link("b", "a").file("a", 0o644, b"2")).layout(f)),
    ("twice, and a link to a link", |f| Image::good().and(Tar::new().file("z", 0o644, b"1").hard_link("a", "z").hard_link("b", "a").file("a", 0o644, b"2")).layout(f)),
    ("a folder again after what is in it", |f| Image::good().and(Tar::new().folder("a", 0o700).file("a/f", 0o644, b"").folder("a/g", 0o755).folder("a", 0o711)).layout(f)),
    ("a file instead of a folder", |f| Image::good().and(Tar::new().folder("a", 0o755).file("a/f", 0o644, b"").file("a", 0o644, b"")).layout(f)),
    ("a folder instead of a file", |f| Image::good().and(Tar::new().file("a", 0o644, b"").folder("a", 0o755).file("a/f", 0o644, b"")).layout(f)),
    ("twice, once through a link", |f| Image::good().and(Tar::new().folders(&["real"]).symlink("to", "real")).and(Tar::new().file("to/a", 0o644, b"1").file("real/a", 0o644, b"2")).layout(f)),
    ("name of 256 bytes", |f| Image::good().and(Tar::new().file(&"n".repeat(256), 0o644, b"").file(&"n".repeat(255), 0o644, b"")).layout(f)),
    ("absolute path", |f| Image::good().and(Tar::new().file("/a", 0o644, b"")).layout(f)),
    ("path that leads out", |f| Image::good().and(Tar::new().file("../a", 0o644, b"").file("tmp/../../b", 0o644, b"")).layout(f)),
    ("link that leads out", |f| Image::good().and(Tar::new().symlink("up", "../../..").file("up/a", 0o644, b"")).layout(f)),
    ("hard link to nothing", |f| Image::good().and(Tar::new().hard_link("a", "b")).layout(f)),
    ("hard link that leads out", |f| Image::good().and(Tar::new().hard_link("a", "../../etc/passwd")).layout(f)),
    ("hard link to a file of a lower layer", |f| Image::good().and(Tar::new().hard_link("a", "var/task/bootstrap")).layout(f)),
    ("devices and a pipe", |f| Image::good().and(Tar::new().header(b'3', b"null", 0o666, 0, "").header(b'4', b"disk", 0o666, 0, "").header(b'6', b"pipe", 0o666, 0, "")).layout(f)),
    ("path that is no UTF-8", |f| Image::good().and(Tar::new().header(b'0', b"a\xff", 0o644, 0, "").header(b'0', b"b\xfe", 0o644, 0, "")).layout(f)),
    ("paths that differ in what is no UTF-8", |f| Image::good().and(Tar::new().header(b'0', b"a\xff", 0o644, 0, "").header(b'0', b"a\xfe", 0o644, 0, "").header(b'5', b"d\xe9", 0o755, 0, "").header(b'0', b"d\xe9/f", 0o644, 0, "")).layout(f)),
    ("no parent that is UTF-8", |f| Image::good().and(Tar::new().header(b'0', b"d\xe9/f", 0o644, 0, "").header(b'0', b"d\xe8/f", 0o644, 0, "")).layout(f)),
    ("sparse file of pax", |f| Image::good().and(sparse()).layout(f)),
    ("whiteout without a name", |f| Image::good().and(Tar::new().file(".wh.", 0o644, b"")).layout(f)),
    ("folder over a link of a lower layer", |f| Image::good().and(Tar::new().folders(&["usr", "usr/lib64"]).symlink("lib64", "usr/lib64")).and(Tar::new().folders(&["lib64"]).file("lib64/a", 0o644, b"")).layout(f)),
    ("file below a file", |f| Image::good().and(Tar::new().file("a", 0o644, b"").file("a/b", 0o644, b"")).layout(f)),
    ("links in a circle", |f| Image::good().and(Tar::new().symlink("a", "b").symlink("b", "a").file("a/c", 0o644, b"")).layout(f)),
    // How it is started.
    ("no entry point", |f| Image::good().set("Entrypoint", Value::Null).layout(f)),
    ("entry point that is not there", |f| Image::good().set("Entrypoint", json!(["/var/task/other"])).layout(f)),
    ("entry point that is not in PATH", |f| Image::good().set("Entrypoint", json!(["bootstrap"])).layout(f)),
    ("entry point below the working folder", |f| Image::good().set("Entrypoint", json!(["./bootstrap"])).layout(f)),
    ("command alone", |f| Image::good().set("Entrypoint", Value::Null).set("Cmd", json!(["/var/task/bootstrap"])).layout(f)),
    ("entry point that is a folder", |f| Image::good().set("Entrypoint", json!(["/var/task"])).layout(f)),
    ("entry point that is not executable", |f| Image::good().and(Tar::new().file("var/task/bootstrap", 0o644, &program())).layout(f)),
    ("entry point for its owner only", |f| Image::good().and(Tar::new().file("var/task/bootstrap", 0o700, &program())).layout(f)),
    ("entry point that cannot be read", |f| Image::good().and(Tar::new().file("var/task/bootstrap", 0o711, &program())).layout(f)),
    ("entry point below /tmp", |f| Image::good().and(Tar::new().file("tmp/bootstrap", 0o755, &program())).set("Entrypoint", json!(["/tmp/bootstrap"])).layout(f)),
    ("root that shuts others out", |f| Image::tar(Tar::new().folder("./", 0o700)).and(files()).layout(f)),
    ("extensions", |f| Image::good().and(Tar::new().folders(&["opt", "opt/extensions", "opt/extensions/more"]).file("opt/extensions/a", 0o644, &program()).file("opt/extensions/b", 0o755, &dynamic(&TinyElf { machine: Some(183), ..loader() })).file("opt/extensions/c", 0o755, &program()).file("opt/extensions/more/d", 0o644, b"text")).layout(f)),
    ("entry point below mode 0700", |f| Image::good().and(Tar::new().folder("var/task", 0o700)).layout(f)),
    ("entry point for arm64", |f| with_entry(&TinyElf { machine: Some(183), ..loader() }).layout(f)),
    ("entry point that is a library", |f| with_entry(&TinyElf::default()).layout(f)),
    ("entry point that is text", |f| script("echo hello\n", Tar::new()).layout(f)),
    ("entry point that is empty", |f| script("", Tar::new()).layout(f)),
    ("script without its interpreter", |f| script("#!/bin/sh\n", Tar::new()).layout(f)),
    ("script of a script of nothing", |f| script("#! /a -x\n", Tar::new().file("a", 0o755, b"#!/b\n").file("b", 0o755, b"#!/c\n")).layout(f)),
    ("script with its interpreter", |f| script("#!/bin/sh\n", Tar::new().folders(&["bin"]).file("bin/sh", 0o755, &program())).layout(f)),
    ("scripts in a circle", |f| script("#!/a\n", Tar::new().file("a", 0o755, b"#!/var/task/bootstrap\n")).layout(f)),
    ("script with a carriage return", |f| script("#!/bin/sh\r\n", Tar::new().folders(&["bin"]).file("bin/sh", 0o755, &program())).layout(f)),
    ("script by way of env", |f| script("#!/usr/bin/env node\n", Tar::new().folders(&["usr", "usr/bin"]).file("usr/bin/env", 0o755, &program())).layout(f)),
    ("script by way of env that finds it", |f| script("#!/usr/bin/env -S A=b node --x\n", Tar::new().folders(&["usr", "usr/bin"]).file("usr/bin/env", 0o755, &program()).file("usr/bin/node", 0o755, &program())).layout(f)),
    ("script that cannot be read", |f| script("#!/bin/sh\n", Tar::new().folders(&["bin"]).file("bin/sh", 0o755, &program()).file("var/task/bootstrap", 0o711, b"#!/bin/sh\n")).layout(f)),
    ("no loader", |f| with_entry(&loader()).layout(f)),
    ("loader that is not executable", |f| linked(Tar::new().file(LOADER, 0o644, &elf(62))).layout(f)),
    ("loader in a folder of mode 0700", |f| linked(Tar::new().folder("lib64", 0o700)).layout(f)),
    ("loader that is text", |f| linked(Tar::new().file(LOADER, 0o755, b"text")).layout(f)),
    ("loader for arm64", |f| linked(Tar::new().file(LOADER, 0o755, &elf(183))).layout(f)),
    ("loader with folders of its own", |f| linked(Tar::new().file(LOADER, 0o755, &[&elf(62)[..], b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0"].concat())).layout(f)),
    ("library of mode 0600", |f| linked(Tar::new().file("lib64/libc.so.6", 0o600, &libc())).layout(f)),
    ("library of mode 0600, and another", |f| linked(Tar::new().file("lib64/libc.so.6", 0o600, &libc()).folders(&["lib"]).file("lib/libc.so.6", 0o644, &libc())).layout(f)),
    ("library in a folder of mode 0700", |f| linked(Tar::new().file("lib64/.wh.libc.so.6", 0o644, b"").folder("lib", 0o700).file("lib/libc.so.6", 0o755, &libc())).layout(f)),
    ("library in the working folder", |f| linked(Tar::new().file("lib64/.wh.libc.so.6", 0o644, b"").file("var/task/libc.so.6", 0o755, &libc())).set("Env", json!(["LD_LIBRARY_PATH=:/x"])).layout(f)),
    ("library below /tmp", |f| linked(Tar::new().file("lib64/.wh.libc.so.6", 0o644, b"").folder("tmp", 0o1777).file("tmp/libc.so.6", 0o755, &libc())).set("Env", json!(["LD_LIBRARY_PATH=/tmp"])).layout(f)),
    ("no library", |f| and_libc(with_entry(&TinyElf { needed: vec!["libssl.so.3".to_owned(), "libc.so.6".to_owned()], ..loader() }), "GLIBC_2.34").layout(f)),
    ("symbol version too new", |f| and_libc(with_entry(&wants("GLIBC_2.38")), "GLIBC_2.34").layout(f)),
    ("library for arm64", |f| { let libc = TinyElf { machine: Some(183), ..TinyElf::default() }; with_entry(&loader()).and(Tar::new().folders(&["lib64"]).file("lib64/libc.so.6", 0o755, &dynamic(&libc)).file("lib64/ld-linux-x86-64.so.2", 0o755, &dynamic(&TinyElf::default()))).layout(f); }),
    ("working folder that is not there", |f| Image::good().set("WorkingDir", json!("/srv")).layout(f)),
    ("relative working folder", |f| Image::good().set("WorkingDir", json!("var/task")).layout(f)),
    ("working folder of mode 0700", |f| Image::good().and(Tar::new().folder("srv", 0o700)).set("WorkingDir", json!("/srv")).layout(f)),
    ("working folder that is a file", |f| Image::good().set("WorkingDir", json!("/var/task/bootstrap")).layout(f)),
    ("unreadable file", |f| Image::good().and(Tar::new().file("var/task/secret", 0o600, b"").file("var/task/more", 0o600, b"")).layout(f)),
    // What is found in unusual places.
    ("good, an entry point that is a link, and $ORIGIN", |f| with_foo("app/b", Some("$ORIGIN/../lib2"), "lib2/libfoo.so.1").and(Tar::new().symlink("var/task/b", "/app/b")).set("Entrypoint", json!(["/var/task/b"])).layout(f)),
    ("good, a library for x86-64-v2 alone", |f| with_foo("app/b", None, "usr/lib64/glibc-hwcaps/x86-64-v2/libfoo.so.1").layout(f)),
    ("good, by way of the loader", |f| with_foo("app/b", None, "x/libfoo.so.1").set("Entrypoint", json!([format!("/{LOADER}"), "--library-path", "/x:/lib64", "/app/b"])).layout(f)),
    ("by way of the loader, without a library", |f| with_foo("app/b", None, "x/libfoo.so.1").set("Entrypoint", json!([format!("/{LOADER}"), "/app/b"])).layout(f)),
    ("a loader of nothing", |f| with_foo("app/b", None, "x/libfoo.so.1").set("Entrypoint", json!([format!("/{LOADER}"), "/app/c"])).layout(f)),
    ("good, a library by LD_PRELOAD", |f| with_foo("app/b", None, "x/libfoo.so.1").set("Env", json!(["LD_PRELOAD=/none.so /x/libfoo.so.1"])).layout(f)),
    ("good, PATH goes on", |f| Image::good().and(Tar::new().folders(&["a", "a/bootstrap", "b"]).file("b/bootstrap", 0o644, b"")).set("Env", json!(["PATH=/a:/b:/var/task"])).set("Entrypoint", json!(["bootstrap"])).layout(f)),
    ("PATH with what cannot be executed alone", |f| Image::good().and(Tar::new().folders(&["b"]).file("b/x", 0o644, &program())).set("Env", json!(["PATH=/b"])).set("Entrypoint", json!(["x"])).layout(f)),
    ("entry point with a slash at its end", |f| Image::good().set("Entrypoint", json!(["/var/task/bootstrap/"])).layout(f)),
    ("entry point that leads in a circle", |f| Image::good().and(Tar::new().symlink("a", "b").symlink("b", "a")).set("Entrypoint", json!(["/a"])).layout(f)),
    ("script without an interpreter", |f| script("#!\n", Tar::new()).layout(f)),
    ("script of a relative interpreter", |f| script("#!sh\n", Tar::new()).layout(f)),
    ("script of a relative interpreter that is there", |f| script("#!sh\n", Tar::new().file("var/task/sh", 0o755, &program())).layout(f)),
    ("good, working folder /tmp without an entry", |f| { let tar = Tar::new().folders(&["var", "var/task"]).file("var/task/bootstrap", 0o755, &program()); Image::tar(tar).set("WorkingDir", json!("/tmp")).layout(f); }),
    ("working folder below /tmp", |f| Image::good().and(Tar::new().folders(&["tmp/x"])).set("WorkingDir", json!("/tmp/x")).layout(f)),
    ("working folder in a circle", |f| Image::good().and(Tar::new().symlink("a", "a")).set("WorkingDir", json!("/a")).layout(f)),
    ("folders that Lambda names otherwise", |f| Image::good().set("Env", json!(["LAMBDA_TASK_ROOT=/srv", "LAMBDA_RUNTIME_DIR=/var/runtime/"])).layout(f)),
    // Members of wrong types.
    ("members that are lists, and one that is none", |f| Image::good().set("Labels", json!(["a"])).set("Volumes", json!(["/a"])).set("ExposedPorts", json!(["80/tcp"])).set("OnBuild", json!("x")).layout(f)),
    ("labels that are no text", |f| Image::good().set("Labels", json!({ "a": 1 })).layout(f)),
    ("operating system that is a list", |f| Image::good().layout_with(f, |it| it["os"] = json!(["linux"]))),
    ("diff_id that is a number", |f| Image::good().layout_with(f, |it| it["rootfs"]["diff_ids"][0] = 7.into())),
    ("length that is none", |f| Image::good().layout_but(f, |it| it["layers"][0]["size"] = json!(-1))),
    ("length that is no whole number", |f| Image::good().layout_but(f, |it| it["layers"][0]["size"] = json!(1.5))),
    ("no length", |f| Image::good().layout_but(f, |it| drop(it["layers"][0].as_object_mut().unwrap().remove("size")))),
    ("layers that are no list", |f| Image::good().layout_but(f, |it| it["layers"] = json!({}))),
    ("index.json that is a list", |f| { Image::good().layout(f); fs::write(f.join("index.json"), "[]").unwrap(); }),
    ("index.json without manifests", |f| { Image::good().layout(f); fs::write(f.join("index.json"), "{}").unwrap(); }),
    ("manifest of another length in index.json", |f| { let mut at = Image::good().store(f); at["size"] = 5.into(); layout(f, &[at]); }),
    // Entries.
    ("whiteouts of dots", |f| Image::good().and(Tar::new().file(".wh..", 0o644, b"").file("var/.wh...", 0o644, b"")).layout(f)),
    ("what aufs leaves", |f| Image::good().and(Tar::new().folder(".wh..wh.plnk", 0o700).file(".wh..wh.plnk/1", 0o644, b"").file(".wh..wh.aufs", 0o444, b"")).layout(f)),
    ("entry without a name", |f| Image::good().and(Tar::new().file("", 0o644, b"x")).layout(f)),
    ("hard link to a folder", |f| Image::good().and(Tar::new().hard_link("a", "var/task")).layout(f)),
    ("file with a slash at its end", |f| Image::good().and(Tar::new().file("x/", 0o644, b"contents")).layout(f)),
    ("a file through a link, and then a folder", |f| Image::good().and(Tar::new().folders(&["t"]).symlink("d", "t").file("d/f", 0o644, b"1").folder("d", 0o755)).layout(f)),
    // Archives.
    ("docker's tar of none", |f| docker_but(f, |it| *it = json!([]))),
    ("docker's tar without a list", |f| docker_but(f, |it| *it = json!({}))),
    ("docker's tar without a list of layers", |f| docker_but(f, |it| it[0]["Layers"] = "l/layer.tar".into())),
    ("docker's tar without a layer", |f| docker_but(f, |it| it[0]["Layers"][0] = "m/layer.tar".into())),
    ("docker's tar without its configuration", |f| docker_but(f, |it| it[0]["Config"] = "d.json".into())),
    ("docker's tar, cut", |f| { docker_but(f, |_| ()); let bytes = fs::read(f).unwrap(); fs::write(f, &bytes[..1800]).unwrap(); }),
    ("docker's tar, cut and packed", |f| { docker_but(f, |_| ()); let bytes = fs::read(f).unwrap(); fs::write(f, gzip(&bytes[..1800])).unwrap(); }),
    ("good, a tar without its mark", |f| archive_of(f, |name| (name != "oci-layout").then(|| name.to_owned()))),
    ("a tar without index.json", |f| archive_of(f, |name| (name != "index.json").then(|| name.to_owned()))),
    ("a tar of a folder with a layout", |f| archive_of(f, |name| Some(format!("image/{name}")))),
    ("a tar of something else", |f| { fs::remove_dir(f).unwrap(); fs::write(f, Tar::new().file("a", 0o644, b"").end()).unwrap(); }),
    ("packed with xz", |f| { fs::remove_dir(f).unwrap(); fs::write(f, b"\xfd7zXZ\0\0\x04").unwrap(); }),
];
