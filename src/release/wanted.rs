//! What the configuration says about one function on AWS, in the shapes of the Lambda API.
//!
//! Absent means "leave alone" throughout: what is not named here is never sent. Values are JSON as
//! the API's requests have it, so that comparing, showing and sending need no second vocabulary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::check::Wish;
use super::shift::strategy::Strategy;
use super::shift::watch::Watch;

/// Settings of one function that count when it is deployed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Members of `UpdateFunctionConfiguration` by their names there (`MemorySize`, `VpcConfig`, …),
    /// without `Environment`. Of an object only the members that stand here are wanted; the others
    /// stay what they are. What is to be cleared holds the value that clears it: `""`, `[]`, or the
    /// value that AWS takes where nothing is said.
    pub configuration: BTreeMap<&'static str, Value>,
    /// Environment variables.
    pub environment: Option<Environment>,
    /// Tags to set, by key. Others stay.
    pub tags: BTreeMap<String, String>,
    /// Whether tags that are not named are removed (`aws:` tags never are).
    pub tags_replace: bool,
    /// Reserved concurrency; `Some(None)` gives it up.
    pub reserved: Option<Option<u32>>,
    /// The ARN of a code signing configuration; `Some(None)` detaches.
    pub code_signing: Option<Option<String>>,
    /// `SourceKMSKeyArn`, the key of the stored code; it goes with the code.
    pub source_kms_key: Option<String>,
    /// Whether a version is published; where nothing is said, if there is an alias.
    pub publish: Option<bool>,
    /// The aliases that are moved to what is published.
    pub aliases: Vec<String>,
    /// How a version is checked before an alias moves to it.
    pub check: Option<Wish>,
    /// How traffic goes over when an alias moves; where nothing is said, all at once.
    pub shift: Option<Strategy>,
    /// What is watched meanwhile.
    pub watch: Watch,
    /// What lives on the first alias, or on `$LATEST` where there is none.
    pub attachments: Attachments,
    /// The repository that images go to; without a registry one of ECR, of this account and Region.
    pub repository: Option<String>,
    /// The bucket that code goes through; else direct up to 50 MB.
    pub s3_bucket: Option<String>,
    /// What its keys begin with.
    pub s3_prefix: Option<String>,
    /// The account that this function is for, 12 digits.
    pub account: Option<String>,
    /// The Region that this function is for.
    pub region: Option<String>,
}

/// Environment variables that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Names and values to set.
    pub set: BTreeMap<String, String>,
    /// Names that are removed.
    pub unset: BTreeSet<String>,
    /// Whether every other variable is removed too; else they stay.
    pub replace: bool,
}

/// What lives on an alias.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attachments {
    /// A function URL: members of `CreateFunctionUrlConfig` (`AuthType` always, `Cors`, `InvokeMode`);
    /// `Some(None)` removes it.
    pub url: Option<Option<Map<String, Value>>>,
    /// Statements of `AddPermission`: `Action`, `Principal`, `SourceArn`, … and `StatementId` always.
    /// `Some(empty)` removes those that this tool made.
    pub permissions: Option<Vec<Map<String, Value>>>,
    /// Members of `PutFunctionEventInvokeConfig` (`MaximumRetryAttempts`, `MaximumEventAgeInSeconds`,
    /// `DestinationConfig`); `Some(None)` removes the configuration.
    pub event_invoke: Option<Option<Map<String, Value>>>,
    /// Provisioned concurrency; `Some(None)` removes it.
    pub provisioned: Option<Option<u32>>,
    /// Event source mappings: members of `CreateEventSourceMapping`, `EventSourceArn` always.
    /// Mappings of other sources stay, and are told of if this is not absent.
    pub triggers: Option<Vec<Map<String, Value>>>,
}
