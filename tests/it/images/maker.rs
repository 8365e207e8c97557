//! Tiny images, with every byte of them in the test's hands.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_pack::digest::Sha256;
use serde_json::{Value, json};

use crate::tiny_elf::TinyElf;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(super) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A tar archive, entry by entry.
#[derive(Clone, Default)]
pub(super) struct Tar(Vec<u8>);

impl Tar {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A header, whatever it claims.
    pub(super) fn header(mut self, kind: u8, path: &[u8], mode: u32, size: u64, to: &str) -> Self {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &path[..path.len().min(100)]);
        put(100, format!("{mode:07o}\0").as_bytes());
        put(108, b"0000000\x000000000\0");
        if size < 1 << 33 {
            put(124, format!("{size:011o}\0").as_bytes());
        } else {
            put(124, &[0x80, 0, 0, 0]);
            put(128, &size.to_be_bytes());
        }
        put(136, b"00000000000\0        ");
        put(156, &[kind]);
        put(157, &to.as_bytes()[..to.len().min(100)]);
        put(257, b"ustar\x0000");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
        self
    }

    /// Bytes as they are, filled up to a block.
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn named(self, kind: u8, path: &[u8], mode: u32, size: u64, to: &str) -> Self {
        let long = |this: Self, kind: u8, text: &[u8]| {
            let text = [text, b"\0"].concat();
            this.header(kind, b"././@LongLink", 0, text.len() as u64, "").bytes(&text)
        };
        let this = if path.len() > 100 { long(self, b'L', path) } else { self };
        let this = if to.len() > 100 { long(this, b'K', to.as_bytes()) } else { this };
        this.header(kind, path, mode, size, to)
    }

    pub(super) fn file(self, path: &str, mode: u32, data: &[u8]) -> Self {
        self.named(b'0', path.as_bytes(), mode, data.len() as u64, "").bytes(data)
    }

    pub(super) fn folder(self, path: &str, mode: u32) -> Self {
        self.named(b'5', path.as_bytes(), mode, 0, "")
    }

    pub(super) fn folders(self, paths: &[&str]) -> Self {
        paths.iter().fold(self, |this, path| this.folder(path, 0o755))
    }

    pub(super) fn symlink(self, path: &str, to: &str) -> Self {
        self.named(b'2', path.as_bytes(), 0o777, 0, to)
    }

    pub(super) fn hard_link(self, path: &str, to: &str) -> Self {
        self.named(b'1', path.as_bytes(), 0o644, 0, to)
    }

    /// Without its end.
    pub(super) fn open(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// A layer.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) blob: Vec<u8>,
    pub(super) media_type: String,
    pub(super) diff_id: String,
}

impl Layer {
    pub(super) fn of(tar: &[u8], blob: Vec<u8>, media_type: &str) -> Self {
        Self { blob, media_type: media_type.to_owned(), diff_id: Sha256::of(tar).to_string() }
    }

    pub(super) fn gzip(tar: &[u8]) -> Self {
        Self::of(tar, gzip(tar), GZIP)
    }

    pub(super) fn plain(tar: &[u8]) -> Self {
        Self::of(tar, tar.to_vec(), "application/vnd.oci.image.layer.v1.tar")
    }

    pub(super) fn zstd(tar: &[u8]) -> Self {
        let blob =
            ruzstd::encoding::compress_to_vec(tar, ruzstd::encoding::CompressionLevel::Fastest);
        Self::of(tar, blob, "application/vnd.oci.image.layer.v1.tar+zstd")
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A program for x86-64 with no needs.
pub(super) fn program() -> Vec<u8> {
    // `ET_EXEC` in place of `ET_DYN`.
    let mut bytes = dynamic(&TinyElf::default());
    bytes[16] = 2;
    bytes
}

pub(super) fn dynamic(elf: &TinyElf) -> Vec<u8> {
    TinyElf { machine: Some(elf.machine.unwrap_or(62)), ..elf.clone() }.bytes()
}

/// What stands in a good image.
pub(super) fn files() -> Tar {
    Tar::new().folder("tmp/", 0o1777).folders(&["var/", "var/task/"]).file(
        "var/task/bootstrap",
        0o755,
        &program(),
    )
}

/// An image in the making.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) layers: Vec<Layer>,
    pub(super) config: Value,
    /// `architecture`, `os`.
    pub(super) platform: (&'static str, &'static str),
    pub(super) docker: bool,
}

impl Image {
    /// One that Lambda takes, of these layers.
    pub(super) fn of(layers: Vec<Layer>) -> Self {
        let config = json!({
            "Entrypoint": ["/var/task/bootstrap"],
            "WorkingDir": "/var/task",
            "Env": ["PATH=/usr/bin:/bin"],
        });
        Self { layers, config, platform: ("amd64", "linux"), docker: false }
    }

    pub(super) fn tar(tar: Tar) -> Self {
        Self::of(vec![Layer::gzip(&tar.end())])
    }

    pub(super) fn good() -> Self {
        Self::tar(files())
    }

    /// With another layer on top.
    pub(super) fn and(mut self, tar: Tar) -> Self {
        self.layers.push(Layer::gzip(&tar.end()));
        self
    }

    pub(super) fn and_layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    pub(super) fn set(mut self, member: &str, value: Value) -> Self {
        self.config[member] = value;
        self
    }

    /// The configuration.
    pub(super) fn whole_config(&self) -> Value {
        let ids: Vec<&str> = self.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        let history = vec![json!({ "created": "1980-01-01T00:00:00Z" }); ids.len()];
        json!({
            "architecture": self.platform.0,
            "os": self.platform.1,
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": ids },
            "history": history,
        })
    }

    /// The blobs and a manifest, which gets changed; its descriptor.
    pub(super) fn store_with(
        &self,
        folder: &Path,
        config: impl FnOnce(&mut Value),
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let mut whole = self.whole_config();
        config(&mut whole);
        self.store_papers(folder, whole.to_string().as_bytes(), change)
    }

    pub(super) fn store_papers(
        &self,
        folder: &Path,
        config: &[u8],
        change: impl FnOnce(&mut Value),
    ) -> Value {
        let types = if self.docker { (DOCKER_MANIFEST, DOCKER_CONFIG) } else { (MANIFEST, CONFIG) };
        let layer = |layer: &Layer| {
            let media_type = if self.docker { DOCKER_LAYER } else { &layer.media_type };
            blob(folder, &layer.blob, media_type)
        };
        let layers: Vec<Value> = self.layers.iter().map(layer).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": types.0,
            "config": blob(folder, config, types.1),
            "layers": layers,
        });
        change(&mut manifest);
        let mut at = blob(folder, manifest.to_string().as_bytes(), types.0);
        at["platform"] = json!({ "architecture": self.platform.0, "os": self.platform.1 });
        at
    }

    pub(super) fn store(&self, folder: &Path) -> Value {
        self.store_with(folder, |_| (), |_| ())
    }

    /// As a layout.
    pub(super) fn layout(&self, folder: &Path) {
        layout(folder, &[self.store(folder)]);
    }

    pub(super) fn layout_with(&self, folder: &Path, config: impl FnOnce(&mut Value)) {
        layout(folder, &[self.store_with(folder, config, |_| ())]);
    }

    pub(super) fn layout_but(&self, folder: &Path, change: impl FnOnce(&mut Value)) {
        layout(folder, &[self.store_with(folder, |_| (), change)]);
    }
}

/// Keeps a blob in a layout; its descriptor.
pub(super) fn blob(folder: &Path, bytes: &[u8], media_type: &str) -> Value {
    let digest = Sha256::of(bytes);
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(digest.hex()), bytes).unwrap();
    json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
}

/// An index of these.
pub(super) fn index(all: &[Value], media_type: &str) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": all })
}

/// What makes a folder a layout.
pub(super) fn layout(folder: &Path, all: &[Value]) {
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.join("index.json"), index(all, INDEX).to_string()).unwrap();
}

/// Where the blob of a descriptor lies.
pub(super) fn path(folder: &Path, descriptor: &Value) -> std::path::PathBuf {
    let digest = descriptor["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    folder.join("blobs/sha256").join(digest)
}

/// A layout as one archive.
pub(super) fn archive(folder: &Path) -> Vec<u8> {
    let all = members(folder);
    all.iter().fold(Tar::new(), |tar, (name, bytes)| tar.file(name, 0o644, bytes)).end()
}

/// The files of a layout, by their names in it.
pub(super) fn members(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let blobs = folder.join("blobs/sha256");
    let mut names: Vec<_> = fs::read_dir(blobs).unwrap().map(|item| item.unwrap().path()).collect();
    names.sort();
    names.extend(["index.json", "oci-layout"].map(|name| folder.join(name)));
    let read = |path: std::path::PathBuf| {
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    names.into_iter().map(read).collect()
}
