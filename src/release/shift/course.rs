//! What is to be done now with an alias whose traffic is shifted.

use std::collections::BTreeMap;
use std::fmt;

use super::judge::{Breach, Verdict};
use super::strategy::Percent;
use super::watch::{EXTENSIONS, OnUnknown};
use super::{Move, under_way};
use crate::release::Object;
use crate::release::marker::{Shifting, Stale, of_alias};
use crate::release::observed::{points_at, shares, weights};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// This step begins, with so much traffic for the new version.
    Weight {
        /// Its number, from 1.
        step: usize,
        /// How much.
        percent: Percent,
    },
    /// The step goes on at least until then (seconds since 1970).
    Wait {
        /// Until when.
        until: u64,
        /// Why it lasts longer than it was to.
        because: Option<String>,
    },
    /// All traffic goes to the new version.
    Finish,
    /// All traffic goes back to the old version.
    Back(Why),
    /// It does already.
    Done,
    /// The alias is somebody else's now.
    Lost(Lost),
}

/// Why traffic goes back.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Something is wrong with the new version.
    Breach(Breach),
    /// Too little was seen of it, for too long.
    Unclear(String),
    /// Another function of the same release went back.
    Other(String),
    /// AWS refused, or did not answer.
    Aws(String),
    /// Somebody wants it to.
    Asked(&'static str),
}

impl Why {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Breach(_) => {
                "nothing else of it was changed: see `logs`, and run the same command again when it is mended"
            }
            Self::Unclear(_) => {
                "nothing is known to be wrong with it: send it more traffic, name longer steps, or a smaller `watch.min-invocations`; `watch.on-unknown = \"pass\"` goes on without"
            }
            Self::Other(_) => "see what stopped that one; `--keep-going` lets the others go on",
            Self::Aws(_) => {
                "nothing is known to be wrong with it: when AWS answers again, run the same command again"
            }
            Self::Asked(_) => "the same command again begins anew with the first step",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach(breach) => breach.fmt(f),
            Self::Unclear(why) => write!(f, "too little was seen of it: {why}"),
            Self::Other(function) => write!(f, "`{function}` went back"),
            Self::Aws(error) => f.write_str(error),
            Self::Asked(how) => f.write_str(how),
        }
    }
}

/// Who has the alias now.
#[derive(Debug, Clone, PartialEq)]
pub enum Lost {
    /// Somebody who has moved it: the version, and the deploy if it says which.
    Moved(String, Option<String>),
    /// Somebody who has ended this shift.
    Ended,
    /// Somebody who has set these weights.
    Weights(BTreeMap<String, f64>),
    /// Somebody who shifts it now: the deploy.
    Shifted(String),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved(version, None) => write!(f, "it points at version {version}"),
            Self::Moved(version, Some(deploy)) => {
                write!(f, "it points at version {version}, by deploy {deploy}")
            }
            Self::Ended => f.write_str("the shift was ended, and all traffic goes to one version"),
            Self::Weights(all) => write!(f, "it sends {}", shares(all)),
            Self::Shifted(deploy) => write!(f, "deploy {deploy} shifts its traffic"),
        }
    }
}

/// What is remembered of an alias from one look to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether this shift was seen on it before.
    pub begun: bool,
    /// The step that was good enough for the next one: it lasts on only since others are slower.
    pub passed: Option<usize>,
}

/// What is to be done with an alias as it is (`GetAlias`): `verdict` is on what was seen since its step began.
#[must_use]
pub fn course(plan: &Move, alias: &Object, known: Known, now: u64, verdict: &Verdict) -> Step {
    if let Some(shift) = plan.stands(alias) {
        return go_on(plan, (&shift, known.passed), now, verdict);
    }
    let at = points_at(alias);
    let weights = weights(alias);
    let unweighted = weights.is_empty();
    match under_way(alias) {
        // Weights beside it are AWS's own, while provisioned concurrency moves over.
        None if at == plan.to && !is_anothers(plan, alias, known) => Step::Done,
        None if at != plan.from => {
            let deploy = of_alias(alias).map(|marker| marker.deploy);
            Step::Lost(Lost::Moved(at.to_owned(), deploy))
        }
        None if known.begun && unweighted => Step::Lost(Lost::Ended),
        None if unweighted => next(plan, 0),
        Some((marker, _)) if marker.deploy != plan.marker.deploy => {
            Step::Lost(Lost::Shifted(marker.deploy))
        }
        _ => Step::Lost(Lost::Weights(weights)),
    }
}

/// Whether somebody else has moved the alias to where it was to go: by hand, or in the middle of this shift.
fn is_anothers(plan: &Move, alias: &Object, known: Known) -> bool {
    let ours = of_alias(alias).is_some_and(|marker| marker.deploy == plan.marker.deploy);
    Stale::of(alias).is_some() || (known.begun && !ours)
}

fn go_on(
    plan: &Move,
    (shift, passed): (&Shifting, Option<usize>),
    now: u64,
    verdict: &Verdict,
) -> Step {
    if let Verdict::Breach(breach) = verdict {
        return Step::Back(Why::Breach(breach.clone()));
    }
    let hold = plan.strategy.stage(shift.step).map_or(0, |stage| stage.hold);
    let ends = shift.at.saturating_add(hold);
    if now < ends {
        return Step::Wait { until: ends, because: None };
    }
    let Verdict::Unknown(why) = verdict else { return next(plan, shift.step) };
    // What cannot be read any more takes nothing of what was seen.
    if passed == Some(shift.step) {
        return next(plan, shift.step);
    }
    let longest = ends.saturating_add(hold.saturating_mul(EXTENSIONS));
    match plan.watch.on_unknown {
        OnUnknown::Pass => next(plan, shift.step),
        OnUnknown::Extend if now < longest => {
            Step::Wait { until: longest, because: Some(why.clone()) }
        }
        OnUnknown::Extend | OnUnknown::Back => Step::Back(Why::Unclear(why.clone())),
    }
}

fn next(plan: &Move, step: usize) -> Step {
    match plan.strategy.stage(step + 1) {
        Some(stage) => Step::Weight { step: step + 1, percent: stage.percent },
        None => Step::Finish,
    }
}
