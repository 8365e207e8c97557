//! Flags of what goes to AWS.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;
use hyper::Uri;

use crate::cli::args::{Audit, Build, region};

#[derive(Debug, Args)]
pub(in crate::cli) struct Deploy {
    #[command(flatten)]
    pub(in crate::cli) release: Release,
    /// Show what would be done, and do nothing (the same as `plan`)
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) dry_run: bool,
    /// With --local: if no server listens there, start one, and keep it up until Ctrl-C
    #[arg(long, requires = "local", help_heading = "AWS")]
    pub(in crate::cli) serve: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Plan {
    #[command(flatten)]
    pub(in crate::cli) release: Release,
    /// Exit with 5 if there is anything to do, with 0 if not
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) exit_code: bool,
    /// Print the smallest IAM policy that allows this deploy, instead of the plan
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) iam_policy: bool,
}

/// What is deployed, and how.
#[derive(Debug, Args)]
// `--profile` is AWS's here, as with every other tool that deploys.
#[command(mut_arg("profile", |arg| arg.long("cargo-profile")))]
pub(in crate::cli) struct Release {
    /// Only these functions, by their names [default: all that the flags select]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// Take what was packaged below this folder instead of building
    #[arg(long, value_name = "DIR", help_heading = "Release")]
    pub(in crate::cli) from: Option<PathBuf>,
    /// Send this zip as the code of the one function that is named
    #[arg(long, value_name = "FILE", conflicts_with = "from", help_heading = "Release")]
    pub(in crate::cli) zip: Option<PathBuf>,
    /// Publish a version, unless nothing has changed since the last one
    #[arg(long, overrides_with = "no_publish", help_heading = "Release")]
    pub(in crate::cli) publish: bool,
    /// Publish none, whatever the settings say
    #[arg(long, conflicts_with = "alias", help_heading = "Release")]
    pub(in crate::cli) no_publish: bool,
    /// Move this alias to what is published, or create it; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Release")]
    pub(in crate::cli) alias: Vec<String>,
    /// How traffic goes over: all-at-once, canary:10%/5m, linear:10%/1m, steps:1%/1m,10%/5m
    #[arg(long, value_name = "STRATEGY", help_heading = "Release")]
    pub(in crate::cli) shift: Option<String>,
    /// What stands in the description of versions and aliases
    #[arg(long, value_name = "TEXT", help_heading = "Release")]
    pub(in crate::cli) description: Option<String>,
    /// The ARN of the execution role
    #[arg(long, value_name = "ARN", help_heading = "Release")]
    pub(in crate::cli) role: Option<String>,
    /// Make an execution role for each function that has none: `FUNCTION-role`
    #[arg(long, conflicts_with_all = ["role", "local"], help_heading = "Release")]
    pub(in crate::cli) create_role: bool,
    /// Take weights off an alias that somebody else has put on
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) clear_weights: bool,
    /// Move aliases to versions without checking them (`check.events`)
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) skip_checks: bool,
    /// How many changes are made at once
    #[arg(long, value_name = "N", default_value = "8", help_heading = "Release")]
    pub(in crate::cli) concurrency: NonZero<usize>,
    /// Calls of the control API a second; AWS allows 15 in all, 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 14.0, help_heading = "Release")]
    pub(in crate::cli) rate: f64,
    /// How long functions and versions may take to become active
    #[arg(long, value_name = "TIME", default_value = "10m", help_heading = "Release")]
    pub(in crate::cli) wait: humantime::Duration,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub(in crate::cli) ecr: super::push::Ecr,
    #[command(flatten)]
    pub(in crate::cli) audit: Audit,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

/// Which AWS, or the Lambda on this machine.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(in crate::cli) struct Place {
    #[command(flatten)]
    pub(in crate::cli) account: Account,
    /// The Lambda on this machine that `local` has started: no account, no credentials
    #[arg(long, conflicts_with_all = ["aws_profile", "endpoint_url"])]
    pub(in crate::cli) local: bool,
    /// Where `local` listens
    #[arg(long, value_name = "PORT", default_value_t = crate::local::PORT, requires = "local")]
    pub(in crate::cli) port: u16,
}

/// Which AWS.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "AWS")]
pub(in crate::cli) struct Account {
    /// The profile of AWS's shared configuration [default: `AWS_PROFILE`]
    #[arg(long = "profile", value_name = "NAME")]
    pub(in crate::cli) aws_profile: Option<String>,
    /// The Region [default: the profile's, `AWS_REGION`, or the setting `region`]
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub(in crate::cli) region: Option<String>,
    /// The endpoint of every service
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(in crate::cli) endpoint_url: Option<String>,
}

/// Where an API is.
fn endpoint(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok();
    let is_api = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some()
            && uri.query().is_none()
    };
    match uri {
        Some(uri) if is_api(&uri) => Ok(text.to_owned()),
        _ => Err("a URL such as http://127.0.0.1:4566 is wanted".to_owned()),
    }
}
