//! The release marker: all the state that a release leaves, in the description of an alias.
//!
//! `[lp1 prev=12 dep=k3v9x2c1 sha=wXTAdOLR…]` stands behind the user's text: the version that the alias
//! pointed at before, the deploy that moved it (one over all functions), and the `CodeSha256` that it
//! moved to. It is never compared as drift.

use std::fmt;

/// The longest description of an alias, in characters (`CreateAlias`, `Description`).
pub const DESCRIPTION: usize = 256;
/// The longest marker, in characters.
pub const MARKER: usize = 160;
/// The longest text before it: a blank stands between.
pub const TEXT: usize = DESCRIPTION - MARKER - 1;

const BEGIN: &str = "[lp1";

/// What a deploy leaves on an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marker {
    /// The version that the alias pointed at before, if there was one.
    pub prev: Option<String>,
    /// The deploy.
    pub deploy: String,
    /// The `CodeSha256` of the version that it points at.
    pub sha: String,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BEGIN)?;
        if let Some(prev) = &self.prev {
            write!(f, " prev={prev}")?;
        }
        write!(f, " dep={} sha={}]", self.deploy, self.sha)
    }
}

impl Marker {
    /// Divides the description of an alias into the user's text and the marker, if it has one.
    #[must_use]
    pub fn read(description: &str) -> (&str, Option<Self>) {
        let Some(at) = description.rfind(BEGIN) else { return (description, None) };
        let (text, marker) = description.split_at(at);
        let Some(fields) = marker.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(']'))
        else {
            return (description, None);
        };
        let mut read = Self::default();
        for (name, value) in fields.split_whitespace().filter_map(|field| field.split_once('=')) {
            match name {
                "prev" => read.prev = Some(value.to_owned()),
                "dep" => value.clone_into(&mut read.deploy),
                "sha" => value.clone_into(&mut read.sha),
                // Of a newer program.
                _ => {}
            }
        }
        (text.trim_end(), Some(read))
    }

    /// The description of an alias: the text, then this. The text is cut where it is too long, which
    /// [`too_long`] tells.
    #[must_use]
    pub fn after(&self, text: &str) -> String {
        let text = cut(text, TEXT).trim_end();
        if text.is_empty() { self.to_string() } else { format!("{text} {self}") }
    }
}

/// Every version that the marker of a description names, with the field that does: also those of a newer
/// program, which will want them.
#[must_use]
pub fn versions(description: &str) -> Vec<(&str, u64)> {
    let marker = description.rfind(BEGIN).and_then(|at| description.get(at + BEGIN.len()..));
    let fields = marker.and_then(|marker| marker.strip_suffix(']')).unwrap_or_default();
    let is_a_version = |name: &str| !matches!(name, "dep" | "sha" | "shift" | "step" | "at");
    let fields = fields.split_whitespace().filter_map(|field| field.split_once('='));
    fields
        .filter(|(name, _)| is_a_version(name))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect()
}

/// Whether a text must be cut to stand before a marker.
#[must_use]
pub fn too_long(text: &str) -> bool {
    length(text) > TEXT
}

/// How long a text is as AWS counts: in units of UTF-16.
#[must_use]
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// As much of a text as has this length.
#[must_use]
pub fn cut(text: &str, most: usize) -> &str {
    let mut length = 0;
    let end = text.char_indices().find(|(_, char)| {
        length += char.len_utf16();
        length > most
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marker() -> Marker {
        Marker {
            prev: Some("12".to_owned()),
            deploy: "0123456789abcdef".to_owned(),
            sha: "wXTAdOLR2Cf7p+ozTPeAjONfJHPgv2mkOA8CZZh4L0E=".to_owned(),
        }
    }

    #[test]
    fn the_longest_marker_keeps_its_length() {
        let longest = Marker { prev: Some(u64::MAX.to_string()), ..marker() };
        assert!(longest.to_string().len() <= MARKER);
    }

    #[test]
    fn texts_at_the_limit() {
        for length in [0, 1, TEXT - 1, TEXT, TEXT + 1, 255, 256, 257] {
            let text = "ü".repeat(length);
            let description = marker().after(&text);
            assert!(description.chars().count() <= DESCRIPTION);
            let (read, found) = Marker::read(&description);
            assert_eq!(found, Some(marker()));
            assert_eq!(read.chars().count(), length.min(TEXT));
            assert_eq!(too_long(&text), length > TEXT);
        }
    }

    #[test]
    fn signs_beyond_the_first_plane_count_twice() {
        assert_eq!((cut("a🚀b", 2), cut("a🚀b", 3), cut("a🚀b", 9)), ("a", "a🚀", "a🚀b"));
        let description = marker().after(&"🚀".repeat(130));
        assert!(length(&description) <= DESCRIPTION);
    }

    #[test]
    fn fields_of_a_newer_program_are_passed_over() {
        let (text, found) = Marker::read("rollout [lp1 dep=a sha=b step=3 from=7]");
        assert_eq!(text, "rollout");
        assert_eq!(found.map(|marker| marker.deploy), Some("a".to_owned()));
    }

    #[test]
    fn versions_are_found_whatever_names_them() {
        for (description, found) in [
            ("", vec![]),
            ("prev=3", vec![]),
            ("x [lp1 prev=3 dep=12 sha=45]", vec![("prev", 3)]),
            (
                "[lp1 from=7 dep=1 shift=canary:10%/5m step=1 at=2 new=9 was=8 mood=calm]",
                vec![("from", 7), ("new", 9), ("was", 8)],
            ),
            ("[lp1 prev=3 dep=a sha=b] cut", vec![]),
        ] {
            assert_eq!(versions(description), found, "{description}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "\\PC{0,300}") {
            let description = marker().after(&text);
            let (_, found) = Marker::read(&description);
            prop_assert_eq!(found, Some(marker()));
            // No text is taken for a marker's end, whatever it holds.
            let _ = Marker::read(&text);
        }
    }
}
