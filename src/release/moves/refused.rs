//! Why an alias does not go where it is asked to.

use std::collections::BTreeSet;

use crate::release::marker::Stale;

/// Why an alias is not moved. All of these are known before anything is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such function.
    #[error("there is no such function")]
    NoFunction,
    /// It has no alias of this name.
    #[error("it has no alias {0}")]
    NoAlias(String),
    /// It has no alias of this name, whose version another is to get.
    #[error("it has no alias {0}")]
    NoSource(String),
    /// It has none at all.
    #[error("it has no alias: its callers get $LATEST")]
    NoAliases,
    /// It has several, and none is named.
    #[error("it has several aliases ({})", .0.join(", "))]
    WhichAlias(Vec<String>),
    /// No deploy of this program has moved it.
    #[error("alias {alias} says of no deploy where it came from")]
    Unmarked {
        /// The alias.
        alias: String,
    },
    /// Somebody has moved it by hand since: where it was before is not known.
    #[error("{0}; where it was before that is not known")]
    Stale(Box<Stale>),
    /// It was made where it is.
    #[error("alias {alias} was made by deploy {deploy}: there is nothing before")]
    NothingBefore {
        /// The alias.
        alias: String,
        /// The deploy, as in its marker.
        deploy: String,
    },
    /// Before it came `$LATEST`, which holds other code by now.
    #[error("alias {alias} came from $LATEST, which is no version")]
    LatestBefore {
        /// The alias.
        alias: String,
    },
    /// It was rolled back already.
    #[error("alias {alias} was rolled back already, from version {from} to {at}")]
    Again {
        /// The alias.
        alias: String,
        /// Where it came away from.
        from: String,
        /// Where it is.
        at: String,
    },
    /// The version is not there.
    #[error("version {0} is not there")]
    NoVersion(String),
    /// No version says that it was made of this commit.
    #[error("no version says that it was made of commit {0}")]
    NoCommit(String),
    /// One says that it was made of it, and of files that were changed.
    #[error(
        "version {version} was made of commit {commit} with files that were changed, and none of the commit itself"
    )]
    ChangedCommit {
        /// The commit, as it was asked for.
        commit: String,
        /// The newest such version.
        version: String,
    },
    /// Several commits begin with these digits.
    #[error("several commits begin so: {}", .0.iter().map(String::as_str).collect::<Vec<_>>().join(", "))]
    SeveralCommits(BTreeSet<String>),
    /// The version cannot run.
    #[error("version {version} cannot run: it is {state}{}", of_reason(code, reason))]
    CannotRun {
        /// The version.
        version: String,
        /// `State`.
        state: String,
        /// `StateReasonCode`.
        code: String,
        /// What AWS says.
        reason: String,
        /// What could be done.
        advice: &'static str,
    },
    /// The version is not active yet.
    #[error("version {version} is {state}")]
    NotReady {
        /// The version.
        version: String,
        /// `State`.
        state: String,
    },
    /// The image of the version was deleted.
    #[error("version {version} cannot run: its image {image} is gone")]
    ImageGone {
        /// The version.
        version: String,
        /// Repository and digest.
        image: String,
    },
    /// The object that the version's code is read from was deleted.
    #[error("version {version} cannot run: its code {object} is gone")]
    ObjectGone {
        /// The version.
        version: String,
        /// `s3://BUCKET/KEY`.
        object: String,
    },
    /// The alias that is to be followed leads to two versions.
    #[error("alias {alias} sends a part of its traffic to another version: which one is meant?")]
    SourceWeights {
        /// The alias.
        alias: String,
    },
    /// The alias that is to be followed leads to no version.
    #[error("alias {alias} points at $LATEST, which is no version")]
    SourceLatest {
        /// The alias.
        alias: String,
    },
    /// What was packaged is not what the source runs.
    #[error("what was packaged has CodeSha256 {packaged}, and {holder} runs {there}")]
    OtherBundle {
        /// Of the bundle.
        packaged: String,
        /// What it is compared with, in words.
        holder: String,
        /// Of what that runs.
        there: String,
    },
}

fn of_reason(code: &str, reason: &str) -> String {
    match (code, reason) {
        ("", "") => String::new(),
        (code, "") => format!(", {code}"),
        (code, reason) => format!(", {code} ({reason})"),
    }
}

impl Refused {
    /// Whether a list of the versions helps.
    #[must_use]
    pub fn wants_list(&self) -> bool {
        matches!(
            self,
            Self::Unmarked { .. }
                | Self::Stale(_)
                | Self::NothingBefore { .. }
                | Self::LatestBefore { .. }
                | Self::Again { .. }
                | Self::NoVersion(_)
                | Self::NoCommit(_)
                | Self::ChangedCommit { .. }
                | Self::SeveralCommits(_)
                | Self::CannotRun { .. }
                | Self::ImageGone { .. }
                | Self::ObjectGone { .. }
        )
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoFunction => "name another, or look whether Region and account are those meant",
            Self::NoAlias(_) | Self::WhichAlias(_) => {
                "say which with `--alias NAME`; `releases` shows what there is"
            }
            Self::NoSource(_) => {
                "say whose version it is with `--alias-from`; `releases` shows what there is"
            }
            Self::NoAliases => "deploy with `--alias NAME` first",
            Self::NothingBefore { .. } => {
                "say where to with `--to VERSION`, or leave it out: name the other functions"
            }
            Self::Unmarked { .. }
            | Self::Stale(_)
            | Self::LatestBefore { .. }
            | Self::Again { .. }
            | Self::NoVersion(_)
            | Self::ImageGone { .. }
            | Self::ObjectGone { .. } => {
                "say where to with `--to VERSION`; `releases` lists the versions"
            }
            Self::NoCommit(_) => {
                "say where to with `--to VERSION`; what was deployed with `--zip`, or outside of git, tells no commit"
            }
            Self::ChangedCommit { .. } => {
                "if that one is meant, name it with `--to VERSION`, or by its commit with `-dirty` behind it"
            }
            Self::SeveralCommits(_) => "give more of its digits",
            Self::CannotRun { advice, .. } => advice,
            Self::NotReady { .. } => "run the same command again in a while",
            Self::SourceWeights { .. } => "wait until whoever shifts traffic is done",
            Self::SourceLatest { .. } => "deploy to it first",
            Self::OtherBundle { .. } => "promote what was deployed there: take its folder",
        }
    }
}
