//! What a function is on AWS, beside what it should be.

use std::collections::BTreeMap;

use super::Object;
use super::change::Change;
use super::content::{differing, text};
use super::desired::Desired;
use super::marker::{Marker, Stale, of_alias, written};
use super::next::Refusal;
use super::observed::{Observed, points_at, weights};
use super::predict::unfold;

/// The members of `FunctionConfiguration` that this program shows, compares or has no use for (AWS
/// Lambda API reference). All others are of features that are newer than it.
const KNOWN: [&str; 39] = [
    "Architectures",
    "CodeSha256",
    "CodeSize",
    "ConfigSha256",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionArn",
    "FunctionName",
    "Handler",
    "ImageConfigResponse",
    // Of what stands in for AWS, which has it with the code.
    "ImageUri",
    "KMSKeyArn",
    "LastModified",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
    "Layers",
    "LoggingConfig",
    "MasterArn",
    "MemorySize",
    "PackageType",
    "RevisionId",
    "Role",
    "Runtime",
    "RuntimeVersionConfig",
    "SigningJobArn",
    "SigningProfileVersionArn",
    "SnapStart",
    "State",
    "StateReason",
    "StateReasonCode",
    "Timeout",
    "TracingConfig",
    "Version",
    "VpcConfig",
    "SourceKMSKeyArn",
];

/// The members of a configuration that are of newer features.
#[must_use]
pub fn unknown(configuration: &Object) -> Object {
    let mut rest = configuration.clone();
    rest.retain(|name, _| !KNOWN.contains(&name.as_str()));
    rest
}

/// An alias, and what stands in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// Its name.
    pub name: String,
    /// The version that it points at.
    pub version: String,
    /// Other versions, and what part of the traffic each gets.
    pub weights: BTreeMap<String, f64>,
    /// Its description, without the marker.
    pub text: String,
    /// The marker of the deploy that moved it.
    pub marker: Option<Marker>,
    /// A marker that counts for nothing: somebody else has moved the alias since.
    pub stale: Option<Stale>,
    /// In which members the version differs from `$LATEST`.
    pub differs: Vec<&'static str>,
}

impl Alias {
    /// Reads the answer of `GetAlias`, beside the configurations of `$LATEST` and of versions.
    #[must_use]
    pub fn read(alias: &Object, latest: &Object, versions: &[Object]) -> Self {
        let version = points_at(alias);
        let (said, _) = written(alias);
        let target = versions.iter().find(|one| text(one, "Version") == Some(version));
        Self {
            name: text(alias, "Name").unwrap_or_default().to_owned(),
            version: version.to_owned(),
            weights: weights(alias),
            text: said.to_owned(),
            marker: of_alias(alias),
            stale: Stale::of(alias),
            differs: target.map(|target| differing(target, latest)).unwrap_or_default(),
        }
    }

    /// Every version that gets traffic by it.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.version.as_str()).chain(self.weights.keys().map(String::as_str))
    }
}

/// The numbers of versions, from the oldest to the newest; `$LATEST` is none.
#[must_use]
pub fn numbers(versions: &[Object]) -> Vec<&str> {
    let numbered = |version| {
        let number: &str = text(version, "Version")?;
        Some((number.parse::<u64>().ok()?, number))
    };
    let mut all: Vec<(u64, &str)> = versions.iter().filter_map(numbered).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, number)| number).collect()
}

/// In what a function is not what the configuration says: the changes of a deploy, and why it cannot be
/// made at all.
#[must_use]
pub fn drift(desired: &Desired, observed: &Observed) -> (Vec<Change>, Option<Refusal>) {
    let (changes, end) = unfold(&[(desired.clone(), observed.clone())]);
    (changes, end.refused.into_iter().next().map(|(_, why)| why))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::release::observed::Function;

    fn object(value: &Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    fn latest() -> Object {
        object(&json!({
            "FunctionName": "f", "Version": "$LATEST", "CodeSha256": "b", "Runtime": "provided.al2023",
            "MemorySize": 512, "Architectures": ["arm64"], "LastModified": "now", "RevisionId": "r",
        }))
    }

    #[test]
    fn newer_features_are_shown_and_ours_are_not() {
        let mut configuration = latest();
        configuration.insert("TenancyConfig".to_owned(), json!({ "Mode": "PER_TENANT" }));
        configuration.insert("Mood".to_owned(), "good".into());
        configuration.insert("ImageUri".to_owned(), "a/b@sha256:aa".into());
        let rest: Vec<String> = unknown(&configuration).into_iter().map(|(name, _)| name).collect();
        assert_eq!(rest, ["Mood", "TenancyConfig"]);
    }

    #[test]
    fn an_alias_tells_where_it_came_from_and_how_it_differs() {
        let alias = object(&json!({
            "Name": "live", "FunctionVersion": "3",
            "Description": "shop [lp1 prev=2 dep=abc sha=a]",
            "RoutingConfig": { "AdditionalVersionWeights": { "4": 0.1 } },
        }));
        let mut third = latest();
        third.extend(object(&json!({ "Version": "3", "CodeSha256": "a", "MemorySize": 128 })));
        let read = Alias::read(&alias, &latest(), &[latest(), third]);
        assert_eq!(read.differs, ["CodeSha256", "MemorySize"]);
        assert_eq!((read.text.as_str(), read.version.as_str()), ("shop", "3"));
        assert_eq!(read.marker.as_ref().and_then(|marker| marker.prev.as_deref()), Some("2"));
        assert_eq!(read.targets().collect::<Vec<_>>(), ["3", "4"]);
    }

    #[test]
    fn versions_are_numbers_not_words() {
        let all: Vec<Object> = ["10", "$LATEST", "9", "2", "$LATEST.PUBLISHED"]
            .into_iter()
            .map(|number| object(&json!({ "Version": number })))
            .collect();
        assert_eq!(numbers(&all), ["2", "9", "10"]);
    }

    #[test]
    fn settings_are_compared_and_the_code_that_is_there_is_as_good_as_any() {
        let mut desired = Desired { name: "f".to_owned(), ..Desired::default() };
        desired.runtime = "provided.al2023".to_owned();
        desired.code.sha256 = "b".to_owned();
        desired.code.architecture = "arm64".to_owned();
        let function = Some(Function { configuration: latest(), ..Function::default() });
        let observed = Observed { function, ..Observed::default() };
        assert_eq!(drift(&desired, &observed), (Vec::new(), None));
        desired.wanted.configuration.insert("MemorySize", 1024.into());
        let (changes, refused) = drift(&desired, &observed);
        let operations: Vec<_> = changes.iter().map(|change| change.action.operation()).collect();
        assert_eq!((operations, refused), (vec!["UpdateFunctionConfiguration"], None));
        // What is not there would have to be created, and cannot be without a role.
        let (_, refused) = drift(&desired, &Observed::default());
        assert!(matches!(refused, Some(Refusal::NoRole { .. })), "{refused:?}");
    }
}
