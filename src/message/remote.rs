//! What is on AWS, as records.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::release::Object;

/// A function as it is on AWS.
#[derive(Debug, Default, Serialize)]
pub struct Status<'a> {
    /// Its name.
    pub function: &'a str,
    /// Whether there is one. If not, all that follows is null or empty but `drift`.
    pub exists: bool,
    /// Its ARN.
    pub arn: Option<&'a str>,
    /// `State`, as AWS has it.
    pub state: Option<&'a str>,
    /// `StateReasonCode`.
    pub state_code: Option<&'a str>,
    /// `StateReason`.
    pub state_reason: Option<&'a str>,
    /// `LastUpdateStatus`, as AWS has it.
    pub last_update: Option<&'a str>,
    /// `LastUpdateStatusReasonCode`.
    pub last_update_code: Option<&'a str>,
    /// `LastUpdateStatusReason`.
    pub last_update_reason: Option<&'a str>,
    /// What to do about a failure.
    pub advice: Option<&'a str>,
    /// `LastModified`.
    pub last_modified: Option<&'a str>,
    /// AWS's name of the runtime; null of an image.
    pub runtime: Option<&'a str>,
    /// AWS's name of the architecture.
    pub architecture: Option<&'a str>,
    /// `Zip` or `Image`.
    pub package_type: Option<&'a str>,
    /// Where the image is, with its digest, if it is one.
    pub image_uri: Option<&'a str>,
    /// The length of the code in bytes.
    pub code_size: Option<u64>,
    /// The digest of the code.
    pub code_sha256: Option<&'a str>,
    /// How many versions there are.
    pub versions: usize,
    /// The number of the newest.
    pub newest_version: Option<&'a str>,
    /// Every alias, by name.
    pub aliases: Vec<AliasStatus<'a>>,
    /// The folder of what was packaged last, which code is compared with.
    pub bundle: Option<String>,
    /// Whether that is the code of `$LATEST`; null where nothing is packaged.
    pub bundle_deployed: Option<bool>,
    /// What a deploy would change; null where the configuration does not name the function.
    pub drift: Option<Vec<Difference>>,
    /// Why the function cannot become what the configuration says.
    pub refused: Option<String>,
    /// Members of the configuration that this program does not know.
    pub unknown: Object,
}

/// An alias.
#[derive(Debug, Serialize)]
pub struct AliasStatus<'a> {
    /// Its name.
    pub name: &'a str,
    /// The version that it points at.
    pub version: &'a str,
    /// The state of that version, as AWS has it.
    pub state: Option<&'a str>,
    /// Other versions that get a part of the traffic.
    pub weights: &'a BTreeMap<String, f64>,
    /// Its description, without the marker.
    pub description: &'a str,
    /// The version before, as the last deploy has marked it.
    pub previous: Option<&'a str>,
    /// The version that a rollback came away from; null if the last move was none.
    pub rolled_back_from: Option<&'a str>,
    /// That deploy.
    pub deploy: Option<&'a str>,
    /// Why its marker counts for nothing: somebody else has moved the alias since. The members before are null then.
    pub stale: Option<String>,
    /// The digest of the code that it has moved the alias to.
    pub marked_sha256: Option<&'a str>,
    /// The shift that is under way; what stands above is then of the move before it.
    pub shift: Option<AliasShift<'a>>,
    /// In which members the version differs from `$LATEST`.
    pub differs: &'a [&'static str],
}

/// A shift of traffic that is under way on an alias.
#[derive(Debug, Serialize)]
pub struct AliasShift<'a> {
    /// The deploy, rollback or promotion that shifts.
    pub deploy: &'a str,
    /// The version that traffic goes over to.
    pub to: &'a str,
    /// The steps, as they are written in settings.
    pub strategy: String,
    /// The step that is under way, from 1.
    pub step: usize,
    /// How many there are, before all traffic goes over.
    pub steps: usize,
    /// When it began, in seconds since 1970.
    pub since: u64,
}

/// One thing that a deploy would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The operation of the API that would change it.
    pub operation: &'static str,
    /// What.
    pub name: String,
    /// What it is; values of environment variables are hidden.
    pub old: Value,
    /// What it would become.
    pub new: Value,
}

/// What was deleted.
#[derive(Debug, Serialize)]
pub struct Deleted<'a> {
    /// The function.
    pub function: &'a str,
    /// The version, if it was that alone.
    pub version: Option<&'a str>,
    /// Whether there was anything.
    pub existed: bool,
    /// The numbers of the versions that went.
    pub versions: Vec<&'a str>,
    /// The names of the aliases that went.
    pub aliases: Vec<&'a str>,
    /// The URLs that went.
    pub urls: Vec<&'a str>,
    /// The ids of the event source mappings that went, with their sources.
    pub mappings: BTreeMap<&'a str, &'a str>,
}

/// An event of a log.
#[derive(Debug, Serialize)]
pub struct LogEvent<'a> {
    /// The function.
    pub function: &'a str,
    /// The log group.
    pub group: &'a str,
    /// The log stream.
    pub stream: &'a str,
    /// The event's id; no other event has it.
    pub id: &'a str,
    /// When it was written (RFC 3339).
    pub time: String,
    /// What was written.
    pub message: &'a str,
    /// The same, where it is a JSON object.
    pub json: Option<Value>,
}
