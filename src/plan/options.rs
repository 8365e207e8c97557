//! Cargo's build flags, as we pass them on.

use std::ffi::OsString;
use std::path::PathBuf;

use super::features::Resolver;
use super::{FeatureSelection, Run};
use crate::function::Handler;

/// What the user asked of cargo, and how it shall look.
#[derive(Debug, Clone, Default)]
pub struct CargoOptions {
    /// `--manifest-path`.
    pub manifest_path: Option<PathBuf>,
    /// `--target-dir`.
    pub target_dir: Option<PathBuf>,
    /// `--profile`; never empty.
    pub profile: String,
    /// Whether the command line says it, so that no setting counts.
    pub is_profile_said: bool,
    /// `--features` and its kin.
    pub features: FeatureSelection,
    /// `--jobs`, as cargo takes it (a number, a negative one, or `default`).
    pub jobs: Option<String>,
    /// `--keep-going`.
    pub keep_going: bool,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
    /// `--frozen`.
    pub frozen: bool,
    /// `--config`, in order.
    pub config: Vec<String>,
    /// `-Z`, in order.
    pub unstable: Vec<String>,
    /// `--timings`.
    pub timings: bool,
    /// For the host, as cargo does it by itself, whatever Lambda has: nothing that is built so can be
    /// packaged.
    pub host: bool,
    /// `--verbose`s, `--quiet`, `--color …`.
    pub output: Vec<String>,
}

impl CargoOptions {
    /// Whether the network is not to be used.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.offline || self.frozen
    }

    /// The arguments of `cargo metadata`.
    #[must_use]
    pub fn metadata_args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> =
            ["metadata", "--format-version", "1", "--no-deps"].map(OsString::from).to_vec();
        self.push_common(&mut args);
        args
    }

    /// The arguments of the `cargo metadata` that features are resolved from: no less than the
    /// platforms and features at hand need, so that nothing else has to be downloaded for it.
    /// Resolver 1 also unifies over platforms that are not built for.
    #[must_use]
    pub fn whole_metadata_args(&self, resolver: Resolver, triples: [&str; 2]) -> Vec<OsString> {
        let mut args: Vec<OsString> =
            ["metadata", "--format-version", "1"].map(OsString::from).to_vec();
        if resolver == Resolver::Two {
            for triple in triples {
                args.extend(["--filter-platform", triple].map(OsString::from));
            }
        }
        self.push_features(&mut args, &self.features.list);
        self.push_common(&mut args);
        args
    }

    /// The arguments of the `cargo build` of these handlers, with more of `--config`.
    #[must_use]
    pub fn build_args(&self, run: &Run, handlers: &[&Handler], config: &[String]) -> Vec<OsString> {
        let mut args: Vec<OsString> =
            ["build", "--message-format", "json-render-diagnostics"].map(OsString::from).to_vec();
        if !self.host {
            args.extend(["--target", run.compile.target.triple()].map(OsString::from));
        }
        args.extend(["--profile", &self.profile].map(OsString::from));
        for package in &run.packages {
            args.extend(["--package", &package.repr].map(OsString::from));
        }
        for handler in handlers {
            args.push(format!("--{}", handler.kind.cargo_name()).into());
            args.push(handler.target.clone().into());
        }
        self.push_features(&mut args, &run.features);
        if let Some(dir) = &self.target_dir {
            args.push("--target-dir".into());
            args.push(dir.into());
        }
        if let Some(jobs) = &self.jobs {
            args.push(format!("--jobs={jobs}").into());
        }
        for (on, flag) in [(self.keep_going, "--keep-going"), (self.timings, "--timings")] {
            if on {
                args.push(flag.into());
            }
        }
        self.push_common(&mut args);
        // Behind those of the user.
        for value in config {
            args.extend(["--config", value].map(OsString::from));
        }
        args
    }

    fn push_features(&self, args: &mut Vec<OsString>, list: &[String]) {
        let features = &self.features;
        for (on, flag) in
            [(features.all, "--all-features"), (features.no_default, "--no-default-features")]
        {
            if on {
                args.push(flag.into());
            }
        }
        if !list.is_empty() {
            args.push("--features".into());
            args.push(list.join(",").into());
        }
    }

    /// What every cargo command takes.
    fn push_common(&self, args: &mut Vec<OsString>) {
        if let Some(path) = &self.manifest_path {
            args.push("--manifest-path".into());
            args.push(path.into());
        }
        for (on, flag) in
            [(self.locked, "--locked"), (self.offline, "--offline"), (self.frozen, "--frozen")]
        {
            if on {
                args.push(flag.into());
            }
        }
        for (flag, values) in [("--config", &self.config), ("-Z", &self.unstable)] {
            for value in values {
                args.push(flag.into());
                args.push(value.into());
            }
        }
        args.extend(self.output.iter().map(OsString::from));
    }
}
