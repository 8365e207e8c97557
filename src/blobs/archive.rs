//! Images as one file: an archive of an OCI layout, or docker's.

use std::io::{self, Cursor, Write};
use std::path::Path;

use serde_json::json;

use super::unpack::Watched;
use super::{BlobError, Store};
use crate::digest::Sha256;
use crate::tar::{Member, What, Writer};

/// Which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// Of an OCI layout (`podman load`, `skopeo copy oci-archive:`, newer dockers).
    Oci,
    /// `docker load`, of every docker.
    Docker,
}

/// What an archive is made of.
pub struct Content<'a> {
    /// The bytes of `index.json`.
    pub index: &'a [u8],
    /// The manifest.
    pub manifest: &'a Sha256,
    /// The configuration.
    pub config: &'a Sha256,
    /// The layers, the lowest first.
    pub layers: &'a [Sha256],
    /// `name:tag`.
    pub name: &'a str,
}

/// Writes an archive, which is to be at `place`; `time` is that of its members.
pub fn write(
    kind: Archive,
    content: &Content<'_>,
    store: &Store,
    time: u64,
    (out, place): (&mut dyn Write, &Path),
) -> Result<(), BlobError> {
    let failed = super::unwritten(place);
    let mut tar = Writer::new(out, time);
    let bytes = |tar: &mut Writer<&mut dyn Write>, path: &str, bytes: &[u8]| {
        let member = file(path, bytes.len() as u64);
        tar.write(&member, &mut Cursor::new(bytes)).map_err(&failed)
    };
    match kind {
        Archive::Oci => {
            for folder in ["blobs", "blobs/sha256"] {
                tar.write(&self::folder(folder), &mut io::empty()).map_err(&failed)?;
            }
            for digest in [content.manifest, content.config].into_iter().chain(content.layers) {
                blob(&mut tar, &format!("blobs/sha256/{}", digest.hex()), digest, (store, place))?;
            }
            bytes(&mut tar, "index.json", content.index)?;
            bytes(&mut tar, "oci-layout", LAYOUT)?;
        }
        Archive::Docker => {
            let config = format!("{}.json", content.config.hex());
            blob(&mut tar, &config, content.config, (store, place))?;
            let mut names = Vec::new();
            for digest in content.layers {
                let name = format!("{}.tar.gz", digest.hex());
                if !names.contains(&name) {
                    blob(&mut tar, &name, digest, (store, place))?;
                }
                names.push(name);
            }
            let manifest =
                json!([{ "Config": config, "RepoTags": [content.name], "Layers": names }]);
            bytes(&mut tar, "manifest.json", manifest.to_string().as_bytes())?;
        }
    }
    tar.finish().map(drop).map_err(failed)
}

/// What marks a layout (image-spec, "oci-layout file").
pub const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

fn file(path: &str, length: u64) -> Member {
    Member { path: path.to_owned(), what: What::File(length), mode: 0o644, uid: 0, gid: 0 }
}

fn folder(path: &str) -> Member {
    Member { path: path.to_owned(), what: What::Folder, mode: 0o755, uid: 0, gid: 0 }
}

fn blob(
    tar: &mut Writer<&mut dyn Write>,
    path: &str,
    digest: &Sha256,
    (store, place): (&Store, &Path),
) -> Result<(), BlobError> {
    let from = store.open(digest)?;
    let at = store.path(digest);
    let length = from.metadata().map_err(super::unread(&at))?.len();
    let mut from = Watched::new(from);
    tar.write(&file(path, length), &mut from).map_err(|error| {
        if from.failed() { super::unread(&at)(error) } else { super::unwritten(place)(error) }
    })
}
