//! Flags of what looks at functions on AWS, or takes them away.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::deploy::Place;
use crate::cli::args::{Build, ManifestFlags};

/// Flags of `Build` that say nothing about what is selected.
const ONLY_FOR_BUILDING: [&str; 11] = [
    "release",
    "profile",
    "jobs",
    "keep_going",
    "timings",
    "libc",
    "linker",
    "target_cpu",
    "optimize",
    "unify_features",
    "compression",
];

/// Hides an argument that counts for nothing here.
pub(super) fn selecting(arg: clap::Arg) -> clap::Arg {
    if ONLY_FOR_BUILDING.contains(&arg.get_id().as_str()) { arg.hide(true) } else { arg }
}

#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.long("cargo-profile")), mut_args(selecting))]
pub(in crate::cli) struct Status {
    /// Only these functions, by their names, also such as the workspace does not have [default: all
    /// that the flags select]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// Compare code with what was packaged below this folder [default: target/lambda-pack]
    #[arg(long, value_name = "DIR", help_heading = "Status")]
    pub(in crate::cli) from: Option<PathBuf>,
    /// Exit with 5 if a function is not what the configuration says, with 0 if all are
    #[arg(long, help_heading = "Status")]
    pub(in crate::cli) exit_code: bool,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// The functions, by their names; the workspace need not have them
    #[arg(value_name = "FUNCTION", required = true)]
    pub(in crate::cli) functions: Vec<String>,
    /// Delete this version alone, by its number; refused while an alias points at it
    #[arg(long, value_name = "VERSION", help_heading = "Deletion")]
    pub(in crate::cli) qualifier: Option<String>,
    /// Delete without a question
    #[arg(short, long, help_heading = "Deletion")]
    pub(in crate::cli) yes: bool,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
}

#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.long("cargo-profile")), mut_args(selecting))]
pub(in crate::cli) struct Prune {
    /// Only these functions, by their names, also such as the workspace does not have [default: all
    /// that the flags select]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// How many of the newest versions of each function, and of each layer, stay, needed or not
    #[arg(long, value_name = "N", default_value = "3", value_parser = super::layer::keep, help_heading = "Deletion")]
    pub(in crate::cli) keep: NonZero<usize>,
    /// Delete them
    #[arg(short, long, help_heading = "Deletion")]
    pub(in crate::cli) yes: bool,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Logs {
    /// The function, by its name; the workspace need not have it
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) function: String,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long, help_heading = "Log")]
    pub(in crate::cli) follow: bool,
    /// How far back to begin: 30s, 10m, 2h, 1day
    #[arg(long, value_name = "TIME", default_value = "10m", help_heading = "Log")]
    pub(in crate::cli) since: humantime::Duration,
    /// Only what matches this pattern of CloudWatch Logs: ERROR, '"two words"', '{ $.level = "WARN" }'
    #[arg(long, value_name = "PATTERN", help_heading = "Log")]
    pub(in crate::cli) filter: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
}
