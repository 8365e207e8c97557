//! Whether the marker of an alias still tells of where the alias is.

use std::fmt;

use super::Marker;
use crate::release::Object;
use crate::release::content::text;
use crate::release::observed::{points_at, weights};

/// The text of an alias (`GetAlias`) and its marker, whether that is stale or not.
#[must_use]
pub fn written(alias: &Object) -> (&str, Option<Marker>) {
    Marker::read(text(alias, "Description").unwrap_or_default())
}

/// The marker of an alias, unless it is stale.
#[must_use]
pub fn of_alias(alias: &Object) -> Option<Marker> {
    written(alias).1.filter(|marker| contradiction(marker, alias).is_none())
}

/// A marker that tells of another move than the last: somebody has moved the alias since, and left its
/// description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The alias.
    pub alias: String,
    /// Its marker.
    pub marker: Marker,
    /// What the alias does, in words.
    pub does: String,
}

impl Stale {
    /// Of an alias as `GetAlias` has it; none where its marker tells the truth, or there is none.
    #[must_use]
    pub fn of(alias: &Object) -> Option<Self> {
        let marker = written(alias).1?;
        let does = contradiction(&marker, alias)?;
        Some(Self { alias: text(alias, "Name").unwrap_or_default().to_owned(), marker, does })
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alias, marker, does } = self;
        let deploy = &marker.deploy;
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "?".to_owned());
        if let Some(shift) = &marker.shift {
            let (from, to) = (version(&marker.prev), &shift.new);
            write!(f, "the marker of alias {alias} tells of a shift from version {from} to {to}")?;
        } else {
            let to = version(&marker.to);
            write!(f, "the marker of alias {alias} tells of version {to}")?;
        }
        write!(f, ", by deploy {deploy}, and it {does}: somebody has moved it by hand since")
    }
}

/// What an alias does that its marker does not tell of. A marker without a target is taken at its word. Weights beside
/// one at rest are not its matter; those of a shift may be others by now, as long as they are between its versions.
fn contradiction(marker: &Marker, alias: &Object) -> Option<String> {
    let at = points_at(alias);
    let points = || format!("points at version {at}");
    let Some(shift) = &marker.shift else {
        return marker.to.as_ref().filter(|to| *to != at).map(|_| points());
    };
    if marker.prev.as_deref() != Some(at) {
        return Some(points());
    }
    let weights = weights(alias);
    match weights.iter().find(|(version, _)| **version != shift.new) {
        Some((version, weight)) => {
            Some(format!("sends a part of its traffic ({weight}) to version {version}"))
        }
        None if weights.is_empty() => Some(format!("sends all of its traffic to version {at}")),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn alias(version: &str, marker: &str, weights: &Value) -> Object {
        let alias = json!({
            "Name": "live", "FunctionVersion": version, "Description": format!("shop {marker}"),
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        });
        alias.as_object().cloned().unwrap()
    }

    #[test]
    fn a_marker_counts_where_the_alias_is_what_it_tells() {
        let shift = "[lp1 prev=1 dep=d shift=canary:10%/5m step=1 at=5 new=2]";
        let (none, ours) = (json!({}), json!({ "2": 0.1 }));
        for (version, marker, weights) in [
            ("2", "[lp1 prev=1 to=2 dep=d sha=s]", &none),
            // AWS's own, beside provisioned concurrency, or somebody's: that is told elsewhere.
            ("2", "[lp1 prev=1 to=2 dep=d sha=s]", &json!({ "1": 0.5 })),
            ("7", "[lp1 prev=1 dep=d sha=s]", &none),
            ("1", shift, &ours),
            ("1", shift, &json!({ "2": 0.3 })),
        ] {
            let alias = alias(version, marker, weights);
            assert_eq!(Stale::of(&alias), None, "{version} {marker}");
            assert_eq!(of_alias(&alias), written(&alias).1, "{version} {marker}");
        }
        for (version, marker, weights, does) in [
            (
                "3",
                "[lp1 prev=1 to=2 dep=d sha=s]",
                &none,
                "version 2, by deploy d, and it points at version 3",
            ),
            ("$LATEST", "[lp1 from=3 to=2 dep=d sha=s]", &none, "and it points at version $LATEST"),
            (
                "2",
                shift,
                &none,
                "a shift from version 1 to 2, by deploy d, and it points at version 2",
            ),
            ("1", shift, &none, "and it sends all of its traffic to version 1"),
            (
                "1",
                shift,
                &json!({ "3": 0.2 }),
                "and it sends a part of its traffic (0.2) to version 3",
            ),
            (
                "1",
                "[lp1 dep=d shift=canary:10%/5m step=1 at=5 new=2]",
                &ours,
                "from version ? to 2",
            ),
        ] {
            let alias = alias(version, marker, weights);
            assert_eq!((of_alias(&alias), written(&alias).0), (None, "shop"), "{version} {marker}");
            let said = Stale::of(&alias).unwrap().to_string();
            assert!(said.contains(does) && said.contains("by hand"), "{said}");
        }
    }
}
