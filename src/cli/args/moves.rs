//! Flags of what moves aliases to versions that are there, and of what lists these.

use clap::{ArgGroup, Args};

use super::deploy::{Deploy, Place};
use super::remote::selecting;
use crate::cli::args::{Build, region};
use crate::release::origin;
use crate::release::shift::strategy::{Strategy, StrategyError};

#[derive(Debug, Args)]
#[command(
    mut_arg("profile", |arg| arg.long("cargo-profile")),
    mut_args(selecting),
    mut_arg("keep_going", |arg| arg.hide(false).help(KEEP_GOING).help_heading("Rollback"))
)]
pub(in crate::cli) struct Rollback {
    /// Only these functions, by their names, also such as the workspace does not have [default: all
    /// that the flags select]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// Only this alias [default: those of the settings, else the function's only one]
    #[arg(long, value_name = "NAME", help_heading = "Rollback")]
    pub(in crate::cli) alias: Option<String>,
    /// To the version of this number, of the one function that is named
    #[arg(long, value_name = "VERSION", value_parser = version, help_heading = "Rollback")]
    pub(in crate::cli) to: Option<String>,
    /// To the newest version that was made of this commit, by its first digits (7 at least)
    #[arg(long, value_name = "SHA", value_parser = commit, conflicts_with = "to", help_heading = "Rollback")]
    pub(in crate::cli) to_commit: Option<String>,
    /// Everything that this deploy moved, as `releases` and `status` name it
    #[arg(long = "deploy", value_name = "ID", conflicts_with_all = ["to", "to_commit"], help_heading = "Rollback")]
    pub(in crate::cli) deploy_id: Option<String>,
    /// Take weights off an alias that somebody else has put on
    #[arg(long, help_heading = "Rollback")]
    pub(in crate::cli) clear_weights: bool,
    /// Step by step: canary:10%/5m, linear:10%/1m, steps:1%/1m,10%/5m [default: all at once]
    #[arg(long, value_name = "STRATEGY", value_parser = strategy, help_heading = "Rollback")]
    pub(in crate::cli) shift: Option<Strategy>,
    /// Check no version before it gets traffic, whatever the settings say
    #[arg(long, help_heading = "Rollback")]
    pub(in crate::cli) skip_checks: bool,
    /// Show what would be moved, and move nothing
    #[arg(long, help_heading = "Rollback")]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.long("cargo-profile")), mut_args(selecting))]
pub(in crate::cli) struct Releases {
    /// Only these functions, by their names, also such as the workspace does not have [default: all
    /// that the flags select]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "cargo lambda-pack promote [OPTIONS] --alias-from NAME [FUNCTION]...\n       \
                      cargo lambda-pack promote [OPTIONS] --from DIR [FUNCTION]...",
    group(ArgGroup::new("what").args(["alias_from", "from"]).required(true).multiple(true)),
    mut_args(selecting),
    mut_arg("keep_going", |arg| arg.hide(false).help(KEEP_GOING).help_heading("Release")),
    mut_arg("zip", |arg| arg.hide(true)),
    mut_arg("serve", |arg| arg.hide(true)),
    mut_arg("alias", |arg| arg.help(ALIAS)),
    mut_arg("from", |arg| arg.help(FROM))
)]
pub(in crate::cli) struct Promote {
    /// The alias whose version goes to `--alias`; with `--from` the one whose code the bundles must be
    #[arg(long, value_name = "NAME", help_heading = "Promotion")]
    pub(in crate::cli) alias_from: Option<String>,
    /// The environment of `--alias-from`, with its names of functions [default: that of `--env`]
    #[arg(long, value_name = "NAME", requires_all = ["alias_from", "from"], help_heading = "Promotion")]
    pub(in crate::cli) source_env: Option<String>,
    /// The profile that reads `--alias-from` [default: that of `--profile`]
    #[arg(long, value_name = "NAME", requires_all = ["alias_from", "from"], help_heading = "Promotion")]
    pub(in crate::cli) source_profile: Option<String>,
    /// The Region of `--alias-from` [default: that of `--region`]
    #[arg(long, value_name = "REGION", value_parser = region, requires_all = ["alias_from", "from"], help_heading = "Promotion")]
    pub(in crate::cli) source_region: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) deploy: Deploy,
}

const KEEP_GOING: &str = "Move the others where one cannot be moved, or goes back";
const ALIAS: &str = "The alias that moves, or is made [default: those of the settings]";
const FROM: &str = "Deploy what was packaged below this folder, as `deploy --from` does: to another environment, account or Region";

/// How traffic goes over.
fn strategy(text: &str) -> Result<Strategy, String> {
    text.parse().map_err(|error: StrategyError| error.to_string())
}

/// The number of a version.
pub(super) fn version(text: &str) -> Result<String, String> {
    if text.parse::<u64>().is_ok_and(|number| number > 0) {
        return Ok(text.to_owned());
    }
    Err("the number of a version is wanted; aliases and $LATEST are none".to_owned())
}

/// A commit, by some of its digits.
fn commit(text: &str) -> Result<String, String> {
    if origin::is_one(text) {
        return Ok(text.to_owned());
    }
    Err(format!("at least {} digits of a commit are wanted, as git shows them", origin::DIGITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_commits_have_seven_digits() {
        assert_eq!(version("7").as_deref(), Ok("7"));
        for text in ["", "0", "live", "$LATEST", "-1", "+", "7 "] {
            assert!(version(text).is_err(), "{text}");
        }
        assert_eq!(commit("3f2a9c0-dirty").as_deref(), Ok("3f2a9c0-dirty"));
        for text in ["", "3f2a9c", "HEAD", "3f2a9c0g"] {
            assert!(commit(text).is_err(), "{text}");
        }
    }
}
