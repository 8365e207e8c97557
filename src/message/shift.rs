//! Traffic that goes over step by step, as records.

use serde::Serialize;

/// The AppSpec of AWS CodeDeploy for a shift.
#[derive(Debug, Serialize)]
pub struct AppSpecRecord<'a> {
    /// Its YAML.
    pub content: &'a str,
    /// The deployment configuration that fits.
    pub deployment_config: &'a str,
    /// The arguments of `aws` that make it; null where CodeDeploy has it.
    pub create: Option<&'a [String]>,
}

/// The steps by which a deploy is to shift the traffic of an alias.
#[derive(Debug, Serialize)]
pub struct ShiftPlan<'a> {
    /// The function.
    pub function: &'a str,
    /// The alias.
    pub alias: &'a str,
    /// The version that traffic comes from.
    pub from: &'a str,
    /// The version that it goes to; `new` where that is not there yet.
    pub to: &'a str,
    /// The steps, as they are written in settings.
    pub strategy: String,
    /// The one that is under way already, from 1; null where the shift is to begin.
    pub under_way: Option<usize>,
    /// Each of them.
    pub steps: Vec<PlannedStep>,
    /// How many invocations of the new version a step needs to be good enough; null where nothing is counted.
    pub needed: Option<u64>,
    /// The part of invocations that may fail.
    pub error_rate: Option<f64>,
    /// From how many invocations on so many errors show, with 95 % certainty.
    pub shown_from: Option<u64>,
}

/// A step that is to come.
#[derive(Debug, Serialize)]
pub struct PlannedStep {
    /// The part of the traffic that goes to the new version, in percent.
    pub percent: f64,
    /// How many seconds it lasts at least.
    pub hold_s: u64,
    /// How many invocations of the alias it takes, of both versions; null where nothing is counted.
    pub invocations: Option<u64>,
}

/// What goes on with the traffic of an alias.
#[derive(Debug, Serialize)]
pub struct Shift<'a> {
    /// The function.
    pub function: &'a str,
    /// The alias.
    pub alias: &'a str,
    /// `begin`, `step`, `poll`, `back` or `finish`; of `release status` `under-way`.
    pub event: &'static str,
    /// The version that traffic comes from.
    pub from: &'a str,
    /// The version that it goes to.
    pub to: &'a str,
    /// The steps, as they are written in settings.
    pub strategy: String,
    /// The step, from 1; null where none is under way.
    pub step: Option<usize>,
    /// How many there are, before all traffic goes over.
    pub steps: usize,
    /// The part of the traffic that goes to the new version, in percent.
    pub percent: f64,
    /// When the step began, in seconds since 1970.
    pub since: Option<u64>,
    /// How many seconds of it are left, as it was planned.
    pub left_s: u64,
    /// Invocations of the new version since the step began; null where nobody has counted.
    pub invocations: Option<f64>,
    /// Those that failed.
    pub errors: Option<f64>,
    /// Calls that were throttled.
    pub throttles: Option<f64>,
    /// How long invocations took, by the statistic that is watched, in milliseconds.
    pub duration_ms: Option<f64>,
    /// Why it went back, or why the step lasts longer than it was to.
    pub why: Option<String>,
}
