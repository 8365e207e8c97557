//! What Lambda refuses, each as one tiny image, with all that is found in it and whether it can be mended:
//! pinned in `refused.txt` (`SNAPSHOTS=overwrite` writes it anew).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::maker::*;
use crate::support::{Run, lambda_pack, run};
use crate::tiny_elf::TinyElf;

/// Makes an image in an empty folder, or as a file at that place.
type Make = fn(&Path);

/// `check` with its records.
pub(super) fn check(folder: &Path, args: &[&str]) -> Run {
    let mut command = lambda_pack(folder);
    command.args(["check", "--output", "json"]).args(args);
    run(&mut command)
}

/// The findings as lines, the digests taken out.
fn lines(run: &Run) -> String {
    let mut text = String::new();
    for finding in run.records().iter().filter(|record| record["reason"] == "finding") {
        let word = |member: &str| finding[member].as_str().unwrap_or_default().to_owned();
        let path = if finding["path"].is_null() { String::new() } else { word("path") + ": " };
        let line = format!("{} [{}] {path}{}", word("level"), word("code"), word("message"));
        writeln!(text, "{}", digests(&line)).unwrap();
    }
    text
}

/// Takes what follows `sha256:` out, and lengths that a compressor decides.
fn digests(text: &str) -> String {
    let text = text.replace("blobs/sha256/", "blobs/sha256:");
    let mut parts = text.split("sha256:");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str("sha256:…");
        all.push_str(part.get(64..).unwrap_or_default());
    }
    let bytes = all.split(" of ").map(|part| match part.split_once(" bytes") {
        Some((count, rest)) if count.parse::<u64>().is_ok() => format!("… bytes{rest}"),
        _ => part.to_owned(),
    });
    bytes.collect::<Vec<_>>().join(" of ")
}

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

#[rustfmt::skip]
const CASES: &[(&str, Make)] = &[
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
    ("fewer diff_ids", |f| Image::good().and(files()).layout_with(f, |it| drop(it["rootfs"]["diff_ids"].as_array_mut().unwrap().pop()))),
    ("history of more layers", |f| Image::good().layout_with(f, |it| it["history"] = json!([{}, {}, {"empty_layer": true}]))),
    ("history of fewer layers", |f| Image::good().and(files()).layout_with(f, |it| it["history"] = json!([{}]))),
    ("reserved variables", |f| Image::good().set("Env", json!(["AWS_REGION=x", "_HANDLER=y", "A=b"])).layout(f)),
    ("variable twice", |f| Image::good().set("Env", json!(["A=1", "B=2", "A=3"])).layout(f)),
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
    ("300 folders without entries", |f| Image::good().and((0..300).fold(Tar::new(), |tar, n| tar.file(&format!("d{n}/f"), 0o644, b""))).layout(f)),
    ("parent taken away by a whiteout", |f| Image::good().and(Tar::new().folders(&["opt"])).and(Tar::new().file(".wh.opt", 0o644, b"").file("opt/a", 0o644, b"")).layout(f)),
    ("parent taken away by a later whiteout", |f| Image::good().and(Tar::new().folders(&["opt"])).and(Tar::new().file("opt/a", 0o644, b"").file(".wh.opt", 0o644, b"")).layout(f)),
    ("the same path twice", |f| Image::good().and(Tar::new().file("a", 0o644, b"1").file("./a", 0o644, b"2")).layout(f)),
    ("the same folder three times", |f| Image::good().and(Tar::new().folders(&["a", "a/", "./a"])).layout(f)),
    ("twice, and a link to the first", |f| Image::good().and(Tar::new().file("a", 0o644, b"1").hard_link("b", "a").file("a", 0o644, b"2")).layout(f)),
    ("absolute path", |f| Image::good().and(Tar::new().file("/a", 0o644, b"")).layout(f)),
    ("path that leads out", |f| Image::good().and(Tar::new().file("../a", 0o644, b"").file("tmp/../../b", 0o644, b"")).layout(f)),
    ("link that leads out", |f| Image::good().and(Tar::new().symlink("up", "../../..").file("up/a", 0o644, b"")).layout(f)),
    ("hard link to nothing", |f| Image::good().and(Tar::new().hard_link("a", "b")).layout(f)),
    ("hard link that leads out", |f| Image::good().and(Tar::new().hard_link("a", "../../etc/passwd")).layout(f)),
    ("hard link to a file of a lower layer", |f| Image::good().and(Tar::new().hard_link("a", "var/task/bootstrap")).layout(f)),
    ("devices and a pipe", |f| Image::good().and(Tar::new().header(b'3', b"null", 0o666, 0, "").header(b'4', b"disk", 0o666, 0, "").header(b'6', b"pipe", 0o666, 0, "")).layout(f)),
    ("path that is no UTF-8", |f| Image::good().and(Tar::new().header(b'0', b"a\xff", 0o644, 0, "").header(b'0', b"b\xfe", 0o644, 0, "")).layout(f)),
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
    ("no loader", |f| with_entry(&loader()).layout(f)),
    ("no library", |f| and_libc(with_entry(&TinyElf { needed: vec!["libssl.so.3".to_owned(), "libc.so.6".to_owned()], ..loader() }), "GLIBC_2.34").layout(f)),
    ("symbol version too new", |f| and_libc(with_entry(&wants("GLIBC_2.38")), "GLIBC_2.34").layout(f)),
    ("library for arm64", |f| { let libc = TinyElf { machine: Some(183), ..TinyElf::default() }; with_entry(&loader()).and(Tar::new().folders(&["lib64"]).file("lib64/libc.so.6", 0o755, &dynamic(&libc)).file("lib64/ld-linux-x86-64.so.2", 0o755, &dynamic(&TinyElf::default()))).layout(f); }),
    ("working folder that is not there", |f| Image::good().set("WorkingDir", json!("/srv")).layout(f)),
    ("relative working folder", |f| Image::good().set("WorkingDir", json!("var/task")).layout(f)),
    ("working folder of mode 0700", |f| Image::good().and(Tar::new().folder("srv", 0o700)).set("WorkingDir", json!("/srv")).layout(f)),
    ("working folder that is a file", |f| Image::good().set("WorkingDir", json!("/var/task/bootstrap")).layout(f)),
    ("unreadable file", |f| Image::good().and(Tar::new().file("var/task/secret", 0o600, b"").file("var/task/more", 0o600, b"")).layout(f)),
];

/// The images, each in a folder or a file of its own.
fn made(all: &Path) -> Vec<(&'static str, PathBuf)> {
    let one = |(number, (name, make)): (usize, &(&'static str, Make))| {
        let place = all.join(format!("{number}"));
        fs::create_dir(&place).unwrap();
        make(&place);
        (*name, place)
    };
    CASES.iter().enumerate().map(one).collect()
}

#[test]
fn what_lambda_refuses_is_found_and_mended_where_that_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (name, place) in made(folder.path()) {
        let out = place.with_extension("mended");
        let (place, to) = (place.to_str().unwrap(), out.to_str().unwrap());
        let before = check(folder.path(), &[place, "--arch", "x86_64"]);
        let (code, good) = (before.code, lines(&before));
        assert!(!before.stderr.contains("panicked"), "{name}: {}", before.stderr);
        writeln!(text, "## {name}: {code}\n{}", good.trim_end()).unwrap();
        if name.starts_with("good") {
            assert_eq!((code, good.as_str()), (0, ""), "{name}");
        }
        let error = |run: &Run| {
            let line =
                run.stderr.lines().filter(|line| !line.is_empty() && !line.contains("finding"));
            line.collect::<Vec<_>>().join(" / ").replace(folder.path().to_str().unwrap(), "…")
        };
        if code == 2 || before.records().is_empty() {
            writeln!(text, "{}", digests(&error(&before))).unwrap();
        }
        let mended = check(folder.path(), &[place, "--fix", to, "--arch", "x86_64"]);
        assert!(!mended.stderr.contains("panicked"), "{name}: {}", mended.stderr);
        let after = if mended.code == 0 {
            let again = check(folder.path(), &[to, "--arch", "x86_64"]).code(0);
            assert_eq!(lines(&again), lines(&mended), "{name}");
            lines(&again)
        } else if out.exists() {
            lines(&mended)
        } else {
            digests(&error(&mended))
        };
        if after != good {
            writeln!(text, "mended: {}\n{}", mended.code, after.trim_end()).unwrap();
        }
        text.push('\n');
    }
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/images/refused.txt");
    snapbox::assert_data_eq!(text, snapbox::Data::read_from(&pinned, None).raw());
}
