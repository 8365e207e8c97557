//! What settings of images mean, and what is refused of them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::maker::{Image, Tar, dynamic, files};
use super::package::{PACKAGE, folder, record, workspace};
use crate::local::cli::HANDLER;
use crate::local::server::Server;
use crate::support::{Workspace, host_arch, run};
use crate::tiny_elf::TinyElf;

fn scratch(workspace: &Workspace, args: &[&str]) -> std::process::Command {
    let mut command = workspace.command(&[&PACKAGE[..], &["--base", "scratch"], args].concat());
    command.env("LAMBDA_PACK_SYSROOT", "/");
    command
}

#[test]
fn names_of_images_are_names() {
    let workspace = workspace();
    let long = "n".repeat(200);
    for (name, why) in [("{package}", "braces"), (&long, "too long")] {
        workspace.handler("hello", &format!("image.name = \"{name}\"\n"));
        run(&mut scratch(&workspace, &[])).code(2).says("`image.name` of `hello`").says(why);
    }
    // Docker takes small letters alone.
    workspace.handler("hello", "image.name = \"OrdersApi\"\n");
    workspace.write("crates/hello/src/main.rs", HANDLER);
    run(&mut scratch(&workspace, &["--archive", "docker"])).code(0).says("ordersapi:latest");
    let archive = fs::read(folder(&workspace, "OrdersApi").join("image.tar")).unwrap();
    let tags = br#""RepoTags":["ordersapi:latest"]"#;
    assert!(archive.windows(tags.len()).any(|window| window == tags));
}

/// A function's own name is that of its image, whoever names it.
#[test]
fn an_image_may_have_the_name_of_one_of_its_functions() {
    let workspace = workspace();
    workspace.handler("hello", "image.name = \"second\"\n");
    workspace.handler("second", "");
    for name in ["hello", "second"] {
        workspace.write(&format!("crates/{name}/src/main.rs"), HANDLER);
    }
    run(&mut scratch(&workspace, &[])).code(0);
    let record = record(&workspace, "second");
    assert_eq!(record["functions"].as_array().unwrap().len(), 2, "{record}");
    for (alone, other) in [("hello", "second"), ("second", "hello")] {
        let says = format!("is also that of `{other}`");
        run(&mut scratch(&workspace, &["-p", alone])).code(2).says(&says);
    }
    workspace.handler("second", "image.media-types = \"docker\"\n");
    workspace.write("crates/second/src/main.rs", HANDLER);
    let says = "`hello` and `second` are functions of the image `second`, and differ in `image.media-types`";
    run(&mut scratch(&workspace, &[])).code(2).says(says);
}

#[test]
fn what_is_no_file_of_certificates_is_refused() {
    let workspace = workspace();
    workspace.write("ca.pem", "hello");
    workspace.write("lambda-pack.toml", "image.certificates = \"ca.pem\"\n");
    run(&mut scratch(&workspace, &[])).code(2).says("no certificate (PEM) is in");
    workspace.write("lambda-pack.toml", "image.certificates = \"none.pem\"\n");
    let refused = run(&mut scratch(&workspace, &[])).code(2);
    assert_eq!(refused.stderr.matches("No such file").count(), 1, "{}", refused.stderr);
}

#[test]
fn an_index_of_others_stays() {
    let workspace = workspace();
    Image::good().layout(&{
        let folder = workspace.path().join("dist");
        fs::create_dir(&folder).unwrap();
        folder
    });
    let index = workspace.path().join("dist/index.json");
    let before = fs::read(&index).unwrap();
    run(&mut scratch(&workspace, &["--out", "dist"])).code(2).says("none of ours");
    assert_eq!(fs::read(&index).unwrap(), before);
    assert!(!workspace.path().join("dist/hello").exists());
    fs::remove_dir_all(workspace.path().join("dist")).unwrap();
    // Ours is written again.
    for _ in 0..2 {
        run(&mut scratch(&workspace, &["--out", "dist"])).code(0);
    }
    let index: Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    assert!(index["images"].is_array());
}

/// Before 2.34 names are looked up by libraries that nothing needs by name.
#[test]
fn an_old_glibc_comes_with_what_it_opens() {
    if host_arch() != "x86_64" {
        return;
    }
    let workspace = workspace();
    let sysroot = tempfile::tempdir().unwrap();
    let write = |name: &str, elf: TinyElf| {
        let path = sysroot.path().join("lib64").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let soname = Some(name.to_owned());
        fs::write(path, dynamic(&TinyElf { soname, ..elf })).unwrap();
    };
    let needs = |name: &str| TinyElf { needed: vec![name.to_owned()], ..TinyElf::default() };
    let old = |version: &str| TinyElf { defines: vec![version.to_owned()], ..TinyElf::default() };
    write("ld-linux-x86-64.so.2", TinyElf::default());
    for name in
        ["libdl.so.2", "libpthread.so.0", "libm.so.6", "libresolv.so.2", "libnss_files.so.2"]
    {
        write(name, needs("libc.so.6"));
    }
    write("libnss_dns.so.2", needs("libresolv.so.2"));
    let place = sysroot.path().to_str().unwrap().to_owned();
    for (version, opened) in [("GLIBC_2.26", true), ("GLIBC_2.34", false)] {
        write("libc.so.6", old(version));
        let mut command = scratch(&workspace, &["--no-check"]);
        run(command.env("LAMBDA_PACK_SYSROOT", &place)).code(0);
        let all = names(&folder(&workspace, "hello").join("oci"));
        for name in ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"] {
            assert_eq!(all.contains(&format!("lib64/{name}")), opened, "{version} {name} {all:?}");
        }
        assert!(all.contains(&"lib64/libc.so.6".to_owned()));
    }
    write("libc.so.6", old("GLIBC_2.26"));
    fs::remove_file(sysroot.path().join("lib64/libnss_dns.so.2")).unwrap();
    let mut command = scratch(&workspace, &["--no-check"]);
    run(command.env("LAMBDA_PACK_SYSROOT", &place)).code(0).says("without libnss_dns.so.2");
}

/// The paths in all layers of a layout.
fn names(layout: &Path) -> Vec<String> {
    let json = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let index = json(&layout.join("index.json"));
    let manifest = json(&super::maker::path(layout, &index["manifests"][0]));
    let mut all = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let file = fs::File::open(super::maker::path(layout, layer)).unwrap();
        let mut reader = lambda_pack::tar::Reader::new(flate2::read::GzDecoder::new(file));
        while let Some(header) = reader.advance().unwrap() {
            all.push(header.path);
        }
    }
    all
}

/// The header names the file that it stands in.
#[test]
fn a_dockerfile_elsewhere_names_itself() {
    let workspace = workspace();
    let place = tempfile::tempdir().unwrap();
    let out = place.path().to_str().unwrap();
    let args = ["package", "--format", "dockerfile", "--base", "scratch", "--libc", "musl"];
    workspace.run(&[&args[..], &["--out", out]].concat()).code(0);
    let text = fs::read_to_string(place.path().join("Dockerfile")).unwrap();
    assert!(text.contains(&format!("-f {out}/Dockerfile")), "{text}");
}

/// What `check` says that Lambda answers, the embedded one answers; what only the specification forbids runs.
#[test]
fn the_embedded_lambda_refuses_what_check_says_that_lambda_does() {
    let place = tempfile::tempdir().unwrap();
    let image = |tar: Tar| {
        let folder = place.path().join("image");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let image = Image::good().and(tar);
        let at = Image {
            platform: (if host_arch() == "x86_64" { "amd64" } else { "arm64" }, "linux"),
            ..image
        }
        .store(&folder);
        super::maker::layout(&folder, std::slice::from_ref(&at));
        (folder, at["digest"].as_str().unwrap().to_owned())
    };
    let server = Server::start(&[]);
    let arch = host_arch();
    for (name, tar, refused) in [
        ("parent", Tar::new().file("srv/a/b", 0o644, b""), Some("MissingParentDirectory")),
        ("twice", Tar::new().file("a", 0o644, b"1").file("a", 0o644, b"2"), None),
        ("good", files(), None),
    ] {
        let (folder, digest) = image(tar);
        let uri = format!("oci:{}@{digest}", folder.display());
        let body = json!({
            "FunctionName": name, "PackageType": "Image", "Code": { "ImageUri": uri },
            "Role": "arn:aws:iam::123456789012:role/r", "Architectures": [arch],
        });
        let reply = server.call("POST", "/2015-03-31/functions", &[], body.to_string().as_bytes());
        match refused {
            None => assert_eq!(reply.status, 201, "{name}: {reply:?}"),
            Some(word) => {
                let (status, _, message) = reply.refusal();
                assert!(status == 400 && message.contains(word), "{name}: {message}");
            }
        }
    }
}
