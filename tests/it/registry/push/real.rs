//! The distribution project's registry, and skopeo, buildah and umoci beside us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Blob, Client, Image, Logins, Pushed, Why};
use serde_json::Value;

use super::super::real::Registry;
use super::super::{again, block_on, reference};
use super::{made, push, push_in, three};
use crate::support::{have, run};

/// What skopeo finds: the bytes of the manifest.
fn inspect(name: &str, more: &[&str]) -> Vec<u8> {
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["inspect", "--raw", "--tls-verify=false"]).args(more);
    run(skopeo.arg(format!("docker://{name}"))).code(0).stdout.into_bytes()
}

/// skopeo reads all of it, and it has this digest.
fn read_back(name: &str, digest: Sha256, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("digest");
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["copy", "--quiet", "--insecure-policy", "--src-tls-verify=false"]).args(more);
    skopeo.arg("--digestfile").arg(&file).arg("--preserve-digests");
    skopeo.arg(format!("docker://{name}"));
    run(skopeo.arg(format!("dir:{}", folder.path().join("d").display()))).code(0);
    assert_eq!(fs::read_to_string(file).unwrap(), digest.to_string());
}

#[test]
fn what_is_pushed_is_what_skopeo_reads() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let client = Client::new(Logins::none()).unwrap();
    let name = format!("{}/some/app", registry.host);
    let first = three();
    let pushed = push(&client, &name, &["1", "latest"], &first).unwrap();
    assert_eq!(pushed.sent, first.digests());
    for name in
        [format!("{name}:1"), format!("{name}:latest"), format!("{name}@{}", first.digest())]
    {
        assert_eq!(inspect(&name, &[]), first.manifest);
        read_back(&name, first.digest(), &[]);
    }
    let again = push(&client, &name, &["1", "latest"], &first).unwrap();
    assert!(again.unchanged && again.bytes == 0);
    let second = made(&[(1, 300_000), (2, 70_000), (4, 11)]);
    let changed = push(&client, &name, &["1"], &second).unwrap();
    let digests = second.digests();
    assert_eq!(changed.sent, [digests[0], digests[3]]);
    read_back(&format!("{name}:1"), second.digest(), &[]);
    assert_eq!(inspect(&format!("{name}:latest"), &[]), first.manifest);
}

#[test]
fn ten_functions_share_a_base() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let client = Client::new(Logins::none()).unwrap();
    let images: Vec<_> = (0..10).map(|i| made(&[(1, 2_000_000), (100 + i, 1000)])).collect();
    block_on(async {
        let session = client.pushing();
        let pushes = images.iter().enumerate().map(|(i, image)| {
            let (session, name) = (&session, format!("{}/f/{i}", registry.host));
            async move { push_in(session, &name, &["1"], image).await.unwrap() }
        });
        let all = futures_util::future::join_all(pushes).await;
        let base = images[0].digests()[1];
        assert_eq!(all.iter().filter(|pushed| pushed.mounted == [base]).count(), 9);
        assert_eq!(all.iter().filter(|pushed| pushed.sent.contains(&base)).count(), 1);
        assert!(all.iter().map(|pushed| pushed.bytes).sum::<u64>() < 2_100_000);
    });
    for (i, image) in images.iter().enumerate() {
        read_back(&format!("{}/f/{i}:1", registry.host), image.digest(), &[]);
    }
}

/// The one image of a layout.
fn push_layout(client: &Client, name: &str, layout: &Path) -> Pushed {
    let read =
        |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob_path =
        |digest: &str| layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
    let index = read(layout.join("index.json"));
    let manifest = fs::read(blob_path(index["manifests"][0]["digest"].as_str().unwrap())).unwrap();
    let value: Value = serde_json::from_slice(&manifest).unwrap();
    let all: Vec<_> =
        value["layers"].as_array().unwrap().iter().chain([&value["config"]]).collect();
    let opens: Vec<super::Open> = all
        .iter()
        .map(|blob| -> super::Open {
            let path = blob_path(blob["digest"].as_str().unwrap());
            Box::new(move || Ok(Box::new(fs::File::open(&path)?)))
        })
        .collect();
    let blobs = all.iter().zip(&opens).map(|(blob, open)| Blob {
        digest: blob["digest"].as_str().unwrap().parse().unwrap(),
        size: blob["size"].as_u64().unwrap(),
        open: &**open,
    });
    let media_type = index["manifests"][0]["mediaType"].as_str().unwrap();
    let image = Image { manifest: &manifest, media_type, blobs: blobs.collect() };
    let name = reference(name);
    block_on(client.pushing().image(&name, &["1".to_owned()], &image, async { Ok(()) }, &|_| {}))
        .unwrap()
}

#[test]
fn what_skopeo_buildah_and_umoci_made_is_pushed() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let client = Client::new(Logins::none()).unwrap();
    let check = |tool: &str, layout: &Path| {
        let name = format!("{}/by/{tool}", registry.host);
        let pushed = push_layout(&client, &name, layout);
        read_back(&format!("{name}:1"), pushed.digest, &[]);
        assert!(push_layout(&client, &name, layout).unchanged, "{tool}");
    };
    if have("umoci") {
        let layout = folder.path().join("umoci");
        let at = format!("{}:1", layout.display());
        run(Command::new("umoci").arg("init").arg("--layout").arg(&layout)).code(0);
        run(Command::new("umoci").args(["new", "--image", &at])).code(0);
        let file = folder.path().join("file");
        fs::write(&file, "a file").unwrap();
        run(Command::new("umoci")
            .args(["insert", "--rootless", "--image", &at])
            .arg(&file)
            .arg("/file"))
        .code(0);
        check("umoci", &layout);
        // What skopeo makes of it.
        let other = folder.path().join("skopeo");
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["copy", "--quiet", "--insecure-policy", "--dest-compress-format", "gzip"]);
        run(skopeo.args([format!("oci:{at}"), format!("oci:{}:1", other.display())])).code(0);
        check("skopeo", &other);
    }
    if have("buildah") {
        let layout = folder.path().join("buildah");
        let buildah = |arguments: &[&str]| {
            let mut buildah = Command::new("buildah");
            let storage = folder.path().join("storage");
            buildah.args(["--storage-driver", "vfs", "--root"]).arg(storage.join("root"));
            buildah.arg("--runroot").arg(storage.join("run")).args(arguments);
            run(&mut buildah).code(0).stdout.trim().to_owned()
        };
        let container = buildah(&["from", "scratch"]);
        let file = folder.path().join("file");
        fs::write(&file, "a file").unwrap();
        buildah(&["add", &container, &file.display().to_string(), "/file"]);
        buildah(&["commit", "--format", "oci", &container, &format!("oci:{}:1", layout.display())]);
        check("buildah", &layout);
    }
}

/// TLS and a password: the login goes with everything, and nothing else is asked for.
#[test]
fn over_tls_with_a_password() {
    let test = "registry::push::real::over_tls_with_a_password";
    if let Ok(host) = std::env::var("THE_REGISTRY") {
        assert!(again(test, &[]));
        let name = format!("{host}/some/app");
        let client = |password| Client::new(Logins::none().with(&host, "user", password)).unwrap();
        let image = three();
        let pushed = push(&client("hunter22"), &name, &["1"], &image).unwrap();
        assert_eq!(pushed.sent, image.digests());
        assert!(push(&client("hunter22"), &name, &["1"], &image).unwrap().unchanged);
        let error = push(&client("wrong"), &name, &["1"], &image).unwrap_err();
        assert!(matches!(error.why, Why::Denied { .. }), "{error}");
        assert!(error.hint().unwrap().starts_with("the login for"), "{error:?}");
        let creds = ["--creds", "user:hunter22"];
        assert_eq!(inspect(&format!("{name}:1"), &creds), image.manifest);
        read_back(&format!("{name}:1"), image.digest(), &["--src-creds", "user:hunter22"]);
        return;
    }
    if !have("openssl") || !have("htpasswd") {
        return;
    }
    let Some(registry) = Registry::start(|folder| {
        let line = run(Command::new("htpasswd").args(["-Bbn", "user", "hunter22"])).code(0).stdout;
        fs::write(folder.join("htpasswd"), line).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"]);
        openssl.args(["-days", "2", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=r"]);
        openssl.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
        run(openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"])).code(0);
        let at = |name: &str| folder.join(name).display().to_string();
        format!(
            "  tls: {{certificate: {}, key: {}}}\nauth: {{htpasswd: {{realm: r, path: {}}}}}\n",
            at("cert.pem"),
            at("key.pem"),
            at("htpasswd")
        )
    }) else {
        return;
    };
    let certificate = registry.folder().join("cert.pem").display().to_string();
    assert!(!again(test, &[("THE_REGISTRY", &registry.host), ("SSL_CERT_FILE", &certificate)]));
}
