//! A function: what is shown of it, what runs, and what hangs on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event_invoke::EventInvoke;
use super::policy::Policy;
use super::provisioned::Provisioned;
use super::runtime_management::RuntimeManagement;
use super::url::Url;
use super::{Code, Object};

mod answer;
pub(super) mod code;
mod find;
mod limits;
mod publish;
mod read;
mod settings;

pub(super) mod create;
pub(super) mod remove;
pub(super) mod settle;
pub(super) mod update;

pub(super) use find::number;
pub(super) use publish::{list as list_versions, publish};
pub(super) use read::{configuration, get, list};

/// A function with its versions and aliases, and with all that belongs to it.
///
/// Where something hangs on a qualifier, the key is the name of an alias, a number, or `$LATEST`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// `$LATEST`.
    pub latest: Configuration,
    /// What runs as `$LATEST` while an update is in progress, and after one that failed.
    pub serving: Option<Box<Configuration>>,
    /// The published versions by number.
    pub versions: BTreeMap<u64, Configuration>,
    /// The last number that was given, also to a version that was deleted since.
    pub last_version: u64,
    /// What `$LATEST` was described as when the last version was published.
    pub published: Option<String>,
    /// Aliases by name.
    pub aliases: BTreeMap<String, Alias>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Resource policies by qualifier.
    pub policies: BTreeMap<String, Policy>,
    /// Function URLs by qualifier.
    pub urls: BTreeMap<String, Url>,
    /// Event invoke configurations by qualifier.
    pub event_invoke: BTreeMap<String, EventInvoke>,
    /// Provisioned concurrency by qualifier.
    pub provisioned: BTreeMap<String, Provisioned>,
    /// Reserved concurrency.
    pub reserved_concurrency: Option<u32>,
    /// The ARN of its code signing configuration.
    pub code_signing: Option<String>,
    /// `RecursiveLoop`; none for the default, Terminate.
    pub recursion: Option<String>,
    /// Runtime management configurations by qualifier.
    pub runtime_management: BTreeMap<String, RuntimeManagement>,
}

/// The configuration of `$LATEST` or of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The number of a published version; none for `$LATEST`.
    pub version: Option<u64>,
    /// What was set, under the names and in the forms of `FunctionConfiguration`. What we do not
    /// interpret is in it as it was sent.
    pub settings: Object,
    /// Its code.
    pub code: Code,
    /// What else `Code` said (`SourceKMSKeyArn`, `S3ObjectStorageMode`…).
    pub code_settings: Object,
    /// Its layers in their order. They stay usable when they are deleted.
    pub layers: Vec<UsedLayer>,
    /// `RevisionId`.
    pub revision: String,
    /// The `RevisionId` with which it was set. It tells this from every earlier and later configuration
    /// of the same function, and stays when only the revision changes (by tags, say).
    #[serde(default)]
    pub set_with: String,
    /// `LastModified`, in milliseconds since 1970.
    pub modified: i64,
    /// `State`.
    pub state: Status,
    /// `LastUpdateStatus`; none before the first state is reached.
    pub update: Option<Status>,
    /// What is in progress; none if nothing is.
    pub pending: Option<Pending>,
}

/// A layer version that a function uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedLayer {
    /// Its ARN, with the version.
    pub arn: String,
    /// Its code.
    pub code: Code,
}

/// A `State` or `LastUpdateStatus` and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `Pending`, `Active`, `Failed`, `InProgress`, `Successful`…
    pub value: String,
    /// The reason in words, and its code.
    pub reason: Option<(String, String)>,
}

/// A creation or an update that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When it ends (ms since 1970).
    pub due: i64,
    /// The `RevisionId` that it ends with.
    pub revision: String,
    /// The reason code with which it fails; none if it succeeds.
    pub fails_with: Option<String>,
}

/// A name for a version, or for two of them by weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// `FunctionVersion`: a number or `$LATEST`.
    pub version: String,
    /// `Description`.
    pub description: String,
    /// The second version and its share.
    pub second: Option<(u64, f64)>,
    /// `RevisionId`.
    pub revision: String,
}

#[cfg(test)]
mod tests;
