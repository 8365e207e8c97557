//! Layers of all kinds on one function, and that nothing in them is there in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Unpacked, layers, library, names, package, serves, serving, unpacked};
use crate::local::extensions;
use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Workspace, have, host_arch, run, tools};

/// An extension that leaves a word for the function, and is told of invocations.
const EXTENSION: &str = r##"
use std::io::{Read, Write};
fn call(method: &str, path: &str, header: &str, body: &str) -> String {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "{method} /2020-01-01/extension/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nLambda-Extension-{header}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
fn main() {
    std::fs::write("/tmp/watcher", "watched").unwrap();
    let answer = call("POST", "register", "Name: watcher", r#"{"events":["INVOKE"]}"#);
    let named = |line: &&str| line.to_lowercase().starts_with("lambda-extension-identifier: ");
    let id = answer.lines().find(named).unwrap().split(' ').nth(1).unwrap();
    loop {
        call("GET", "event/next", &format!("Identifier: {id}"), "");
    }
}
"##;

/// An extension of the workspace, `watcher`.
pub(super) fn with_extension(workspace: &Workspace) {
    let rest = "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n";
    workspace.package("watcher", rest);
    workspace.write("crates/watcher/src/main.rs", EXTENSION);
}

#[test]
fn whoever_lacks_one_file_of_its_assets_or_extensions_fails() {
    let workspace = Workspace::hello();
    workspace.write("lambda-pack.toml", "assets = [\"models\", \"labels.txt\"]\n");
    workspace.write("models/large/weights", "weights");
    workspace.write("models/m", "model");
    workspace.write("labels.txt", "cat");
    with_extension(&workspace);
    let answer = "let read = |path: &str| std::fs::read_to_string(path).unwrap();\n\
                  let all = [\"/opt/models/large/weights\", \"/opt/models/m\", \"/opt/labels.txt\", \
                  \"/tmp/watcher\"].map(read);\n\
                  call(\"POST\", &format!(\"invocation/{id}/response\"), &format!(\"{all:?}\"));";
    workspace.write("crates/hello/src/main.rs", serves(answer));
    package(&workspace, &[]);
    let files: Unpacked =
        layers(&workspace, "hello").iter().flat_map(|layer| unpacked(layer)).collect();
    let paths: Vec<&String> = files.keys().collect();
    assert_eq!(paths, ["extensions/watcher", "labels.txt", "models/large/weights", "models/m"]);
    let server = Server::start(&[]);
    let function = fs::read(workspace.output("hello", "bootstrap.zip")).unwrap();
    let made = |name: &str, without: &str| {
        let members = files.iter().filter(|(path, _)| path.as_str() != without);
        let members: Vec<_> = members
            .map(|(path, (mode, bytes))| (path.as_str(), 0o100_000 | mode, bytes.as_slice()))
            .collect();
        extensions::create(&server, name, &function, &zips::zip(&members), &serde_json::json!({}));
        server.invoke(name, "{}")
    };
    let whole = made("whole", "");
    assert_eq!(whole.json(), serde_json::json!(["weights", "model", "cat", "watched"]));
    assert!(whole.log().contains("EXTENSION\tName: watcher\tState: Ready"), "{}", whole.log());
    for (at, path) in paths.into_iter().enumerate() {
        let reply = made(&format!("less{at}"), path);
        assert_eq!(reply.header("x-amz-function-error"), Some("Unhandled"), "{path}: {reply:?}");
    }
}

/// Two handlers with a native library, an asset, an extension, and a crate in a shared library.
fn all_kinds() -> Workspace {
    let workspace = Workspace::hello();
    workspace.write("lambda-pack.toml", "layers.prefix = \"shop\"\n");
    library(&workspace, "big", 7, 3 << 20);
    workspace.write("models/m", "a model");
    with_extension(&workspace);
    // Neither it nor the extension is linked with what is shared, though the whole workspace is told to be.
    workspace.package("tool", "");
    for name in ["hello", "second"] {
        workspace.handler(name, "\n[dependencies.itoa]\nversion = \"1\"");
        serving(&workspace, name, &["big"]);
        let main = workspace.path().join(format!("crates/{name}/src/main.rs"));
        let text = fs::read_to_string(&main).unwrap();
        let sum = "let sum = unsafe { big() };";
        assert!(text.contains(sum));
        let by_crate = format!("{sum}\nlet sum = itoa::Buffer::new().format(sum).to_owned();");
        fs::write(&main, text.replace(sum, &by_crate)).unwrap();
    }
    workspace.run(&["layer", "init", "--force"]).code(0);
    settings(&workspace, &[], 1 << 20);
    workspace
}

/// With so many layers of others.
fn settings(workspace: &Workspace, others: &[String], min_saving: u64) {
    let text = format!(
        "assets = [\"models\"]\nalias = [\"live\"]\n\
         layers = {{ share = \"auto\", prefix = \"shop\", dylib = \"shared\", arns = {others:?}, \
         min-saving = {min_saving} }}\n\
         role = \"arn:aws:iam::123456789012:role/shop\"\n"
    );
    workspace.write("lambda-pack.toml", text);
}

/// All that a function has by itself and by its layers, each path once; and how many layers those are.
fn together(folder: &Path, function: &str) -> (Unpacked, usize) {
    let own = folder.join(function).join(host_arch());
    let record = super::json(&own.join("lambda-pack.json"));
    let mut all = unpacked(&own.join("bootstrap.zip"));
    let uses = record["layers"].as_array().unwrap();
    for used in uses {
        let layer = folder.join(used["layer"].as_str().unwrap()).join("layer/layer.zip");
        for (path, file) in unpacked(&layer) {
            assert!(all.insert(path.clone(), file).is_none(), "{path} is there twice");
        }
    }
    (all, uses.len())
}

#[test]
fn layers_of_all_kinds_make_room_for_those_of_others() {
    let workspace = all_kinds();
    package(&workspace, &[]);
    let packed = workspace.path().join("target/lambda-pack");
    let arch = host_arch();
    let five = ["asset-models", "extension-watcher", "native-big", "toolchain", "workspace-shared"]
        .map(|name| format!("shop-{name}-{arch}"));
    assert_eq!(names(&workspace), five);
    let (all, count) = together(&packed, "hello");
    assert_eq!((count, together(&packed, "second").1), (5, 5));
    // The library of C in the function: the same files, bytes and modes.
    settings(&workspace, &[], 99_000_000);
    let whole = workspace.path().join("whole");
    package(&workspace, &["--out", whole.to_str().unwrap()]);
    assert!(
        unpacked(&whole.join("hello").join(arch).join("bootstrap.zip"))
            .contains_key("lib/libbig.so")
    );
    assert!(together(&whole, "hello").0 == all);

    let server = Server::start(&[]);
    let others: Vec<String> = (1..=5).map(|at| by_hand(&server, &format!("agent{at}"))).collect();
    let (out, port) = (workspace.path().join("out"), server.address.rsplit(':').next().unwrap());
    for most in 1..=4 {
        settings(&workspace, &others[..most], 1 << 20);
        package(&workspace, &["--out", out.to_str().unwrap()]);
        let (files, count) = together(&out, "hello");
        assert!(count == 5 - most && files == all, "{most}: {count}");
        if most % 2 == 1 {
            continue;
        }
        workspace.run(&["deploy", "--from", "out", "--local", "--port", port]).code(0);
        for name in ["hello", "second"] {
            let path = format!("/2015-03-31/functions/{name}/configuration?Qualifier=live");
            let reply = server.call("GET", &path, &[], b"").json();
            let used = reply["Layers"].as_array().unwrap();
            let arns: Vec<&str> = used.iter().map(|it| it["Arn"].as_str().unwrap()).collect();
            assert!(arns.len() == 5 && arns[..most] == others[..most], "{arns:?}");
            let live = server.answer(&format!("{name}:live"), "{}");
            assert_eq!(live, serde_json::json!(["a model", 7]));
        }
    }
    settings(&workspace, &others, 1 << 20);
    workspace.run(&["package"]).code(2).says("leave room for 0");
}

/// A layer of somebody else's.
fn by_hand(server: &Server, name: &str) -> String {
    use base64::Engine as _;
    let zip = zips::zip(&[(&format!("share/{name}"), zips::PLAIN, b"theirs")]);
    let zip = base64::engine::general_purpose::STANDARD.encode(zip);
    let body = serde_json::json!({ "Content": { "ZipFile": zip } });
    let made = server.control("POST", &format!("/2018-10-31/layers/{name}/versions"), &body);
    made["LayerVersionArn"].as_str().unwrap().to_owned()
}

/// With another compiler, all that is built is another file, and what was not built is not.
#[test]
#[ignore = "two compilers build everything"]
fn another_rustc_changes_no_byte_of_what_it_did_not_build() {
    let workspace = all_kinds();
    let before = layers_by_kind(&workspace, None);
    let changed = |after: &ByKind, key: &str| -> BTreeSet<&str> {
        let kinds = before.keys().filter(|kind| before[*kind][key] != after[*kind][key]);
        kinds.map(String::as_str).collect()
    };
    let path = |layers: &ByKind| layers["toolchain"]["files"][0]["path"].clone();
    let mut nightly = Command::new("rustc");
    crate::support::scrub(&mut nightly);
    let asked = run(nightly.env("RUSTUP_TOOLCHAIN", "nightly").arg("--version"));
    if asked.stdout.contains("nightly") {
        let after = layers_by_kind(&workspace, Some(("RUSTUP_TOOLCHAIN", "nightly".as_ref())));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        assert_eq!(changed(&after, "layer"), BTreeSet::new());
        let built = BTreeSet::from(["extension", "toolchain", "workspace"]);
        assert_eq!(changed(&after, "CodeSha256"), built);
        assert_eq!(changed(&after, "tree"), built);
        assert_ne!(path(&before), path(&after));
    } else {
        let _ = writeln!(std::io::stderr(), "SKIPPED for want of a nightly rustc");
    }
    // Debian's has no shared library of Rust's own: that is within what is shared, and no layer of its own.
    let debian = tools().join("arm64/bin/rustc");
    if !have(&debian) {
        return;
    }
    let after = layers_by_kind(&workspace, Some(("RUSTC", debian.as_os_str())));
    let kinds: Vec<_> = after.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["asset", "extension", "native", "workspace"]);
    for same in ["asset", "native"] {
        assert_eq!(before[same], after[same]);
    }
    let server = Server::start(&[]);
    let port = server.address.rsplit(':').next().unwrap();
    let args = ["deploy", "--from", "target/lambda-pack", "--local", "--port", port];
    workspace.run(&args).code(0);
    assert_eq!(server.answer("second:live", "{}"), serde_json::json!(["a model", 7]));
}

/// `layer.json` by its kind.
type ByKind = BTreeMap<String, Value>;

/// What is packaged with another compiler, or with this machine's.
#[track_caller]
fn layers_by_kind(workspace: &Workspace, compiler: Option<(&str, &OsStr)>) -> ByKind {
    let folder = workspace.path().join("target/lambda-pack");
    let _ = fs::remove_dir_all(&folder);
    let mut command = workspace.command(&["package", "--no-check"]);
    command.env_remove("RUSTC").envs(compiler);
    run(&mut command).code(0);
    let layer = |name: String| {
        let layer = super::json(&folder.join(&name).join("layer/layer.json"));
        (layer["kinds"][0].as_str().unwrap().to_owned(), layer)
    };
    names(workspace).into_iter().map(layer).collect()
}
