//! What AWS holds of one function, as it was last seen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::content::text;
use super::layers::Seen;
use super::role::Role;
use super::{Object, content};

/// One function. What was not asked for is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The function; none if it does not exist.
    pub function: Option<Function>,
    /// The aliases that were asked for and exist, by name: the answers of `GetAlias`.
    pub aliases: BTreeMap<String, Object>,
    /// Configurations of versions, by number: those that aliases point at, and those that this run
    /// has published.
    pub versions: BTreeMap<String, Object>,
    /// Whether this run has changed the code or the configuration: a failed update is then ours.
    pub acted: bool,
    /// The versions that this run has checked.
    pub checked: BTreeSet<String>,
    /// What lives on the alias, or on `$LATEST`.
    pub attached: Attached,
    /// The objects in buckets that were found: their version, if the bucket keeps versions.
    pub object: Option<StoredObject>,
    /// Whether the image is in its registry.
    pub pushed: bool,
    /// The layers that are wanted, and those that the function has.
    pub layers: Seen,
    /// The role that was asked for, if it exists.
    pub role: Option<Role>,
}

/// An object in S3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredObject {
    /// Its version, in a bucket that keeps them.
    pub version: Option<String>,
}

/// The answer of `GetFunction`, and what belongs to the function as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Function {
    /// `Configuration`, of `$LATEST`.
    pub configuration: Object,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
    /// `Concurrency.ReservedConcurrentExecutions`.
    pub reserved: Option<u32>,
    /// The ARN of its code signing configuration.
    pub code_signing: Option<String>,
    /// `Code.SourceKMSKeyArn`: the key of the stored code.
    pub source_kms_key: Option<String>,
    /// `Code.ResolvedImageUri`: the image, with its digest.
    pub image: Option<String>,
}

/// What lives on an alias.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attached {
    /// The answer of `GetFunctionUrlConfig`.
    pub url: Option<Object>,
    /// The statements of the policy, by their ids.
    pub statements: BTreeMap<String, Value>,
    /// The answer of `GetFunctionEventInvokeConfig`.
    pub event_invoke: Option<Object>,
    /// The answer of `GetProvisionedConcurrencyConfig`.
    pub provisioned: Option<Object>,
    /// The items of `ListEventSourceMappings`.
    pub mappings: Vec<Object>,
}

/// Whether something may be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is under way.
    Ready,
    /// Something is; its name as AWS has it, also one that we do not know.
    Busy(String),
    /// It came to nothing.
    Failed {
        /// The function was never made: it must be deleted and created again.
        created: bool,
        /// `StateReasonCode` or `LastUpdateStatusReasonCode`.
        code: String,
        /// What AWS says of it.
        reason: String,
    },
}

/// The state of `$LATEST` (`State` and `LastUpdateStatus`) or of a version (`State` alone: a published
/// version has no `LastUpdateStatus`).
#[must_use]
pub fn state(configuration: &Object) -> State {
    let failed = |created: bool, prefix: &str| {
        let member = |name: &str| text(configuration, &format!("{prefix}{name}"));
        let code = member("ReasonCode").unwrap_or("no reason code").to_owned();
        State::Failed { created, code, reason: member("Reason").unwrap_or_default().to_owned() }
    };
    match text(configuration, "State") {
        // Idle functions wake up when they are used; updates reach them all the same.
        None | Some("Active" | "Inactive" | "ActiveNonInvocable") => {}
        Some("Failed") => return failed(true, "State"),
        Some(other) => return State::Busy(other.to_owned()),
    }
    match text(configuration, "LastUpdateStatus") {
        None | Some("Successful") => State::Ready,
        Some("Failed") => failed(false, "LastUpdateStatus"),
        Some(other) => State::Busy(other.to_owned()),
    }
}

/// Whether the function lost its code: what it ran from, an image or an object, was deleted.
#[must_use]
pub fn lost_its_code(configuration: &Object) -> bool {
    let is = |member: &str| {
        text(configuration, member).is_some_and(|code| {
            matches!(code, "ImageDeleted" | "ImageAccessDenied" | "InvalidImage")
        })
    };
    is("StateReasonCode") || is("LastUpdateStatusReasonCode")
}

impl Observed {
    /// The configuration of `$LATEST`.
    #[must_use]
    pub fn latest(&self) -> Option<&Object> {
        self.function.as_ref().map(|function| &function.configuration)
    }

    /// Whether an alias points at a version with the content of `$LATEST`, which is none itself.
    #[must_use]
    pub fn is_there(&self, alias: &str) -> bool {
        let alias = self.aliases.get(alias).filter(|alias| points_at(alias) != "$LATEST");
        let version = alias.and_then(|alias| self.versions.get(points_at(alias)));
        let same = |version, latest| content::differing(latest, version).is_empty();
        version.zip(self.latest()).is_some_and(|(version, latest)| same(version, latest))
    }

    /// The newest version whose content is that of `$LATEST`.
    #[must_use]
    pub fn same_as_latest(&self) -> Option<(&str, &Object)> {
        let latest = self.latest()?;
        let same = self
            .versions
            .iter()
            // An alias may point at `$LATEST`, which is no version.
            .filter(|(number, _)| *number != "$LATEST")
            .filter(|(_, version)| content::differing(latest, version).is_empty());
        same.max_by_key(|(number, _)| number.parse::<u64>().unwrap_or_default())
            .map(|(number, version)| (number.as_str(), version))
    }
}

/// The version that an alias points at.
#[must_use]
pub fn points_at(alias: &Object) -> &str {
    text(alias, "FunctionVersion").unwrap_or_default()
}

/// Whether provisioned concurrency just moves over to what the alias points at: AWS then has weights of its
/// own on it. It is looked at on the first alias alone, where it lives.
#[must_use]
pub(super) fn is_moving_over(first: Option<&str>, observed: &Observed, alias: &str) -> bool {
    first == Some(alias) && is_allocated(observed.attached.provisioned.as_ref())
}

/// Weights in words: `0.1 to version 3`.
#[must_use]
pub fn shares(weights: &BTreeMap<String, f64>) -> String {
    let all = weights.iter().map(|(version, weight)| format!("{weight} to version {version}"));
    all.collect::<Vec<_>>().join(", ")
}

/// Whether provisioned concurrency (`GetProvisionedConcurrencyConfig`) is just being allocated.
#[must_use]
pub fn is_allocated(provisioned: Option<&Object>) -> bool {
    provisioned.and_then(|it| text(it, "Status")) == Some("IN_PROGRESS")
}

/// The other versions that an alias sends a part of its traffic to, with their weights.
#[must_use]
pub fn weights(alias: &Object) -> BTreeMap<String, f64> {
    let routing = alias.get("RoutingConfig");
    let all = routing.and_then(|routing| routing.get("AdditionalVersionWeights"));
    let all = all.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(version, weight)| Some((version.clone(), weight.as_f64()?))).collect()
}
