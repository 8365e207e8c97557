//! What AWS should hold of one function: what was packaged, and what the configuration says.

use super::check::Check;
use super::layers::{Layer, Own};
use super::role;
use super::shift::strategy::Strategy;
use super::wanted::Wanted;

/// One function.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: Code,
    /// The layers that hold the rest of it, in the order in which Lambda unpacks them; none: what it was
    /// packaged with is not known, and what it has stays.
    pub layers: Option<Vec<Layer>>,
    /// Which layers may be taken off it where they are wanted no more; none: whatever says that this program has
    /// published it.
    pub own_layers: Option<Own>,
    /// Only its layers are brought to AWS, and it is no function.
    pub only_layers: bool,
    /// AWS's name of the runtime.
    pub runtime: String,
    /// What the configuration says.
    pub wanted: Wanted,
    /// What a version must stand before an alias moves to it.
    pub check: Option<Check>,
    /// The description of a version that is published.
    pub version_description: String,
    /// The text in the description of an alias, before the marker.
    pub alias_text: String,
    /// This deploy, in the marker of every alias that it moves.
    pub deploy: String,
    /// Whether a role may be made where none is named.
    pub create_role: bool,
    /// Whether weights that somebody left on an alias are taken off.
    pub clear_weights: bool,
    /// Whether aliases that are there stay where they are for now, and what lives on them too: their traffic
    /// is shifted.
    pub hold_alias: bool,
}

/// What was packaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Code {
    /// What AWS reports as `CodeSha256`: of a zip SHA-256 of its bytes in base64, of an image that of its
    /// manifest in hexadecimal digits.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
    /// AWS's name of the architecture that it is for.
    pub architecture: String,
    /// How it gets to AWS.
    pub source: Source,
}

/// How code gets to AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// A zip, with the call.
    #[default]
    Call,
    /// A zip, by way of S3.
    Bucket(Object),
    /// A container image, by way of a registry.
    Image(Image),
}

/// A container image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// `ImageUri`: the repository, and the digest of the manifest.
    pub uri: String,
    /// `ImageConfig.EntryPoint`; empty: the image's own.
    pub entry_point: Vec<String>,
    /// Whether it is where Lambda takes it from, whatever a registry says.
    pub is_there: bool,
}

impl Code {
    /// The image, if it is one.
    #[must_use]
    pub fn image(&self) -> Option<&Image> {
        match &self.source {
            Source::Image(image) => Some(image),
            Source::Call | Source::Bucket(_) => None,
        }
    }

    /// `PackageType`.
    #[must_use]
    pub fn package_type(&self) -> &'static str {
        if self.image().is_some() { "Image" } else { "Zip" }
    }
}

/// A place in S3, named by what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl Desired {
    /// Whether a version is wanted.
    #[must_use]
    pub fn publishes(&self) -> bool {
        self.wanted.publish.unwrap_or_default() || !self.wanted.aliases.is_empty()
    }

    /// Whether traffic goes over step by step.
    #[must_use]
    pub fn shifts(&self) -> bool {
        self.wanted.shift.as_ref().is_some_and(|shift| *shift != Strategy::AllAtOnce)
    }

    /// The name of the role that is made for the function, if one may be.
    #[must_use]
    pub fn own_role(&self) -> Option<String> {
        let named = self.wanted.configuration.get("Role").is_some_and(|role| role != "");
        (self.create_role && !named).then(|| role::name(&self.name))
    }

    /// Where URL, permissions and the like live: on the first alias, else on `$LATEST`.
    #[must_use]
    pub fn qualifier(&self) -> Option<&str> {
        self.wanted.aliases.first().map(String::as_str)
    }

    /// What signs may repackage: then AWS reports another digest than ours (AWS: "Configuring code
    /// signing").
    #[must_use]
    pub fn may_be_repackaged(&self, signing: Option<&str>) -> bool {
        matches!(&self.wanted.code_signing, Some(Some(_)))
            || (self.wanted.code_signing.is_none() && signing.is_some())
    }
}
