//! The release marker: all the state that a release leaves, in the description of an alias.
//!
//! `[lp1 prev=12 to=13 dep=k3v9x2c1 sha=wXTAdOLR…]` stands behind the user's text: the version that the alias
//! pointed at before, the one that it moved to, the deploy that moved it (one over all functions), and the
//! `CodeSha256` of that one. A rollback leaves `from=` in place of `prev=`: the version that it came away
//! from. It is never compared as drift.
//!
//! Whoever moves an alias by hand leaves the description as it is. Such a marker is *stale*: it tells of
//! another move than the last one, and counts for nothing ([`Stale`]).
//!
//! While traffic is shifted it also says how far that is: `[lp1 prev=12 dep=k3v9x2c1
//! shift=canary:10%/5m step=1 at=1764400000 new=13 was=11
//! by=h2b6…]`. The digest comes back at the end; of signed code it stays, since AWS has another one of it.

mod stale;

use std::fmt;

use super::shift::strategy::Strategy;

pub use stale::{Stale, of_alias, written};

/// The longest description of an alias or a version, in characters (`CreateAlias`, `PublishVersion`).
pub const DESCRIPTION: usize = 256;
/// The longest marker of an alias at rest, in characters. During a shift it may be a little longer: the text
/// before it is cut to what is left.
pub const MARKER: usize = 160;
/// The longest text before it: a blank stands between.
pub const TEXT: usize = DESCRIPTION - MARKER - 1;

const BEGIN: &str = "[lp1";
/// How the markers of all versions of this program begin, before a number.
const ANY: &str = "[lp";

/// What a deploy leaves on an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marker {
    /// The version that the alias pointed at before, if there was one.
    pub prev: Option<String>,
    /// The version that a rollback came away from; none: it was no rollback.
    pub from: Option<String>,
    /// The version that the alias was moved to; none during a shift, and in markers of those who did not write it.
    pub to: Option<String>,
    /// The deploy.
    pub deploy: String,
    /// The `CodeSha256` of the version that it points at. During a shift empty; of code that is signed, that
    /// of the version that traffic goes over to.
    pub sha: String,
    /// The shift that is under way.
    pub shift: Option<Shifting>,
}

/// What led an alias to where it points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastMove<'m> {
    /// The deploy that moved it, if it is known.
    pub deploy: Option<&'m str>,
    /// The version that it pointed at before.
    pub prev: Option<&'m str>,
    /// The version that a rollback came away from.
    pub from: Option<&'m str>,
}

/// How far a shift is, from `prev` on. Whoever reads it can go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shifting {
    /// The steps.
    pub strategy: Strategy,
    /// The step that is under way, from 1.
    pub step: usize,
    /// When it began, in seconds since 1970.
    pub at: u64,
    /// The version that traffic goes over to.
    pub new: String,
    /// What `prev` was before.
    pub was: Option<String>,
    /// What `from` was before: the alias had been rolled back from there. It has one of the two.
    pub was_from: Option<String>,
    /// The deploy that had moved the alias before.
    pub by: Option<String>,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BEGIN)?;
        if let Some(prev) = &self.prev {
            write!(f, " prev={prev}")?;
        }
        if let (Some(from), None) = (&self.from, &self.shift) {
            write!(f, " from={from}")?;
        }
        if let (Some(to), None) = (&self.to, &self.shift) {
            write!(f, " to={to}")?;
        }
        write!(f, " dep={}", self.deploy)?;
        let Some(shift) = &self.shift else { return write!(f, " sha={}]", self.sha) };
        let Shifting { strategy, step, at, new, was, was_from, by } = shift;
        write!(f, " shift={strategy} step={step} at={at} new={new}")?;
        if !self.sha.is_empty() {
            write!(f, " sha={}", self.sha)?;
        }
        was.iter().try_for_each(|was| write!(f, " was={was}"))?;
        was_from.iter().try_for_each(|from| write!(f, " wasfrom={from}"))?;
        by.iter().try_for_each(|by| write!(f, " by={by}"))?;
        // It comes away from `prev`.
        f.write_str(if self.from.is_some() { " back=1]" } else { "]" })
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
        let fields: Vec<(&str, &str)> =
            fields.split_whitespace().filter_map(|field| field.split_once('=')).collect();
        let mut read = Self { shift: Shifting::read(&fields), ..Self::default() };
        for (name, value) in fields {
            match name {
                "prev" => read.prev = Some(value.to_owned()),
                "from" => read.from = Some(value.to_owned()),
                "to" => read.to = Some(value.to_owned()),
                "dep" => value.clone_into(&mut read.deploy),
                "sha" => value.clone_into(&mut read.sha),
                "back" => read.from.clone_from(&read.prev),
                // Of a newer program.
                _ => {}
            }
        }
        (text.trim_end(), Some(read))
    }

    /// The move before this one while traffic is shifted: the alias still points where that has led it.
    #[must_use]
    pub fn last_move(&self) -> LastMove<'_> {
        match &self.shift {
            Some(Shifting { was, was_from, by, .. }) => {
                LastMove { deploy: by.as_deref(), prev: was.as_deref(), from: was_from.as_deref() }
            }
            None => LastMove {
                deploy: Some(&self.deploy),
                prev: self.prev.as_deref(),
                from: self.from.as_deref(),
            },
        }
    }

    /// The description of an alias: the text, then this. The text is cut where it is too long, which
    /// [`too_long`] tells.
    #[must_use]
    pub fn after(&self, text: &str) -> String {
        let room = DESCRIPTION.saturating_sub(length(&self.to_string()) + 1);
        let text = cut(text, room.min(TEXT)).trim_end();
        if text.is_empty() { self.to_string() } else { format!("{text} {self}") }
    }
}

impl Shifting {
    /// Of a marker's fields; none unless it is whole: nobody goes on with what he does not understand.
    fn read(fields: &[(&str, &str)]) -> Option<Self> {
        let field = |name| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
        Some(Self {
            strategy: field("shift")?.parse().ok()?,
            step: field("step")?.parse().ok()?,
            at: field("at")?.parse().ok()?,
            new: field("new")?.to_owned(),
            was: field("was").map(str::to_owned),
            was_from: field("wasfrom").map(str::to_owned),
            by: field("by").map(str::to_owned),
        })
    }
}

/// Every version that a marker in a description names, with the field that does: also those of a newer
/// program, which will want them, and wherever in the text somebody has left it.
#[must_use]
pub fn versions(description: &str) -> Vec<(&str, u64)> {
    let is_a_version =
        |name: &str| !matches!(name, "dep" | "sha" | "shift" | "step" | "at" | "by" | "back");
    let fields = description.split(ANY).skip(1).filter_map(fields);
    let fields = fields.flat_map(str::split_whitespace).filter_map(|field| field.split_once('='));
    fields
        .filter(|(name, _)| is_a_version(name))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect()
}

/// The fields of a marker of any version, by what stands behind [`ANY`]. One that was cut off has those that are
/// left of it.
fn fields(behind: &str) -> Option<&str> {
    let fields = behind.trim_start_matches(|char: char| char.is_ascii_digit());
    let is_one = fields.len() < behind.len() && fields.starts_with(char::is_whitespace);
    is_one.then(|| fields.split_once(']').map_or(fields, |(fields, _)| fields))
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
    use crate::release::shift::strategy::LONGEST;

    fn marker() -> Marker {
        Marker {
            prev: Some("12".to_owned()),
            deploy: "0123456789abcdef".to_owned(),
            sha: "wXTAdOLR2Cf7p+ozTPeAjONfJHPgv2mkOA8CZZh4L0E=".to_owned(),
            ..Marker::default()
        }
    }

    /// The longest strategy, and versions of ten digits.
    fn shifting() -> Marker {
        let strategy = "steps:1.25%/90s,10.5%/25m,25.25%/30m,50.55%/1h";
        let shift = Shifting {
            strategy: strategy.parse().unwrap(),
            step: 9_999,
            at: 9_999_999_999,
            new: "4294967295".to_owned(),
            was: None,
            was_from: Some("4294967293".to_owned()),
            by: Some("0123456789ab".to_owned()),
        };
        let (prev, sha) = (Some("4294967294".to_owned()), String::new());
        Marker { prev, sha, shift: Some(shift), ..marker() }
    }

    #[test]
    fn the_longest_marker_keeps_its_length() {
        let most = || Some(u64::MAX.to_string());
        let longest = Marker { prev: most(), from: most(), to: most(), ..marker() };
        assert!(longest.to_string().len() <= MARKER);
        let from = Some("4294967294".to_owned());
        let longest = Marker { from, ..shifting() };
        assert_eq!(Marker::read(&longest.to_string()), ("", Some(longest.clone())));
        let room = LONGEST - longest.shift.as_ref().unwrap().strategy.to_string().len();
        assert!(longest.to_string().len() + room <= MARKER + 28, "{room}: {longest}");
        assert!(length(&longest.after(&"x".repeat(TEXT))) <= DESCRIPTION);
    }

    #[test]
    fn a_shift_is_read_back_whole_or_not_at_all() {
        let description = shifting().after("shop");
        assert_eq!(Marker::read(&description), ("shop", Some(shifting())));
        for (field, other) in [
            (" at=", " since="),
            (" step=9999", " step=last"),
            (" shift=steps:", " shift=waves:"),
            (" new=", " to="),
        ] {
            let read = Marker::read(&description.replace(field, other)).1.unwrap();
            assert_eq!((read.shift, read.deploy), (None, marker().deploy), "{other}");
        }
        // Of signed code the digest is kept as well: there is room for it, and for some of the text.
        let signed = Marker { sha: marker().sha, ..shifting() };
        let description = signed.after("shop");
        assert_eq!(Marker::read(&description), ("shop", Some(signed)));
        assert!(length(&description) <= DESCRIPTION, "{description}");
        let (_, more) = Marker::read("[lp1 dep=a shift=canary:1%/1m step=1 at=5 new=3 mood=good]");
        assert_eq!(more.unwrap().shift.unwrap().new, "3");
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
        let (text, found) = Marker::read("rollout [lp1 dep=a sha=b mood=3 from=7]");
        assert_eq!(text, "rollout");
        let found = found.unwrap();
        assert_eq!((found.deploy.as_str(), found.from.as_deref()), ("a", Some("7")));
        assert_eq!(Marker::read(&found.to_string()), ("", Some(found)));
    }

    #[test]
    fn versions_are_found_whatever_names_them() {
        for (description, found) in [
            ("", vec![]),
            ("prev=3", vec![]),
            ("x [lp1 prev=3 dep=12 sha=45]", vec![("prev", 3)]),
            (
                "[lp1 from=7 dep=1 shift=canary:10%/5m step=1 at=2 new=9 was=8 by=55 back=1 mood=calm]",
                vec![("from", 7), ("new", 9), ("was", 8)],
            ),
            ("[lp1 prev=9 dep=aaa sha=x] please do not touch", vec![("prev", 9)]),
            ("[lp2 prev=13 dep=b wave=14]", vec![("prev", 13), ("wave", 14)]),
            ("a [lp1 prev=3 dep=a] b [lp12 from=4] prev=5", vec![("prev", 3), ("from", 4)]),
            ("[lp1 prev=3 dep=a sh", vec![("prev", 3)]),
            ("[lp prev=3] [lpx prev=4] [lp1prev=5] lp1 prev=6", vec![]),
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
