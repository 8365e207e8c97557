//! Opens images: an OCI layout, an archive of one, or an archive of docker's.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::members::Members;
use super::place::Place;
use super::{BlobError, MAX_PAPER, Store, unread};
use crate::digest::Sha256;
use crate::image::config::shown;
use crate::image::manifest::{self, Blob, Choice, Manifest};
use crate::target::Arch;

/// An index that names an index, and so on: nobody needs more.
const MAX_DEPTH: usize = 3;

/// The bytes of a blob: a part of a file, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The file.
    pub path: PathBuf,
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub size: u64,
}

impl At {
    /// A whole file; none if there is none.
    #[must_use]
    pub fn whole(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self { path: path.to_path_buf(), offset: 0, size: metadata.len() })
    }

    /// The same of a file that may be read; one that may not is an error, for it could be anything.
    fn readable(path: &Path) -> Result<Option<Self>, BlobError> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                File::open(path).map_err(unread(path))?;
                Ok(Some(Self { path: path.to_path_buf(), offset: 0, size: metadata.len() }))
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(unread(path)(error))
            }
            _ => Ok(None),
        }
    }

    /// Opens them.
    pub fn open(&self) -> io::Result<impl Read + Send + use<>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(BufReader::with_capacity(256 << 10, file).take(self.size))
    }

    /// A paper.
    fn read(&self) -> Result<Vec<u8>, BlobError> {
        let failed = unread(&self.path);
        if self.size > MAX_PAPER {
            return Err(failed(io::Error::other("a manifest or configuration of more than 4 MiB")));
        }
        let mut bytes = Vec::new();
        self.open().and_then(|mut from| from.read_to_end(&mut bytes)).map_err(&failed)?;
        Ok(bytes)
    }
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What the manifest says of it; none in an archive of docker's.
    pub said: Option<Blob>,
    /// Its bytes; none if they are not there.
    pub at: Option<At>,
    /// What it is called in an archive of docker's.
    pub name: Option<String>,
}

/// An image that is open; nothing of its layers was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The index that led to it, if what was named is one: its media type and its choices.
    pub index: Option<(String, Vec<Choice>)>,
    /// The manifest's media type, digest and length, and what it says; why not, where it is none.
    pub manifest: Option<(String, Sha256, Result<Manifest, String>)>,
    /// How long the index says that the manifest is, and how long it is, if that is not the same.
    pub sizes: Option<(u64, u64)>,
    /// The manifest, byte for byte; none where there is none.
    pub paper: Option<Vec<u8>>,
    /// The configuration; why not, where it is not there.
    pub config: Result<Vec<u8>, String>,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
}

/// Opens an image; of an index the one for this architecture.
pub fn open(place: &Place, arch: Arch) -> Result<Image, BlobError> {
    open_any(place, &[arch])
}

/// Opens an image; of an index the one for these architectures, the first that there is.
pub fn open_any(place: &Place, archs: &[Arch]) -> Result<Image, BlobError> {
    let (blobs, name) = match place {
        Place::Layout(folder, name) => {
            fs::metadata(folder).map_err(unread(folder))?;
            (Blobs::Folder(folder.clone()), name)
        }
        Place::OciArchive(file, name) => (Blobs::Archive(file.clone(), Members::read(file)?), name),
        Place::DockerArchive(file, name) => return docker(place, file, name.as_deref()),
    };
    let not = |why: String| BlobError::NotAnImage { what: place.to_string(), why };
    let index = blobs.named("index.json")?.ok_or_else(|| not("it has no index.json".to_owned()))?;
    let bytes = index.read()?;
    let choices = manifest::read_index(&bytes)
        .map_err(|error| not(format!("its index.json is none: {error}")))?;
    let choices = by_name(place, choices, name.as_deref()).map_err(not)?;
    // More than one is one image for several platforms.
    let (chosen, index) = match choices.as_slice() {
        [only] => (only.blob.clone(), None),
        several => {
            let chosen = manifest::of_platform(several, archs).map_err(not)?.blob.clone();
            (chosen, Some((manifest::media_type_of(&bytes), choices)))
        }
    };
    let image = blobs.image(&chosen, archs).map_err(|error| match error {
        BlobError::NotAnImage { why, .. } => not(why),
        other => other,
    })?;
    Ok(Image { index: index.or(image.index), ..image })
}

/// Opens an image that a store has.
pub fn open_stored(
    store: &Store,
    digest: &Sha256,
    media_type: &str,
    archs: &[Arch],
) -> Result<Image, BlobError> {
    // Nothing says it; what is not there is told of where it is read.
    let size = fs::metadata(store.path(digest)).map_or(0, |it| it.len());
    let blob = Blob { media_type: media_type.to_owned(), digest: *digest, size };
    Blobs::Folder(store.folder().to_path_buf()).image(&blob, archs)
}

/// Of the images of a layout those of this name, or all: one, or one for several platforms.
fn by_name(place: &Place, all: Vec<Choice>, name: Option<&str>) -> Result<Vec<Choice>, String> {
    if all.is_empty() {
        return Err("there is no image in it".to_owned());
    }
    let names: BTreeSet<String> = all.iter().filter_map(|choice| choice.name.clone()).collect();
    let has = if names.is_empty() {
        "none of its images has a name".to_owned()
    } else {
        let all: Vec<String> = names.iter().map(|name| place.spelled(name)).collect();
        format!("it has {}", all.join(", "))
    };
    let count = all.len();
    let meant: Vec<Choice> = match name {
        Some(name) => all.into_iter().filter(|it| it.name.as_deref() == Some(name)).collect(),
        None => all,
    };
    let own: BTreeSet<&str> = meant.iter().map(|choice| choice.platform.as_str()).collect();
    let names: BTreeSet<&Option<String>> = meant.iter().map(|choice| &choice.name).collect();
    let platforms = own.len() == meant.len() && !own.contains("") && names.len() == 1;
    match (name, meant.len()) {
        (Some(name), 0) => Err(format!("it has no image of the name `{name}`; {has}")),
        (_, 1) => Ok(meant),
        _ if platforms => Ok(meant),
        _ => Err(format!("it has {count} images: name one of them; {has}")),
    }
}

/// Where blobs are had by their digests.
enum Blobs {
    Folder(PathBuf),
    Archive(PathBuf, Members),
}

impl Blobs {
    fn named(&self, name: &str) -> Result<Option<At>, BlobError> {
        match self {
            Self::Folder(folder) => At::readable(&folder.join(name)),
            Self::Archive(file, members) => Ok(members.at(file, name)),
        }
    }

    fn blob(&self, digest: &Sha256) -> Result<Option<At>, BlobError> {
        self.named(&format!("blobs/sha256/{}", digest.hex()))
    }

    /// The image that a descriptor leads to.
    fn image(&self, blob: &Blob, archs: &[Arch]) -> Result<Image, BlobError> {
        let not = |why: String| BlobError::NotAnImage { what: String::new(), why };
        let mut blob = blob.clone();
        let (mut index, mut sizes) = (None, None);
        for _ in 0..MAX_DEPTH {
            let at = self.blob(&blob.digest)?;
            let at = at.ok_or_else(|| not(format!("its blob {} is not there", blob.digest)))?;
            let bytes = at.read()?;
            if Sha256::of(&bytes) != blob.digest {
                return Err(not(format!("its blob {} has other contents", blob.digest)));
            }
            let is = bytes.len() as u64;
            sizes = sizes.or((blob.size != is).then_some((blob.size, is)));
            // Descriptors may say nothing of it.
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let media_type = match blob.media_type.as_str() {
                "" => said["mediaType"].as_str().unwrap_or_default().to_owned(),
                media_type => media_type.to_owned(),
            };
            if !manifest::is_index(&media_type) && !said["manifests"].is_array() {
                let image = self.of_manifest(media_type, blob.digest, bytes)?;
                return Ok(Image { index, sizes, ..image });
            }
            let choices = manifest::read_index(&bytes).map_err(|error| not(error.to_string()))?;
            let chosen = manifest::of_platform(&choices, archs).map_err(not)?.blob.clone();
            index = index.or(Some((media_type, choices)));
            blob = chosen;
        }
        Err(not("its index names an index, which names another".to_owned()))
    }

    fn of_manifest(
        &self,
        media_type: String,
        digest: Sha256,
        bytes: Vec<u8>,
    ) -> Result<Image, BlobError> {
        let read = Manifest::read(&bytes).map_err(|error| error.to_string());
        let (config, layers) = match &read {
            Ok(manifest) => {
                let layer = |said: &Blob| {
                    let at = self.blob(&said.digest)?;
                    Ok(Layer { said: Some(said.clone()), at, name: None })
                };
                let layers = manifest.layers.iter().map(layer).collect::<Result<_, BlobError>>()?;
                (self.config(&manifest.config.digest)?, layers)
            }
            Err(why) => (Err(why.clone()), Vec::new()),
        };
        let manifest = Some((media_type, digest, read));
        Ok(Image { index: None, manifest, sizes: None, paper: Some(bytes), config, layers })
    }

    /// A configuration; why not, where it is none.
    fn config(&self, digest: &Sha256) -> Result<Result<Vec<u8>, String>, BlobError> {
        let Some(at) = self.blob(digest)? else {
            return Ok(Err(format!("its blob {digest} is not there")));
        };
        let bytes = at.read().map_err(|error| said(&error));
        Ok(bytes.and_then(|bytes| {
            let is = Sha256::of(&bytes) == *digest;
            is.then_some(bytes).ok_or_else(|| format!("its blob {digest} has other contents"))
        }))
    }
}

/// An error with its cause, without the place, which is in what the image is called.
fn said(error: &BlobError) -> String {
    match error {
        BlobError::Read { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// An archive of docker's (`docker save`): `manifest.json` names what belongs to an image.
fn docker(place: &Place, file: &Path, name: Option<&str>) -> Result<Image, BlobError> {
    let members = Members::read(file)?;
    let not = |why: String| BlobError::NotAnImage { what: file.display().to_string(), why };
    let all = members.at(file, "manifest.json");
    let all = all.ok_or_else(|| not("it has no manifest.json".to_owned()))?.read()?;
    let all: Value = serde_json::from_slice(&all).map_err(|error| not(error.to_string()))?;
    let images = all.as_array().ok_or_else(|| not("its manifest.json is no list".to_owned()))?;
    if images.is_empty() {
        return Err(not("its manifest.json names no image".to_owned()));
    }
    let tags = |image: &Value| image["RepoTags"].as_array().cloned().unwrap_or_default();
    let image = match name {
        Some(name) => images.iter().find(|image| tags(image).iter().any(|tag| is_named(tag, name))),
        None if images.len() > 1 => None,
        None => images.first(),
    };
    let image = image.ok_or_else(|| {
        let tags = images.iter().flat_map(tags);
        let all: Vec<String> =
            tags.filter_map(|tag| tag.as_str().map(|tag| place.spelled(tag))).collect();
        let has = if all.is_empty() { "none has a name".to_owned() } else { all.join(", ") };
        match name {
            Some(name) => not(format!("it has no image of the name `{name}`; it has: {has}")),
            None => not(format!("it has {} images: name one of them; it has: {has}", images.len())),
        }
    })?;
    let named = |value: &Value| members.at(file, value.as_str().unwrap_or_default());
    let config = named(&image["Config"])
        .ok_or_else(|| format!("its `{}` is not there", shown(&image["Config"])))
        .and_then(|at| at.read().map_err(|error| said(&error)));
    let no_layers = || not("its manifest.json has no list of `Layers`".to_owned());
    let layers = image["Layers"].as_array().ok_or_else(no_layers)?.iter();
    let layer = |name: &Value| Layer { said: None, at: named(name), name: Some(shown(name)) };
    let layers = layers.map(layer).collect();
    Ok(Image { index: None, manifest: None, sizes: None, paper: None, config, layers })
}

/// Whether a tag is meant by a name, as docker's short names are (distribution, `reference`).
fn is_named(tag: &Value, name: &str) -> bool {
    let whole = |name: &str| {
        let short = name.trim_start_matches("docker.io/").trim_start_matches("library/");
        let tagged = short.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if tagged { short.to_owned() } else { format!("{short}:latest") }
    };
    tag.as_str().is_some_and(|tag| tag == name || whole(tag) == whole(name))
}
