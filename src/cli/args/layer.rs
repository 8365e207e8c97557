//! Flags of `layer`.

use clap::{Args, Subcommand};

use super::{Audit, Build, ManifestFlags};

/// What `layer` does.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LayerCommand {
    /// Build, and show what functions share, in which layers, and what that saves
    ///
    /// Says what `package` does with the settings as they are; where none says `layers = "auto"`, what it
    /// would do with that. Nothing is written but what cargo writes. Often no layer is worth it: then it
    /// says so, with numbers.
    Plan(LayerPlan),
    /// Share the crates that functions have in common, as one library in a layer
    ///
    /// Looks at which crates two functions or more use, shows the change of manifests and sources, makes it, and
    /// builds the functions with the library and without: where that does not make all zips together
    /// smaller, the change is taken back. Writes a crate that re-exports those crates, and behind the
    /// feature `lambda-layer` the dependency on it: builds without the feature are as before. Functions
    /// that are linked with the library are built with `lto = "off"` and `panic = "unwind"`, and upload and
    /// move together with its layer.
    Init(LayerInit),
    /// Take back what `layer init` wrote
    Remove(LayerRemove),
}

/// `layer init`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LayerInit {
    /// What the crate is called, and its folder below the workspace's
    #[arg(long, value_name = "NAME", default_value = "shared")]
    pub(in crate::cli) name: String,
    /// Only show what would be changed
    #[arg(short = 'n', long)]
    pub(in crate::cli) dry_run: bool,
    /// Keep the change whatever it saves; nothing is built
    #[arg(long, conflicts_with = "dry_run")]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) audit: Audit,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

/// `layer remove`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LayerRemove {
    /// The crate; without it the one that functions are linked with
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Only show what would be changed
    #[arg(short = 'n', long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
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
