//! Flags of `release`.

use clap::{Args, Subcommand};

use super::ManifestFlags;
use super::deploy::Place;

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
    Resume(Shifts),
    /// Take shifts back: all traffic to the version that it came from
    Abort(Shifts),
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
