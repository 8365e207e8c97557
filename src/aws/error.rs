//! What AWS refuses with, and what becomes of a call that was not answered.

mod secrets;

use std::time::Duration;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use serde_json::Value;

pub(super) use secrets::Secrets;

/// AWS refused, or could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// The API's own error.
    #[error("{operation}: {code}: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The error's code.
        code: String,
        /// Its message, without the values of environment variables.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// No answer. Whether the call had its effect is not known.
    #[error("{operation}: no answer: {why}")]
    Unanswered {
        /// The operation.
        operation: &'static str,
        /// Why not.
        why: String,
    },
    /// The call was not made: no credentials, no Region, an endpoint that is none.
    #[error("{operation}: cannot be sent: {why}")]
    Unsent {
        /// The operation.
        operation: &'static str,
        /// Why not.
        why: String,
    },
    /// Under a name made of our content lies something else.
    #[error("s3://{bucket}/{key} holds other bytes than its name says")]
    Taken {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// A registry, or what is to be sent to it.
    #[error("{why}")]
    Registry {
        /// What is wrong.
        why: String,
        /// What to do about it.
        hint: Option<String>,
        /// The exit code: whether the registry refused, or what it is asked for could be known before.
        exit: u8,
    },
    /// No Region.
    #[error("no Region is named")]
    NoRegion,
    /// This program could not begin.
    #[error("cannot start: {0}")]
    Start(String),
}

/// How one attempt went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    /// The error.
    pub(super) error: AwsError,
    /// What is to be done about it.
    pub(super) class: Class,
}

/// What is to be done about a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The call was not carried out: again, after this time, if AWS names one.
    Throttled(Option<Duration>),
    /// It may have been carried out or not.
    Uncertain,
    /// It was refused, or not even sent.
    Final,
}

impl Failure {
    pub(super) fn new<E>(operation: &'static str, error: &SdkError<E>, secrets: &Secrets) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        SdkError<E>: ProvideErrorMetadata,
    {
        let why = || secrets.scrub(&chain(error));
        let SdkError::ServiceError(service) = error else {
            return match error {
                SdkError::ConstructionFailure(_) => {
                    Self { error: AwsError::Unsent { operation, why: why() }, class: Class::Final }
                }
                SdkError::DispatchFailure(failure)
                    if failure.is_user()
                        || (failure.is_other() && failure.as_other().is_none()) =>
                {
                    Self { error: AwsError::Unsent { operation, why: why() }, class: Class::Final }
                }
                _ => Self {
                    error: AwsError::Unanswered { operation, why: why() },
                    class: Class::Uncertain,
                },
            };
        };
        let raw = service.raw();
        let status = raw.status().as_u16();
        // What stands between us and AWS, or is none at all, gives no code.
        let code = error.code().map_or_else(|| format!("HTTP {status}"), str::to_owned);
        let body = raw.body().bytes().unwrap_or_default();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |member: &str| body.get(member).and_then(Value::as_str).map(str::to_owned);
        let message = error.message().map(str::to_owned);
        let message = message.or_else(|| text("Message")).or_else(|| text("message"));
        let message = message.filter(|message| !message.is_empty()).unwrap_or_else(|| {
            "the answer is none of AWS's API: see the endpoint, and proxies on the way".to_owned()
        });
        let message = secrets.scrub(&message);
        let seconds = raw.headers().get("retry-after").map(str::to_owned);
        let seconds = seconds.or_else(|| text("retryAfterSeconds"));
        let after = seconds.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let class = class(&code, &message, status, after);
        Self { error: AwsError::Refused { operation, code, message, status }, class }
    }
}

/// An error and what it comes from, without what says nothing.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = Vec::new();
    for text in all.map(ToString::to_string) {
        let empty = matches!(
            text.as_str(),
            "dispatch failure" | "io error" | "other" | "client error (Connect)"
        );
        if !empty && !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
    }
    // Without a chain to go on with, this is all that the provider of a profile says.
    if texts == ["the credential provider was not enabled"] {
        return "there is no such profile, or it has no credentials".to_owned();
    }
    texts.join(": ")
}

/// AWS: "Error retries", and each operation's errors in the API reference.
fn class(code: &str, message: &str, status: u16, after: Option<Duration>) -> Class {
    let throttled = matches!(
        code,
        "TooManyRequestsException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "SlowDown"
    );
    // EC2's throttling comes as an error of the parameters.
    if throttled || status == 429 || message.contains("throttled by EC2") {
        return Class::Throttled(after);
    }
    // S3 answers the first two with 200 and 400 ("Error responses").
    let once_more = matches!(code, "InternalError" | "RequestTimeout" | "ServiceUnavailable");
    if status >= 500 || once_more { Class::Uncertain } else { Class::Final }
}

impl AwsError {
    /// Something of a registry that no registry needs to be asked about.
    pub(super) const fn registry(why: String) -> Self {
        Self::Registry { why, hint: None, exit: 2 }
    }

    /// The exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Registry { exit, .. } => *exit,
            _ => 4,
        }
    }

    /// The error's code, if AWS answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether Lambda is still at work on what is to be invoked: an image that it optimises, a function
    /// that was idle (`Invoke`, errors; `CodeArtifactUserPending` of images is a conflict).
    #[must_use]
    pub fn is_not_ready(&self) -> bool {
        match self {
            Self::Refused { code, status, .. } => {
                *status == 409 || code == "ResourceNotReadyException"
            }
            _ => false,
        }
    }

    /// Whether what was to be written is to be read again, and decided on again: it was another by then, or nobody
    /// knows whether it was written.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_conflict() || self.is_uncertain()
    }

    /// Whether nobody knows if the call had its effect.
    #[must_use]
    pub const fn is_uncertain(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Unanswered { .. } => true,
            _ => false,
        }
    }

    /// Whether the thing that was asked for is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(
                code,
                "ResourceNotFoundException"
                    | "ProvisionedConcurrencyConfigNotFoundException"
                    | "NotFound"
                    | "NoSuchKey"
                    | "NoSuchEntity"
                    | "LifecyclePolicyNotFoundException"
                    | "RepositoryNotFoundException"
                    | "RepositoryPolicyNotFoundException"
            )
        })
    }

    /// Whether who asks may not.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("AccessDenied"))
    }

    /// Whether the state was another than it was decided on, or is just changing: to be looked at
    /// again. 409 is "already exists" as well as "in progress"; either way what is there decides.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Refused { code, message, status, .. } => {
                matches!(*status, 409 | 412)
                    || code == "PreconditionFailedException"
                    || code.starts_with("ResourceConflict")
                    || (code == "InvalidParameterValueException" && message.contains("CodeSHA256"))
            }
            _ => false,
        }
    }

    /// Whether a role that was just made is not known everywhere yet (recorded texts of the API).
    #[must_use]
    pub fn is_of_a_new_role(&self) -> bool {
        match self {
            Self::Refused { code, message, .. } => {
                code == "InvalidParameterValueException"
                    && (message.contains("cannot be assumed by Lambda")
                        || message.contains("does not have permissions")
                        || (message.contains("InvalidArnException")
                            && message.contains("valid principal")))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_again() {
        let refused = |code: &str, status| AwsError::Refused {
            operation: "UpdateAlias",
            code: code.to_owned(),
            message: String::new(),
            status,
        };
        let lost = AwsError::Unanswered { operation: "UpdateAlias", why: String::new() };
        for (error, open) in [
            (lost, true),
            (refused("ServiceException", 500), true),
            (refused("ServiceUnavailableException", 503), true),
            (refused("PreconditionFailedException", 412), true),
            (refused("AccessDeniedException", 403), false),
            (refused("ResourceNotFoundException", 404), false),
        ] {
            assert_eq!(error.is_open(), open, "{error}");
        }
    }

    #[test]
    fn what_is_to_be_done() {
        let after = Some(Duration::from_secs(2));
        for (code, message, status, class_) in [
            ("TooManyRequestsException", "", 429, Class::Throttled(after)),
            ("InvalidParameterValueException", "throttled by EC2", 400, Class::Throttled(after)),
            ("ServiceException", "", 500, Class::Uncertain),
            ("InternalError", "", 200, Class::Uncertain),
            ("RequestTimeout", "", 400, Class::Uncertain),
            ("SlowDown", "", 503, Class::Throttled(after)),
            ("ResourceConflictException", "", 409, Class::Final),
            ("ExpiredTokenException", "", 403, Class::Final),
        ] {
            assert_eq!(class(code, message, status, after), class_);
        }
    }
}
