//! Code in a bucket: under a key that names its content it is sent once, and never replaced.
//!
//! Sending it again does no harm, so whatever S3 does not answer is sent again. Up to 16 MB go with one
//! `PutObject`, more as a multipart upload (Amazon S3 User Guide: "Uploading and copying objects using
//! multipart upload", "Checking object integrity", "How to prevent object overwrites with conditional
//! writes").

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hyper::body::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Aws, AwsError, connect};
use crate::digest::Sha256;
use crate::files::{self, FileError};
use crate::release::observed::StoredObject;

/// The largest zip that goes with one call.
const WHOLE: u64 = 16 << 20;
/// The length of a part; S3 wants 5 MiB at least.
const PART: u64 = 8 << 20;
/// How many parts of one zip are on their way at once.
const AT_ONCE: usize = 4;
/// How long giving up an upload may take.
const ABANDON: Duration = Duration::from_secs(3);

/// An object, and the zip that it is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upload<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) size: u64,
    /// SHA-256 in base64.
    pub(super) sha256: &'a str,
}

/// A multipart upload that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    bucket: String,
    key: String,
    id: String,
}

/// Where a part of a file begins, and how long it is.
#[derive(Debug, Clone, Copy)]
struct Piece {
    number: i32,
    at: u64,
    length: u64,
}

impl Aws {
    fn s3(&self) -> &Client {
        self.s3.get_or_init(|| Client::from_conf(connect::s3(&self.config)))
    }

    /// The object, if it is there.
    pub(super) async fn stored(
        &self,
        upload: &Upload<'_>,
    ) -> Result<Option<StoredObject>, AwsError> {
        let found = self.calls.repeat("HeadObject", async || {
            let request = self.s3().head_object().bucket(upload.bucket).key(upload.key);
            let answer = request.checksum_mode(ChecksumMode::Enabled).send().await;
            answer.map_err(|error| self.failure("HeadObject", &error))
        });
        match found.await {
            Ok(found) if upload.is(&found) => {
                Ok(Some(StoredObject { version: version(found.version_id) }))
            }
            Ok(_) => Err(AwsError::Taken {
                bucket: upload.bucket.to_owned(),
                key: upload.key.to_owned(),
            }),
            // Of what is not there S3 says 403 to whoever may not list the bucket.
            Err(AwsError::Refused { status: 403 | 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether an object is there, of whatever content.
    pub(super) async fn is_stored(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<bool, AwsError> {
        let found = self.calls.repeat("HeadObject", async || {
            let request = self.s3().head_object().bucket(bucket).key(key);
            let answer = request.set_version_id(version.map(str::to_owned)).send().await;
            answer.map_err(|error| self.failure("HeadObject", &error))
        });
        match found.await {
            Ok(_) => Ok(true),
            // 405: what is there of it says only that it was deleted.
            Err(AwsError::Refused { status: 404 | 405, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a zip; what was there before stays.
    pub(super) async fn upload(
        &self,
        upload: &Upload<'_>,
        zip: &Path,
    ) -> Result<StoredObject, AwsError> {
        let sent = if upload.size <= WHOLE {
            self.put(upload, zip).await
        } else {
            self.put_in_parts(upload, zip).await
        };
        match sent {
            Ok(id) => Ok(StoredObject { version: version(id) }),
            // Somebody was faster, or we were, and the answer got lost.
            Err(AwsError::Refused { status: 412, .. }) => {
                Ok(self.stored(upload).await?.unwrap_or_default())
            }
            Err(error) if error.code() == Some("NoSuchUpload") => {
                self.stored(upload).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn put(&self, upload: &Upload<'_>, zip: &Path) -> Result<Option<String>, AwsError> {
        let (bytes, _) = read(zip, Piece { number: 1, at: 0, length: upload.size }).await?;
        let sent = self.calls.repeat("PutObject", async || {
            let request = self.s3().put_object().bucket(upload.bucket).key(upload.key);
            let request = request.content_type("application/zip").if_none_match("*");
            let request = request.checksum_sha256(upload.sha256);
            let answer = request.body(ByteStream::from(bytes.clone())).send().await;
            answer.map_err(|error| self.failure("PutObject", &error))
        });
        Ok(sent.await?.version_id)
    }

    async fn put_in_parts(
        &self,
        upload: &Upload<'_>,
        zip: &Path,
    ) -> Result<Option<String>, AwsError> {
        let open = self.begin(upload).await?;
        let sent = async {
            let (parts, whole) = tokio::join!(self.parts(&open, upload.size, zip), digest(zip));
            if whole? != upload.sha256 {
                return Err(AwsError::Start(format!("{} has changed meanwhile", zip.display())));
            }
            self.complete(&open, parts?).await
        };
        let sent = sent.await;
        if sent.is_ok() {
            self.uploads.borrow_mut().retain(|one| *one != open);
        } else {
            self.abandon_uploads_of(vec![open]).await;
        }
        sent
    }

    async fn begin(&self, upload: &Upload<'_>) -> Result<Open, AwsError> {
        let operation = "CreateMultipartUpload";
        let begun = self.calls.repeat(operation, async || {
            let request = self.s3().create_multipart_upload().bucket(upload.bucket).key(upload.key);
            let request = request.content_type("application/zip");
            let request = request.checksum_algorithm(ChecksumAlgorithm::Sha256);
            request.send().await.map_err(|error| self.failure(operation, &error))
        });
        let id = begun.await?.upload_id.unwrap_or_default();
        let open = Open { bucket: upload.bucket.to_owned(), key: upload.key.to_owned(), id };
        self.uploads.borrow_mut().push(open.clone());
        Ok(open)
    }

    async fn parts(
        &self,
        open: &Open,
        size: u64,
        zip: &Path,
    ) -> Result<Vec<CompletedPart>, AwsError> {
        let parts = stream::iter(pieces(size)).map(|piece| self.part(open, piece, zip));
        let mut parts: Vec<CompletedPart> = parts.buffer_unordered(AT_ONCE).try_collect().await?;
        parts.sort_by_key(|part| part.part_number);
        Ok(parts)
    }

    async fn part(&self, open: &Open, piece: Piece, zip: &Path) -> Result<CompletedPart, AwsError> {
        let (bytes, sha256) = read(zip, piece).await?;
        let sent = self.calls.repeat("UploadPart", async || {
            let request = self.s3().upload_part().bucket(&open.bucket).key(&open.key);
            let request = request.upload_id(&open.id).part_number(piece.number);
            let request = request.checksum_sha256(&sha256);
            let answer = request.body(ByteStream::from(bytes.clone())).send().await;
            answer.map_err(|error| self.failure("UploadPart", &error))
        });
        let part = CompletedPart::builder().part_number(piece.number).set_e_tag(sent.await?.e_tag);
        Ok(part.checksum_sha256(sha256).build())
    }

    async fn complete(
        &self,
        open: &Open,
        parts: Vec<CompletedPart>,
    ) -> Result<Option<String>, AwsError> {
        let operation = "CompleteMultipartUpload";
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let done = self.calls.repeat(operation, async || {
            let request = self.s3().complete_multipart_upload();
            let request = request.bucket(&open.bucket).key(&open.key).upload_id(&open.id);
            let request = request.if_none_match("*").multipart_upload(parts.clone());
            request.send().await.map_err(|error| self.failure(operation, &error))
        });
        Ok(done.await?.version_id)
    }

    /// Gives up what was begun and not ended: its parts would be kept, and paid for. Uploads to registries, too.
    pub async fn abandon_uploads(&self) {
        self.abandon_pushes().await;
        let open = self.uploads.take();
        self.abandon_uploads_of(open).await;
    }

    async fn abandon_uploads_of(&self, all: Vec<Open>) {
        self.uploads.borrow_mut().retain(|one| !all.contains(one));
        let operation = "AbortMultipartUpload";
        let one = async |open: Open| {
            let given_up = self.calls.repeat(operation, async || {
                let request = self.s3().abort_multipart_upload();
                let request = request.bucket(&open.bucket).key(&open.key).upload_id(&open.id);
                request.send().await.map_err(|error| self.failure(operation, &error))
            });
            // Whatever went wrong before is what is said; a bucket's lifecycle rule does the rest.
            let _ = timeout(ABANDON, given_up).await;
        };
        futures_util::future::join_all(all.into_iter().map(one)).await;
    }
}

impl Upload<'_> {
    /// Whether an object has our bytes, as far as S3 says: of parts it knows no digest of the whole.
    fn is(&self, found: &HeadObjectOutput) -> bool {
        let length = found.content_length.and_then(|length| u64::try_from(length).ok());
        let whole = found.checksum_sha256.as_deref().filter(|sum| !sum.contains('-'));
        length.is_none_or(|length| length == self.size)
            && whole.is_none_or(|sum| sum == self.sha256)
    }
}

/// A bucket that keeps no versions any more says `null`.
fn version(id: Option<String>) -> Option<String> {
    id.filter(|id| !id.is_empty() && id != "null")
}

fn pieces(size: u64) -> impl Iterator<Item = Piece> {
    let begins = (0..size).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
    (1..).zip(begins).map(move |(number, at)| Piece { number, at, length: PART.min(size - at) })
}

/// The bytes of a part, and their digest.
async fn read(zip: &Path, piece: Piece) -> Result<(Bytes, String), AwsError> {
    let read = move |path: &Path| {
        let bytes = files::read_part(path, piece.at, piece.length)?;
        let sha256 = Sha256::of(&bytes).base64();
        Ok((Bytes::from(bytes), sha256))
    };
    apart(zip, read).await
}

/// The digest of a whole file.
async fn digest(zip: &Path) -> Result<String, AwsError> {
    apart(zip, |path| Ok(Sha256::of(&files::read_bytes(path)?).base64())).await
}

/// Reads on a thread of its own.
async fn apart<T: Send + 'static>(
    zip: &Path,
    read: impl FnOnce(&Path) -> Result<T, FileError> + Send + 'static,
) -> Result<T, AwsError> {
    let path: PathBuf = zip.to_path_buf();
    let read = spawn_blocking(move || read(&path)).await;
    let start = |why: &dyn std::error::Error| AwsError::Start(super::error::chain(why));
    read.map_err(|error| start(&error))?.map_err(|error| start(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_file() {
        for size in [1, PART - 1, PART, PART + 1, 3 * PART, 50 << 20] {
            let all: Vec<Piece> = pieces(size).collect();
            let mut end = 0;
            for (piece, number) in all.iter().zip(1..) {
                assert_eq!((piece.number, piece.at), (number, end));
                assert!(piece.length > 0 && piece.length <= PART);
                end += piece.length;
            }
            assert_eq!(end, size);
            assert!(all[..all.len() - 1].iter().all(|piece| piece.length == PART));
        }
    }

    #[test]
    fn an_object_is_ours_by_length_and_digest() {
        let upload = Upload { bucket: "b", key: "k", size: 5, sha256: "abc=" };
        let found = |length, sum: Option<&str>| {
            HeadObjectOutput::builder()
                .content_length(length)
                .set_checksum_sha256(sum.map(str::to_owned))
                .build()
        };
        for (found, ours) in [
            (found(5, None), true),
            (found(5, Some("abc=")), true),
            (found(5, Some("of parts=-3")), true),
            (found(5, Some("other=")), false),
            (found(6, Some("abc=")), false),
        ] {
            assert_eq!(upload.is(&found), ours, "{found:?}");
        }
    }
}
