//! Manifests: which there are, and how one is held against what was asked for.

use hyper::Method;
use hyper::header::{ACCEPT, HeaderValue};
use serde_json::Value;

use super::Client;
use super::error::Why;
use super::grant::Place;
use super::http::Ask;
use super::text::clean;
use crate::digest::Sha256;
use crate::reference::Reference;

/// The largest (OCI distribution specification, "Pushing Manifests": what every registry takes).
const LARGEST: u64 = 4 * 1024 * 1024;

/// The media types of one image and of several, of OCI and of docker.
pub const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// A manifest, or an index of several.
///
/// Guarantees that the digest is that of the bytes, and of what was asked for if that named one; that
/// the media type is one of [`MEDIA_TYPES`]; that the bytes are a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The digest.
    pub digest: Sha256,
    /// The media type.
    pub media_type: String,
    /// The bytes, as the registry keeps them.
    pub bytes: Vec<u8>,
}

impl Client {
    /// One try; see [`Client::manifest`]. By a digest if one is wanted, else by the tag.
    pub(super) async fn manifest_once(
        &self,
        place: &Place,
        name: &str,
        wanted: Option<Sha256>,
    ) -> Result<Manifest, Why> {
        let mut ask = self.ask(place, Method::GET, &format!("manifests/{name}")).await?;
        accept_all(&mut ask);
        let answer = self.let_in(place, ask).await?;
        let header = answer.media_type();
        let announced = answer.header("docker-content-digest").map(str::to_owned);
        let (from, strayed) = (answer.from.clone(), answer.strayed);
        let foreign = |what: &str| {
            let why = format!("{from} answers with {what}, no manifest");
            if strayed { Why::Redirect(why) } else { Why::Foreign(why) }
        };
        let other = header.as_deref().filter(|kind| !may_be_json(kind));
        if let (Some(kind), None) = (other, wanted) {
            return Err(foreign(&clean(kind)));
        }
        let bytes = answer.bytes("the manifest", LARGEST).await?;
        let digest = Sha256::of(&bytes);
        let ours = wanted == Some(digest);
        if let Some(kind) = other.filter(|_| !ours) {
            return Err(foreign(&clean(kind)));
        }
        // By a tag the registry alone says what it is; a digest of another kind says nothing to us.
        let announced = announced.and_then(|text| text.parse::<Sha256>().ok());
        if let Some(should) = wanted.into_iter().chain(announced).find(|should| *should != digest) {
            return Err(Why::Digest { is: digest, should });
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let object = body.as_object().ok_or_else(|| foreign("what is no JSON object"))?;
        let own = object.get("mediaType").and_then(Value::as_str);
        // What has the digest is what it calls itself, whatever a server calls it.
        let header = header.as_deref().filter(|_| !(ours && own.is_some()));
        let media_type = media_type(header, own).map_err(|what| foreign(&what))?;
        Ok(Manifest { digest, media_type, bytes })
    }
}

/// All that a manifest may be.
pub(super) fn accept_all(ask: &mut Ask<'_>) {
    for kind in MEDIA_TYPES {
        ask.headers.append(ACCEPT, HeaderValue::from_static(kind));
    }
}

/// What a reference names in its repository: the digest if there is one, else the tag.
pub(super) fn name_of(reference: &Reference) -> String {
    let tag = || reference.tag().unwrap_or("latest").to_owned();
    reference.digest().map_or_else(tag, |digest| digest.to_string())
}

/// What servers call JSON that they know no better name for.
fn is_vague(kind: &str) -> bool {
    ["application/json", "application/octet-stream", "binary/octet-stream", "text/plain"]
        .contains(&kind)
}

fn may_be_json(kind: &str) -> bool {
    is_vague(kind) || kind.ends_with("+json") || kind.ends_with("+prettyjws")
}

/// The media type by the header and by the manifest's own word, which must not say different things
/// (OCI image specification, "Image Manifest", `mediaType`).
fn media_type(header: Option<&str>, own: Option<&str>) -> Result<String, String> {
    let header = header.filter(|kind| !is_vague(kind));
    let kind = match (header, own) {
        (Some(header), Some(own)) if header != own => {
            return Err(format!("{}, which calls itself {}", clean(header), clean(own)));
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => return Err("what has no media type".to_owned()),
    };
    if MEDIA_TYPES.contains(&kind) { Ok(kind.to_owned()) } else { Err(clean(kind)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_manifest_agree_on_the_media_type() {
        let [oci, index, ..] = MEDIA_TYPES;
        let ok = |kind: &str| Ok(kind.to_owned());
        assert_eq!(media_type(Some(oci), None), ok(oci));
        assert_eq!(media_type(Some(oci), Some(oci)), ok(oci));
        assert_eq!(media_type(None, Some(index)), ok(index));
        assert_eq!(media_type(Some("application/json"), Some(index)), ok(index));
        for (header, own) in [
            (Some(oci), Some(index)),
            (None, None),
            (Some("text/plain"), None),
            (Some("application/vnd.docker.distribution.manifest.v1+prettyjws"), None),
            (None, Some("application/json")),
        ] {
            assert!(media_type(header, own).is_err(), "{header:?} {own:?}");
        }
    }
}
