//! Cargo's own flags, and those of the compiler and the linker.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::compile::LinkerRequest;
use crate::target::Libc;

/// Cargo's own selection and build flags.
#[derive(Debug, Clone, Default, Args)]
#[command(mut_arg("features", |arg| arg.help("Space or comma separated list of features to activate")))]
pub(in crate::cli) struct Build {
    #[command(flatten, next_help_heading = "Package Selection")]
    pub(in crate::cli) workspace: clap_cargo::Workspace,
    /// Only the handlers with this name (or pattern)
    #[arg(long, value_name = "NAME", help_heading = "Target Selection")]
    pub(in crate::cli) bin: Vec<String>,
    /// All handlers, also when examples are named
    #[arg(long, help_heading = "Target Selection")]
    pub(in crate::cli) bins: bool,
    /// The example with this name (or pattern)
    #[arg(long, value_name = "NAME", help_heading = "Target Selection")]
    pub(in crate::cli) example: Vec<String>,
    #[command(flatten, next_help_heading = "Feature Selection")]
    pub(in crate::cli) features: clap_cargo::Features,
    #[command(flatten)]
    pub(in crate::cli) compile: Compile,
    #[command(flatten)]
    pub(in crate::cli) manifest: ManifestFlags,
    /// To be started here: where the host is no Linux, built for the host. `run` and `watch` set it.
    #[arg(skip)]
    pub(in crate::cli) here: bool,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub(in crate::cli) struct TargetFlags {
    /// The architecture; with `both`, a bundle for each [default: the settings', else the host's]
    #[arg(long, value_name = "ARCH", value_parser = ["x86_64", "arm64", "both"])]
    pub(in crate::cli) arch: Option<String>,
    /// The C library [default: gnu]
    #[arg(long, value_name = "LIBC", value_parser = PossibleValuesParser::new(Libc::ALL.map(Libc::name)))]
    pub(in crate::cli) libc: Option<String>,
    /// What links: `auto` takes the host's C compiler where its glibc is not above the runtime's, else
    /// zig, else a cross gcc
    #[arg(long, value_name = "LINKER", value_parser = PossibleValuesParser::new(LinkerRequest::NAMES))]
    pub(in crate::cli) linker: Option<String>,
    /// The processor, as rustc names it [default: x86-64-v3 or neoverse-n1, which every function has]
    #[arg(long, value_name = "CPU")]
    pub(in crate::cli) target_cpu: Option<String>,
    /// `size` for small executables, opt-level `z` [default: speed]
    #[arg(long, value_name = "FOR", value_parser = ["speed", "size"])]
    pub(in crate::cli) optimize: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Compilation Options")]
pub(in crate::cli) struct Compile {
    #[command(flatten)]
    pub(in crate::cli) target: TargetFlags,
    /// Build all handlers in one cargo run, with the features of all over all, as cargo does it (the
    /// default of the dev profile)
    #[arg(long, help_heading = "Feature Selection")]
    pub(in crate::cli) unify_features: bool,
    /// How hard the zips are compressed [default: best, level 12; in dev builds fast, level 6]
    #[arg(long, value_name = "HOW", value_parser = ["fast", "best"], help_heading = "Packaging")]
    pub(in crate::cli) compression: Option<String>,
    /// Build with the release profile (the default)
    #[arg(short, long, conflicts_with = "profile")]
    pub(in crate::cli) release: bool,
    /// Build with this profile; `dev` for a debug build
    ///
    /// [default: release]
    #[arg(long, value_name = "PROFILE-NAME")]
    pub(in crate::cli) profile: Option<String>,
    /// Number of parallel jobs
    #[arg(short, long, value_name = "N", allow_hyphen_values = true)]
    pub(in crate::cli) jobs: Option<String>,
    /// Build as much as possible after an error
    #[arg(long)]
    pub(in crate::cli) keep_going: bool,
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY")]
    pub(in crate::cli) target_dir: Option<PathBuf>,
    /// Write a report of cargo's compile times
    #[arg(long)]
    pub(in crate::cli) timings: bool,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Manifest Options")]
pub(in crate::cli) struct ManifestFlags {
    /// Assert that Cargo.lock will remain unchanged
    #[arg(long)]
    pub(in crate::cli) locked: bool,
    /// Run without accessing the network
    #[arg(long)]
    pub(in crate::cli) offline: bool,
    /// Equivalent to specifying both --locked and --offline
    #[arg(long)]
    pub(in crate::cli) frozen: bool,
    /// Override a cargo configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub(in crate::cli) config: Vec<String>,
    /// Unstable (nightly-only) flags to cargo
    #[arg(short = 'Z', value_name = "FLAG")]
    pub(in crate::cli) unstable: Vec<String>,
}
