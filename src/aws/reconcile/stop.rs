//! Why a function goes no further.

use std::time::Duration;

use crate::aws::{AwsError, CheckFailure, Failed};
use crate::release::marker::of_alias;
use crate::release::next::Refusal;
use crate::release::observed::points_at;
use crate::release::role::{policy_arn, trust};
use crate::release::{Object, advice};

/// Why a function is not what it should be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Stop {
    /// No call leads there.
    #[error("{0}")]
    Refused(Refusal),
    /// AWS refused, or did not answer.
    #[error("{0}")]
    Aws(#[from] AwsError),
    /// Somebody else is at work.
    #[error("{what} was changed by somebody else meanwhile{}", of_when(when.as_deref()))]
    Overtaken {
        /// What: `$LATEST`, or an alias.
        what: String,
        /// When, or by which deploy, as far as it can be seen.
        when: Option<String>,
    },
    /// What was sent did not stay.
    #[error("{operation} was answered well, and {what} is still not what was sent")]
    NotKept {
        /// The call.
        operation: &'static str,
        /// What.
        what: String,
    },
    /// AWS reports another digest than that of what was sent.
    #[error("AWS has code with CodeSha256 {theirs}, and {ours} was sent")]
    OtherCode {
        /// Ours.
        ours: String,
        /// AWS's.
        theirs: String,
    },
    /// A version is not as it must be to take traffic.
    #[error("{0}")]
    CheckFailed(Box<Failed>),
    /// It took too long to settle.
    #[error("{what} after {} s of waiting", waited.as_secs())]
    Patience {
        /// What.
        what: String,
        /// For how long.
        waited: Duration,
    },
    /// Traffic was shifted, and went back.
    #[error("all traffic is on version {version} again: {reason}")]
    Back {
        /// The version.
        version: String,
        /// Why.
        reason: String,
        /// What to do about that.
        hint: &'static str,
    },
    /// The same, and it could not be taken back.
    #[error("{reason}; traffic could not be taken back: {error}")]
    Stuck {
        /// Why it was to go back.
        reason: String,
        /// Why it did not.
        error: AwsError,
    },
    /// Another function failed.
    #[error("not finished, since another function failed")]
    Others,
    /// Ctrl-C and its like, with the exit code that it comes to.
    #[error("interrupted")]
    Interrupted(u8),
}

impl From<CheckFailure> for Stop {
    fn from(failure: CheckFailure) -> Self {
        match failure {
            CheckFailure::Failed(failed) => Self::CheckFailed(failed),
            CheckFailure::Aws(error) => Self::Aws(error),
        }
    }
}

fn of_when(when: Option<&str>) -> String {
    when.map(|when| format!(" ({when})")).unwrap_or_default()
}

impl Stop {
    /// Somebody else has moved an alias, or taken it away; what it says now.
    #[must_use]
    pub fn overtaken(alias: &str, now: Option<&Object>) -> Self {
        let when = now.map(|now| {
            let at = format!("it points at version {}", points_at(now));
            match of_alias(now) {
                Some(marker) => format!("{at}, by deploy {}", marker.deploy),
                None => at,
            }
        });
        Self::Overtaken { what: format!("alias {alias}"), when }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Refused(Refusal::NoRole { role, policies }) => return Some(make(role, policies)),
            Self::Refused(Refusal::ForeignRole(_)) => {
                "name an execution role (`role`, `--role ARN`), or delete that one if nothing uses it"
            }
            Self::Refused(Refusal::PackageType { .. }) => {
                "AWS never changes it: delete the function (`cargo lambda-pack delete`) and deploy it again, or give it another name"
            }
            Self::Refused(Refusal::TooManyLayers(_)) => {
                "take some out of `layers`, or package so that the function shares less"
            }
            Self::Refused(Refusal::TwoVersions { .. }) => {
                "take it out of `layers`: layers that were packaged are added by themselves"
            }
            Self::Refused(Refusal::Environment(_)) => {
                "allow kms:Decrypt to whoever deploys, or set `environment-mode = \"replace\"`"
            }
            Self::Refused(Refusal::NoConcurrency) => {
                "reserve some (`reserved-concurrency`), or leave the check out with `--skip-checks`"
            }
            Self::Refused(Refusal::Weights { .. }) => {
                "wait until whoever shifts traffic is done, or take the weights off with `--clear-weights`"
            }
            Self::Refused(Refusal::Shift(why)) => why.hint(),
            Self::Refused(Refusal::Failed { created: true, version: None, code, .. }) => {
                return Some(format!(
                    "{}; then delete the function (`cargo lambda-pack delete`) and deploy again",
                    advice::of_reason(code)
                ));
            }
            Self::Refused(Refusal::Failed { code, .. }) => advice::of_reason(code),
            Self::Refused(Refusal::Unmoved(why)) => why.hint(),
            Self::Aws(error) => return of_error(error),
            Self::Overtaken { .. } => {
                "nothing more was done; see `status`, and run the same command again if it is still wanted"
            }
            Self::NotKept { .. } => "somebody else changes it, or this endpoint does not take it",
            Self::OtherCode { .. } => "package again; somebody else may be deploying",
            Self::CheckFailed(_) => {
                "no alias was moved to it: mend the function, or what is expected of it; `--skip-checks` leaves checks out"
            }
            Self::Patience { .. } => {
                "run the same command again to wait on, with `--wait` for longer"
            }
            Self::Back { hint, .. } => hint,
            Self::Stuck { error, .. } if error.is_not_found() => {
                "somebody has deleted it: nothing is left to be taken back; `deploy` makes it anew"
            }
            Self::Stuck { .. } => {
                "a part of the traffic may still go to the new version: `release status` shows it, `release abort` takes it back"
            }
            Self::Others | Self::Interrupted(_) => {
                "run the same command again: it goes on where this ended"
            }
        };
        Some(text.to_owned())
    }
}

/// How to come by a role.
fn make(role: &str, policies: &[&str]) -> String {
    let attach = policies.iter().map(|policy| {
        format!(
            "\naws iam attach-role-policy --role-name {role} --policy-arn {}",
            policy_arn("aws", policy)
        )
    });
    format!(
        "name an execution role (`role`, `--role ARN`), let `--create-role` make one, or make it yourself:\naws iam create-role --role-name {role} --assume-role-policy-document '{}'{}",
        trust(),
        attach.collect::<String>()
    )
}

const AGAIN: &str = "an error of AWS's own, or of a proxy on the way: run the same command again in a while; it goes on where this ended";

fn of_error(error: &AwsError) -> Option<String> {
    match error {
        AwsError::Refused { code, message, operation, .. } => {
            if code.starts_with("AccessDenied") {
                return Some(denied(operation, message));
            }
            let advice = advice::of_error(code, message).map(str::to_owned);
            // Of one that is AWS's own there is nothing to mend.
            advice.or_else(|| error.is_uncertain().then(|| AGAIN.to_owned()))
        }
        AwsError::Unsent { why, .. } if why.contains("SSO") || why.contains("sso") => Some(
            "sign in with `aws sso login` (and `--profile`) and run the same command again".to_owned(),
        ),
        AwsError::Unsent { .. } => Some(
            "see `aws sts get-caller-identity`; `--local` needs no account and no credentials"
                .to_owned(),
        ),
        AwsError::Taken { .. } => {
            Some("remove it, or name another place with `s3-prefix`".to_owned())
        }
        AwsError::NoRegion => Some("name one: `--region`, `region`, or AWS_REGION".to_owned()),
        AwsError::Unanswered { .. } => Some(
            "see the network, proxies and `--endpoint-url`; the same command again goes on where this ended"
                .to_owned(),
        ),
        AwsError::Registry { hint, .. } => hint.clone(),
        AwsError::Start(_) => None,
    }
}

/// The line that a policy lacks.
fn denied(operation: &str, message: &str) -> String {
    let action = crate::release::guard::find(operation).map(crate::release::guard::Call::action);
    // AWS names the resource: "… is not authorized to perform: lambda:GetFunction on resource: arn:…".
    let said = message.split_once("perform: ").map(|(_, rest)| rest);
    let named = said.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
    let resource = message.split_once("on resource: ").map(|(_, rest)| rest);
    let resource = resource.and_then(|rest| rest.split_whitespace().next()).unwrap_or("*");
    let action = named.or(action).unwrap_or_else(|| format!("lambda:{operation}"));
    format!(
        "allow it: {{\"Effect\": \"Allow\", \"Action\": \"{action}\", \"Resource\": \"{resource}\"}}; `plan --iam-policy` prints all that is needed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a rollback as of a deploy: what does not go away by itself has a way on.
    #[test]
    fn an_error_of_awss_own_is_tried_again() {
        let refused = |status| AwsError::Refused {
            operation: "UpdateAlias",
            code: "ServiceException".to_owned(),
            message: "no".to_owned(),
            status,
        };
        let hint = |status| Stop::Aws(refused(status)).hint();
        assert!(hint(503).unwrap().contains("run the same command again"));
        assert_eq!(hint(400), None);
        let gone = AwsError::Refused {
            operation: "GetAlias",
            code: "ResourceNotFoundException".to_owned(),
            message: "there is no alias live".to_owned(),
            status: 404,
        };
        let stuck = |error| Stop::Stuck { reason: String::new(), error }.hint().unwrap();
        assert!(stuck(gone).contains("nothing is left to be taken back"));
        assert!(stuck(refused(503)).contains("`release abort` takes it back"));
    }
}
