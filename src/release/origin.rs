//! What a version was made of, in its description: the text of whoever published it, then
//! `[commit 3f2a…, tag v1.2]`.

use super::marker::{DESCRIPTION, cut, length};

/// What stands behind a commit where files were changed.
const DIRTY: &str = "-dirty";
/// The fewest digits that stand for a commit, as git has it.
pub const DIGITS: usize = 7;

/// What a description says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin<'d> {
    /// The text before it.
    pub text: &'d str,
    /// The commit, with `-dirty` where files were changed.
    pub commit: Option<&'d str>,
    /// Git's tag of the commit.
    pub tag: Option<&'d str>,
}

/// The description of a version: the text, which is cut where it is too long, then commit and tag.
#[must_use]
pub fn described(text: &str, commit: Option<&str>, tag: Option<&str>) -> String {
    let commit = commit.map(|commit| format!("commit {commit}"));
    let tag = tag.map(|tag| format!("tag {tag}"));
    let made_of: Vec<String> = commit.into_iter().chain(tag).collect();
    if made_of.is_empty() {
        return cut(text, DESCRIPTION).to_owned();
    }
    let made_of = format!("[{}]", made_of.join(", "));
    let text = cut(text, DESCRIPTION.saturating_sub(length(&made_of) + 1));
    let all = if text.is_empty() { made_of } else { format!("{text} {made_of}") };
    cut(&all, DESCRIPTION).to_owned()
}

impl<'d> Origin<'d> {
    /// Reads the description of a version. Of what is written otherwise all is text.
    #[must_use]
    pub fn read(description: &'d str) -> Self {
        let whole = Self { text: description, ..Self::default() };
        let Some((text, made_of)) =
            description.strip_suffix(']').and_then(|rest| rest.rsplit_once('['))
        else {
            return whole;
        };
        // No tag has a blank or an opening bracket (git-check-ref-format).
        let (commit, tag) = match made_of.split_once(", ") {
            Some((commit, tag)) => (Some(commit), Some(tag)),
            None if made_of.starts_with("tag ") => (None, Some(made_of)),
            None => (Some(made_of), None),
        };
        let commit = commit.map(|commit| commit.strip_prefix("commit ").filter(|it| is_one(it)));
        let tag = tag.map(|tag| tag.strip_prefix("tag "));
        match (commit, tag) {
            (Some(None), _) | (_, Some(None)) => whole,
            (commit, tag) => {
                Self { text: text.trim_end(), commit: commit.flatten(), tag: tag.flatten() }
            }
        }
    }

    /// Whether the commit begins with these digits, and is as clean as they say.
    #[must_use]
    pub fn is_of(&self, digits: &str) -> bool {
        let wanted = parts(digits);
        self.commit.map(parts).is_some_and(|(commit, dirty)| {
            commit.starts_with(&wanted.0.to_ascii_lowercase()) && dirty == wanted.1
        })
    }
}

/// The digits, and whether files were changed.
fn parts(commit: &str) -> (&str, bool) {
    match commit.strip_suffix(DIRTY) {
        Some(digits) => (digits, true),
        None => (commit, false),
    }
}

/// Whether a text is a commit, or as many of its digits as stand for it.
#[must_use]
pub fn is_one(text: &str) -> bool {
    let (digits, _) = parts(text);
    (DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A commit in few columns: seven digits, and `*` where files were changed.
#[must_use]
pub fn short(commit: &str) -> String {
    let (digits, dirty) = parts(commit);
    let digits: String = digits.chars().take(DIGITS).collect();
    format!("{digits}{}", if dirty { "*" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "3f2a9c0d1e4b5a697887766554433221100ffeed";

    #[test]
    fn what_is_written_is_read_back() {
        let dirty = format!("{COMMIT}-dirty");
        for text in ["", "two", "fix [commit of old]", &"ü".repeat(400)] {
            for commit in [None, Some(COMMIT), Some(dirty.as_str())] {
                for tag in [None, Some("v1.2"), Some("a,b]")] {
                    let said = described(text, commit, tag);
                    assert!(length(&said) <= DESCRIPTION);
                    let read = Origin::read(&said);
                    assert_eq!((read.commit, read.tag), (commit, tag), "{said}");
                    assert!(text.starts_with(read.text), "{said}");
                }
            }
        }
    }

    #[test]
    fn other_texts_are_texts() {
        for text in ["", "two", "[x]", "[commit x]", "[commit 3f2a9c0, v1]", "commit 3f2a9c0"] {
            assert_eq!(Origin::read(text), Origin { text, ..Origin::default() }, "{text}");
        }
    }

    #[test]
    fn a_commit_goes_by_its_first_digits_and_is_as_clean_as_they_say() {
        let (clean, dirty) =
            (described("", Some(COMMIT), None), described("", Some("3f2a9c0d1e-dirty"), None));
        let is_of = |said: &str, digits| Origin::read(said).is_of(digits);
        assert!(is_of(&clean, "3f2a9c0") && is_of(&clean, "3F2A9C0D") && is_of(&clean, COMMIT));
        assert!(!is_of(&clean, "3f2a9c1") && !is_of(&clean, "3f2a9c0-dirty"));
        assert!(is_of(&dirty, "3f2a9c0-dirty") && !is_of(&dirty, "3f2a9c0"));
        assert!(!is_of("two", "3f2a9c0"));
        assert_eq!(
            (short(COMMIT).as_str(), short("3f2a9c0d-dirty").as_str()),
            ("3f2a9c0", "3f2a9c0*")
        );
        assert!(
            is_one("3f2a9c0") && is_one("3f2a9c0-dirty") && !is_one("3f2a9c") && !is_one("HEAD123")
        );
    }
}
