//! The name of an image in a registry, as people write it for docker.
//!
//! The grammar is that of the distribution project (its `reference` package, whose text heads
//! `reference.go`); what is left out is filled in as docker does: `docker.io`, `library/`, `latest`.
//! The limit of 255 for host and name together is of the OCI distribution specification ("Pulling
//! manifests"). Nothing is asked of any registry here.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::digest::Sha256;

/// The longest host and repository, with the slash between them.
const LONGEST: usize = 255;
/// The registry of names without a host.
const HUB: &str = "docker.io";

/// An image, or what of it a digest names, in a registry.
///
/// Guarantees that each part is of the grammar, so that it can stand in a URL as it is; that there is
/// a tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256>,
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no image: {why}")]
pub struct NoReference {
    /// The text, cut where it is very long, without what may be a password.
    pub text: String,
    /// What is wrong with it.
    pub why: Wrong,
}

/// What is wrong with the name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Nothing, or nothing but a tag.
    #[error("there is no name in it")]
    Empty,
    /// A user and a password.
    #[error("write it without what stands before the `@`: logins are docker's or podman's to keep")]
    Login,
    /// A URL.
    #[error("write it without `{0}`")]
    Scheme(String),
    /// Of the host.
    #[error("`{0}` is no host, with or without `:port`")]
    Host(String),
    /// A repository in capitals.
    #[error("a repository is written in lower case: `{0}`")]
    Upper(String),
    /// Of a part of the repository.
    #[error(
        "`{0}` is no part of a repository's name: lower-case letters and digits, between them `.`, \
         `_`, `__` or hyphens"
    )]
    Part(String),
    /// Of the tag.
    #[error(
        "`{0}` is no tag: letters, digits, `_`, `.`, `-`, 128 at most, neither `.` nor `-` first"
    )]
    Tag(String),
    /// Of the digest.
    #[error("`{0}` is no digest: `sha256:` and 64 hexadecimal digits in lower case")]
    Digest(String),
    /// Too long.
    #[error("host and repository are {0} characters long, 255 is the most")]
    Long(usize),
}

impl Reference {
    /// The registry, as it is written: with its port if one is named, without scheme.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository: its name within the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` if neither a tag nor a digest was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, if one was written. It says more than the tag.
    #[must_use]
    pub const fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// The same with this digest: what a tag was found to mean, from then on.
    #[must_use]
    pub fn at(&self, digest: Sha256) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same in another registry.
    #[must_use]
    pub fn on(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// Whether the registry is on this machine; see [`is_loopback`].
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Host and repository, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }
}

/// Whether a text begins with the host of a registry, as docker tells it from a part of a name: it has a dot
/// or a port, or is `localhost`.
#[must_use]
pub fn has_host(text: &str) -> bool {
    let host = text.split_once('/').map_or("", |(host, _)| host);
    host.contains(['.', ':']) || host == "localhost"
}

/// Whether a host, with or without port, is this machine: `localhost`, `127.0.0.0/8`, `[::1]`, which
/// docker speaks plain HTTP with (`dockerd`, "insecure registries").
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let name = split_port(host).0;
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The host and the text after its port's colon.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => (&host[..at], Some(&host[at + 1..])),
        _ => (host, None),
    }
}

impl FromStr for Reference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, NoReference> {
        parse(text).map_err(|why| NoReference { text: shown(text), why })
    }
}

/// Looks at a text that may leave the host out, where a registry of its own is meant and not docker's.
///
/// # Errors
///
/// If it names no image of any registry.
pub fn look_at(text: &str) -> Result<(), NoReference> {
    if has_host(text) {
        return text.parse::<Reference>().map(drop);
    }
    // A host and a port of this machine, and not a repository and a tag.
    if is_loopback(text.split([':', '@']).next().unwrap_or_default()) && !text.contains('/') {
        return Err(NoReference { text: shown(text), why: Wrong::Empty });
    }
    let somewhere = parse(&format!("localhost/{text}"));
    somewhere.map(drop).map_err(|why| NoReference { text: shown(text), why })
}

/// The text for people: what stands before an `@` is a password there, unless a digest follows.
fn shown(text: &str) -> String {
    let is_digest = |after: &str| after.contains(':') && !after.contains('/');
    let login = text.rmatch_indices('@').find(|(at, _)| !is_digest(&text[at + 1..]));
    let plain = match login {
        Some((at, _)) if text[..at].contains(':') => format!("…{}", &text[at..]),
        _ => text.to_owned(),
    };
    plain.chars().take(300).collect()
}

fn parse(text: &str) -> Result<Reference, Wrong> {
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(Wrong::Scheme(format!("{scheme}://")));
    }
    if text.split('@').skip(1).any(|after| after.contains('/')) {
        return Err(Wrong::Login);
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let digest = digest
        .map(|digest| digest.parse::<Sha256>().map_err(|_| Wrong::Digest(digest.to_owned())))
        .transpose()?;
    // A colon before the last slash is a port's.
    let name_begins = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[name_begins..].find(':') {
        Some(at) => (&rest[..name_begins + at], Some(&rest[name_begins + at + 1..])),
        None => (rest, None),
    };
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Err(Wrong::Tag(tag.to_owned()));
    }
    let (host, path) = match name.split_once('/') {
        Some((first, path)) if is_like_a_host(first) => (first, path),
        _ => (HUB, name),
    };
    if path.is_empty() {
        return Err(Wrong::Empty);
    }
    if !is_host(host) {
        return Err(Wrong::Host(host.to_owned()));
    }
    // What docker's own commands write for their registry.
    let host = if host == "index.docker.io" { HUB } else { host };
    if let Some(part) = path.split('/').find(|part| !is_part(part)) {
        let lower = part.to_lowercase();
        let wrong = if lower != part && is_part(&lower) { Wrong::Upper } else { Wrong::Part };
        return Err(wrong(part.to_owned()));
    }
    let official = host == HUB && !path.contains('/');
    let repository = if official { format!("library/{path}") } else { path.to_owned() };
    let length = host.len() + 1 + repository.len();
    if length > LONGEST {
        return Err(Wrong::Long(length));
    }
    let latest = (tag, digest) == (None, None);
    let tag = if latest { Some("latest") } else { tag };
    Ok(Reference { host: host.to_owned(), repository, tag: tag.map(str::to_owned), digest })
}

/// docker's rule for whether what stands before the first slash is a host (`splitDockerDomain`).
fn is_like_a_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.contains(char::is_uppercase)
}

fn is_host(host: &str) -> bool {
    let (name, port) = split_port(host);
    let label = |label: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        edge(label.chars().next())
            && edge(label.chars().next_back())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let name = match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
        None => name.split('.').all(label),
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    name && port.is_none_or(|port| digits(port) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_part(part: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    part.starts_with(word) && part.ends_with(word) && part.split(word).all(between)
}

/// Whether a text is a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[must_use]
pub fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.starts_with(word)
        && tag.len() <= 128
        && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

impl fmt::Display for Reference {
    /// Fully qualified: host, repository, tag and digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
