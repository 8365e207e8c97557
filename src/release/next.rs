//! Which changes may run now.

use std::collections::BTreeMap;

use super::change::{Change, Phase};
use super::desired::Desired;
use super::layers;
use super::moves;
use super::observed::Observed;
use super::shift;
use super::step::{Step, step};
use crate::layer::MOST;

/// What may run, what is waited for, and what cannot be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Next {
    /// Changes that may run now, all of one phase, at most one a function.
    pub changes: Vec<Change>,
    /// Functions for which something has to settle, with what.
    pub waiting: Vec<(String, String)>,
    /// Functions that cannot become what they should be, with the reason.
    pub refused: Vec<(String, Refusal)>,
    /// The phase of the changes, or of what is waited for; none if there is neither.
    pub phase: Option<Phase>,
}

/// Why a function cannot become what it should be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A function needs a role to be created.
    #[error("there is no such function yet, and no `role` to create it with")]
    NoRole {
        /// The name that its role would have.
        role: String,
        /// The policies that it would get.
        policies: Vec<&'static str>,
    },
    /// What has the name of the role that would be made is for others.
    #[error("the role {0} is there, and Lambda may not take it on")]
    ForeignRole(String),
    /// Zip and image do not become one another (`UpdateFunctionCode`).
    #[error("the function on AWS is of package type {there}, and this one of {wanted}")]
    PackageType {
        /// What it is.
        there: String,
        /// What was packaged.
        wanted: &'static str,
    },
    /// More layers than a function may have.
    #[error("it would have {} layers ({}), and AWS takes {MOST}", .0.len(), .0.join(", "))]
    TooManyLayers(Vec<String>),
    /// Two versions of one layer, which AWS refuses.
    #[error("it would have two versions of the layer {layer}: {one} and {other}")]
    TwoVersions {
        /// The layer.
        layer: String,
        /// One version.
        one: String,
        /// The other.
        other: String,
    },
    /// Variables cannot be read, so merging would lose them.
    #[error("its environment variables cannot be read ({0}): merging would lose them")]
    Environment(String),
    /// What is to be checked may not run: AWS would throttle every invocation.
    #[error("its reserved concurrency is 0, so that no version of it can be checked")]
    NoConcurrency,
    /// Somebody shifts traffic.
    #[error("alias {alias} sends a part of its traffic to {}", of_weights(weights))]
    Weights {
        /// The alias.
        alias: String,
        /// Its weights, by version.
        weights: BTreeMap<String, f64>,
    },
    /// An alias does not go where it is asked to.
    #[error(transparent)]
    Unmoved(#[from] moves::Refused),
    /// Traffic cannot be shifted, or is just being shifted.
    #[error("{0}")]
    Shift(shift::guard::Refused),
    /// A creation, an update or a version came to nothing.
    #[error("{} failed: {code}{}", of_version(version.as_deref(), *created), of_reason(reason))]
    Failed {
        /// The version; none: `$LATEST`.
        version: Option<String>,
        /// Whether the function was never made.
        created: bool,
        /// `StateReasonCode` or `LastUpdateStatusReasonCode`.
        code: String,
        /// What AWS says.
        reason: String,
    },
}

fn of_weights(weights: &BTreeMap<String, f64>) -> String {
    let one = |(version, weight): (&String, &f64)| format!("version {version} ({weight})");
    weights.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn of_version(version: Option<&str>, created: bool) -> String {
    match (version, created) {
        (Some(version), _) => format!("version {version}"),
        (None, true) => "its creation".to_owned(),
        (None, false) => "the update".to_owned(),
    }
}

fn of_reason(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// Names every change that may run now: at most one a function, none of a later phase while an earlier
/// one is open for any of them, and what several share by one of them. A function that is refused holds nobody up; whether the others go on is
/// for the caller to say.
#[must_use]
pub fn next<'a>(all: impl IntoIterator<Item = (&'a Desired, &'a Observed)>) -> Next {
    let mut next = Next::default();
    let mut steps = Vec::new();
    let all: Vec<_> = all.into_iter().collect();
    for (desired, observed) in &all {
        match step(desired, observed) {
            Ok(Step::Done) => {}
            Ok(step) => steps.push((desired.name.clone(), step)),
            Err(refusal) => next.refused.push((desired.name.clone(), refusal)),
        }
    }
    let phase = |step: &Step| match step {
        Step::Act(action) => Some(action.phase()),
        Step::Wait { phase, .. } => Some(*phase),
        Step::Done => None,
    };
    let first: Option<Phase> = steps.iter().filter_map(|(_, step)| phase(step)).min();
    next.phase = first;
    for (function, step) in steps {
        let now = phase(&step) == first;
        match step {
            Step::Act(action) if now => {
                // What functions share is brought there by the first of them; the others wait.
                let done = |change: &Change| layers::is_shared(&change.action, &action);
                if next.changes.iter().any(done) {
                    let layer = layers::of_change(&action).unwrap_or_default();
                    next.waiting.push((function, format!("layer {layer} is not there yet")));
                } else {
                    next.changes.push(Change { function, action });
                }
            }
            Step::Wait { what, .. } => next.waiting.push((function, what)),
            _ => {}
        }
    }
    layers::name_functions(&mut next.changes, &all);
    next
}
