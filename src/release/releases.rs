//! What a function has released: its versions, and what aliases, their markers and the versions' own
//! descriptions tell of them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value;

use super::Object;
use super::content::text;
use super::marker::{LastMove, of_alias, written};
use super::observed::{points_at, weights};
use super::origin::Origin;

/// What AWS holds of a function's releases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Released {
    /// Whether there is such a function.
    pub exists: bool,
    /// Its aliases: the items of `ListAliases`.
    pub aliases: Vec<Object>,
    /// Its versions, `$LATEST` too, without their states: the items of `ListVersionsByFunction`. Empty
    /// where nobody has asked for them.
    pub versions: Vec<Object>,
}

/// A version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Release<'r> {
    /// Its number, or `$LATEST` where an alias points at that.
    pub version: &'r str,
    /// The aliases that lead to it, each with its part of the traffic, from 0 to 1.
    pub aliases: Vec<(&'r str, f64)>,
    /// When it was published.
    pub when: Option<&'r str>,
    /// The length of its code in bytes; nothing of an image, whose length AWS does not tell.
    pub size: Option<u64>,
    /// The digest of its code.
    pub sha256: Option<&'r str>,
    /// What its description says.
    pub origin: Origin<'r>,
    /// Its description, whole.
    pub description: &'r str,
    /// The deploys, rollbacks and promotions that moved aliases to it, as far as markers still tell.
    pub deploys: Vec<String>,
    /// The aliases that were there before the last move.
    pub before: Vec<&'r str>,
}

/// All versions, the newest first.
#[must_use]
pub fn releases(released: &Released) -> Vec<Release<'_>> {
    let aliases = &released.aliases;
    let is_used = |version: &str| aliases.iter().any(|alias| points_at(alias) == version);
    let mut all: Vec<(u64, Release<'_>)> = released
        .versions
        .iter()
        .filter_map(|version| {
            let name = text(version, "Version")?;
            // `$LATEST` is newer than any version.
            let number = name.parse().ok();
            let number = number.or_else(|| is_used(name).then_some(u64::MAX))?;
            Some((number, release(name, version, aliases)))
        })
        .collect();
    all.sort_by_key(|(number, _)| Reverse(*number));
    all.into_iter().map(|(_, release)| release).collect()
}

fn release<'r>(name: &'r str, version: &'r Object, aliases: &'r [Object]) -> Release<'r> {
    let description = text(version, "Description").unwrap_or_default();
    let size = version.get("CodeSize").and_then(Value::as_u64);
    let mut release = Release {
        version: name,
        when: text(version, "LastModified"),
        size: size.filter(|size| *size > 0),
        sha256: text(version, "CodeSha256").filter(|sha256| !sha256.is_empty()),
        origin: Origin::read(description),
        description,
        ..Release::default()
    };
    for alias in aliases {
        let alias_name = text(alias, "Name").unwrap_or_default();
        let part = part(alias, name);
        if part > 0.0 {
            release.aliases.push((alias_name, part));
        }
        let Some(marker) = of_alias(alias) else {
            // What a stale one tells of was so once.
            let stale = written(alias).1.filter(|stale| stale.to.as_deref() == Some(name));
            release.moved_by(stale.as_ref().map(|stale| stale.deploy.as_str()));
            continue;
        };
        let LastMove { deploy, prev, from } = marker.last_move();
        let shift = marker.shift.as_ref().map(|shift| (shift.new.as_str(), marker.deploy.as_str()));
        let moves = deploy.map(|deploy| (points_at(alias), deploy)).into_iter().chain(shift);
        release.moved_by(moves.filter(|(version, _)| *version == name).map(|(_, deploy)| deploy));
        if [prev, from].into_iter().flatten().any(|before| before == name) {
            release.before.push(alias_name);
        }
    }
    release
}

impl Release<'_> {
    /// Notes by which deploys an alias came to it.
    fn moved_by<'d>(&mut self, deploys: impl IntoIterator<Item = &'d str>) {
        for deploy in deploys {
            if !self.deploys.iter().any(|known| known == deploy) {
                self.deploys.push(deploy.to_owned());
            }
        }
    }
}

/// What part of the traffic of an alias goes to a version.
fn part(alias: &Object, version: &str) -> f64 {
    let weights = weights(alias);
    let rest = 1.0 - weights.values().sum::<f64>();
    let own = if points_at(alias) == version { rest } else { 0.0 };
    own + weights.get(version).copied().unwrap_or_default()
}

/// Which version a commit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfCommit {
    /// The newest that was made of it: with the last configuration that it was published with.
    Version(String),
    /// None says that it was made of it.
    Unknown,
    /// Several commits begin with these digits.
    Several(BTreeSet<String>),
}

/// The version that was made of a commit, which its first digits name.
#[must_use]
pub fn of_commit(released: &Released, digits: &str) -> OfCommit {
    let mut all = releases(released);
    all.retain(|release| release.version != "$LATEST" && release.origin.is_of(digits));
    let commits: BTreeSet<String> =
        all.iter().filter_map(|release| release.origin.commit.map(str::to_owned)).collect();
    match all.first() {
        None => OfCommit::Unknown,
        Some(_) if commits.len() > 1 => OfCommit::Several(commits),
        Some(newest) => OfCommit::Version(newest.version.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    fn version(number: &str, description: &str) -> Object {
        object(&json!({
            "Version": number, "Description": description, "CodeSize": 1_000,
            "CodeSha256": format!("sha{number}"), "LastModified": "2026-11-29T00:14:33.123+0000",
        }))
    }

    fn alias(name: &str, version: &str, description: &str, weights: &Value) -> Object {
        object(&json!({
            "Name": name, "FunctionVersion": version, "Description": description,
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        }))
    }

    /// Whatever the number of pages that it came in.
    #[test]
    fn a_hundred_and_twenty_versions_are_numbers_not_words() {
        let numbers = 1..=120;
        let mut versions: Vec<_> =
            numbers.clone().map(|number| version(&number.to_string(), "")).collect();
        versions.push(version("$LATEST", ""));
        let all = Released { versions, ..Released::default() };
        let shown: Vec<_> =
            releases(&all).iter().map(|one| one.version.parse::<u64>().unwrap()).collect();
        assert_eq!(shown, numbers.rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_aliases_and_descriptions_tell() {
        let all = Released {
            exists: true,
            aliases: vec![
                alias("beta", "$LATEST", "", &json!({})),
                alias("live", "2", "[lp1 prev=1 dep=d2 sha=sha2]", &json!({ "3": 0.1 })),
                alias("old", "1", "[lp1 from=3 dep=r1 sha=sha1]", &json!({})),
            ],
            versions: vec![
                version("$LATEST", ""),
                version("1", ""),
                version("2", "two [commit 3f2a9c0d1e, tag v2]"),
                version("3", ""),
            ],
        };
        let shown = releases(&all);
        let [latest, third, second, first] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!((latest.version, latest.aliases.as_slice()), ("$LATEST", &[("beta", 1.0)][..]));
        assert_eq!(
            (third.aliases.as_slice(), third.before.as_slice()),
            (&[("live", 0.1)][..], &["old"][..])
        );
        assert_eq!(third.deploys, [""; 0]);
        assert_eq!(second.aliases, [("live", 0.9)]);
        assert_eq!(second.deploys, ["d2"]);
        assert_eq!((second.origin.commit, second.origin.tag), (Some("3f2a9c0d1e"), Some("v2")));
        assert_eq!(
            (first.aliases.as_slice(), first.before.as_slice()),
            (&[("old", 1.0)][..], &["live"][..])
        );
        assert_eq!((first.size, first.origin.commit), (Some(1_000), None));
        assert!(releases(&Released::default()).is_empty());
    }

    #[test]
    fn a_shift_that_is_under_way_has_moved_nothing_yet() {
        let marker = "[lp1 prev=2 dep=d3 shift=canary:10%/5m step=1 at=5 new=3 was=1 by=d2]";
        let all = Released {
            exists: true,
            aliases: vec![alias("live", "2", marker, &json!({ "3": 0.1 }))],
            versions: ["1", "2", "3"].map(|number| version(number, "")).to_vec(),
        };
        let shown = releases(&all);
        let told = |at: usize| (shown[at].version, shown[at].deploys.join(" "), &shown[at].before);
        assert_eq!(told(0), ("3", "d3".to_owned(), &vec![]));
        assert_eq!(told(1), ("2", "d2".to_owned(), &vec![]));
        assert_eq!(told(2), ("1", String::new(), &vec!["live"]));
    }

    #[test]
    fn a_commit_is_the_newest_version_made_of_it() {
        let versions = [
            ("1", "[commit aaaaaaa1]"),
            ("2", "[commit aaaaaaa1]"),
            ("3", "[commit aaaaaaa2]"),
            ("4", "[commit bbbbbbb1-dirty]"),
            ("5", "[commit bbbbbbb1]"),
        ];
        let versions = versions.map(|(number, said)| version(number, said)).to_vec();
        let all = Released { versions, ..Released::default() };
        let version = |number: &str| OfCommit::Version(number.to_owned());
        assert_eq!(of_commit(&all, "aaaaaaa1"), version("2"));
        assert_eq!(of_commit(&all, "bbbbbbb"), version("5"));
        assert_eq!(of_commit(&all, "bbbbbbb-dirty"), version("4"));
        assert_eq!(of_commit(&all, "ccccccc"), OfCommit::Unknown);
        let both = ["aaaaaaa1", "aaaaaaa2"].map(str::to_owned).into();
        assert_eq!(of_commit(&all, "aaaaaaa"), OfCommit::Several(both));
    }
}
