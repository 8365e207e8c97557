//! What is pushed is what is there afterwards, and no more is sent than is missing.

mod fails;
mod figures;
mod quirks;
mod real;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Mutex;

use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Blob, Client, Image, Progress, Pushed, Pushing, RegistryError};
use serde_json::json;

use super::ecr::{Asked, Ecr};
use super::{OCI, block_on, reference};

type Open = Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Sync>;

/// An image in memory.
struct Made {
    manifest: Vec<u8>,
    /// The configuration first.
    blobs: Vec<Vec<u8>>,
}

/// Bytes that are others for each seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(|| step().to_le_bytes()).flatten().take(length).collect()
}

/// An image with layers of these lengths; those of one seed and length are the same.
fn made(layers: &[(u64, usize)]) -> Made {
    let mut blobs: Vec<Vec<u8>> =
        layers.iter().map(|(seed, length)| noise(*seed, *length)).collect();
    let diff_ids: Vec<String> = blobs.iter().map(|blob| Sha256::of(blob).to_string()).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    blobs.insert(0, config.to_string().into_bytes());
    let described = |blob: &Vec<u8>, kind: &str| {
        let kind = format!("application/vnd.oci.image.{kind}");
        json!({"mediaType": kind, "digest": Sha256::of(blob).to_string(), "size": blob.len()})
    };
    let layers: Vec<_> = blobs[1..].iter().map(|blob| described(blob, "layer.v1.tar")).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI,
        "config": described(&blobs[0], "config.v1+json"), "layers": layers,
    });
    Made { manifest: manifest.to_string().into_bytes(), blobs }
}

/// An image of three layers, one of them not small.
fn three() -> Made {
    made(&[(1, 300_000), (2, 70_000), (3, 10)])
}

impl Made {
    fn digest(&self) -> Sha256 {
        Sha256::of(&self.manifest)
    }

    fn digests(&self) -> Vec<Sha256> {
        self.blobs.iter().map(|blob| Sha256::of(blob)).collect()
    }

    fn opens(&self) -> Vec<Open> {
        let open = |bytes: &Vec<u8>| -> Open {
            let bytes = bytes.clone();
            Box::new(move || Ok(Box::new(io::Cursor::new(bytes.clone()))))
        };
        self.blobs.iter().map(open).collect()
    }

    fn image<'a>(&'a self, opens: &'a [Open]) -> Image<'a> {
        let blob = |(bytes, open): (&'a Vec<u8>, &'a Open)| Blob {
            digest: Sha256::of(bytes),
            size: bytes.len() as u64,
            open: &**open,
        };
        let blobs = self.blobs.iter().zip(opens).map(blob).collect();
        Image { manifest: &self.manifest, media_type: OCI, blobs }
    }
}

/// Pushes within a session, and holds what is told of the way against the sizes.
async fn push_in(
    session: &Pushing<'_>,
    name: &str,
    tags: &[&str],
    made: &Made,
) -> Result<Pushed, RegistryError> {
    let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let opens = made.opens();
    let image = made.image(&opens);
    let told: Mutex<BTreeMap<Sha256, (u64, u64, bool)>> = Mutex::default();
    let tell = |progress: Progress| {
        let mut told = told.lock().unwrap();
        match progress {
            Progress::Missing { digest, size } => {
                assert_eq!(told.insert(digest, (size, 0, false)), None);
            }
            Progress::Sent { digest, bytes } => told.get_mut(&digest).unwrap().1 += bytes,
            Progress::Back { digest, bytes } => {
                let at = &mut told.get_mut(&digest).unwrap().1;
                *at = at.checked_sub(bytes).unwrap();
            }
            Progress::Done { digest, spared } => {
                let (size, at, done) = told.get_mut(&digest).unwrap();
                assert_eq!(*at + spared, *size);
                *done = true;
            }
        }
    };
    let pushed = session.image(&reference(name), &tags, &image, async { Ok(()) }, &tell).await?;
    let told = told.into_inner().unwrap();
    assert!(told.values().all(|(_, _, done)| *done), "{told:?}");
    let known = pushed.sent.iter().chain(&pushed.mounted);
    assert!(known.clone().all(|digest| told.contains_key(digest)));
    Ok(pushed)
}

/// Pushes with a session of its own.
fn push(client: &Client, name: &str, tags: &[&str], made: &Made) -> Result<Pushed, RegistryError> {
    block_on(async {
        let session = client.pushing();
        let pushed = push_in(&session, name, tags, made).await;
        session.abandon().await;
        pushed
    })
}

/// What a fake registry keeps is the image, under these tags and no others.
#[track_caller]
fn assert_kept(registry: &Ecr, name: &str, tags: &[&str], made: &Made) {
    let kept = registry.kept();
    let manifest = &kept.manifests[name][&made.digest().to_string()];
    assert_eq!(manifest, &(OCI.to_owned(), made.manifest.clone()));
    for blob in &made.blobs {
        assert!(kept.blobs[name][&Sha256::of(blob).to_string()] == *blob);
    }
    let found: Vec<_> = kept.tags.get(name).into_iter().flatten().collect();
    let digest = made.digest().to_string();
    let expected: Vec<(String, String)> =
        tags.iter().map(|tag| ((*tag).to_owned(), digest.clone())).collect();
    assert_eq!(found, expected.iter().map(|(tag, digest)| (tag, digest)).collect::<Vec<_>>());
}

fn lines(asked: &[Asked]) -> Vec<String> {
    asked.iter().map(Asked::line).collect()
}

fn count(asked: &[Asked], what: &str) -> usize {
    asked.iter().filter(|asked| asked.what() == what).count()
}
