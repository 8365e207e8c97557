//! What goes with something that nobody says. It stands only in the way of deploying: a table for all
//! functions may say the half that they share.

use super::super::Merged;
use super::super::check::NONE;
use super::super::located::{Located, Mistake, Node, Origin};
use super::{emptied, mistake, said};

/// Every half without the other one.
pub(in super::super) fn mistakes(all: &Merged) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    mistakes.extend(alone(all, "vpc.subnets", "vpc.security-groups"));
    mistakes.extend(alone(all, "vpc.security-groups", "vpc.subnets"));
    mistakes.extend(file_system(all));
    mistakes.extend(url(all));
    mistakes.extend(check(all));
    mistakes.extend(unpublished(all));
    mistakes.extend(provisioned(all));
    mistakes
}

/// A key that says something without another one that is there at all.
fn alone(all: &Merged, key: &str, other: &str) -> Option<Mistake> {
    let value = said(all, key).filter(|_| !all.contains_key(other))?;
    Some(mistake(value, format!("`{key}` goes with `{other}`, which is not said")))
}

/// `FileSystemConfigs` has both members; one that is cleared needs no path, whoever says one.
fn file_system(all: &Merged) -> Option<Mistake> {
    let (arn, path) = ("file-system.arn", "file-system.path");
    let no_path = || {
        let value = said(all, arn).filter(|_| said(all, path).is_none())?;
        Some(mistake(value, format!("`{arn}` goes with `{path}`, which is not said")))
    };
    alone(all, path, arn).or_else(no_path)
}

/// What is of a URL, where nothing says whether there is one.
fn url(all: &Merged) -> Vec<Mistake> {
    let others = all.iter().filter(|(key, _)| key.starts_with("url."));
    let what = |(key, value): (&&'static str, &Located)| {
        let what = format!(
            "`{key}` goes with `url.auth`, which is not said: \"iam\", \"public\", or \"none\" for no URL"
        );
        mistake(value, what)
    };
    if all.contains_key("url.auth") { Vec::new() } else { others.map(what).collect() }
}

/// What is checked is what an alias is to move to.
fn check(all: &Merged) -> Vec<Mistake> {
    let others = [
        "check.expect.json",
        "check.expect.status",
        "check.max-duration",
        "check.max-init",
        "check.warm-up",
    ];
    let mut mistakes: Vec<Mistake> =
        others.into_iter().filter_map(|key| alone(all, key, "check.events")).collect();
    mistakes.extend(alone(all, "check.events", "alias"));
    mistakes.extend(others.into_iter().find_map(|key| emptied_check(all, key)));
    mistakes
}

/// A variable that a script has not set would check nothing, without a word.
fn emptied_check(all: &Merged, key: &str) -> Option<Mistake> {
    said(all, key)?;
    let events = emptied(all, "check.events")
        .filter(|events| matches!(events.origin, Origin::Variable(_)))?;
    let what = format!(
        "`check.events` is empty, so that `{key}` would check nothing; `--skip-checks` leaves checks out"
    );
    Some(mistake(events, what))
}

/// An alias is moved to a version.
fn unpublished(all: &Merged) -> Option<Mistake> {
    said(all, "alias")?;
    let publish = all.get("publish").filter(|value| value.node == Node::Boolean(false))?;
    let what = "`publish = false` leaves nothing for `alias` to be moved to; `alias = []` is none";
    Some(mistake(publish, what.to_owned()))
}

/// "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
fn provisioned(all: &Merged) -> Option<Mistake> {
    let value = all.get("provisioned-concurrency").filter(|value| value.text() != NONE)?;
    if said(all, "alias").is_some() {
        return None;
    }
    let what = "`provisioned-concurrency` is of an alias, never of `$LATEST`: `alias` names none";
    Some(mistake(value, what.to_owned()))
}
