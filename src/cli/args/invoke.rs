//! Flags of `invoke`.

use clap::Args;

use super::deploy::Account;
use super::{Audit, Build};

#[derive(Debug, Args)]
// `--profile` is AWS's here, as with whatever else goes to AWS.
#[command(mut_arg("profile", |arg| arg.long("cargo-profile")))]
pub(in crate::cli) struct Invoke {
    /// The function: its name; with a server or on AWS also name:qualifier, or an ARN [default: the
    /// only one here]
    #[arg(value_name = "FUNCTION")]
    pub(in crate::cli) function: Option<String>,
    /// What to send: JSON, a file that holds JSON, or `-` for standard input [default: {}]
    #[arg(long, value_name = "JSON|FILE|-", help_heading = "Invocation")]
    pub(in crate::cli) payload: Option<String>,
    /// Send a sample of what this service sends: sqs, s3, apigw-v2
    #[arg(long, value_name = "NAME", conflicts_with = "payload", help_heading = "Invocation")]
    pub(in crate::cli) event: Option<String>,
    /// List the sample events
    #[arg(long, help_heading = "Invocation")]
    pub(in crate::cli) list_events: bool,
    /// A version or an alias
    #[arg(long, value_name = "QUALIFIER", help_heading = "Invocation")]
    pub(in crate::cli) qualifier: Option<String>,
    /// Do not wait for the answer
    #[arg(long = "async", conflicts_with_all = ["dry_run", "log"], help_heading = "Invocation")]
    pub(in crate::cli) is_async: bool,
    /// Only check that it can be invoked
    #[arg(long, conflicts_with = "log", help_heading = "Invocation")]
    pub(in crate::cli) dry_run: bool,
    /// Show the end of the log, 4 KB
    #[arg(long, help_heading = "Invocation")]
    pub(in crate::cli) log: bool,
    #[command(flatten)]
    pub(in crate::cli) account: Account,
    /// Invoke it on this machine
    #[arg(long, conflicts_with_all = ["aws_profile", "endpoint_url"], help_heading = "AWS")]
    pub(in crate::cli) local: bool,
    /// Where `local` listens [default: 9720]
    #[arg(long, value_name = "PORT", help_heading = "AWS")]
    pub(in crate::cli) port: Option<u16>,
    /// With --local and no server: let the function see and write this machine's files
    #[arg(long, help_heading = "Invocation")]
    pub(in crate::cli) no_sandbox: bool,
    #[command(flatten)]
    pub(in crate::cli) audit: Audit,
    #[command(flatten)]
    pub(in crate::cli) build: Build,
}
