//! Where images are: an OCI layout, an archive of one, or an archive of docker's.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{BlobError, MAX_PAPER, Store, unread};
use crate::digest::Sha256;
use crate::image::manifest::{self, Blob, Choice, Manifest};
use crate::tar::{self, Kind};
use crate::target::Arch;

/// An index that names an index, and so on: nobody needs more.
const MAX_DEPTH: usize = 3;
/// The most members of an archive.
const MAX_MEMBERS: usize = 10_000;

/// Where an image is, as skopeo writes it (containers-transports(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `oci:DIR[:NAME]`.
    Layout(PathBuf, Option<String>),
    /// `oci-archive:FILE[:NAME]`.
    OciArchive(PathBuf, Option<String>),
    /// `docker-archive:FILE[:NAME]`.
    DockerArchive(PathBuf, Option<String>),
}

impl Place {
    /// By its prefix, or by what is there; none if it is none of these.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        type Make = fn(PathBuf, Option<String>) -> Place;
        let prefixes: [(&str, Make); 3] = [
            ("oci:", Self::Layout),
            ("oci-archive:", Self::OciArchive),
            ("docker-archive:", Self::DockerArchive),
        ];
        for (prefix, make) in prefixes {
            if let Some(rest) = text.strip_prefix(prefix) {
                let whole = Path::new(rest).exists();
                return Some(match rest.split_once(':').filter(|_| !whole) {
                    Some((path, name)) => make(path.into(), Some(name.to_owned())),
                    None => make(rest.into(), None),
                });
            }
        }
        let path = Path::new(text);
        if path.join("oci-layout").is_file() {
            return Some(Self::Layout(path.to_path_buf(), None));
        }
        let members = path.is_file().then(|| Members::read(path).ok()).flatten()?;
        // Newer dockers write both into one archive.
        let has = |name: &str| members.0.contains_key(name);
        if has("index.json") && has("oci-layout") {
            Some(Self::OciArchive(path.to_path_buf(), None))
        } else {
            has("manifest.json").then(|| Self::DockerArchive(path.to_path_buf(), None))
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(path, _) | Self::OciArchive(path, _) | Self::DockerArchive(path, _) => {
                path.display().fmt(f)
            }
        }
    }
}

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
}

/// An image that is open; nothing of its layers was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The index that led to it, if what was named is one: its media type and its choices.
    pub index: Option<(String, Vec<Choice>)>,
    /// The manifest's media type, digest and length, and what it says; why not, where it is none.
    pub manifest: Option<(String, Sha256, Result<Manifest, String>)>,
    /// The manifest, byte for byte; none where there is none.
    pub paper: Option<Vec<u8>>,
    /// The configuration; why not, where it is not there.
    pub config: Result<Vec<u8>, String>,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
}

/// Opens an image; of an index the one for this architecture.
pub fn open(place: &Place, arch: Arch) -> Result<Image, BlobError> {
    let (blobs, name) = match place {
        Place::Layout(folder, name) => (Blobs::Folder(folder.clone()), name),
        Place::OciArchive(file, name) => (Blobs::Archive(file.clone(), Members::read(file)?), name),
        Place::DockerArchive(file, name) => return docker(file, name.as_deref()),
    };
    let not = |why: String| BlobError::NotAnImage { what: place.to_string(), why };
    let index = blobs.named("index.json").ok_or_else(|| not("it has no index.json".to_owned()))?;
    let choices = manifest::read_index(&index.read()?)
        .map_err(|error| not(format!("its index.json is none: {error}")))?;
    let chosen = choose_by_name(&choices, name.as_deref()).map_err(not)?;
    blobs.image(&chosen.blob, arch).map_err(|error| match error {
        BlobError::NotAnImage { why, .. } => not(why),
        other => other,
    })
}

/// Opens an image that a store has.
pub fn open_stored(
    store: &Store,
    digest: &Sha256,
    media_type: &str,
    arch: Arch,
) -> Result<Image, BlobError> {
    let blob = Blob { media_type: media_type.to_owned(), digest: *digest, size: 0 };
    Blobs::Folder(store.folder().to_path_buf()).image(&blob, arch)
}

/// Of the images of a layout the one of this name, or the only one.
fn choose_by_name<'c>(choices: &'c [Choice], name: Option<&str>) -> Result<&'c Choice, String> {
    let names: Vec<&str> = choices.iter().filter_map(|choice| choice.name.as_deref()).collect();
    let has = format!("it has {}", names.join(", "));
    match (name, choices) {
        (Some(name), _) => choices
            .iter()
            .find(|choice| choice.name.as_deref() == Some(name))
            .ok_or_else(|| format!("it has no image of the name `{name}`; {has}")),
        (None, []) => Err("there is no image in it".to_owned()),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("it has {} images; name one of them: {has}", choices.len())),
    }
}

/// Where blobs are had by their digests.
enum Blobs {
    Folder(PathBuf),
    Archive(PathBuf, Members),
}

impl Blobs {
    fn named(&self, name: &str) -> Option<At> {
        match self {
            Self::Folder(folder) => At::whole(&folder.join(name)),
            Self::Archive(file, members) => members.at(file, name),
        }
    }

    fn blob(&self, digest: &Sha256) -> Option<At> {
        self.named(&format!("blobs/sha256/{}", digest.hex()))
    }

    /// The image that a descriptor leads to.
    fn image(&self, blob: &Blob, arch: Arch) -> Result<Image, BlobError> {
        let not = |why: String| BlobError::NotAnImage { what: String::new(), why };
        let mut blob = blob.clone();
        let mut index = None;
        for _ in 0..MAX_DEPTH {
            let at = self.blob(&blob.digest);
            let at = at.ok_or_else(|| not(format!("its blob {} is not there", blob.digest)))?;
            let bytes = at.read()?;
            if Sha256::of(&bytes) != blob.digest {
                return Err(not(format!("its blob {} has other contents", blob.digest)));
            }
            // Descriptors may say nothing of it.
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let media_type = match blob.media_type.as_str() {
                "" => said["mediaType"].as_str().unwrap_or_default().to_owned(),
                media_type => media_type.to_owned(),
            };
            if !manifest::is_index(&media_type) && !said["manifests"].is_array() {
                return Ok(self.of_manifest(index, media_type, blob.digest, &bytes));
            }
            let choices = manifest::read_index(&bytes).map_err(|error| not(error.to_string()))?;
            let chosen = manifest::of_platform(&choices, arch).map_err(not)?.blob.clone();
            index = index.or(Some((media_type, choices)));
            blob = chosen;
        }
        Err(not("its index names an index, which names another".to_owned()))
    }

    fn of_manifest(
        &self,
        index: Option<(String, Vec<Choice>)>,
        media_type: String,
        digest: Sha256,
        bytes: &[u8],
    ) -> Image {
        let read = Manifest::read(bytes).map_err(|error| error.to_string());
        let missing = |digest: &Sha256| format!("its blob {digest} is not there");
        let (config, layers) = match &read {
            Ok(manifest) => {
                let digest = &manifest.config.digest;
                let config = self.blob(digest).ok_or_else(|| missing(digest)).and_then(|at| {
                    let bytes = at.read().map_err(|error| said(&error))?;
                    let is = Sha256::of(&bytes) == *digest;
                    is.then_some(bytes)
                        .ok_or_else(|| format!("its blob {digest} has other contents"))
                });
                let layer =
                    |said: &Blob| Layer { said: Some(said.clone()), at: self.blob(&said.digest) };
                (config, manifest.layers.iter().map(layer).collect())
            }
            Err(why) => (Err(why.clone()), Vec::new()),
        };
        let paper = Some(bytes.to_vec());
        Image { index, manifest: Some((media_type, digest, read)), paper, config, layers }
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
fn docker(file: &Path, name: Option<&str>) -> Result<Image, BlobError> {
    let members = Members::read(file)?;
    let not = |why: String| BlobError::NotAnImage { what: file.display().to_string(), why };
    let all = members.at(file, "manifest.json");
    let all = all.ok_or_else(|| not("it has no manifest.json".to_owned()))?.read()?;
    let all: Value = serde_json::from_slice(&all).map_err(|error| not(error.to_string()))?;
    let images: Vec<&Value> = all.as_array().into_iter().flatten().collect();
    let tags = |image: &Value| image["RepoTags"].as_array().cloned().unwrap_or_default();
    let image = match name {
        Some(name) => images.iter().find(|image| tags(image).contains(&Value::from(name))),
        None if images.len() > 1 => None,
        None => images.first(),
    };
    let image = image.ok_or_else(|| {
        let all: Vec<String> =
            images.iter().flat_map(|image| tags(image)).map(|tag| tag.to_string()).collect();
        not(format!("name one of its {} images: {}", images.len(), all.join(", ")))
    })?;
    let named = |value: &Value| members.at(file, value.as_str().unwrap_or_default());
    let config = named(&image["Config"]).ok_or_else(|| "its configuration is not there".to_owned());
    let config = config.and_then(|at| at.read().map_err(|error| said(&error)));
    let layers = image["Layers"].as_array().into_iter().flatten();
    let layers = layers.map(|layer| Layer { said: None, at: named(layer) }).collect();
    Ok(Image { index: None, manifest: None, paper: None, config, layers })
}

/// The files of an archive, by name: where each begins, and its length.
struct Members(BTreeMap<String, (u64, u64)>);

impl Members {
    fn read(file: &Path) -> Result<Self, BlobError> {
        let failed = unread(file);
        let mut from = File::open(file).map_err(&failed)?;
        let mut links = Vec::new();
        let mut all = BTreeMap::new();
        let mut reader = tar::Reader::new(Counted { inner: &mut from, at: 0 });
        loop {
            let header = match reader.advance() {
                Ok(Some(header)) if all.len() < MAX_MEMBERS => header,
                Ok(Some(_)) => return Err(failed(io::Error::other("it has too many members"))),
                Ok(None) => break,
                Err(error) => return Err(failed(io::Error::other(error))),
            };
            let name = header.path.trim_start_matches("./").to_owned();
            match header.kind {
                Kind::File => drop(all.insert(name, (reader.get_ref().at, header.size))),
                // Older dockers link layers that repeat.
                Kind::Symlink(to) | Kind::HardLink(to) => links.push((name, to)),
                _ => {}
            }
            reader.skip_by(Counted::skip).map_err(&failed)?;
        }
        for (name, to) in links {
            let beside = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let joined = crate::image::root::Root::default().real(&format!("{beside}/{to}"));
            let found =
                [Some(to), joined].into_iter().flatten().find_map(|to| all.get(&to).copied());
            if let Some(found) = found {
                all.insert(name, found);
            }
        }
        Ok(Self(all))
    }

    fn at(&self, file: &Path, name: &str) -> Option<At> {
        let &(offset, size) = self.0.get(name.trim_start_matches("./"))?;
        Some(At { path: file.to_path_buf(), offset, size })
    }
}

/// A file, and how far it was read.
struct Counted<'f> {
    inner: &'f mut File,
    at: u64,
}

impl Counted<'_> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.at += count;
        self.inner.seek(SeekFrom::Start(self.at)).map(drop)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}
