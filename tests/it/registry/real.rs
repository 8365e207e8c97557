//! The distribution project's own registry, filled by skopeo.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Client, Logins, Why};
use serde_json::{Value, json};

use super::{again, block_on, manifest, reference};
use crate::emulator::free_port;
use crate::support::{have, run};

/// A registry; ended when dropped.
pub(crate) struct Registry {
    child: Child,
    pub(crate) host: String,
    folder: tempfile::TempDir,
}

impl Registry {
    /// With these lines of configuration below `http` and beside it; none, with a line that says so,
    /// where a tool is missing.
    pub(crate) fn start(configure: impl FnOnce(&Path) -> String) -> Option<Self> {
        if !have("docker-registry") || !have("skopeo") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let host = format!("127.0.0.1:{}", free_port());
        let more = configure(folder.path());
        let data = folder.path().join("data");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http:\n  addr: {host}\n  secret: s\n{more}",
            data.display()
        );
        let file = folder.path().join("registry.yml");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(file).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while TcpStream::connect(&host).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the registry does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, host, folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The same of a layout whose one image has any name.
    pub(crate) fn fill_from(&self, layout: &Path) {
        let mut command = Command::new("skopeo");
        command.args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"]);
        command.arg(format!("oci:{}", layout.display()));
        run(command.arg(format!("docker://{}/some/app:1", self.host))).code(0);
    }

    /// Copies a layout into it as `some/app:1`.
    pub(crate) fn fill(&self, layout: &Path, more: &[&str]) {
        let mut command = Command::new("skopeo");
        command
            .args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"])
            .args(more);
        command.arg(format!("oci:{}:1", layout.display()));
        run(command.arg(format!("docker://{}/some/app:1", self.host))).code(0);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The smallest image: one layer, in an OCI layout.
pub(super) fn layout(folder: &Path) -> Vec<u8> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8], kind: &str| {
        let digest = Sha256::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
    };
    // An empty tar, and the gzip of it that Python's zlib writes.
    let tar = [0; 1024];
    let mut gzip = Command::new("gzip");
    let mut gzip = gzip.arg("-n").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(&tar).unwrap();
    let layer = gzip.wait_with_output().unwrap().stdout;
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [Sha256::of(&tar).to_string()]},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": super::OCI,
        "config": put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json"),
        "layers": [put(&layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut top = put(&manifest, super::OCI);
    top["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    let index = json!({"schemaVersion": 2, "manifests": [top]}).to_string();
    fs::write(folder.join("index.json"), index).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    manifest
}

/// Reads all of an image.
fn read_all(logins: Logins, host: &str) -> (String, Vec<u8>) {
    let client = Client::new(logins).unwrap();
    let by_tag = reference(&format!("{host}/some/app:1"));
    block_on(async {
        let manifest = client.manifest(&by_tag).await.unwrap();
        let by_digest = by_tag.at(manifest.digest);
        assert_eq!(client.manifest(&by_digest).await.unwrap(), manifest);
        let value: Value = serde_json::from_slice(&manifest.bytes).unwrap();
        let layers = value["layers"].as_array().unwrap();
        for blob in layers.iter().chain([&value["config"]]) {
            let digest: Sha256 = blob["digest"].as_str().unwrap().parse().unwrap();
            let size = blob["size"].as_u64().unwrap();
            let mut out = Vec::new();
            client.blob(&by_digest, &digest, size, &mut out).await.unwrap();
            assert_eq!((out.len() as u64, Sha256::of(&out)), (size, digest));
        }
        (manifest.media_type, manifest.bytes)
    })
}

#[test]
fn what_skopeo_wrote_is_read() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let image = registry.folder.path().join("image");
    let written = layout(&image);
    registry.fill(&image, &[]);
    assert_eq!(read_all(Logins::none(), &registry.host), (super::OCI.to_owned(), written));
    registry.fill(&image, &["--format", "v2s2"]);
    let (kind, _) = read_all(Logins::none(), &registry.host);
    assert_eq!(kind, "application/vnd.docker.distribution.manifest.v2+json");
    // What is not there.
    for (name, code) in [("some/app:2", "MANIFEST_UNKNOWN"), ("other:1", "MANIFEST_UNKNOWN")] {
        let error = manifest(Logins::none(), &format!("{}/{name}", registry.host)).unwrap_err();
        assert!(
            matches!(error.why, Why::Missing(_)) && error.to_string().contains(code),
            "{error}"
        );
    }
    let client = Client::new(Logins::none()).unwrap();
    let app = reference(&format!("{}/some/app", registry.host));
    let error = block_on(client.blob(&app, &Sha256::of(b"none"), 4, &mut Vec::new())).unwrap_err();
    assert!(error.to_string().contains("BLOB_UNKNOWN"), "{error}");
}

#[test]
fn a_password_lets_in() {
    if !have("htpasswd") {
        return;
    }
    let Some(registry) = Registry::start(|folder| {
        let line = run(Command::new("htpasswd").args(["-Bbn", "user", "hunter22"])).code(0).stdout;
        let file = folder.join("htpasswd");
        fs::write(&file, line).unwrap();
        format!("auth: {{htpasswd: {{realm: r, path: {}}}}}\n", file.display())
    }) else {
        return;
    };
    let image = registry.folder.path().join("image");
    let written = layout(&image);
    registry.fill(&image, &["--dest-creds", "user:hunter22"]);
    let with = |password| Logins::none().with(&registry.host, "user", password);
    assert_eq!(read_all(with("hunter22"), &registry.host).1, written);
    // skopeo's own file of logins.
    let file = registry.folder.path().join("auth.json");
    let mut login = Command::new("skopeo");
    login.args(["login", "--tls-verify=false", "-u", "user", "-p", "hunter22", "--authfile"]);
    run(login.arg(&file).arg(&registry.host)).code(0);
    assert_eq!(read_all(Logins::in_files([file]), &registry.host).1, written);
    let name = format!("{}/some/app:1", registry.host);
    for (logins, hint) in [(with("wrong"), "the login for"), (Logins::none(), "is the name right?")]
    {
        let error = manifest(logins, &name).unwrap_err();
        assert!(error.to_string().contains("UNAUTHORIZED: authentication required"), "{error}");
        assert!(error.hint().unwrap().starts_with(hint), "{error:?}");
    }
}

/// A proxy that takes every name for this host.
pub(super) fn proxy(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut near, to) = (stream.unwrap(), to.clone());
            thread::spawn(move || {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    near.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let wanted = "CONNECT registry.test:5000 HTTP/1.1";
                let login = head.contains("dXNlcjpodW50ZXIyMg==");
                if !head.starts_with(wanted) || !login {
                    near.write_all(b"HTTP/1.1 403 No\r\n\r\n").unwrap();
                    return;
                }
                let mut far = TcpStream::connect(to).unwrap();
                near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let (mut near2, mut far2) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut near2, &mut far2));
                let _ = std::io::copy(&mut far, &mut near);
            });
        }
    });
    format!("http://user:hunter22@{address}")
}

#[test]
fn over_tls_and_through_a_proxy() {
    let test = "registry::real::over_tls_and_through_a_proxy";
    if let Ok(host) = std::env::var("THE_REGISTRY") {
        assert!(again(test, &[]));
        if std::env::var_os("SSL_CERT_FILE").is_none() {
            let error = manifest(Logins::none(), &format!("{host}/some/app:1")).unwrap_err();
            assert!(matches!(error.why, Why::Certificate { .. }), "{error:?}");
            assert!(error.hint().unwrap().contains("SSL_CERT_FILE"));
        } else {
            read_all(Logins::none(), &host);
        }
        return;
    }
    if !have("openssl") {
        return;
    }
    let Some(registry) = Registry::start(|folder| {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(folder)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        openssl.args(["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=registry.test"]);
        openssl.args(["-addext", "subjectAltName=DNS:registry.test,IP:127.0.0.1"]);
        run(openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"])).code(0);
        let at = |name: &str| folder.join(name).display().to_string();
        format!("  tls: {{certificate: {}, key: {}}}\n", at("cert.pem"), at("key.pem"))
    }) else {
        return;
    };
    let image = registry.folder.path().join("image");
    layout(&image);
    registry.fill(&image, &[]);
    let certificate = registry.folder.path().join("cert.pem").display().to_string();
    let trust = ("SSL_CERT_FILE", &*certificate);
    // On this machine TLS is found out; elsewhere there is nothing else.
    assert!(!again(test, &[("THE_REGISTRY", &registry.host), trust]));
    assert!(!again(test, &[("THE_REGISTRY", &registry.host)]));
    let proxy = proxy(registry.host.clone());
    let through = ("HTTPS_PROXY", &*proxy);
    assert!(!again(
        test,
        &[("THE_REGISTRY", "registry.test:5000"), trust, through, ("NO_PROXY", "")]
    ));
}
