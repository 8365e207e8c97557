//! An image as a folder (image-spec, "Image Layout Specification").

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::archive::{Content, LAYOUT};
use super::{BlobError, Store, unwritten};

/// Fills an empty folder. `index.json` comes last: without it, it is no layout.
pub fn write_layout(folder: &Path, content: &Content<'_>, store: &Store) -> Result<(), BlobError> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(unwritten(&blobs))?;
    for digest in content.layers.iter().chain([content.config, content.manifest]) {
        store.put(digest, &blobs)?;
    }
    for (name, bytes) in [("oci-layout", LAYOUT), ("index.json", content.index)] {
        let path = folder.join(name);
        let mut file = File::create_new(&path).map_err(unwritten(&path))?;
        file.write_all(bytes).map_err(unwritten(&path))?;
    }
    Ok(())
}
