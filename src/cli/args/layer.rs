//! Flags of `layer`.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::deploy::Place;
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
    /// Publish the layers of functions, and extensions, of which AWS has no version yet
    ///
    /// Packages what is selected, as `deploy` does, and publishes its layers alone: no function is touched. A
    /// version says what it holds, so nothing is published twice, also where this was killed. An extension
    /// that is in no layer of a function goes up as a layer by itself. Prints the ARN of each version.
    Publish(LayerPublish),
    /// Show which versions of our layers the account has, and which functions use them
    ///
    /// Ours are those that say so in their description (`lp1 sha256:…`), whichever workspace published
    /// them.
    List(LayerList),
    /// Delete old versions of our layers that no function uses; shows them alone without `--yes`
    ///
    /// What any version of any function of the account uses stays, and so do the newest versions of each layer,
    /// those that others may use (a policy of theirs), and all that are not ours. Who uses what is read
    /// once more right before.
    Prune(LayerPrune),
}

/// `layer publish`.
#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.long("cargo-profile")))]
pub(in crate::cli) struct LayerPublish {
    /// Only the layers of these functions, and these extensions, by their names [default: all that the
    /// flags select]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) functions: Vec<String>,
    /// Take what was packaged below this folder instead of building
    #[arg(long, value_name = "DIR", help_heading = "Layers")]
    pub(in crate::cli) from: Option<PathBuf>,
    /// Only show what would be published
    #[arg(short = 'n', long, help_heading = "Layers")]
    pub(in crate::cli) dry_run: bool,
    /// Calls of the control API a second; AWS allows 15 in all, 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 14.0, help_heading = "Layers")]
    pub(in crate::cli) rate: f64,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) audit: Audit,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

/// Which layers of the account are meant.
#[derive(Debug, Args)]
pub(in crate::cli) struct LayerScope {
    /// Only these layers, by their names [default: those of lambda-pack.lock, and those whose names begin as this
    /// workspace's do]
    #[arg(value_name = "LAYER")]
    pub(in crate::cli) layers: Vec<String>,
    /// Every layer of ours in the account, whichever workspace published it
    #[arg(long, conflicts_with = "layers", help_heading = "Layers")]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
}

/// `layer list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LayerList {
    #[command(flatten)]
    pub(in crate::cli) scope: LayerScope,
    /// Compare with what was packaged below this folder [default: target/lambda-pack]
    #[arg(long, value_name = "DIR", help_heading = "Layers")]
    pub(in crate::cli) from: Option<PathBuf>,
}

/// `layer prune`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LayerPrune {
    #[command(flatten)]
    pub(in crate::cli) scope: LayerScope,
    /// How many of the newest versions of each layer stay, used or not
    #[arg(long, value_name = "N", default_value = "3", value_parser = keep, help_heading = "Layers")]
    pub(in crate::cli) keep: NonZero<usize>,
    /// Delete them
    #[arg(short, long, help_heading = "Layers")]
    pub(in crate::cli) yes: bool,
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

/// The newest version is what the next deploy may want.
pub(super) fn keep(text: &str) -> Result<NonZero<usize>, String> {
    text.parse()
        .map_err(|_| "a whole number, 1 at least: the newest version always stays".to_owned())
}
