//! A mended copy of an image: one manifest, layers of one gzip member, folders that had no entry, each
//! path once, a history that fits. What is as it should be stays byte for byte.

use std::collections::BTreeMap;
use std::io;

use super::rewrite;
use super::source::Layer;
use super::unpack::{Unpacked, Watched};
use super::{BlobError, Image, Kept, Place, Store, unwritten};
use crate::digest::Sha256;
use crate::image::config::{Config, go_name};
use crate::image::lint::{LayerSeen, Packed, Seen};
use crate::image::manifest::{self, MediaTypes};
use crate::image::root::Root;

/// The level of what is compressed anew.
const LEVEL: u32 = 6;
/// Of folders that had no entry, and of a history that was none.
const EPOCH: &str = "1980-01-01T00:00:00Z";

/// What an image is in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Papers {
    /// The manifest.
    pub manifest: Sha256,
    /// Its media type and its length in bytes.
    pub described: (String, u64),
    /// Go's name of the architecture.
    pub arch: &'static str,
    /// The configuration.
    pub config: Sha256,
    /// The layers, the lowest first.
    pub layers: Vec<Sha256>,
}

impl Papers {
    /// The `index.json` of a layout that has the image under this name.
    pub fn index(&self, name: &str) -> Result<Vec<u8>, BlobError> {
        let (media_type, size) = &self.described;
        let index =
            manifest::write_index(media_type, (&self.manifest, *size), ("linux", self.arch), name);
        index.map_err(|error| not(name, &error.to_string()))
    }
}

fn not(what: &str, why: &str) -> BlobError {
    BlobError::NotAnImage { what: what.to_owned(), why: why.to_owned() }
}

/// Keeps manifest and configuration of an image whose layers are kept.
pub fn papers(
    config: &Config,
    layers: &[(Sha256, u64)],
    types: MediaTypes,
    annotations: &BTreeMap<String, String>,
    store: &Store,
) -> Result<Papers, BlobError> {
    let bytes = config.write();
    let digest = store.add(&bytes)?;
    let written = manifest::write(types, (&digest, bytes.len() as u64), layers, annotations);
    let bytes = written.map_err(|error| not("it", &error.to_string()))?;
    kept(config, digest, layers, (types, &bytes), store)
}

/// Keeps a manifest.
fn kept(
    config: &Config,
    digest: Sha256,
    layers: &[(Sha256, u64)],
    (types, bytes): (MediaTypes, &[u8]),
    store: &Store,
) -> Result<Papers, BlobError> {
    let manifest = store.add(bytes)?;
    let arch = config.arch().map_or("", go_name);
    let described = (types.manifest(), bytes.len() as u64);
    let layers = layers.iter().map(|(digest, _)| *digest).collect();
    Ok(Papers { manifest, described, arch, config: digest, layers })
}

/// Mends what can be mended; what it had is in `seen`. What cannot be is [`BlobError::Unmendable`].
pub fn fix(
    image: &Image,
    seen: &Seen,
    types: Option<MediaTypes>,
    store: &Store,
    threads: usize,
) -> Result<Papers, BlobError> {
    let not = |why: String| BlobError::Unmendable { what: seen.thing.clone(), why };
    let mut config = seen.config.clone().map_err(&not)?;
    let mut layers = Vec::new();
    let mut diff_ids = Vec::new();
    for (number, layer) in image.layers.iter().enumerate() {
        let Some(was) = seen.layers.get(number) else { break };
        sound(was, config.diff_ids().get(number).copied())
            .map_err(|why| not(format!("layer {}: {why}", number + 1)))?;
        let kept = mended(layer, (was, number), &seen.root, store, threads)?;
        layers.push((kept.digest, kept.size));
        diff_ids.push(kept.diff_id);
    }
    let fits = config.layers_told().is_none_or(|told| told == layers.len());
    let same: Vec<String> = diff_ids.iter().map(Sha256::to_string).collect();
    if config.diff_ids() != same || config.member("rootfs")["type"] != "layers" {
        config.set_diff_ids(&diff_ids);
    }
    if !fits {
        config.tell_again(layers.len(), EPOCH);
    }
    // What says the same stays byte for byte.
    let own = image.config.as_ref().ok().filter(|_| seen.config.as_ref() == Ok(&config));
    let bytes = own.cloned().unwrap_or_else(|| config.write());
    let config_is = (&store.add(&bytes)?, bytes.len() as u64);
    let types = types.unwrap_or_else(|| family(image));
    let written = match &image.paper {
        Some(paper) => manifest::rewrite(paper, types, config_is, &layers),
        None => manifest::write(types, config_is, &layers, &BTreeMap::new()),
    };
    let bytes = written.map_err(|error| not(error.to_string()))?;
    kept(&config, *config_is.0, &layers, (types, &bytes), store)
}

/// Whose media types an image has; of a mixture OCI's.
fn family(image: &Image) -> MediaTypes {
    let Some((said, _, Ok(manifest))) = &image.manifest else { return MediaTypes::default() };
    let types = MediaTypes::of_manifest(said).unwrap_or_default();
    let blobs = [&manifest.config].into_iter().chain(&manifest.layers);
    let is_docker = |blob: &manifest::Blob| blob.media_type.starts_with("application/vnd.docker.");
    let mixed = { blobs }.any(|blob| is_docker(blob) != (types == MediaTypes::Docker));
    if mixed { MediaTypes::default() } else { types }
}

/// Whether a layer can be vouched for; why not. What its digest says must not become anything else with our
/// help. Without a manifest the configuration's is all there is.
fn sound(was: &LayerSeen, said: Option<&str>) -> Result<(), String> {
    if let Some(why) = was.broken.as_ref().or(was.plan.refused.as_ref()) {
        return Err(why.clone());
    }
    let other = match (&was.said, said, was.diff_id) {
        (Some(said), ..) => said.digest != was.is.0,
        (None, Some(said), Some(is)) => *said != is.to_string(),
        _ => false,
    };
    if other { Err("it has other contents than its digest says".to_owned()) } else { Ok(()) }
}

fn mended(
    layer: &Layer,
    (was, number): (&LayerSeen, usize),
    root: &Root,
    store: &Store,
    threads: usize,
) -> Result<Kept, BlobError> {
    let missing =
        || BlobError::NotAnImage { what: "it".to_owned(), why: "a layer is not there".to_owned() };
    let at = layer.at.as_ref().ok_or_else(missing)?;
    let failed = super::unread(&at.path);
    let (digest, size) = was.is;
    let (packed, same) = (was.packed, was.plan.is_empty());
    if let (true, Packed::Gzip(1), Some(diff_id)) = (same, packed, was.diff_id) {
        if !store.has(&digest, size) {
            store.take(&mut at.open().map_err(&failed)?, &digest, &at.path)?;
        }
        return Ok(Kept { digest, size, diff_id });
    }
    let open = || at.open().and_then(Unpacked::new);
    let headers = rewrite::headers(&was.plan, open).map_err(&failed)?;
    let mut tar = Watched::new(open().map_err(&failed)?);
    store.compress(None, LEVEL, threads, |out| {
        let written = if same {
            io::copy(&mut tar, out).map(drop)
        } else {
            rewrite::Rewrite { plan: &was.plan, headers, root, number }.write(&mut tar, out)
        };
        // The disk that is read from, or the one that is written to.
        written.map_err(
            |error| {
                if tar.failed() { failed(error) } else { unwritten(store.folder())(error) }
            },
        )
    })
}

/// Writes an image that is kept, as a layout or as an archive of one, into the folder of the store, which is on
/// the same disk as its place. Where it is now.
pub fn build(
    place: &Place,
    content: &super::Content<'_>,
    store: &Store,
) -> Result<Place, BlobError> {
    let (building, path) = (store.folder().join("out"), place.path());
    match place {
        Place::Layout(..) => {
            std::fs::create_dir(&building).map_err(unwritten(path))?;
            super::write_layout(&building, content, store)?;
            Ok(Place::Layout(building, None))
        }
        Place::OciArchive(..) | Place::DockerArchive(..) => {
            let mut file = std::fs::File::create_new(&building).map_err(unwritten(path))?;
            super::write_archive(super::Archive::Oci, content, store, 0, (&mut file, path))?;
            Ok(Place::OciArchive(building, None))
        }
    }
}

/// Puts what was built in its place, where nothing is yet.
pub fn settle(built: &Place, place: &Place) -> Result<(), BlobError> {
    let (from, to) = (built.path(), place.path());
    let done = match built {
        // A folder with something in it stays as it is.
        Place::Layout(..) => std::fs::rename(from, to),
        Place::OciArchive(..) | Place::DockerArchive(..) => match std::fs::hard_link(from, to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => std::fs::rename(from, to),
            done => done,
        },
    };
    done.map_err(unwritten(to))
}

/// Keeps the layers of an image, those anew that Lambda would refuse.
pub fn take_layers(
    image: &Image,
    seen: &Seen,
    store: &Store,
    threads: usize,
) -> Result<Vec<Kept>, BlobError> {
    let pairs = image.layers.iter().zip(seen.layers.iter().zip(0..));
    pairs.map(|(layer, was)| mended(layer, was, &seen.root, store, threads)).collect()
}
