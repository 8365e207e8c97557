//! Why a registry did not give what it was asked for. What servers say is cleaned and cut; secrets are
//! in none of it.

use std::io;
use std::time::Duration;

use serde_json::Value;

use super::text::clean;
use super::trust::Distrust;
use crate::digest::Sha256;

/// Something of a registry that could not be read, or not be pushed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {what}: {why}")]
pub struct RegistryError {
    /// `read` or `push`.
    pub verb: &'static str,
    /// What: `` `host/name:tag` `` or `` blob sha256:… of `host/name` ``.
    pub what: Box<str>,
    /// The registry.
    pub host: Box<str>,
    /// Why not.
    pub why: Why,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// No connection: the name, the network, the proxy, TLS.
    #[error("cannot connect to {to}: {why}")]
    Unreachable {
        /// The host.
        to: String,
        /// What was met on the way.
        why: String,
        /// Whether it may well be otherwise soon.
        passing: bool,
    },
    /// The certificate of the server is of nobody whom this machine trusts.
    #[error("cannot trust {to}: {why}")]
    Certificate {
        /// The host.
        to: String,
        /// What is wrong with it.
        why: Distrust,
    },
    /// The server is on another machine and knows no TLS.
    #[error(
        "{to} speaks plain HTTP, and without TLS only registries of this machine are talked to"
    )]
    Plain {
        /// The host.
        to: String,
    },
    /// The connection ended too soon.
    #[error("the connection to {to} broke: {why}")]
    Broken {
        /// The host.
        to: String,
        /// How.
        why: String,
    },
    /// Nothing came for as long as that.
    #[error("{to} sent nothing for {} s", .after.as_secs_f32())]
    Silent {
        /// The host.
        to: String,
        /// How long was waited.
        after: Duration,
    },
    /// A login is wanted, or another than there is.
    #[error("{}", denied(.says, .login))]
    Denied {
        /// What the registry says.
        says: String,
        /// Which login was used.
        login: Used,
    },
    /// The registry wants a login of a kind that nobody here has.
    #[error("{0}")]
    Challenge(String),
    /// The server of tokens gave none, as often as it was asked.
    #[error("there is no token to be had: {0}")]
    Token(Box<Self>),
    /// There is no such thing, or this login may not know of it.
    #[error("{0}")]
    Missing(String),
    /// Any other status.
    #[error("{to}: {says}")]
    Answered {
        /// The host.
        to: String,
        /// The status of HTTP.
        status: u16,
        /// What the server says.
        says: String,
        /// When to come back, if it says so.
        after: Option<Duration>,
    },
    /// There is no such repository to push to.
    #[error("there is no repository `{repository}`: {says}")]
    NoRepository {
        /// Its name in the registry.
        repository: String,
        /// What the registry says.
        says: String,
    },
    /// The tag is another image's, and stays so.
    #[error("the tag `{tag}` cannot be moved: {says}")]
    Immutable {
        /// The tag.
        tag: String,
        /// What the registry says.
        says: String,
    },
    /// What was answered is not of the OCI distribution protocol.
    #[error("{0}")]
    Foreign(String),
    /// Another part of a blob than was asked for.
    #[error("{0}")]
    Range(String),
    /// A redirect that is not followed.
    #[error("{0}")]
    Redirect(String),
    /// More bytes than there may be.
    #[error("{what} is larger than {most} bytes")]
    Large {
        /// Of what.
        what: &'static str,
        /// The most.
        most: u64,
    },
    /// Another length than was announced.
    #[error("it is {is} bytes long, not {should}")]
    Length {
        /// The length, or what of it has come.
        is: u64,
        /// The length that the manifest names.
        should: u64,
    },
    /// Other bytes than were asked for.
    #[error("what came is {is}, not {should}")]
    Digest {
        /// The digest of what came.
        is: Sha256,
        /// What was asked for or announced.
        should: Sha256,
    },
    /// The registry names what it took by another digest.
    #[error("the registry says that it is {is}, and what was meant is {should}")]
    Misnamed {
        /// What it says.
        is: Sha256,
        /// What was sent or asked for.
        should: Sha256,
    },
    /// What is to be pushed could not be read.
    #[error("cannot read it: {0}")]
    Read(io::Error),
    /// What is to be pushed is not what the image names any more.
    #[error("what is on this machine is something else: {0}")]
    Changed(String),
    /// What was read could not be written.
    #[error("cannot write it: {0}")]
    Write(io::Error),
    /// The file of certificates that `SSL_CERT_FILE` names is none.
    #[error("cannot start: SSL_CERT_FILE: {0}")]
    Roots(String),
    /// There is no way to begin: no certificates on this machine.
    #[error("cannot start: {0}")]
    Start(String),
}

/// The login that a request was made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Which it was, in words and without a secret, if there was one: `the login in …/config.json`.
    pub from: Option<Box<str>>,
    /// Why there was none, if one was looked for where it could not be got.
    pub note: Option<Box<str>>,
}

/// What a refusal says, and with which login one asked; of one that says nothing, as the answer to HEAD,
/// what it means (RFC 9110, sections 15.5.2 and 15.5.4).
fn denied(says: &str, used: &Used) -> String {
    match (says, &used.from, &used.note) {
        ("HTTP 401", Some(from), _) => format!("it does not take {from} ({says})"),
        ("HTTP 401", None, None) => format!("it wants a login, and there is none for it ({says})"),
        ("HTTP 401", None, Some(note)) => {
            format!("it wants a login ({says}), and there is none: {note}")
        }
        ("HTTP 403", Some(from), _) => format!("it does not allow this with {from} ({says})"),
        ("HTTP 403", None, None) => format!("it does not allow this without a login ({says})"),
        (says, Some(from), _) => format!("{says} (with {from})"),
        (says, None, None) => format!("{says} (without a login)"),
        (says, None, Some(note)) => format!("{says} (without a login: {note})"),
    }
}

impl Why {
    /// Whether another try may end otherwise, and after how long the server wants one.
    pub(super) fn again(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { passing: true, .. } | Self::Broken { .. } | Self::Silent { .. } => {
                Some(Duration::ZERO)
            }
            Self::Answered { status: 408 | 429 | 499 | 500 | 502.., after, .. } => {
                Some(after.unwrap_or_default())
            }
            Self::Answered { says, after, .. } if passes(says) => Some(after.unwrap_or_default()),
            Self::Missing(says) if passes(says) => Some(Duration::ZERO),
            _ => None,
        }
    }

    /// The same without what only we may know, where a server has put that in: what it says is scrubbed when
    /// it comes.
    pub(super) fn scrubbed(self, scrub: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Foreign(text) => Self::Foreign(scrub(&text)),
            Self::Range(text) => Self::Range(scrub(&text)),
            Self::Redirect(text) => Self::Redirect(scrub(&text)),
            Self::Challenge(text) => Self::Challenge(scrub(&text)),
            Self::Token(why) => Self::Token(Box::new(why.scrubbed(scrub))),
            why => why,
        }
    }

    /// Whether the login was good once: of ECR ("Common error codes", `Your authorization token has expired`).
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.says()
            .is_some_and(|says| says.to_lowercase().contains("authorization token has expired"))
    }

    /// Whether a new login may mend it: of ECR, whose logins end. To HEAD it says the status alone, which a login
    /// that was never good has too: that is met again.
    #[must_use]
    pub fn may_be_an_old_login(&self) -> bool {
        let says_nothing = |says: &str| ["HTTP 401", "HTTP 403"].contains(&says);
        self.has_expired() || matches!(self, Self::Denied { says, .. } if says_nothing(says))
    }

    /// The host that did not answer as it should, if it is known.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Unreachable { to, .. }
            | Self::Certificate { to, .. }
            | Self::Plain { to }
            | Self::Broken { to, .. }
            | Self::Silent { to, .. }
            | Self::Answered { to, .. } => Some(to),
            _ => None,
        }
    }

    /// What the registry said, whatever was made of that.
    fn told(&self) -> Option<&str> {
        match self {
            Self::NoRepository { says, .. } | Self::Immutable { says, .. } => Some(says),
            Self::Token(why) => why.told(),
            why => why.says(),
        }
    }

    /// What the registry said, if it did.
    pub(super) fn says(&self) -> Option<&str> {
        match self {
            Self::Denied { says, .. } | Self::Missing(says) | Self::Answered { says, .. } => {
                Some(says)
            }
            _ => None,
        }
    }
}

/// Whether a refusal is of the state that an upload is in, or of the server's: another one may succeed
/// (go-containerregistry takes the same codes for temporary; OCI distribution specification, "Error
/// codes").
fn passes(says: &str) -> bool {
    let codes =
        ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "TOOMANYREQUESTS", "UNKNOWN", "UNAVAILABLE"];
    codes.contains(&code(says))
}

/// The code of what a registry says; see [`says`].
pub(super) fn code(says: &str) -> &str {
    says.split([':', ' ']).next().unwrap_or_default()
}

impl RegistryError {
    /// Whether the registry has not what was asked for, or does not show it.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.why, Why::Missing(_))
    }

    /// The code of what the registry says, or its server of tokens (OCI distribution specification, "Error
    /// codes"), if it does.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        let code = code(self.why.told()?);
        let is_code = |c: char| c.is_ascii_uppercase() || c == '_';
        (code != "HTTP" && code.len() > 2 && code.chars().all(is_code)).then_some(code)
    }

    /// The status of HTTP that it was refused with, if it was.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let (_, status) = self.why.told()?.rsplit_once("HTTP ")?;
        status.trim_end_matches(')').parse().ok()
    }

    /// 4, unless it is this machine that failed, or its settings.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self.why {
            Why::Roots(_) => 2,
            Why::Write(_) | Why::Start(_) | Why::Read(_) | Why::Changed(_) => 1,
            _ => 4,
        }
    }

    /// Whether a manifest was refused for blobs that the registry has not (OCI distribution specification,
    /// "Error codes"; ECR: `LayersNotFoundException`).
    pub(super) fn lacks_blobs(&self) -> bool {
        let says = self.why.says().unwrap_or_default();
        ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"].contains(&code(says))
            || says.contains("LayersNotFound")
    }

    pub(super) const fn is_immutable(&self) -> bool {
        matches!(self.why, Why::Immutable { .. })
    }
}

/// What a registry says in the body of a refusal: `{"errors":[{"code","message"}]}` (OCI distribution
/// specification, "Error codes"); `{"error","error_description"}` and `{"details"}` of the servers of
/// tokens; a line of text; else the status alone. It is scrubbed before it is cut: half a secret is one.
pub(super) fn says(status: u16, kind: &str, body: &[u8], scrub: &dyn Fn(&str) -> String) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value, member: &str| {
        let text = value.get(member).and_then(Value::as_str).unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let both = |code: Option<String>, message: Option<String>| match (code, message) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (one, other) => one.or(other),
    };
    let errors = json.get("errors").and_then(Value::as_array);
    let first = errors.and_then(|errors| errors.first());
    let said = first.and_then(|error| both(text(error, "code"), text(error, "message")));
    let said = said.or_else(|| both(text(&json, "error"), text(&json, "error_description")));
    let said = said.or_else(|| text(&json, "details").or_else(|| text(&json, "message")));
    let said = said.or_else(|| {
        let line = String::from_utf8_lossy(body);
        let line = line.trim();
        let plain = kind.starts_with("text/plain") && !line.is_empty();
        plain.then(|| line.lines().next().unwrap_or_default().to_owned())
    });
    match said.map(|said| clean(&scrub(&said))).filter(|said| !said.is_empty()) {
        Some(said) => format!("{said} (HTTP {status})"),
        None => format!("HTTP {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_found() {
        for (kind, body, expected) in [
            (
                "",
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no\u001b[31m such"}]}"#,
                "NAME_UNKNOWN: no [31m such (HTTP 404)",
            ),
            ("", r#"{"errors":[{"code":"DENIED"}]}"#, "DENIED (HTTP 404)"),
            ("", r#"{"errors":[]}"#, "HTTP 404"),
            ("", r#"{"errors":7}"#, "HTTP 404"),
            (
                "",
                r#"{"details":"incorrect username or password"}"#,
                "incorrect username or password (HTTP 404)",
            ),
            ("", r#"{"error":"a","error_description":"b"}"#, "a: b (HTTP 404)"),
            (
                "text/plain; charset=utf-8",
                "404 page not found\nmore",
                "404 page not found (HTTP 404)",
            ),
            ("text/html", "<html>", "HTTP 404"),
            ("", "\u{0}", "HTTP 404"),
        ] {
            assert_eq!(says(404, kind, body.as_bytes(), &str::to_owned), expected, "{body}");
        }
        let body = format!(r#"{{"message":"{}hunter22"}}"#, "x".repeat(296));
        let scrub = |text: &str| text.replace("hunter22", "…");
        assert!(!says(404, "", body.as_bytes(), &scrub).contains("hunt"));
    }

    #[test]
    fn code_and_status_are_told_apart() {
        let of = |why| {
            let error = RegistryError { verb: "push", what: "x".into(), host: "r".into(), why };
            (error.code().map(str::to_owned), error.status())
        };
        let denied = |says: &str| Why::Denied { says: says.to_owned(), login: Used::default() };
        let code = |code: &str, status| (Some(code.to_owned()), Some(status));
        assert_eq!(of(denied("DENIED: no HTTP 5 (HTTP 403)")), code("DENIED", 403));
        assert_eq!(of(denied("HTTP 401")), (None, Some(401)));
        assert_eq!(of(denied("no way (HTTP 400)")), (None, Some(400)));
        let says = "NAME_UNKNOWN (HTTP 404)".to_owned();
        assert_eq!(
            of(Why::NoRepository { repository: "a".into(), says }),
            code("NAME_UNKNOWN", 404)
        );
        assert_eq!(of(Why::Token(Box::new(denied("DENIED (HTTP 401)")))), code("DENIED", 401));
        assert_eq!(of(Why::Foreign("HTTP 7".into())), (None, None));
    }

    #[test]
    fn what_passes_is_tried_again() {
        let answered = |status, after| {
            Why::Answered { to: String::new(), status, says: String::new(), after }.again()
        };
        for status in [408, 429, 499, 500, 502, 503, 504, 522] {
            assert_eq!(answered(status, None), Some(Duration::ZERO), "{status}");
        }
        for status in [400, 405, 409, 418, 501] {
            assert_eq!(answered(status, None), None, "{status}");
        }
        let says = |text: &str| Why::Answered {
            to: String::new(),
            status: 400,
            says: text.to_owned(),
            after: None,
        };
        assert!(says("BLOB_UPLOAD_INVALID: the state (HTTP 400)").again().is_some());
        assert!(says("UNKNOWN (HTTP 400)").again().is_some());
        assert!(says("NAME_UNKNOWN: no (HTTP 400)").again().is_none());
        assert!(says("DIGEST_INVALID: no (HTTP 400)").again().is_none());
        let second = Some(Duration::from_secs(1));
        assert_eq!(answered(429, second), second);
    }
}
