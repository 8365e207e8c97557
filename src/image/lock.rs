//! `lambda-pack.lock`: which digest each reference to a base stood for, so that every machine puts
//! images on the same one. Lies beside the workspace's `Cargo.toml`, to be kept in version control.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::Sha256;

/// The version of the format.
const VERSION: u32 = 1;
/// What stands at its top.
const HEADER: &str = "# Written by cargo lambda-pack; to be kept in version control.\n\
    # `cargo lambda-pack package --update-base` takes newer ones.\nversion = 1\n";

/// What it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// Digests of what references stood for: an index, or the manifest of one image.
    pub bases: BTreeMap<String, Sha256>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    base: Vec<One>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    name: String,
    digest: String,
}

impl Lock {
    /// The name of the file.
    pub const FILE: &str = "lambda-pack.lock";

    /// Reads it; or says why it cannot be understood.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!(
                "it is of version {}, and this program knows {VERSION}",
                file.version
            ));
        }
        let one = |One { name, digest }: One| {
            let parsed =
                digest.parse().map_err(|error| format!("`{digest}` of `{name}`: {error}"))?;
            Ok((name, parsed))
        };
        Ok(Self { bases: file.base.into_iter().map(one).collect::<Result<_, String>>()? })
    }

    /// Its text, sorted by name.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = HEADER.to_owned();
        for (name, digest) in &self.bases {
            // A reference has no character that would have to be escaped.
            text.push_str(&format!("\n[[base]]\nname = \"{name}\"\ndigest = \"{digest}\"\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bases = ["example.com/a:1", "example.com/b/c:latest"];
        let bases = bases.map(|name| (name.to_owned(), Sha256::of(name.as_bytes())));
        let lock = Lock { bases: bases.into() };
        assert_eq!(Lock::read(&lock.write()), Ok(lock));
        assert_eq!(Lock::read(&Lock::default().write()), Ok(Lock::default()));
        for (text, why) in [
            ("", "missing field `version`"),
            ("version = 2", "it is of version 2"),
            ("version = 1\n[[base]]\nname = \"a\"\ndigest = \"b\"", "`b` of `a`"),
            ("version = 1\nother = 1", "unknown field"),
        ] {
            assert!(Lock::read(text).unwrap_err().contains(why), "{text}");
        }
    }
}
