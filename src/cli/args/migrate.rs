//! Flags of `migrate`.

use clap::Args;

use super::ManifestFlags;

#[derive(Debug, Args)]
pub(in crate::cli) struct Migrate {
    /// Only show what would change
    #[arg(short = 'n', long, help_heading = "Migration")]
    pub(in crate::cli) dry_run: bool,
    /// Do not ask
    #[arg(short, long, help_heading = "Migration")]
    pub(in crate::cli) yes: bool,
    /// Leave the old tables where they are, for cargo-lambda; here the new ones stand above them
    #[arg(long, help_heading = "Migration")]
    pub(in crate::cli) keep: bool,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
}
