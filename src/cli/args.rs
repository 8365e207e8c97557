//! The command line, as typed. `lower` turns it into values; nothing else reads flags.

mod build;
mod deploy;
mod image;
mod invoke;
mod layer;
mod local;
mod migrate;
mod moves;
mod new;
mod push;
mod rehearsal;
mod release;
mod remote;
mod run;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::target::Runtime;
pub(super) use build::{Build, Compile, ManifestFlags};
#[cfg(feature = "aws")]
pub(super) use deploy::{Account, Place, Release};
pub(super) use deploy::{Deploy, Plan};
pub(super) use image::{Archive, Builder, Images};
pub(super) use invoke::Invoke;
pub(super) use layer::{LayerCommand, LayerInit, LayerPlan, LayerRemove};
#[cfg(feature = "aws")]
pub(super) use layer::{LayerList, LayerPrune, LayerPublish, LayerScope};
pub(super) use local::{Local, region};
pub(super) use migrate::Migrate;
pub(super) use moves::{Promote, Releases, Rollback};
pub(super) use new::{Init, New, TemplateFlags};
#[cfg(feature = "aws")]
pub(super) use push::Ecr;
pub(super) use push::Push;
pub(super) use rehearsal::Rehearsal;
pub(super) use release::ReleaseCommand;
#[cfg(feature = "aws")]
pub(super) use release::{AppSpec, Shifts};
pub(super) use remote::{Delete, Logs, Prune, Status};
pub(super) use run::{Run, RunOnce, Watch};

const EXIT_CODES: &str = "\
Exit codes:
    0  done, or nothing to do
    1  unforeseen: a bug, or the disk
    2  usage, configuration or plan refused
    3  built, but may not ship: findings; or not the same bytes
    4  AWS, or the function that was invoked, answered with an error
    5  only with --exit-code: there is something to change
  101  `cargo build` failed, or what `--build` runs
  130  ended before it was done: by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP";

/// Build, audit and package the Rust handlers of a Cargo workspace for AWS Lambda
#[derive(Debug, Parser)]
#[command(
    name = "cargo lambda-pack",
    bin_name = "cargo lambda-pack",
    version,
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global Options")]
pub(super) struct Global {
    /// Say more, and let cargo say more (-vv: build scripts too)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// When to use colours [default: auto, or `CARGO_TERM_COLOR`; `NO_COLOR` is honoured]
    #[arg(long, global = true, value_name = "WHEN")]
    pub(super) color: Option<Color>,
    /// What standard output holds: a text for people, or one JSON record a line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(super) output: OutputFormat,
    /// Path to Cargo.toml
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) manifest_path: Option<PathBuf>,
    /// Settings of this environment, from the `[env.NAME]` tables
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "LAMBDA_PACK_ENV",
        hide_env_values = true
    )]
    pub(super) env: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a package with a handler, from a template
    ///
    /// With a test, sample events and commented settings. On a terminal it asks what was not given. In a
    /// workspace the package becomes a member. Nothing is fetched for the templates of this program;
    /// others can write nowhere else, and run nothing.
    New(New),
    /// Make a package with a handler in a folder that is there
    ///
    /// As `new`. Files that are there are not written over without --force.
    Init(Init),
    /// Say in tables of this program what was written for cargo-lambda
    ///
    /// Takes `[package.metadata.lambda]`, `[workspace.metadata.lambda]` and CargoLambda.toml over, in every
    /// environment (a context is one), with their comments. Each function keeps the settings that it
    /// has: that is proved before anything is written, and what cannot be said otherwise is
    /// refused. Shows the change with the values of environment variables hidden, and asks.
    Migrate(Migrate),
    /// Build handlers, prove that they will run, and write a zip for each
    ///
    /// A handler is a binary whose package has a normal dependency on `lambda_runtime`, `lambda_http` or
    /// lambda-extension, directly or through workspace members. What cannot run on Lambda is not
    /// written (exit code 3), with every reason at once.
    ///
    /// Writes target/lambda-pack/<function>/<architecture>/ with the executable, its zip and
    /// lambda-pack.json, or the same under --out.
    Package(Package),
    /// Audit handlers, or any executable, zip or folder, without packaging
    ///
    /// Reports every finding at once, with a stable code. Errors give exit code 3.
    Check(Check),
    /// Build bundles again in a fresh folder, and say whether the bytes are the same
    ///
    /// What a bundle was built from and how is taken from the lambda-pack.json beside it; flags count
    /// over that. Of a commit without changes that commit is built, else a copy of the work tree as it
    /// is now. What differs is shown: file, mode, time, compiler, string, symbol, section. Exit code 3
    /// if anything does.
    Verify(Verify),
    /// Push an image to a registry: what is not there, and nothing else
    ///
    /// Prints the image with its digest, as `ImageUri` takes it. What Lambda would refuse is not pushed
    /// (exit code 3). Logins are those of docker and podman, credential helpers too; that of Amazon ECR
    /// is got from AWS. What is sent whole stays: the same command again goes on from there.
    Push(Push),
    /// A Lambda on this machine, which the AWS command line and the SDKs can use
    ///
    /// It answers Lambda's API on the loopback interface and really runs what is uploaded. No account
    /// is needed. Prints the variables that make `aws` and the SDKs use it.
    ///
    /// With --data everything is kept but log lines and metrics, which are of this server's own time.
    /// Without, nothing is, and events that were not run yet end with the server.
    Local(Local),
    /// Build the functions and run them on this machine, until Ctrl-C
    ///
    /// The dev profile, for this machine's architecture, straight from the tree; --release for what
    /// ships. Functions have their settings, aliases and URLs, and a Lambda on this machine serves them:
    /// for `invoke --local`, for the AWS command line and SDKs, and for browsers by their URLs.
    ///
    /// What functions write comes as one stream, each line with its function. Where this machine is not
    /// Linux they are built for it, as `cargo build` does it: that is not the packaged bundle.
    Run(RunOnce),
    /// Run the functions on this machine, and build again whenever something changes
    ///
    /// As `run`. Cargo builds what follows from the change. A new build takes over between two invocations: those
    /// that have begun end on the old one. As long as a build fails the last good one serves. Manifests,
    /// settings and their files are read again too; ignore files are honoured.
    Watch(Watch),
    /// Invoke a function, on AWS or on this machine
    ///
    /// What the function answers goes to standard output, log, duration and memory to standard error.
    /// An error of the function's gives exit code 4.
    ///
    /// With --local, or the setting `invoke.target = "local"`, it is that of the server which `local`
    /// has started; if there is none, the function is packaged, and a server is started for this one
    /// call. An event (--async) is then run before the server ends.
    Invoke(Invoke),
    /// Show what `deploy` would do, field by field, and do nothing
    ///
    /// Packages what is selected, looks at what AWS has, and prints every call that would be made, by
    /// function and phase. Values of environment variables are never shown.
    Plan(Plan),
    /// Create and update functions, publish versions, move aliases
    ///
    /// Packages what is selected and makes AWS what the configuration says; what it does not name is
    /// left alone. With nothing to do no write is made. It can be stopped at any point and run again.
    ///
    /// Everything that comes first is done for all functions before anything that comes later is begun
    /// for one: aliases move last, and together.
    Deploy(Deploy),
    /// Show, go on with or take back traffic that shifts from one version to another
    Release {
        #[command(subcommand)]
        command: ReleaseCommand,
    },
    /// Show what functions are on AWS, and in what they differ from the configuration
    ///
    /// State, versions, aliases with weights and markers, and what `deploy` would change. Nothing is
    /// built: code is compared with what was packaged last, if anything was.
    Status(Status),
    /// List the versions of functions: aliases, commit, size, and the deploy that moved an alias there
    ///
    /// The newest first. What only an alias or a description could tell is `unknown` elsewhere; a `*`
    /// stands behind a commit that had changes.
    Releases(Releases),
    /// Move aliases back to the version before, or to one that is named
    ///
    /// Where the last deploy found it, as its marker on the alias says; with --deploy everything that one
    /// deploy moved. Whether each version can run is looked at first, and whatever stands against any of
    /// it is said before anything moves (exit code 2). Aliases move at once, each with one call, and are
    /// read back.
    Rollback(Rollback),
    /// Move an alias to the version behind another, or deploy the same bundle somewhere else
    ///
    /// `--alias-from beta --alias live` moves `live` to the version of `beta`, or makes it.
    ///
    /// `--from DIR` with another --env, --profile or --region deploys the bundles that `package --out DIR`
    /// has written, without building. With --alias-from these must be what that alias runs (by
    /// `CodeSha256`), in the environment, account and Region of --source-env, --source-profile and
    /// --source-region.
    Promote(Promote),
    /// Show what a function's log holds, and what comes
    ///
    /// Lines of JSON are shown as time, level, message and fields.
    Logs(Logs),
    /// Delete functions, with the event source mappings that lead to them
    ///
    /// Shows what would go and asks. Roles, log groups, queues and streams stay.
    Delete(Delete),
    /// Delete old versions of functions that nothing leads to; shows them alone without `--yes`
    ///
    /// What stays: the newest versions of each function; what an alias points at or sends a part of its
    /// traffic to, and what its marker names, as a rollback goes there; what has provisioned concurrency, a
    /// policy, a trigger, settings for asynchronous invocations or running durable executions of its own;
    /// $LATEST. Then of our layers that these functions use what no version of any function uses any more, as
    /// with `layer prune`. What leads where is read once more before every few deletions.
    Prune(Prune),
    /// Show what functions share, and what of it is in Lambda layers; publish, list and prune these
    Layer {
        #[command(subcommand)]
        command: LayerCommand,
    },
    /// Show what is set and where it was said, and what can be set
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Show what this machine has, what works with it, and the command for what is missing
    Doctor(Doctor),
    /// A tool of zig's, as the linker's wrapper scripts call it
    #[command(hide = true)]
    Zig {
        #[command(subcommand)]
        tool: cargo_zigbuild::Zig,
    },
    /// What makes zig the linker of a target, as JSON
    #[command(name = crate::zig::COMMAND, hide = true)]
    ZigEnvironment { target: String },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the pages of the manual, one for each command, or print one
    Man {
        /// The command whose page is printed; without one the program's own
        #[arg(value_name = "COMMAND", conflicts_with = "out")]
        words: Vec<String>,
        /// Write all pages into this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Package {
    /// Write below this folder, with an index.json of all bundles there
    #[arg(long, value_name = "DIR", help_heading = "Packaging")]
    pub(super) out: Option<PathBuf>,
    /// Also write the folders of another tool: target/lambda/<name>/bootstrap[.zip], which SAM and
    /// CDK expect
    #[arg(long, value_name = "TOOL", help_heading = "Packaging")]
    pub(super) layout: Option<Layout>,
    /// Package without the audit
    #[arg(long, help_heading = "Packaging")]
    pub(super) no_check: bool,
    /// As a part of `verify`, whose answer is another
    #[arg(long, hide = true)]
    pub(super) for_verify: bool,
    #[command(flatten)]
    pub(super) images: Images,
    #[command(flatten)]
    pub(super) audit: Audit,
    #[command(flatten)]
    pub(super) build: Build,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// Of cargo-lambda
    CargoLambda,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Executables, zips, folders or images (a layout, an archive or a reference; `oci:DIR`,
    /// `oci-archive:FILE`, `docker-archive:FILE`, `docker://REFERENCE`); without any, the selected handlers are built and audited
    #[arg(value_name = "PATH", conflicts_with_all = OF_A_BUILD)]
    pub(super) paths: Vec<PathBuf>,
    /// Write a mended copy of the image: a layout, or an archive if the name ends in `.tar`
    #[arg(long, value_name = "OUT", requires = "paths", help_heading = "Images")]
    pub(super) fix: Option<PathBuf>,
    /// A function's `ImageConfig.EntryPoint`, to be checked beside the image's own [repeatable]
    #[arg(long, value_name = "PROGRAM", requires = "paths", help_heading = "Images")]
    pub(super) entry_point: Vec<String>,
    /// The media types of the mended copy
    #[arg(long, value_name = "TYPES", requires = "fix", help_heading = "Images")]
    pub(super) media_types: Option<MediaTypes>,
    #[command(flatten)]
    pub(super) audit: Audit,
    #[command(flatten)]
    pub(super) build: Build,
}

/// The media types of an image's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum MediaTypes {
    /// Of the OCI image specification
    Oci,
    /// Docker's, schema 2
    Docker,
}

impl From<MediaTypes> for crate::image::manifest::MediaTypes {
    fn from(types: MediaTypes) -> Self {
        match types {
            MediaTypes::Oci => Self::Oci,
            MediaTypes::Docker => Self::Docker,
        }
    }
}

#[derive(Debug, Args)]
#[command(mut_arg("target_dir", |arg| arg.hide(true)))]
pub(super) struct Verify {
    /// Zips or folders that `package` wrote, or a folder with several of them below it; of what has no
    /// record the flags must select the handler
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// Keep the fresh folder, and say where it is
    #[arg(long)]
    pub(super) keep: bool,
    #[command(flatten)]
    pub(super) audit: Audit,
    #[command(flatten)]
    pub(super) build: Build,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Run the commands for what is missing, each after a question
    #[arg(long)]
    pub(super) fix: bool,
    /// Run them without a question
    #[arg(short, long, requires = "fix")]
    pub(super) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the merged settings of each handler, each with the file and line that it comes from
    ///
    /// The values of a function's environment variables are never shown.
    Show(Show),
    /// Print every key: its type, where it may stand, its default and its meaning
    Keys,
    /// Print the JSON schema of lambda-pack.toml, for editors
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Only this handler
    #[arg(long, value_name = "NAME")]
    pub(super) handler: Option<String>,
    #[command(flatten)]
    pub(super) manifest: ManifestFlags,
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Audit")]
pub(super) struct Audit {
    /// The AWS runtime [default: the manifest's, else provided.al2023]
    #[arg(long, value_name = "RUNTIME",
        value_parser = PossibleValuesParser::new(Runtime::ALL.map(Runtime::aws_name)))]
    pub(super) runtime: Option<String>,
    /// Accept system libraries that AWS has today without a promise (`ssl,libcurl.so.4`, `all`)
    #[arg(long, value_name = "LIBRARY", value_delimiter = ',')]
    pub(super) trust_system: Vec<String>,
}

/// The flags of `Build`, which say nothing about files.
const OF_A_BUILD: [&str; 26] = [
    "package",
    "workspace",
    "all",
    "exclude",
    "bin",
    "bins",
    "example",
    "all_features",
    "no_default_features",
    "features",
    "release",
    "profile",
    "jobs",
    "keep_going",
    "target_dir",
    "timings",
    "locked",
    "offline",
    "frozen",
    "unstable",
    "libc",
    "linker",
    "target_cpu",
    "optimize",
    "unify_features",
    "compression",
];
