//! Images of registries, brought into a store of blobs.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use crate::blobs::{self, Image, Store};
use crate::digest::Sha256;
use crate::error::Error;
use crate::image::manifest::{self, Blob, Manifest};
use crate::message::bytes;
use crate::reference::Reference;
use crate::registry::{Client, Logins};
use crate::shell::Shell;
use crate::target::Arch;

/// So much is said before it takes a while, in bytes.
const WORTH_SAYING: u64 = 1 << 20;

/// Brings an image, or of several that of these architectures, the first that there is: as far as it is not there already. Of a
/// reference without a digest, what it stands for now.
pub(super) fn pull(
    reference: &Reference,
    archs: &[Arch],
    store: &Store,
    offline: bool,
    shell: &Shell,
) -> Result<(Sha256, Image), Error> {
    let puller = Puller { reference, archs, store, offline, shell, client: OnceCell::new() };
    let (digest, media_type) = super::asynchronously(puller.run())??;
    Ok((digest, blobs::open_stored(store, &digest, &media_type, archs)?))
}

struct Puller<'a> {
    reference: &'a Reference,
    archs: &'a [Arch],
    store: &'a Store,
    offline: bool,
    shell: &'a Shell,
    /// Made when something is asked for: what is all there needs no certificates.
    client: OnceCell<Client>,
}

impl Puller<'_> {
    /// The digest of what the reference stands for, and its media type.
    async fn run(&self) -> Result<(Sha256, String), Error> {
        let (digest, media_type, bytes) = self.paper(self.reference).await?;
        let mut image = bytes.clone();
        if manifest::is_index(&media_type) {
            let unusable = |why: String| Error::Usage(format!("{}: {why}", self.reference));
            let choices =
                manifest::read_index(&bytes).map_err(|error| unusable(error.to_string()))?;
            let chosen = manifest::of_platform(&choices, self.archs).map_err(unusable)?;
            let reference = self.reference.at(chosen.blob.digest);
            image = self.paper(&reference).await?.2;
        }
        // What is none is told of when it is opened.
        if let Ok(manifest) = Manifest::read(&image) {
            self.blobs(&manifest).await?;
        }
        Ok((digest, media_type))
    }

    /// A manifest or an index: from the store, where its digest is known and it is there.
    async fn paper(&self, reference: &Reference) -> Result<(Sha256, String, Vec<u8>), Error> {
        if let Some(digest) = reference.digest()
            && let Some(bytes) = self.store.paper(&digest)
        {
            return Ok((digest, manifest::media_type_of(&bytes), bytes));
        }
        self.may_ask(reference)?;
        let found = self.client()?.manifest(reference).await?;
        self.store.add(&found.bytes)?;
        Ok((found.digest, found.media_type, found.bytes))
    }

    fn client(&self) -> Result<&Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(Logins::of_this_user())?.telling(super::warner(self.shell));
        Ok(self.client.get_or_init(|| client))
    }

    fn may_ask(&self, reference: &Reference) -> Result<(), Error> {
        if !self.offline {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "{reference} is not all on this machine, and `--offline` was said"
        )))
    }

    async fn blobs(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let all = manifest.layers.iter().chain([&manifest.config]);
        let missing: Vec<&Blob> = all
            .filter(|blob| !self.store.has(&blob.digest, blob.size) && seen.insert(blob.digest))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.may_ask(self.reference)?;
        let client = self.client()?;
        let size: u64 = missing.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
        if size > WORTH_SAYING {
            self.shell.status("Fetching", format!("{} ({})", self.reference, bytes(size)));
        }
        try_join_all(missing.into_iter().map(|blob| self.blob(client, blob))).await.map(drop)
    }

    async fn blob(&self, client: &Client, blob: &Blob) -> Result<(), Error> {
        let mut file = self.store.spool()?;
        client.blob(self.reference, &blob.digest, blob.size, &mut file).await?;
        Ok(self.store.keep(file, &blob.digest)?)
    }
}
