//! The images of functions, found when they are named, and kept by their digest as long as the server runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Store;
use crate::account::{ApiError, Code};
use crate::digest::Sha256;
use crate::local::failure::Failure;
use crate::local::image::{Image, Images};
use crate::target::Arch;

/// Those that are known, by URIs with a digest.
#[derive(Debug, Default)]
pub(super) struct Known {
    images: Images,
    found: Mutex<BTreeMap<String, Arc<Image>>>,
}

impl Store {
    /// The same store, with images from there.
    pub(in crate::local) fn with_images(mut self, images: Images) -> Self {
        self.images.images = images;
        self
    }

    /// What an `ImageUri` stands for now. That of a registry that nobody asks is taken as it is: with its
    /// digest if it is named by one, else with one that follows from its name.
    pub(in crate::local) fn resolve(&self, uri: &str, arch: Arch) -> Result<Code, ApiError> {
        let found = self.find(uri, arch).map_err(ApiError::invalid)?;
        let digest = found.as_ref().map(|image| image.digest);
        let named = || {
            let digest = digest.unwrap_or_else(|| Sha256::of(uri.as_bytes()));
            format!("{}@{digest}", repository(uri))
        };
        let resolved = if uri.contains("@sha256:") { uri.to_owned() } else { named() };
        if let Some(image) = found {
            self.remember(&resolved, image);
        }
        Ok(Code::Image { uri: uri.to_owned(), resolved })
    }

    /// The image of a URI with a digest.
    pub(in crate::local) fn image(
        &self,
        resolved: &str,
        arch: Arch,
    ) -> Result<Arc<Image>, Failure> {
        let known = self.images.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = known.get(resolved) {
            return Ok(Arc::clone(image));
        }
        drop(known);
        match self.find(resolved, arch).map_err(Failure::local)? {
            Some(image) => Ok(self.remember(resolved, image)),
            None => Err(Failure::local(format!(
                "{resolved} is in a registry that is not asked here: an image runs from a registry on \
                 this machine (127.0.0.1:PORT/NAME)"
            ))),
        }
    }

    fn find(&self, uri: &str, arch: Arch) -> Result<Option<Image>, String> {
        self.images.images.find(uri, arch, &self.temporary.path().join("images"))
    }

    fn remember(&self, resolved: &str, image: Image) -> Arc<Image> {
        let mut known = self.images.found.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(resolved.to_owned()).or_insert_with(|| Arc::new(image)))
    }
}

/// A URI without its tag.
fn repository(uri: &str) -> &str {
    let slash = uri.rfind('/').unwrap_or(0);
    let tag = uri.get(slash..).and_then(|name| name.find(':')).map(|at| slash + at);
    tag.and_then(|at| uri.get(..at)).unwrap_or(uri)
}
