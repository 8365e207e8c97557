//! A deploy, or a move of aliases, that did not come to its end.

use std::fmt;

use crate::aws::Stop;
use crate::release::next::Refusal;
use crate::release::shift::guard::Refused;

/// Functions that are not what they should be.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployError {
    /// Each with the reason.
    pub stopped: Vec<(String, Stop)>,
    /// Whether nothing was done yet.
    pub planned: bool,
}

impl std::error::Error for DeployError {}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say("deploy", "functions", f)
    }
}

/// Aliases that do not point where they should.
#[derive(Debug, Clone, PartialEq)]
pub struct MoveError {
    /// What was to be done: `roll back`, `promote`.
    pub verb: &'static str,
    /// With what: `functions`, `layers`.
    pub things: &'static str,
    /// What of it was not.
    pub of: DeployError,
}

impl std::error::Error for MoveError {}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.say(self.verb, self.things, f)
    }
}

impl MoveError {
    /// What to do about the first that something can be done about: the versions of a move are there
    /// already, and no deploy changes them.
    pub(super) fn hint(&self) -> Option<String> {
        let unshifted = |(_, why): &(String, Stop)| {
            matches!(why, Stop::Refused(Refusal::Shift(Refused::Differs { .. })))
        };
        if self.of.stopped.first().is_some_and(unshifted) {
            return Some("move it with `--shift all-at-once`".to_owned());
        }
        self.of.hint()
    }
}

impl DeployError {
    /// What was not done, and why.
    fn say(&self, verb: &str, things: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let could = if self.planned { "cannot" } else { "could not" };
        match self.stopped.as_slice() {
            [(function, why)] => write!(f, "{could} {verb} `{function}`: {why}"),
            all => {
                write!(f, "{could} {verb} {} {things}", all.len())?;
                all.iter().try_for_each(|(function, why)| write!(f, "\n  {function}: {why}"))
            }
        }
    }

    /// Refused by the plan alone, or by AWS.
    pub(super) fn exit_code(&self) -> u8 {
        let interrupted = |(_, why): &(String, Stop)| match why {
            Stop::Interrupted(code) => Some(*code),
            _ => None,
        };
        if let Some(code) = self.stopped.iter().find_map(interrupted) {
            return code;
        }
        let of_plan = |why: &Stop| match why {
            Stop::Refused(Refusal::Failed { .. }) => false,
            Stop::Refused(_) => true,
            Stop::Aws(error) => error.exit_code() == 2,
            _ => false,
        };
        if self.planned && self.stopped.iter().all(|(_, why)| of_plan(why)) { 2 } else { 4 }
    }

    /// What to do about the first that something can be done about.
    pub(super) fn hint(&self) -> Option<String> {
        self.stopped.iter().find_map(|(_, why)| why.hint())
    }

    /// The code of AWS's error, where it has answered with one.
    pub(super) fn code(&self) -> Option<&str> {
        self.stopped.iter().find_map(|(_, why)| match why {
            Stop::Aws(error) => error.code(),
            _ => None,
        })
    }
}
