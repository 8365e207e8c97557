//! The circumstances of one call.

use serde::{Deserialize, Serialize};

/// When a call happens, and what only the outside knows of it.
pub struct Moment<'a> {
    /// Milliseconds since 1970.
    pub now: i64,
    /// A new version 4 UUID each time.
    pub uuid: &'a mut dyn FnMut() -> String,
    /// How long functions stay Pending and updates `InProgress`, in milliseconds. With 0 the answer
    /// itself still says so, and the next call sees the end.
    pub delay: i64,
    /// The reason code with which the update that this call begins will fail; none if it succeeds.
    pub fails_with: Option<String>,
    /// What the sent code turned out to be (`Code`, `ZipFile`, `Content`…); none if none was sent.
    pub code: Option<Code>,
}

/// Code as it was uploaded, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    /// A zip.
    Zip {
        /// The digest of the zip in base64.
        sha256: String,
        /// The length of the zip.
        size: u64,
        /// The sum of the lengths of the files in it.
        unzipped: u64,
    },
    /// A container image.
    Image {
        /// As it was named: registry, repository, tag or digest.
        uri: String,
        /// The same with its digest (`repository@sha256:…`).
        resolved: String,
    },
}

impl Code {
    /// `CodeSha256` as AWS answers it: of a zip in base64, of an image the hexadecimal digest.
    #[must_use]
    pub fn sha256(&self) -> &str {
        match self {
            Self::Zip { sha256, .. } => sha256,
            Self::Image { resolved, .. } => {
                resolved.split_once("@sha256:").map_or("", |(_, digest)| digest)
            }
        }
    }

    /// `CodeSize` as AWS answers it: 0 for an image.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Zip { size, .. } => *size,
            Self::Image { .. } => 0,
        }
    }

    /// What counts towards the limit of unpacked code.
    #[must_use]
    pub fn unzipped(&self) -> u64 {
        match self {
            Self::Zip { unzipped, .. } => *unzipped,
            Self::Image { .. } => 0,
        }
    }
}
