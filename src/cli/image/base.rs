//! What images are put on.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use super::{Bases, Group};
use crate::audit::{Code, Finding, Level};
use crate::blobs::{self, Image, Place};
#[cfg(feature = "registry")]
use crate::cli::{locked, pull};
use crate::digest::Sha256;
use crate::error::{Aim, Error, FindingsError};
use crate::function::{Function, ImageWish, Packaging, Role};
use crate::image::config::Config;
use crate::image::lint::{Seen, lint};
#[cfg(feature = "registry")]
use crate::lock::Lock;
use crate::nearest;
#[cfg(feature = "registry")]
use crate::reference::{NoReference, Reference};
use crate::target::{Arch, Runtime};

/// From nothing.
pub(in crate::cli) const SCRATCH: &str = "scratch";

/// What an image is put on. The layers are looked into only when they are needed.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Base {
    /// Nothing.
    Scratch,
    /// An image on the disk.
    Image {
        /// As it was named.
        name: String,
        /// Whether that is a reference, and not a place on this machine's disk.
        published: bool,
        /// The digest of its manifest; of an archive of docker's that of its configuration.
        digest: Sha256,
        /// The image.
        image: Arc<Image>,
        /// Read through, once that was needed.
        read: Option<Arc<Read>>,
    },
}

/// An image that was read through, and whose layers are kept.
#[derive(Debug)]
pub(in crate::cli) struct Read {
    pub(super) seen: Seen,
    pub(super) config: Config,
    /// Digest, length and digest of the tar.
    pub(super) layers: Vec<(Sha256, u64, Sha256)>,
}

impl Base {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Scratch => SCRATCH,
            Self::Image { name, .. } => name,
        }
    }

    pub(super) fn digest(&self) -> Option<Sha256> {
        match self {
            Self::Scratch => None,
            Self::Image { digest, .. } => Some(*digest),
        }
    }
}

/// What a base is called: as it is set, else Lambda's own image of the runtime.
pub(in crate::cli) fn name_of(wish: &ImageWish, runtime: Runtime) -> String {
    let tag = runtime.aws_name().trim_start_matches("provided.");
    let of_runtime = || format!("public.ecr.aws/lambda/provided:{tag}");
    // With the prefix of other tools it is the same reference.
    let named = wish.base.as_deref().map(|name| name.trim_start_matches("docker://").to_owned());
    named.unwrap_or_else(of_runtime)
}

impl Bases<'_> {
    /// Opens what all functions of a plan are put on that are to be images: before anything is built, so
    /// that a wrong name is told of at once.
    pub(in crate::cli) fn open_all(&self, functions: &[Function]) -> Result<(), Error> {
        for function in functions.iter().filter(|function| function.role == Role::Function) {
            if let Packaging::Image(wish) = &function.packaging {
                self.base_of(wish, function.runtime, function.compile.target.arch)?;
            }
        }
        Ok(())
    }

    /// What the images of a group are put on.
    pub(super) fn base(&self, group: &Group<'_>) -> Result<Base, Error> {
        let runtime = group.functions.first().map(|part| part.function.runtime).unwrap_or_default();
        self.base_of(group.wish, runtime, group.arch)
    }

    /// A base, opened once.
    fn base_of(&self, wish: &ImageWish, runtime: Runtime, arch: Arch) -> Result<Base, Error> {
        let name = name_of(wish, runtime);
        if name == SCRATCH {
            return Ok(Base::Scratch);
        }
        let key = (name.clone(), arch);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = known.get(&key) {
            return Ok(base.clone());
        }
        let (image, digest, published) = self.open(&name, arch)?;
        let base = Base::Image { name, published, digest, image: Arc::new(image), read: None };
        known.insert(key, base.clone());
        Ok(base)
    }

    /// The image of that name on the disk, else of a registry; and the digest of its manifest, or, where
    /// it has none, of its configuration.
    fn open(&self, name: &str, arch: Arch) -> Result<(Image, Sha256, bool), Error> {
        let root = self.job.metadata.workspace_root.as_std_path();
        // One letter off, it would be asked for in a registry.
        if !name.contains([':', '/', '@']) && nearest::nearest(name, [SCRATCH]).is_some() {
            return Err(Error::Usage(format!(
                "there is no image `{name}`: did you mean `{SCRATCH}`? (in a registry: `{name}:latest`)"
            )));
        }
        let place = Place::of(&below(name, root));
        let published = place.is_none();
        let image = match place {
            Some(place) => blobs::open(&place, arch)?,
            None => self.of_registry(name, arch)?,
        };
        let digest = match &image.manifest {
            Some((_, digest, _)) => *digest,
            None => Sha256::of(image.config.as_deref().unwrap_or_default()),
        };
        Ok((image, digest, published))
    }

    /// What `lambda-pack.lock` says that a reference stands for; else what it stands for now.
    #[cfg(feature = "registry")]
    fn of_registry(&self, name: &str, arch: Arch) -> Result<Image, Error> {
        let reference = reference(name)?;
        let options = &self.job.options;
        let lock = locked::read(self.job.metadata.workspace_root.as_std_path())?;
        let known = lock.bases.get(name).copied().filter(|_| !self.update);
        if self.update && (options.locked || options.frozen) {
            let what = "`--update-base` writes lambda-pack.lock, and `--locked` forbids that";
            return Err(Error::Usage(what.to_owned()));
        }
        let pull = |reference: &Reference| {
            pull::pull(reference, &[arch], &self.store, options.is_offline(), self.shell)
        };
        if reference.digest().is_some() {
            return Ok(pull(&reference)?.1);
        }
        if let Some(digest) = known {
            return pull(&reference.at(digest)).map(|(_, image)| image).map_err(|error| {
                match error {
                    Error::Registry(error) if error.is_missing() => Error::Usage(format!(
                        "{error}\n{} names it for {name}; `--update-base` takes what that stands for now",
                        Lock::FILE
                    )),
                    error => error,
                }
            });
        }
        if options.locked || options.frozen {
            return Err(Error::Usage(format!(
                "{} has no digest of {name}, and `--locked` was said: run it once without",
                Lock::FILE
            )));
        }
        let (digest, image) = pull(&reference)?;
        if lock.bases.get(name) != Some(&digest) {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.insert(name.to_owned(), digest);
        }
        Ok(image)
    }

    /// Writes what references were found to stand for: once images were made of it, so that one that no
    /// image can be put on changes nothing. What other runs write meanwhile stays.
    #[cfg(feature = "registry")]
    pub(in crate::cli) fn keep_lock(&self) -> Result<(), Error> {
        let pending = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        if pending.is_empty() {
            return Ok(());
        }
        let root = self.job.metadata.workspace_root.as_std_path();
        locked::update(root, |lock| {
            for (name, digest) in pending {
                self.shell.status("Locking", format!("{name} to {digest}"));
                lock.bases.insert(name, digest);
            }
        })
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "with registries it writes")]
    pub(in crate::cli) fn keep_lock(&self) -> Result<(), Error> {
        Ok(())
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "with registries it is used")]
    fn of_registry(&self, name: &str, _: Arch) -> Result<Image, Error> {
        Err(Error::Usage(format!(
            "there is no image `{name}` on this machine, and this program was built without registries \
             (the feature `registry`)"
        )))
    }

    /// Reads a base through, once, and keeps its layers.
    pub(super) fn read(
        &self,
        group: &Group<'_>,
        name: &str,
        image: &Image,
    ) -> Result<Arc<Read>, Error> {
        let key = (name.to_owned(), group.arch);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Base::Image { read: Some(read), .. }) = known.get(&key) {
            return Ok(Arc::clone(read));
        }
        self.shell.status("Reading", format!("the base {name}"));
        let threads = self.job.jobs.most();
        let seen = blobs::scan(name, image, Some(group.arch), Vec::new(), threads);
        self.refuse(&seen)?;
        let mut config = seen.config.clone().map_err(Error::Usage)?;
        let layers = blobs::take_layers(image, &seen, &self.store, threads)?;
        let layers: Vec<_> =
            layers.into_iter().map(|kept| (kept.digest, kept.size, kept.diff_id)).collect();
        config.set_diff_ids(&layers.iter().map(|(_, _, diff_id)| *diff_id).collect::<Vec<_>>());
        if config.layers_told().is_some_and(|told| told != layers.len()) {
            config.tell_again(layers.len(), super::layers::EPOCH);
        }
        let read = Arc::new(Read { seen, config, layers });
        if let Some(Base::Image { read: kept, .. }) = known.get_mut(&key) {
            *kept = Some(Arc::clone(&read));
        }
        Ok(read)
    }

    /// A base that is broken or hostile. What we mend, and how it is run, is no matter.
    fn refuse(&self, seen: &Seen) -> Result<(), Error> {
        let broken = seen.layers.iter().any(|layer| layer.broken.is_some());
        let matters = |finding: &Finding| match finding.code {
            Code::ImageConfig
            | Code::ImageManifest
            | Code::UnpackedSize
            | Code::WrongArchitecture => finding.path.is_none(),
            Code::ImageEntry => true,
            // How it is packed is mended.
            Code::ImageLayer => broken || finding.message.contains("unpacks to"),
            _ => false,
        };
        let bad: Vec<Finding> =
            lint(seen).into_iter().filter(|it| it.level == Level::Error && matters(it)).collect();
        for finding in &bad {
            self.shell.finding(finding);
            if self.shell.is_json() {
                self.shell.record(&finding.into())?;
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        Err(Error::Findings(FindingsError {
            errors: bad.len(),
            things: vec![seen.thing.clone()],
            // `--no-check` is not about bases.
            aim: Aim::Look,
        }))
    }
}

#[cfg(feature = "registry")]
fn reference(name: &str) -> Result<Reference, Error> {
    name.trim_start_matches("docker://").parse().map_err(|error: NoReference| {
        Error::Usage(format!(
            "there is no image `{}` on this machine (`scratch`, `oci:DIR`, `oci-archive:FILE`, \
             `docker-archive:FILE`), and in a registry there can be none: {}",
            error.text, error.why
        ))
    })
}

/// A place on the disk is meant from the workspace, as all paths of settings are.
fn below(name: &str, root: &Path) -> String {
    for prefix in ["oci:", "oci-archive:", "docker-archive:"] {
        if let Some(path) = name.strip_prefix(prefix) {
            return format!("{prefix}{}", root.join(path).display());
        }
    }
    root.join(name).display().to_string()
}
