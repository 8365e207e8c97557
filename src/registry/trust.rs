//! Whom this machine trusts, and why not, in words.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use rustls::CertificateError;

use super::error::Why;
use super::text::clean;

/// What is wrong with the certificate of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distrust {
    /// It is of an authority that this machine does not know.
    Unknown,
    /// It is an authority's own, which none of a server may be (RFC 5280, section 4.2.1.9: `cA`).
    Authority,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    Early,
    /// It is of these names.
    Name(Vec<String>),
    /// Anything else, as TLS says it.
    Other(String),
}

impl Distrust {
    pub(super) fn new(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::UnknownIssuer => Self::Unknown,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::Early,
            E::NotValidForName => Self::Name(Vec::new()),
            E::NotValidForNameContext { presented, .. } => {
                Self::Name(presented.iter().take(8).map(|name| clean(&plain(name))).collect())
            }
            // Of what rustls has no name for itself, there is only what it prints.
            other if other.to_string().contains("CaUsedAsEndEntity") => Self::Authority,
            other => Self::Other(clean(&other.to_string())),
        }
    }

    /// What to do about it.
    pub(super) const fn hint(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Other(_) => {
                "name a file with the certificate of its authority in SSL_CERT_FILE, or give it to \
                 the system"
            }
            Self::Authority => {
                "give the server a certificate that its authority has signed, or a self-signed one with \
                 `basicConstraints=critical,CA:FALSE`, and name the authority's, or that one, in \
                 SSL_CERT_FILE"
            }
            Self::Expired => "the registry needs a new certificate",
            Self::Early => "is the clock of this machine right?",
            Self::Name(_) => {
                "is that the name that the registry goes by? Else it needs another certificate"
            }
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => {
                f.write_str("its certificate is of an authority that this machine does not know")
            }
            Self::Authority => f.write_str(
                "its certificate is an authority's own (CA:TRUE), and such a one is no server's",
            ),
            Self::Expired => f.write_str("its certificate has expired"),
            Self::Early => f.write_str("its certificate is not valid yet"),
            Self::Name(names) if names.is_empty() => {
                f.write_str("its certificate is of another name")
            }
            Self::Name(names) => {
                write!(f, "its certificate is of another name: {}", names.join(", "))
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// `DnsName("x.example")` and `IpAddress(10.0.0.1)` is how webpki writes a name.
fn plain(name: &str) -> String {
    let quoted = name.split('"').nth(1);
    let bracketed = || name.split_once('(')?.1.strip_suffix(')');
    quoted.or_else(bracketed).unwrap_or(name).to_owned()
}

/// The file of certificates that the environment names, if it does.
pub(super) fn file() -> Option<PathBuf> {
    std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Whether the file that `SSL_CERT_FILE` names can be read: nobody else would say that it cannot, and of a pipe
/// everybody would wait for the other end.
pub(super) fn readable() -> Result<(), Why> {
    let Some(path) = file() else { return Ok(()) };
    if path.metadata().is_ok_and(|it| !it.is_file()) {
        return Err(Why::Roots(format!("{} is no regular file", path.display())));
    }
    let read = File::open(&path).and_then(|mut file| file.read(&mut [0]));
    read.map(drop).map_err(|error| Why::Roots(format!("cannot read {}: {error}", path.display())))
}

/// Why there are no certificates.
pub(super) fn none(error: &std::io::Error) -> Why {
    match file() {
        Some(path) => Why::Roots(format!("{} has no certificate in it (PEM)", path.display())),
        None => Why::Start(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_written_as_people_write_them() {
        let presented = ["DnsName(\"x.example\")", "IpAddress(10.0.0.1)", "IpAddress(::1)", "x"];
        let error = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("a.example").unwrap(),
            presented: presented.map(str::to_owned).to_vec(),
        };
        let why = Distrust::new(&error).to_string();
        assert_eq!(why, "its certificate is of another name: x.example, 10.0.0.1, ::1, x");
    }
}
