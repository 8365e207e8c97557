//! Flags of `layer`.

use clap::{Args, Subcommand};

use super::{Audit, Build};

/// What `layer` does.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LayerCommand {
    /// Build, and show what functions share, in which layers, and what that saves
    ///
    /// Says what `package` does with the settings as they are; where none says `layers = "auto"`, what it
    /// would do with that. Nothing is written but what cargo writes. Often no layer is worth it: then it
    /// says so, with numbers.
    Plan(LayerPlan),
}

/// `layer plan`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LayerPlan {
    /// Say who has a file, where it is, and why: by its path below /opt, or its name
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) explain: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) audit: Audit,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}
