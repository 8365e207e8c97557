//! Where a template comes from, as `--template` says it.

use std::fmt;
use std::path::PathBuf;

/// Where a template comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From this program: a bare word.
    BuiltIn(String),
    /// From a folder: a path, which has a slash.
    Folder(PathBuf),
    /// From a zip.
    Zip(PathBuf),
    /// From a tar archive, compressed with gzip.
    TarGz(PathBuf),
    /// From a git repository.
    Git(Git),
}

/// `URL#REF:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// As git takes it: with a scheme, or `user@host:path`.
    pub url: String,
    /// A branch, a tag, or a commit if the server gives it out; the server's `HEAD` where nothing is said.
    pub reference: Option<String>,
    /// The folder of the template; that of the repository where nothing is said.
    pub path: Option<String>,
}

impl Origin {
    /// Understands what was said.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(said: &str) -> Result<Self, String> {
        if is_git(said) {
            return Git::parse(said).map(Self::Git);
        }
        let ends = |end: &str| said.to_ascii_lowercase().ends_with(end);
        Ok(if ends(".zip") {
            Self::Zip(said.into())
        } else if ends(".tar.gz") || ends(".tgz") {
            Self::TarGz(said.into())
        } else if let Some(end) = OTHER_ARCHIVES.iter().find(|end| ends(end)) {
            return Err(format!(
                "`{said}` is an archive of another kind: .zip and .tar.gz are read, no {end}"
            ));
        } else if said.contains('/') || matches!(said, "." | "..") {
            Self::Folder(said.into())
        } else {
            Self::BuiltIn(said.to_owned())
        })
    }
}

/// Archives that are not read.
const OTHER_ARCHIVES: [&str; 9] =
    [".tar", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst", ".7z", ".rar"];

/// A scheme, or what ssh has for one: `user@host:path`.
fn is_git(said: &str) -> bool {
    let before = said.split(['/', '#']).next().unwrap_or_default();
    said.contains("://")
        || before
            .split_once(':')
            .is_some_and(|(host, _)| host.contains('@') && !host.starts_with('-'))
}

impl Git {
    fn parse(said: &str) -> Result<Self, String> {
        let (url, rest) = said.split_once('#').unwrap_or((said, ""));
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            None | Some("https" | "http" | "ssh" | "git" | "file" | "git+ssh") => {}
            Some(other) => {
                return Err(format!(
                    "`{other}://` is no URL of a git repository: https, ssh or file"
                ));
            }
        }
        if url.contains(char::is_control) {
            return Err("a URL has no control characters".to_owned());
        }
        let (reference, path) = rest.split_once(':').unwrap_or((rest, ""));
        if reference.starts_with('-') {
            return Err(format!("`{reference}` is no branch, tag or commit"));
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let path = path.trim_matches('/');
        Ok(Self { url: url.to_owned(), reference: some(reference), path: some(path) })
    }

    /// The URL as it may be seen: without a password or token in it. The user of ssh is none.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else { return self.url.clone() };
        let rest =
            rest.split_once('?').map_or_else(|| rest.to_owned(), |(it, _)| format!("{it}?…"));
        // A password of HTTP may hold a slash that nobody has escaped.
        let is_http = scheme.to_ascii_lowercase().starts_with("http");
        let end = rest.find('/').filter(|_| !is_http).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        match authority.rsplit_once('@') {
            Some((user, _)) if scheme.contains("ssh") && !user.contains(':') => {
                format!("{scheme}://{rest}")
            }
            Some((_, host)) => format!("{scheme}://…@{host}{path}"),
            None => format!("{scheme}://{rest}"),
        }
    }
}

/// As it is said, without a password.
impl fmt::Display for Git {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())?;
        let reference = self.reference.as_deref().unwrap_or_default();
        match &self.path {
            Some(path) => write!(f, "#{reference}:{path}"),
            None if !reference.is_empty() => write!(f, "#{reference}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(url: &str, reference: Option<&str>, path: Option<&str>) -> Origin {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Origin::Git(Git { url: url.to_owned(), reference: own(reference), path: own(path) })
    }

    #[test]
    fn what_is_said() {
        for (said, expected) in [
            ("sqs", Origin::BuiltIn("sqs".to_owned())),
            ("./sqs", Origin::Folder("./sqs".into())),
            ("..", Origin::Folder("..".into())),
            ("t.zip", Origin::Zip("t.zip".into())),
            ("a/T.TGZ", Origin::TarGz("a/T.TGZ".into())),
            ("t.tar.gz", Origin::TarGz("t.tar.gz".into())),
            ("https://h/r.git", git("https://h/r.git", None, None)),
            ("https://h/r#v1", git("https://h/r", Some("v1"), None)),
            ("https://h/r#v1:a/b/", git("https://h/r", Some("v1"), Some("a/b"))),
            ("https://h/r#:a", git("https://h/r", None, Some("a"))),
            ("git@h:o/r.git#main", git("git@h:o/r.git", Some("main"), None)),
            ("file:///r", git("file:///r", None, None)),
        ] {
            assert_eq!(Origin::parse(said).as_ref(), Ok(&expected), "{said}");
        }
        for said in ["t.tar", "a/t.tar.xz", "https://h/r\n[core]"] {
            assert!(Origin::parse(said).is_err(), "{said}");
        }
        for said in ["ext::sh -c x://y", "s3://b/k", "https://h/r#--upload-pack=x", "ext://x"] {
            assert!(Origin::parse(said).is_err(), "{said}");
        }
    }

    #[test]
    fn who_logs_in_is_not_shown() {
        for (said, shown) in [
            ("https://u:pw@h:1/r.git#v1:a", "https://…@h:1/r.git#v1:a"),
            ("https://token@h/r", "https://…@h/r"),
            ("HTTP://u:p/w@h/r", "HTTP://…@h/r"),
            ("https://h/r?token=t", "https://h/r?…"),
            ("ssh://git@h/r#v1", "ssh://git@h/r#v1"),
            ("ssh://git:pw@h/r", "ssh://…@h/r"),
            ("git@h:o/r.git#:a", "git@h:o/r.git#:a"),
            ("file:///a@b/r", "file:///a@b/r"),
        ] {
            let Ok(Origin::Git(git)) = Origin::parse(said) else { panic!("{said}") };
            assert_eq!(git.to_string(), shown, "{said}");
        }
    }
}
