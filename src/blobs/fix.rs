//! A mended copy of an image: one manifest, layers of one gzip member, folders that had no entry, each
//! path once, a history that fits. What is as it should be stays byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use super::source::Layer;
use super::unpack::Unpacked;
use super::{BlobError, Image, Kept, Store, unwritten};
use crate::digest::Sha256;
use crate::image::config::{Config, go_name};
use crate::image::lint::{LayerSeen, Packed, Seen};
use crate::image::manifest::{self, MediaTypes};
use crate::image::root::{Root, Trouble, normal};
use crate::tar::{self, Kind, Member, What};

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
    let manifest = store.add(&bytes)?;
    let arch = config.arch().map_or("", go_name);
    let described = (types.manifest(), bytes.len() as u64);
    let layers = layers.iter().map(|(digest, _)| *digest).collect();
    Ok(Papers { manifest, described, arch, config: digest, layers })
}

/// Mends what can be mended; what it had is in `seen`. Layers that cannot be read are an error.
pub fn fix(
    image: &Image,
    seen: &Seen,
    types: MediaTypes,
    store: &Store,
    threads: usize,
) -> Result<Papers, BlobError> {
    let mut config = seen.config.clone().map_err(|why| not(&seen.thing, &why))?;
    let mut layers = Vec::new();
    let mut diff_ids = Vec::new();
    for (number, layer) in image.layers.iter().enumerate() {
        let Some(was) = seen.layers.get(number) else { break };
        let refused = |why: &str| not(&seen.thing, &format!("layer {}: {why}", number + 1));
        if let Some(why) = &was.broken {
            return Err(refused(&format!("it cannot be read: {why}")));
        }
        // What a digest vouches for must not become anything else with our help. Without a manifest
        // the configuration's is all there is.
        let other = match &was.said {
            Some(said) => said.digest != was.is.0,
            None => config
                .diff_ids()
                .get(number)
                .zip(was.diff_id)
                .is_some_and(|(said, is)| **said != is.to_string()),
        };
        if other {
            return Err(refused("it has other contents than its digest says"));
        }
        let kept = mended(layer, (was, number), &seen.root, store, threads)?;
        layers.push((kept.digest, kept.size));
        diff_ids.push(kept.diff_id);
    }
    let fits = config.layers_told().is_none_or(|told| told == layers.len());
    config.set_diff_ids(&diff_ids);
    if !fits {
        config.tell_again(layers.len(), EPOCH);
    }
    papers(&config, &layers, types, &BTreeMap::new(), store)
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
    let entries =
        was.troubles.iter().any(|(_, it)| matches!(it, Trouble::NoParent(_) | Trouble::Twice));
    let (digest, size) = was.is;
    if let (false, Packed::Gzip(1), Some(diff_id)) = (entries, was.packed, was.diff_id) {
        if !store.has(&digest, size) {
            store.take(&mut at.open().map_err(&failed)?, &digest, &at.path)?;
        }
        return Ok(Kept { digest, size, diff_id });
    }
    let mut tar = at.open().and_then(Unpacked::new).map_err(&failed)?;
    store.compress(None, LEVEL, threads, |out| {
        if entries {
            rewrite(&mut tar, (was, number), root, out)
        } else {
            io::copy(&mut tar, out).map(drop)
        }
        .map_err(&failed)
    })
}

/// The same entries with folders before those that had none above them, and of those that repeat only
/// the last. A folder that comes after what is in it comes before it, with its own attributes.
fn rewrite(
    tar: &mut impl Read,
    (was, number): (&LayerSeen, usize),
    root: &Root,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut repeats: BTreeMap<String, usize> = BTreeMap::new();
    let mut above: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, trouble) in &was.troubles {
        match trouble {
            Trouble::Twice => *repeats.entry(normal(path).unwrap_or_default()).or_default() += 1,
            Trouble::NoParent(folder) => above.entry(path).or_default().push(folder),
            _ => {}
        }
    }
    let mut added = BTreeSet::new();
    let mut reader = tar::Reader::keeping_headers(tar);
    while let Some(header) = reader.advance().map_err(io::Error::other)? {
        for folder in above.remove(header.path.as_str()).unwrap_or_default() {
            let path = folder.to_owned();
            let own = root.get(folder).filter(|node| node.layer == number);
            let (mode, uid, gid) = own.map_or((0o755, 0, 0), |it| (it.mode, it.uid, it.gid));
            added.insert(path.clone());
            let member = Member { path, what: What::Folder, mode, uid, gid };
            tar::Writer::new(&mut *out, 0).write(&member, &mut io::empty())?;
        }
        let path = normal(&header.path).unwrap_or_default();
        if header.kind == Kind::Folder && added.contains(&path) {
            continue;
        }
        if let Kind::HardLink(to) = &header.kind
            && normal(to).is_some_and(|to| repeats.contains_key(&to))
        {
            let why = format!("{path} is a hard link to {to}, which is there twice");
            return Err(io::Error::other(why));
        }
        let left = repeats.get_mut(&path);
        if let Some(left) = left.filter(|left| **left > 0) {
            *left -= 1;
            continue;
        }
        out.write_all(reader.raw())?;
        let copied = io::copy(&mut reader, out)?;
        let padding = copied.next_multiple_of(512) - copied;
        io::copy(&mut io::repeat(0).take(padding), out)?;
    }
    out.write_all(&[0; 1024])
}

/// Writes an image that is kept: as a folder, or, where the name ends in `.tar`, as an archive.
pub fn write_to(
    place: &std::path::Path,
    content: &super::Content<'_>,
    store: &Store,
) -> Result<(), BlobError> {
    let failed = unwritten(place);
    if place.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar")) {
        let folder = place.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or(std::path::Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(&failed)?;
        super::write_archive(super::Archive::Oci, content, store, 0, &mut file)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(&failed)?;
        return file.persist(place).map(drop).map_err(|error| failed(error.error));
    }
    std::fs::create_dir(place).map_err(&failed)?;
    super::write_layout(place, content, store)
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
