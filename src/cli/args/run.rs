//! Flags of `run` and `watch`.

use clap::Args;

use super::Build;

#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.long_help(PROFILE)), mut_arg("release", |arg| arg.help(RELEASE)))]
pub(in crate::cli) struct Run {
    /// Listen on this port of 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = crate::local::PORT, help_heading = "Server")]
    pub(in crate::cli) port: u16,
    /// Start a handler when it is first invoked, not at once
    #[arg(long, help_heading = "Server")]
    pub(in crate::cli) wait: bool,
    /// Let functions see and write this machine's files, instead of those that they have on Lambda
    #[arg(long, help_heading = "Server")]
    pub(in crate::cli) no_sandbox: bool,
    /// Serve the `routes` of the settings below /routes, as an HTTP API of API Gateway would
    #[arg(long, help_heading = "Server")]
    pub(in crate::cli) router: bool,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunOnce {
    /// Of `watch`; known here so that whoever looks for it is told
    #[arg(long, value_name = "EVENT", hide = true, num_args = 0..=1, default_missing_value = "")]
    pub(in crate::cli) invoke: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) run: Run,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Watch {
    /// After each build, invoke what is new with this: a sample event (`sqs`), JSON, or a file that holds
    /// JSON
    #[arg(long, value_name = "EVENT", help_heading = "Server")]
    pub(in crate::cli) invoke: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) run: Run,
}

const PROFILE: &str = "Build with this profile\n\n[default: dev]";
const RELEASE: &str = "Build with the release profile, as `package` does";
