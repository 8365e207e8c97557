//! Flags as typed → what they mean.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anstream::ColorChoice;

use super::args::{Audit, Build, Color, Compile, Global, OutputFormat};
use crate::audit::Trust;
use crate::config::features;
use crate::plan::{CargoOptions, FeatureSelection, Selection};
use crate::shell::{Output, Shell};
use crate::target::Runtime;

/// Cargo runs its subcommands as `cargo-lambda-pack lambda-pack …`; by hand the word is missing.
pub(super) fn without_subcommand_name(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|word| word == "lambda-pack") {
        args.remove(1);
    }
    args
}

/// Whether the answer to a command line that cannot be parsed should be JSON.
pub(super) fn asks_for_json(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--output=json")
        || args.windows(2).any(|pair| pair == ["--output", "json"])
}

impl Color {
    fn from_environment() -> Option<Self> {
        match env::var("CARGO_TERM_COLOR").ok()?.as_str() {
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            _ => None,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

impl Global {
    /// The terminal as these flags, `CARGO_TERM_COLOR` and `NO_COLOR` want it, in that order.
    pub(super) fn shell(&self) -> Shell {
        let color = match self.color.or_else(Color::from_environment) {
            Some(Color::Always) => ColorChoice::Always,
            Some(Color::Never) => ColorChoice::Never,
            Some(Color::Auto) | None => ColorChoice::Auto,
        };
        let output = match self.output {
            OutputFormat::Text => Output::Text,
            OutputFormat::Json => Output::Json,
        };
        Shell::new(output, self.quiet, self.verbose > 0, color)
    }

    /// Whether cargo would find a manifest: the one named, or one in this folder or above.
    pub(super) fn has_workspace(&self) -> bool {
        let folder = env::current_dir().unwrap_or_default();
        self.manifest_path.is_some()
            || folder.ancestors().any(|folder| folder.join("Cargo.toml").is_file())
    }

    fn for_cargo(&self) -> Vec<String> {
        let mut args = vec!["--verbose".to_owned(); usize::from(self.verbose)];
        if self.quiet {
            args.push("--quiet".to_owned());
        }
        if let Some(color) = self.color {
            args.extend(["--color".to_owned(), color.word().to_owned()]);
        }
        args
    }
}

impl Build {
    pub(super) fn selection(&self) -> Selection {
        Selection {
            packages: self.workspace.package.clone(),
            workspace: self.workspace.workspace || self.workspace.all,
            exclude: self.workspace.exclude.clone(),
            bins: self.bin.clone(),
            all_bins: self.bins,
            examples: self.example.clone(),
            features: self.features(),
        }
    }

    /// Whether all handlers are built in one run. A debug build is to be quick, not small.
    pub(super) fn unifies(&self, options: &CargoOptions) -> bool {
        self.compile.unify_features || options.profile == "dev"
    }

    fn features(&self) -> FeatureSelection {
        FeatureSelection {
            all: self.features.all_features,
            no_default: self.features.no_default_features,
            list: self.features.features.iter().flat_map(|text| features(text)).collect(),
        }
    }

    pub(super) fn cargo_options(&self, global: &Global) -> CargoOptions {
        CargoOptions {
            manifest_path: global.manifest_path.clone(),
            target_dir: self.compile.target_dir.clone(),
            profile: self.compile.profile().to_owned(),
            is_profile_said: self.compile.release || self.compile.profile.is_some(),
            features: self.features(),
            jobs: self.compile.jobs.clone(),
            keep_going: self.compile.keep_going,
            locked: self.manifest.locked,
            offline: self.manifest.offline,
            frozen: self.manifest.frozen,
            config: self.manifest.config.clone(),
            unstable: self.manifest.unstable.clone(),
            timings: self.compile.timings,
            host: self.here,
            output: global.for_cargo(),
        }
    }
}

impl Compile {
    /// The name of cargo's profile.
    pub(super) fn profile(&self) -> &str {
        self.profile.as_deref().unwrap_or("release")
    }
}

impl Audit {
    /// clap has checked the name.
    pub(super) fn runtime(&self) -> Option<Runtime> {
        self.runtime.as_deref().and_then(|name| name.parse().ok())
    }

    pub(super) fn trust(&self) -> Trust {
        Trust::new(self.trust_system.clone())
    }
}

/// A path below the current folder as such, any other as it is.
pub(super) fn shown(path: &Path) -> String {
    let folder = env::current_dir().unwrap_or_default();
    let below = path.strip_prefix(&folder).ok();
    below.filter(|below| !below.as_os_str().is_empty()).unwrap_or(path).display().to_string()
}
