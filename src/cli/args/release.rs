//! Flags of `release`.

use clap::{Args, Subcommand};

use super::ManifestFlags;
use super::deploy::Place;
use super::moves::version;
use crate::release::shift::strategy::Strategy;

/// What `release` does.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ReleaseCommand {
    /// Show which aliases shift traffic, by which steps, and how far they are
    ///
    /// What stands on the alias tells it: whoever began it need not be there any more.
    Status(Shifts),
    /// Go on with shifts that nobody goes on with any more
    ///
    /// From the step that is under way, with what the settings say is watched. Two who go on with the
    /// same shift do no harm.
    ///
    /// Where no settings of a function are found, nothing would be watched: that is refused before
    /// anything moves, unless `--unwatched` says so.
    Resume(Resume),
    /// Take shifts back: all traffic to the version that it came from
    Abort(Shifts),
    /// Print the AppSpec with which AWS CodeDeploy makes the same shift, and change nothing
    ///
    /// Which deployment configuration fits the strategy is told of, with the command that makes it where
    /// CodeDeploy has none. A strategy that CodeDeploy cannot follow is refused: it knows canary, linear and all at
    /// once, in whole percents and minutes.
    Appspec(AppSpec),
}

/// `release appspec`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AppSpec {
    /// The functions, by their names [default: all of the workspace]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// The alias [default: the first of the setting `alias`]
    #[arg(long, value_name = "NAME", help_heading = "Release")]
    pub(in crate::cli) alias: Option<String>,
    /// The version that traffic is to go to [default: that of the shift under way, else the newest]
    #[arg(long, value_name = "VERSION", value_parser = version, help_heading = "Release")]
    pub(in crate::cli) to: Option<String>,
    /// How it is to go over [default: the setting `shift`]
    #[arg(long, value_name = "STRATEGY", help_heading = "Release")]
    pub(in crate::cli) shift: Option<Strategy>,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
}

/// `release resume`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Resume {
    #[command(flatten)]
    pub(in crate::cli) shifts: Shifts,
    /// Go on with nothing watched where the settings of a function are not found
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) unwatched: bool,
}

/// Whose shifts.
#[derive(Debug, Args)]
pub(in crate::cli) struct Shifts {
    /// Only these functions, by their names, also such as the workspace does not have [default: all of
    /// the workspace]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// Only this alias
    #[arg(long, value_name = "NAME", help_heading = "Release")]
    pub(in crate::cli) alias: Option<String>,
    /// Let the others go on when one of them goes back
    #[arg(long, help_heading = "Release")]
    pub(in crate::cli) keep_going: bool,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
}
