//! A function that is to be an image, on the files of its base.

use std::fs;
use std::path::Path;

use lambda_pack::blobs::{self, BlobError, Content, Store};
use lambda_pack::image::config::{Added, Config};
use lambda_pack::image::manifest::MediaTypes;
use lambda_pack::tar::{Member, What, Writer};
use lambda_pack::target::Arch;
use serde_json::{Value, json};

use super::Served;
use crate::local::server::Server;
use crate::registry::real::Registry;
use crate::support::Workspace;

/// Answers what it sees.
const HANDLER: &str = r#"
use std::io::{Read, Write};
fn call(method: &str, path: &str, body: &str) -> String {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
fn main() {
    loop {
        let answer = call("GET", "invocation/next", "");
        let id = answer.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        let mark = std::fs::read_to_string("/etc/mark").unwrap_or_default();
        let link = std::fs::read_link("/lib64").map(|to| to.display().to_string()).unwrap_or_default();
        let shell = std::path::Path::new("/bin/sh").exists();
        let written = std::fs::write("/etc/other", "").is_ok();
        let tmp = std::fs::write("/tmp/x", "").is_ok();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).unwrap_or_default();
        let of_base = std::env::var("OF_BASE").unwrap_or_default();
        let said = format!(
            "{{\"mark\":\"{mark}\",\"link\":\"{link}\",\"shell\":{shell},\"written\":{written},\"tmp\":{tmp},\"libc\":\"{libc}\",\"variable\":\"{of_base}\"}}"
        );
        call("POST", &format!("invocation/{}/response", id.unwrap()), &said);
    }
}
"#;

/// A file of this machine's glibc, wherever it keeps it.
fn library(name: &str) -> Vec<u8> {
    let arch = std::env::consts::ARCH;
    let folders = [format!("/lib/{arch}-linux-gnu"), "/lib64".to_owned(), "/lib".to_owned()];
    let found = folders.iter().find_map(|folder| fs::read(Path::new(folder).join(name)).ok());
    found.unwrap_or_else(|| panic!("no {name}"))
}

/// A base arranged as Amazon Linux is: `/lib64` is a link.
fn base(place: &Path) {
    let store = Store::new(place.with_extension("store"));
    let loader = if cfg!(target_arch = "aarch64") {
        "ld-linux-aarch64.so.1"
    } else {
        "ld-linux-x86-64.so.2"
    };
    let mut members = vec![
        ("etc", What::Folder, Vec::new()),
        ("etc/mark", What::File(4), b"base".to_vec()),
        ("lib64", What::Symlink("usr/lib64".to_owned()), Vec::new()),
        ("lib", What::Symlink("usr/lib64".to_owned()), Vec::new()),
        ("usr", What::Folder, Vec::new()),
        ("usr/lib64", What::Folder, Vec::new()),
    ];
    let names = [loader, "libc.so.6", "libgcc_s.so.1", "libm.so.6"];
    let paths = names.map(|name| format!("usr/lib64/{name}"));
    for (path, name) in paths.iter().zip(names) {
        let bytes = library(name);
        members.push((path, What::File(bytes.len() as u64), bytes));
    }
    let kept = store.compress(None, 1, 1, |out| -> Result<(), BlobError> {
        let mut tar = Writer::new(out, 0);
        for (path, what, bytes) in &members {
            let path = (*path).to_owned();
            let member = Member { path, what: what.clone(), mode: 0o755, uid: 0, gid: 0 };
            tar.write(&member, &mut bytes.as_slice()).unwrap();
        }
        tar.finish().unwrap();
        Ok(())
    });
    let kept = kept.unwrap();
    let mut config = Config::empty(Arch::of_this_machine());
    config.add(&[Added { diff_id: kept.diff_id, what: "base" }], "1980-01-01T00:00:00Z");
    let variables = [
        ("OF_BASE", "yes"),
        ("TZ", "UTC+1"),
        ("LD_LIBRARY_PATH", "/lib64:/usr/lib64:/var/task/lib"),
    ];
    config.set_variables(&variables.map(|(name, value)| (name.into(), value.into())).into());
    let layers = [(kept.digest, kept.size)];
    let papers = blobs::papers(&config, &layers, MediaTypes::Oci, &[].into(), &store).unwrap();
    let content = Content {
        index: &papers.index("latest").unwrap(),
        manifest: &papers.manifest,
        config: &papers.config,
        layers: &papers.layers,
        name: "base:latest",
    };
    fs::create_dir(place).unwrap();
    blobs::write_layout(place, &content, &store).unwrap();
}

#[test]
fn a_function_runs_on_the_files_of_its_base() {
    let workspace = Workspace::new();
    workspace.handler("hello", "");
    workspace.write("crates/hello/src/main.rs", HANDLER);
    base(&workspace.path().join("base"));
    for (settings, mark, link, variable) in [
        ("format = \"image\"\nimage.base = \"oci:base\"\n", "base", "usr/lib64", "yes"),
        ("format = \"image\"\nimage.base = \"scratch\"\nsysroot = \"/\"\n", "", "", ""),
    ] {
        workspace.write("lambda-pack.toml", settings);
        let mut served = Served::start(&workspace, &["run"]);
        let mut seen = served.invoke("hello");
        let libc = seen["libc"].take();
        assert!(libc.as_str().is_some_and(|libc| libc.contains("lib64/libc.so.6")), "{libc}");
        seen.as_object_mut().unwrap().remove("libc");
        let expected = json!({
            "mark": mark, "link": link, "shell": false, "written": false, "tmp": true,
            "variable": variable,
        });
        assert_eq!(seen, expected, "{settings}");
        assert_eq!(served.stop(), Some(0));
    }
}

/// What `invoke --local` answers for a function of the workspace.
fn invoked(workspace: &Workspace, function: &str) -> Value {
    let run = workspace.run(&["invoke", function, "--local", "--payload", "{}"]).code(0);
    let mut seen: Value = serde_json::from_str(&run.stdout).unwrap();
    let libc = seen["libc"].take();
    assert!(libc.as_str().is_some_and(|libc| libc.contains("lib64/libc.so.6")), "{libc}");
    seen.as_object_mut().unwrap().remove("libc");
    seen
}

#[test]
fn invoke_runs_the_image_that_package_writes() {
    let workspace = Workspace::new();
    for name in ["hello", "other"] {
        workspace.handler(name, "");
        workspace.write(&format!("crates/{name}/src/main.rs"), HANDLER);
    }
    base(&workspace.path().join("base"));
    let of_base = json!({
        "mark": "base", "link": "usr/lib64", "shell": false, "written": false, "tmp": true,
        "variable": "yes",
    });
    let scratch =
        "format = \"image\"\nimage.base = \"scratch\"\nsysroot = \"/\"\nlinker = \"host\"\n";
    workspace.write("lambda-pack.toml", scratch);
    let alone = invoked(&workspace, "hello");
    assert_eq!(
        (&alone["mark"], &alone["shell"], &alone["tmp"]),
        (&json!(""), &json!(false), &json!(true))
    );
    let settings = "format = \"image\"\nimage.base = \"oci:base\"\nlinker = \"host\"\n";
    workspace.write("lambda-pack.toml", settings);
    assert_eq!(invoked(&workspace, "hello"), of_base);
    // One image for both, and each started by its own program.
    let both = "[package.hello]\nimage.name = \"both\"\n[package.other]\nimage.name = \"both\"\n";
    workspace.write("lambda-pack.toml", format!("{settings}{both}"));
    assert_eq!(invoked(&workspace, "other"), of_base);
    let record = workspace.path().join("target/lambda-pack/both");
    let record = record.join(format!("image-{}/image.json", Arch::of_this_machine().aws_name()));
    let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!(record["functions"].as_array().map(Vec::len), Some(2), "{record}");
    assert_eq!(invoked(&workspace, "hello"), of_base);
}

/// The Lambda API takes images of a registry on this machine, as AWS takes those of ECR.
#[test]
fn images_of_a_registry_are_created_and_run() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = Workspace::new();
    workspace.handler("hello", "");
    workspace.write("crates/hello/src/main.rs", HANDLER);
    base(&workspace.path().join("base"));
    workspace
        .run(&["package", "--format", "image", "--base", "oci:base", "--linker", "host"])
        .code(0);
    let arch = Arch::of_this_machine().aws_name();
    let image = workspace.path().join(format!("target/lambda-pack/hello/image-{arch}"));
    registry.fill_from(&image.join("oci"));
    let record: Value =
        serde_json::from_slice(&fs::read(image.join("image.json")).unwrap()).unwrap();
    let digest = record["digest"].as_str().unwrap();

    let server = Server::start(&[]);
    let repository = format!("{}/some/app", registry.host);
    let function = |name: &str, uri: &str, config: Value| {
        json!({
            "FunctionName": name, "PackageType": "Image", "Code": { "ImageUri": uri },
            "Role": "arn:aws:iam::123456789012:role/r", "ImageConfig": config, "Architectures": [arch],
        })
    };
    let create = |body: &Value| {
        server.call("POST", "/2015-03-31/functions", &[], body.to_string().as_bytes())
    };
    let uri = format!("{repository}:1");
    let reply = create(&function("hello", &uri, json!({})));
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.json()["CodeSha256"], digest.trim_start_matches("sha256:"));
    let found = server.control("GET", "/2015-03-31/functions/hello", &Value::Null);
    assert_eq!(found["Code"]["ResolvedImageUri"], format!("{repository}@{digest}"));
    let seen = server.answer("hello", "{}");
    assert_eq!((&seen["mark"], &seen["variable"]), (&json!("base"), &json!("yes")), "{seen}");

    // What counts in place of the image's own.
    for (name, config, kind) in [
        ("no-entry", json!({ "EntryPoint": ["/no"] }), "Runtime.InvalidEntrypoint"),
        ("no-folder", json!({ "WorkingDirectory": "/no" }), "Runtime.InvalidWorkingDir"),
    ] {
        assert_eq!(create(&function(name, &uri, config)).status, 201);
        assert_eq!(server.invoke(name, "{}").failure().0, kind);
    }
    // What Lambda refuses.
    for (uri, says) in [
        (format!("{repository}:2"), "MANIFEST_UNKNOWN"),
        (format!("{repository}@sha256:{}", "0".repeat(64)), "MANIFEST_UNKNOWN"),
    ] {
        let (status, code, message) = create(&function("none", &uri, json!({}))).refusal();
        assert_eq!((status, code.as_str()), (400, "InvalidParameterValueException"), "{message}");
        assert!(message.contains(says) || message.contains("not"), "{message}");
    }
    // One of a registry that nobody asks is kept, and cannot be run here.
    let far = "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1";
    assert_eq!(create(&function("far", far, json!({}))).status, 201);
    assert!(server.invoke("far", "{}").failure().1.contains("registry"));
}
