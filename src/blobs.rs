//! Images on the disk: layouts and archives are opened and read through, and written.
//!
//! Nothing of an image is unpacked onto the disk. Whatever it claims, memory is bounded: papers have
//! limits, layers are streamed, and a root has only so many paths.

mod archive;
mod base;
mod fix;
mod lay_out;
mod layout;
mod members;
mod place;
mod rewrite;
mod scan;
mod source;
mod store;
mod unpack;

use std::io;
use std::path::PathBuf;

pub use archive::{Archive, Content, LAYOUT, write as write_archive};
pub use base::Base;
pub use fix::{Papers, build, fix, papers, settle, take_layers};
pub use lay_out::lay_out;
pub use layout::write_layout;
pub use place::Place;
pub use scan::scan;
pub use source::{At, Image, Layer, open, open_any, open_stored};
pub use store::{Kept, Store, is_as_kept};

/// The largest manifest, index or configuration that is read, in bytes: registries need take no more
/// than 4 MiB (distribution-spec, "Pushing Manifests").
const MAX_PAPER: u64 = 4 << 20;

/// An image that cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be mended.
    #[error("{what} cannot be mended: {why}")]
    Unmendable {
        /// What was named.
        what: String,
        /// Why.
        why: String,
    },
    /// It is no image that we know.
    #[error("{what} is no image: {why}")]
    NotAnImage {
        /// What was named.
        what: String,
        /// Why.
        why: String,
    },
}

/// A folder where temporary files lie (`TMPDIR`), for a store of blobs; it is gone when it is dropped.
///
/// # Errors
///
/// If none can be made there.
pub fn scratch() -> Result<tempfile::TempDir, BlobError> {
    tempfile::tempdir().map_err(unwritten(&std::env::temp_dir()))
}

fn unread(path: &std::path::Path) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Read { path: path.to_path_buf(), source }
}

fn unwritten(path: &std::path::Path) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Write { path: path.to_path_buf(), source }
}
