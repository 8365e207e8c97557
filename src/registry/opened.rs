//! Pushing what is open on this machine's disk.

use std::io::{self, Cursor, Read};

use super::error::{RegistryError, Why};
use super::push::{Blob, Image, Progress, Pushed, Pushing};
use crate::blobs;
use crate::digest::Sha256;
use crate::reference::Reference;

/// Opens a blob.
type Open = Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Sync>;

impl Pushing<'_> {
    /// [Pushes](Self::image) an image that is open, from wherever its blobs lie. One without a manifest (an
    /// archive of docker's) cannot be pushed as it is. `ready` is waited for before anything is sent.
    ///
    /// # Errors
    ///
    /// As for [`Self::image`]; and if parts of the image are not there.
    pub async fn opened(
        &self,
        repository: &Reference,
        tags: &[String],
        image: &blobs::Image,
        ready: impl Future<Output = Result<(), Why>>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Pushed, RegistryError> {
        let failed = |why: &str| RegistryError {
            verb: "push",
            what: format!("to `{}`", repository.name()).into(),
            host: repository.host().into(),
            why: Why::Read(io::Error::other(why.to_owned())),
        };
        let (Some((media_type, _, read)), Some(paper)) = (&image.manifest, &image.paper) else {
            return Err(failed("the image has no manifest"));
        };
        let manifest = read.as_ref().map_err(|why| failed(why))?;
        let config = image.config.clone().map_err(|why| failed(&why))?;
        let mut all: Vec<(Sha256, u64, Open)> = vec![(
            manifest.config.digest,
            manifest.config.size,
            Box::new(move || Ok(Box::new(Cursor::new(config.clone())))),
        )];
        for layer in &image.layers {
            let (Some(said), Some(at)) = (&layer.said, layer.at.clone()) else {
                return Err(failed("not all of its layers are there"));
            };
            all.push((said.digest, said.size, Box::new(move || Ok(Box::new(at.open()?)))));
        }
        let blobs = all.iter().map(|(digest, size, open)| Blob {
            digest: *digest,
            size: *size,
            open: open.as_ref(),
        });
        let image = Image { manifest: paper, media_type, blobs: blobs.collect() };
        self.image(repository, tags, &image, ready, progress).await
    }
}
