//! Manifests: the list of an image's blobs (OCI image specification, "Image Manifest"; Docker, "Image
//! Manifest Version 2, Schema 2").

use std::collections::BTreeMap;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifestBuilder, MediaType};
use serde_json::Value;

use super::config::go_name;
use crate::digest::Sha256;
use crate::target::Arch;

/// Docker's names of the same things, byte for byte (image-spec, `media-types.md`, "Compatibility
/// Matrix").
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Which names a manifest uses. They are never mixed: some registries refuse that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaTypes {
    /// OCI's.
    #[default]
    Oci,
    /// Docker's.
    Docker,
}

impl MediaTypes {
    /// That of the manifest.
    #[must_use]
    pub fn manifest(self) -> String {
        self.pick(&MediaType::ImageManifest, DOCKER_MANIFEST)
    }

    /// That of the configuration.
    #[must_use]
    pub fn config(self) -> String {
        self.pick(&MediaType::ImageConfig, DOCKER_CONFIG)
    }

    /// That of a layer: tar, compressed with gzip.
    #[must_use]
    pub fn layer(self) -> String {
        self.pick(&MediaType::ImageLayerGzip, DOCKER_LAYER)
    }

    fn pick(self, oci: &MediaType, docker: &str) -> String {
        match self {
            Self::Oci => oci.to_string(),
            Self::Docker => docker.to_owned(),
        }
    }

    /// Whose name that is of a manifest, if it is one of an image.
    #[must_use]
    pub fn of_manifest(name: &str) -> Option<Self> {
        [Self::Oci, Self::Docker].into_iter().find(|types| types.manifest() == name)
    }
}

/// Whether that is the media type of a list of manifests.
#[must_use]
pub fn is_index(media_type: &str) -> bool {
    media_type == DOCKER_LIST || media_type == MediaType::ImageIndex.to_string()
}

/// A blob as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it says it is.
    pub media_type: String,
    /// Its digest.
    pub digest: Sha256,
    /// Its length in bytes.
    pub size: u64,
}

/// What an index says of one of its manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The manifest.
    pub blob: Blob,
    /// `os/architecture`; empty where nothing is said.
    pub platform: String,
    /// The name it has in a layout (`org.opencontainers.image.ref.name`).
    pub name: Option<String>,
}

/// A manifest that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What it says it is; empty if nothing.
    pub media_type: String,
    /// The configuration.
    pub config: Blob,
    /// The layers, the lowest first.
    pub layers: Vec<Blob>,
}

/// Why JSON is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotOne(String);

fn not_one(why: impl Into<String>) -> NotOne {
    NotOne(why.into())
}

fn json(bytes: &[u8]) -> Result<Value, NotOne> {
    serde_json::from_slice(bytes).map_err(|error| not_one(format!("it is no JSON ({error})")))
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

fn blob(value: &Value) -> Result<Blob, NotOne> {
    let digest = match &value["digest"] {
        Value::String(digest) => digest.clone(),
        Value::Null => String::new(),
        other => return Err(not_one(format!("a `digest` of it is {other}, which is no text"))),
    };
    let parsed = digest.parse().map_err(|_| not_one(format!("`{digest}` is no SHA-256 digest")))?;
    let size = match &value["size"] {
        Value::Null => Err(not_one(format!("{digest} has no `size`"))),
        size => size
            .as_u64()
            .ok_or_else(|| not_one(format!("{digest} has the `size` {size}, which is no length"))),
    };
    Ok(Blob { media_type: text(value, "mediaType"), digest: parsed, size: size? })
}

/// A member that must be a list.
fn list<'v>(value: &'v Value, member: &str) -> Result<&'v [Value], NotOne> {
    match value.get(member) {
        Some(Value::Array(all)) => Ok(all),
        None | Some(Value::Null) => Err(not_one(format!("it has no `{member}`"))),
        Some(_) => Err(not_one(format!("its `{member}` is no list"))),
    }
}

impl Manifest {
    /// Reads a manifest of one image.
    pub fn read(bytes: &[u8]) -> Result<Self, NotOne> {
        let value = json(bytes)?;
        if value["schemaVersion"] != 2 {
            return Err(not_one("its `schemaVersion` is not 2"));
        }
        let layers = list(&value, "layers")?.iter().map(blob).collect::<Result<_, _>>()?;
        Ok(Self { media_type: text(&value, "mediaType"), config: blob(&value["config"])?, layers })
    }
}

/// Reads an index.
pub fn read_index(bytes: &[u8]) -> Result<Vec<Choice>, NotOne> {
    let value = json(bytes)?;
    if !value.is_object() {
        return Err(not_one("it is no JSON object"));
    }
    let all = list(&value, "manifests")?;
    let choice = |value: &Value| {
        let platform = &value["platform"];
        let (os, arch) = (text(platform, "os"), text(platform, "architecture"));
        let platform = if arch.is_empty() { String::new() } else { format!("{os}/{arch}") };
        let name = value["annotations"]["org.opencontainers.image.ref.name"].as_str();
        Ok(Choice { blob: blob(value)?, platform, name: name.map(str::to_owned) })
    };
    all.iter().map(choice).collect()
}

/// Of several platforms the one of these architectures, the first that there is.
pub fn of_platform<'c>(choices: &'c [Choice], archs: &[Arch]) -> Result<&'c Choice, String> {
    let wanted: Vec<String> =
        archs.iter().map(|arch| format!("linux/{}", go_name(*arch))).collect();
    let found = wanted.iter().find_map(|wanted| choices.iter().find(|it| it.platform == *wanted));
    let only = || choices.first().filter(|choice| choices.len() == 1 && choice.platform.is_empty());
    found.or_else(only).ok_or_else(|| {
        let all = choices.iter().map(|choice| choice.platform.as_str());
        let all: Vec<&str> = all.filter(|platform| !platform.is_empty()).collect();
        let has = if all.is_empty() { "says of none what it is for" } else { "has " };
        format!("it has no image for {}; it {has}{}", wanted.join(" or "), all.join(", "))
    })
}

/// What a manifest or an index says it is; else what its members tell (OCI lets `mediaType` be left out).
#[must_use]
pub fn media_type_of(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match value["mediaType"].as_str() {
        Some(said) => said.to_owned(),
        None if value["manifests"].is_array() => MediaType::ImageIndex.to_string(),
        None => MediaType::ImageManifest.to_string(),
    }
}

fn descriptor(media_type: &str, digest: &Sha256, size: u64) -> Result<Descriptor, NotOne> {
    let digest: oci_spec::image::Digest =
        digest.to_string().parse().map_err(|error| not_one(format!("{error}")))?;
    Ok(Descriptor::new(MediaType::from(media_type), size, digest))
}

/// The bytes of a manifest.
pub fn write(
    types: MediaTypes,
    config: (&Sha256, u64),
    layers: &[(Sha256, u64)],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, NotOne> {
    let layers = layers.iter().map(|(digest, size)| descriptor(&types.layer(), digest, *size));
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(types.manifest().as_str())
        .config(descriptor(&types.config(), config.0, config.1)?)
        .layers(layers.collect::<Result<Vec<_>, _>>()?)
        .build()
        .map_err(|error| not_one(error.to_string()))?;
    // By way of a value, so that no unordered map decides the bytes.
    let mut value = serde_json::to_value(&manifest).map_err(|error| not_one(error.to_string()))?;
    if !annotations.is_empty() {
        value["annotations"] = serde_json::json!(annotations);
    }
    Ok(value.to_string().into_bytes())
}

/// A manifest with other blobs: what else it says (annotations, of layers too; `artifactType`; `subject`)
/// stays. The same bytes if all stays.
pub fn rewrite(
    paper: &[u8],
    types: MediaTypes,
    config: (&Sha256, u64),
    layers: &[(Sha256, u64)],
) -> Result<Vec<u8>, NotOne> {
    let was = json(paper)?;
    let mut value = was.clone();
    let set = |value: &mut Value, media_type: String, (digest, size): (&Sha256, u64)| {
        if !value.is_object() {
            *value = serde_json::json!({});
        }
        value["mediaType"] = media_type.into();
        value["digest"] = digest.to_string().into();
        value["size"] = size.into();
    };
    if value["mediaType"] != Value::Null || types == MediaTypes::Docker {
        value["mediaType"] = types.manifest().into();
    }
    set(&mut value["config"], types.config(), config);
    let mut all = value["layers"].as_array().cloned().unwrap_or_default();
    all.resize(layers.len(), Value::Null);
    for (value, (digest, size)) in all.iter_mut().zip(layers) {
        set(value, types.layer(), (digest, *size));
    }
    value["layers"] = Value::Array(all);
    Ok(if value == was { paper.to_vec() } else { value.to_string().into_bytes() })
}

/// The `index.json` of a layout with one image.
pub fn write_index(
    media_type: &str,
    manifest: (&Sha256, u64),
    platform: (&str, &str),
    name: &str,
) -> Result<Vec<u8>, NotOne> {
    let index = ImageIndex::default();
    let described = descriptor(media_type, manifest.0, manifest.1)?;
    let mut value = serde_json::to_value(&index).map_err(|error| not_one(error.to_string()))?;
    let mut one = serde_json::to_value(&described).map_err(|error| not_one(error.to_string()))?;
    one["platform"] = serde_json::json!({ "os": platform.0, "architecture": platform.1 });
    one["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": name });
    value["schemaVersion"] = 2.into();
    value["mediaType"] = MediaType::ImageIndex.to_string().into();
    value["manifests"] = Value::Array(vec![one]);
    Ok(value.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Sha256 {
        Sha256::of(&[byte])
    }

    #[test]
    fn what_is_written_is_read_and_is_the_same_twice() {
        let layers = [(digest(1), 1), (digest(2), u64::from(u32::MAX) + 1), (digest(1), 1)];
        let more =
            BTreeMap::from([("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
        for types in [MediaTypes::Oci, MediaTypes::Docker] {
            let bytes = write(types, (&digest(0), 7), &layers, &more).unwrap();
            assert_eq!(bytes, write(types, (&digest(0), 7), &layers, &more).unwrap());
            let manifest = Manifest::read(&bytes).unwrap();
            assert_eq!(MediaTypes::of_manifest(&manifest.media_type), Some(types));
            assert_eq!(manifest.config.media_type, types.config());
            assert_eq!((manifest.config.digest, manifest.config.size), (digest(0), 7));
            let read: Vec<_> = manifest.layers.iter().map(|it| (it.digest, it.size)).collect();
            assert_eq!(read, layers);
            assert!(manifest.layers.iter().all(|layer| layer.media_type == types.layer()));
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(value["annotations"], serde_json::json!({ "a": "2", "b": "1" }));
            assert_eq!(value["mediaType"], types.manifest());
        }
    }

    #[test]
    fn what_is_no_manifest() {
        let at = format!(r#"{{"digest":"{}","size":1}}"#, digest(0));
        for (text, why) in [
            ("{".to_owned(), "no JSON"),
            ("[]".to_owned(), "schemaVersion"),
            (r#"{"schemaVersion":1}"#.to_owned(), "schemaVersion"),
            (r#"{"schemaVersion":"2"}"#.to_owned(), "schemaVersion"),
            (r#"{"schemaVersion":2}"#.to_owned(), "no `layers`"),
            (r#"{"schemaVersion":2,"layers":[]}"#.to_owned(), "no SHA-256"),
            (format!(r#"{{"schemaVersion":2,"layers":[{{}}],"config":{at}}}"#), "no SHA-256"),
            (
                format!(
                    r#"{{"schemaVersion":2,"layers":[],"config":{}}}"#,
                    at.replace(":1}", ":-1}")
                ),
                "the `size` -1, which is no length",
            ),
            (format!(r#"{{"schemaVersion":2,"layers":[{{"digest":1}}],"config":{at}}}"#), "is 1"),
            (r#"{"schemaVersion":2,"layers":{}}"#.to_owned(), "`layers` is no list"),
        ] {
            let error = Manifest::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn an_index_names_its_image() {
        let bytes =
            write_index("application/x", (&digest(0), 9), ("linux", "arm64"), "a:1").unwrap();
        let choices = read_index(&bytes).unwrap();
        let [choice] = choices.as_slice() else { panic!("{choices:?}") };
        assert_eq!(
            (choice.platform.as_str(), choice.name.as_deref()),
            ("linux/arm64", Some("a:1"))
        );
        assert_eq!((choice.blob.digest, choice.blob.size), (digest(0), 9));
        assert!(is_index(MediaType::ImageIndex.as_ref()) && is_index(DOCKER_LIST));
        assert!(!is_index(DOCKER_MANIFEST) && !is_index(""));
    }
}
