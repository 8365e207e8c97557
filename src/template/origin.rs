//! Where a template comes from, as `--template` says it.

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
        } else if said.contains('/') || matches!(said, "." | "..") {
            Self::Folder(said.into())
        } else {
            Self::BuiltIn(said.to_owned())
        })
    }
}

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
        let (reference, path) = rest.split_once(':').unwrap_or((rest, ""));
        if reference.starts_with('-') {
            return Err(format!("`{reference}` is no branch, tag or commit"));
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let path = path.trim_matches('/');
        Ok(Self { url: url.to_owned(), reference: some(reference), path: some(path) })
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
        for said in ["ext::sh -c x://y", "s3://b/k", "https://h/r#--upload-pack=x", "ext://x"] {
            assert!(Origin::parse(said).is_err(), "{said}");
        }
    }
}
