//! What an image stands on: where that is from, its blobs need not be sent.

use std::fs;
use std::path::Path;

use super::Place;
use crate::digest::Sha256;
use crate::image::record::ImageRecord;
use crate::reference::Reference;

/// Where a base is, and its layers.
#[derive(Debug, PartialEq, Eq)]
pub struct Base {
    /// The repository that it was taken from.
    pub reference: Reference,
    /// The digests of its layers.
    pub layers: Vec<Sha256>,
}

impl Base {
    /// The base that the record beside an image names, if it is one of a registry. Without a record that can
    /// be read nobody knows, and everything is sent as ever.
    #[must_use]
    pub fn of(place: &Place) -> Option<Self> {
        let text = fs::read(beside(place.path())?.join(ImageRecord::FILE)).ok()?;
        from(&serde_json::from_slice(&text).ok()?)
    }
}

/// The folder of `image.json`: that which holds the layout or the archive.
fn beside(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| folder.join(ImageRecord::FILE).is_file())
}

fn from(record: &ImageRecord) -> Option<Base> {
    let name = record.base.trim_start_matches("docker://");
    // `scratch`, a layout, an archive.
    record.base_digest.as_ref().filter(|_| !Path::new(name).exists())?;
    let reference = name.parse().ok()?;
    let base = record.layers.iter().filter(|layer| layer.what == "base");
    let layers: Vec<Sha256> = base.filter_map(|layer| layer.digest.parse().ok()).collect();
    (!layers.is_empty()).then_some(Base { reference, layers })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_base_of_a_registry_is_one() {
        let (base, own) = (Sha256::of(b"base"), Sha256::of(b"own"));
        let layer = |what: &str, digest: Sha256| json!({"what": what, "digest": digest.to_string(), "size": 1, "diff_id": ""});
        let of = |name: &str, digest: Option<&str>| {
            let record = json!({
                "format": 1, "image": "x", "architecture": "x86_64", "base": name,
                "base_digest": digest, "digest": "", "media_type": "", "size": 1, "unpacked": 1,
                "layers": [layer("base", base), layer("functions", own)], "functions": [],
                "archive": null, "commit": null,
            });
            from(&serde_json::from_value(record).unwrap())
        };
        let found = of("127.0.0.1:5000/team/base:1", Some("sha256:")).unwrap();
        assert_eq!(found.reference.repository(), "team/base");
        assert_eq!(found.layers, [base]);
        assert_eq!(
            of("docker://host.example/b", Some("sha256:")).unwrap().reference.host(),
            "host.example"
        );
        assert_eq!(of("scratch", None), None);
        assert_eq!(of("oci:some/layout", Some("sha256:")), None);
        assert_eq!(of("/", Some("sha256:")), None);
    }
}
