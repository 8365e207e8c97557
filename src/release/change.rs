//! One step of a deploy: a call of the API with all that it is given, as a value that can be shown,
//! predicted, or carried out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Object;

/// What happens over all functions before what. A function whose code was lost takes code before
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Execution roles are made.
    Role,
    /// Code goes to S3, or to a registry.
    Upload,
    /// Versions of layers that functions share are published.
    Layer,
    /// Functions are created and configured.
    Configuration,
    /// Until that has settled.
    ConfigurationSettles,
    /// Code is updated.
    Code,
    /// Until that has settled.
    CodeSettles,
    /// Versions are published.
    Publish,
    /// Until they are active.
    PublishSettles,
    /// Versions are checked.
    Check,
    /// Aliases move.
    Alias,
    /// What lives on an alias.
    Attach,
}

impl Phase {
    /// The first.
    pub const FIRST: Self = Self::Role;

    /// Its name, for people and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Upload => "upload",
            Self::Layer => "layer",
            Self::Configuration => "configuration",
            Self::Code => "code",
            Self::Publish => "publish",
            Self::ConfigurationSettles | Self::CodeSettles | Self::PublishSettles => "wait",
            Self::Check => "check",
            Self::Alias => "alias",
            Self::Attach => "attach",
        }
    }
}

/// A step for one function.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The function.
    pub function: String,
    /// What is done.
    pub action: Action,
}

/// One member of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name in `UpdateFunctionConfiguration`.
    pub member: &'static str,
    /// What it is.
    pub old: Value,
    /// What it is to be, whole.
    pub new: Value,
}

/// What is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `CreateRole`, of an execution role for one function.
    CreateRole {
        /// Its name.
        name: String,
        /// Its description.
        description: String,
    },
    /// `AttachRolePolicy`.
    AttachPolicy {
        /// The role's name.
        role: String,
        /// A policy of AWS's, without `arn:aws:iam::aws:policy/`.
        policy: &'static str,
    },
    /// `PutObject` or a multipart upload, of code that is not there yet.
    Upload {
        /// The layer that it is of; none: the function's own code.
        layer: Option<String>,
        /// The bucket.
        bucket: String,
        /// The key, which names the content.
        key: String,
        /// How many bytes.
        size: u64,
        /// Their SHA-256 in base64.
        sha256: String,
    },
    /// What is missing of an image, sent to its registry.
    Push {
        /// The repository, and the digest of the manifest.
        uri: String,
        /// How many bytes at most.
        size: u64,
    },
    /// `PublishLayerVersion`, once for all functions that want it.
    PublishLayer(Box<NewLayer>),
    /// `CreateFunction`.
    Create {
        /// Its members, without `Code`.
        members: Object,
        /// The code.
        code: Sent,
    },
    /// `UpdateFunctionConfiguration`.
    Configure {
        /// What changes, by name.
        fields: Vec<Field>,
        /// The revision that this was decided on.
        revision: Option<String>,
    },
    /// `PutFunctionCodeSigningConfig` or `DeleteFunctionCodeSigningConfig`.
    Sign {
        /// What it is.
        old: Option<String>,
        /// What it is to be.
        new: Option<String>,
    },
    /// `TagResource`.
    Tag {
        /// What is set: the value that was there, and the new one.
        set: BTreeMap<String, (Option<String>, String)>,
        /// The function's ARN.
        arn: String,
    },
    /// `UntagResource`.
    Untag {
        /// The keys.
        keys: BTreeSet<String>,
        /// The function's ARN.
        arn: String,
    },
    /// `PutFunctionConcurrency` or `DeleteFunctionConcurrency`.
    Reserve {
        /// What it is.
        old: Option<u32>,
        /// What it is to be.
        new: Option<u32>,
    },
    /// `UpdateFunctionCode`.
    UpdateCode {
        /// The digest of what is there; of an image that has our digest in another repository its URI.
        old: String,
        /// What is sent.
        code: Sent,
        /// The architecture that is there.
        old_architecture: String,
        /// `SourceKMSKeyArn`.
        source_kms_key: Option<String>,
        /// The revision that this was decided on.
        revision: Option<String>,
    },
    /// `PublishVersion`.
    Publish {
        /// The digest that `$LATEST` must have.
        sha256: String,
        /// The version's description.
        description: String,
        /// The revision that this was decided on.
        revision: Option<String>,
    },
    /// `Invoke` of a version, with each event of its check.
    Check {
        /// The version.
        version: String,
        /// The events, by name.
        events: Vec<String>,
        /// How many invocations come after them.
        warm_up: u32,
    },
    /// `CreateAlias`.
    CreateAlias {
        /// Its name.
        name: String,
        /// Where it points.
        version: String,
        /// Its description, with the marker.
        description: String,
    },
    /// `UpdateAlias`.
    MoveAlias {
        /// Its name.
        name: String,
        /// Where it points.
        from: String,
        /// Where it is to point.
        to: String,
        /// Weights that are taken off.
        weights: BTreeMap<String, String>,
        /// Its description, with the marker.
        description: String,
        /// The revision that this was decided on.
        revision: Option<String>,
    },
    /// Something that lives on an alias, or on `$LATEST`.
    Attach(Attach),
}

/// Something that lives on an alias, or on `$LATEST`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attach {
    /// The alias; none: `$LATEST`.
    pub qualifier: Option<String>,
    /// What is done.
    pub what: Attachment,
}

/// What is done with something that lives on an alias.
#[derive(Debug, Clone, PartialEq)]
pub enum Attachment {
    /// `CreateFunctionUrlConfig`.
    CreateUrl(Object),
    /// `UpdateFunctionUrlConfig`, with what differs.
    UpdateUrl {
        /// What is there, of the members below.
        old: Object,
        /// What is to be.
        new: Object,
    },
    /// `DeleteFunctionUrlConfig`.
    DeleteUrl,
    /// `AddPermission`.
    Permit(Object),
    /// `RemovePermission`, of the statement with this id.
    Forbid(String),
    /// `PutFunctionEventInvokeConfig`.
    PutEventInvoke {
        /// What is there.
        old: Option<Object>,
        /// What is to be.
        new: Object,
    },
    /// `DeleteFunctionEventInvokeConfig`.
    DeleteEventInvoke,
    /// `PutProvisionedConcurrencyConfig`.
    Provision {
        /// What is there.
        old: Option<u32>,
        /// What is to be.
        new: u32,
    },
    /// `DeleteProvisionedConcurrencyConfig`.
    Unprovision {
        /// What is there.
        old: u32,
    },
    /// `CreateEventSourceMapping`.
    CreateMapping(Object),
    /// `UpdateEventSourceMapping`.
    UpdateMapping {
        /// Its `UUID`.
        id: String,
        /// Where its events come from.
        source: String,
        /// What is there, of the members below.
        old: Object,
        /// What is to be.
        new: Object,
    },
}

/// A version of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLayer {
    /// The layer's name.
    pub name: String,
    /// The version's description, which says what it holds.
    pub description: String,
    /// Its zip.
    pub code: Sent,
    /// AWS's names of the runtimes that it is for.
    pub runtimes: Vec<String>,
    /// How many files it has.
    pub files: usize,
    /// The functions that want it.
    pub functions: Vec<String>,
}

/// Code on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What AWS reports as `CodeSha256`.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
    /// AWS's name of its architecture.
    pub architecture: String,
    /// Where AWS finds it.
    pub place: Place,
}

/// Where AWS finds code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// With the call.
    Call,
    /// In S3.
    Bucket {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The version, in a bucket that keeps them.
        version: Option<String>,
    },
    /// In a registry: the `ImageUri`.
    Image(String),
}

impl Action {
    /// The phase that it belongs to.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::CreateRole { .. } | Self::AttachPolicy { .. } => Phase::Role,
            Self::Upload { .. } | Self::Push { .. } => Phase::Upload,
            Self::PublishLayer(_) => Phase::Layer,
            Self::Create { .. }
            | Self::Configure { .. }
            | Self::Sign { .. }
            | Self::Tag { .. }
            | Self::Untag { .. }
            | Self::Reserve { .. } => Phase::Configuration,
            Self::UpdateCode { .. } => Phase::Code,
            Self::Publish { .. } => Phase::Publish,
            Self::Check { .. } => Phase::Check,
            Self::CreateAlias { .. } | Self::MoveAlias { .. } => Phase::Alias,
            Self::Attach(_) => Phase::Attach,
        }
    }

    /// The operation of the API.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::CreateRole { .. } => "CreateRole",
            Self::AttachPolicy { .. } => "AttachRolePolicy",
            Self::Upload { .. } => "PutObject",
            Self::Push { .. } => "PutImage",
            Self::PublishLayer(_) => "PublishLayerVersion",
            Self::Create { .. } => "CreateFunction",
            Self::Configure { .. } => "UpdateFunctionConfiguration",
            Self::Sign { new: Some(_), .. } => "PutFunctionCodeSigningConfig",
            Self::Sign { new: None, .. } => "DeleteFunctionCodeSigningConfig",
            Self::Tag { .. } => "TagResource",
            Self::Untag { .. } => "UntagResource",
            Self::Reserve { new: Some(_), .. } => "PutFunctionConcurrency",
            Self::Reserve { new: None, .. } => "DeleteFunctionConcurrency",
            Self::UpdateCode { .. } => "UpdateFunctionCode",
            Self::Publish { .. } => "PublishVersion",
            Self::Check { .. } => "Invoke",
            Self::CreateAlias { .. } => "CreateAlias",
            Self::MoveAlias { .. } => "UpdateAlias",
            Self::Attach(attach) => attach.what.operation(),
        }
    }
}

impl Attachment {
    /// The operation of the API.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::CreateUrl(_) => "CreateFunctionUrlConfig",
            Self::UpdateUrl { .. } => "UpdateFunctionUrlConfig",
            Self::DeleteUrl => "DeleteFunctionUrlConfig",
            Self::Permit(_) => "AddPermission",
            Self::Forbid(_) => "RemovePermission",
            Self::PutEventInvoke { .. } => "PutFunctionEventInvokeConfig",
            Self::DeleteEventInvoke => "DeleteFunctionEventInvokeConfig",
            Self::Provision { .. } => "PutProvisionedConcurrencyConfig",
            Self::Unprovision { .. } => "DeleteProvisionedConcurrencyConfig",
            Self::CreateMapping(_) => "CreateEventSourceMapping",
            Self::UpdateMapping { .. } => "UpdateEventSourceMapping",
        }
    }
}
