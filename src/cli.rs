//! The command line: one straight-line function a command. The only module that knows all others.

mod args;
mod build;
mod changes;
mod check;
mod config;
mod configuration;
#[cfg(feature = "aws")]
mod delete;
#[cfg(feature = "aws")]
mod deploy;
mod dockerfile;
mod doctor;
mod dylib;
mod facts;
mod groups;
mod here;
mod image;
mod interrupt;
mod invoke;
mod layer;
mod libraries;
mod local;
mod locked;
mod log_line;
#[cfg(feature = "aws")]
mod logs;
mod lower;
mod man;
mod migrate;
#[cfg(feature = "aws")]
mod moves;
mod new;
mod pack;
mod package;
mod prepare;
#[cfg(feature = "aws")]
mod promote;
#[cfg(feature = "aws")]
mod prune;
#[cfg(feature = "registry")]
mod pull;
#[cfg(feature = "registry")]
mod push;
mod question;
mod recorded;
#[cfg(feature = "aws")]
mod release;
#[cfg(feature = "aws")]
mod releases;
#[cfg(feature = "aws")]
mod remote;
#[cfg(feature = "aws")]
mod rollback;
mod run;
mod runs;
mod server;
#[cfg(feature = "aws")]
mod shift;
mod split;
#[cfg(feature = "aws")]
mod status;
mod timing;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::error::Error;
use crate::message::Message;
use crate::sandbox;
use crate::shell::{Output, Shell};
use crate::zig;
use args::{Cli, Command};

/// The name of the executable.
const PROGRAM: &str = "cargo-lambda-pack";

/// Runs one command line; the first argument is the program's name. Returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = lower::without_subcommand_name(args);
    if let Some(tool) = zig::by_name(&args) {
        return answer_of(zig::run(&tool));
    }
    if let Some(scratch) = crate::local::reaper(&args) {
        crate::local::reap(scratch.as_deref());
        return ExitCode::SUCCESS;
    }
    if let Some(words) = sandbox::by_name(&args) {
        let error = sandbox::run(words);
        let shell = Shell::new(Output::Text, false, false, anstream::ColorChoice::Never);
        shell.error(&Error::Output(error));
        // As a shell says that a program could not be run.
        return ExitCode::from(126);
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed pipe is nobody's.
            let _ = error.print();
            if error.use_stderr() && lower::asks_for_json(&args) {
                let shell = Shell::new(Output::Json, true, false, anstream::ColorChoice::Never);
                let text = error.to_string();
                // What is missing stands on lines of its own.
                let what = text.lines().map(str::trim).take_while(|line| !line.is_empty());
                let what = what.collect::<Vec<_>>().join(" ");
                let usage = Error::Usage(what.trim_start_matches("error: ").to_owned());
                let _ = shell.record(&(&usage).into());
            }
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let shell = cli.global.shell();
    let result = match new::apart(&cli.command, &args) {
        Ok(Some(code)) => return ExitCode::from(code),
        Ok(None) => dispatch(&cli, &shell),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // `cargo lambda-pack … | head`: whoever closed the pipe knows.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            shell.error(&error);
            if shell.is_json() {
                for mistake in error.mistakes() {
                    let origin = mistake.origin.to_string();
                    let _ = shell.record(&Message::Mistake { origin, message: &mistake.what });
                }
                for one in error.each() {
                    let _ = shell.record(&one.into());
                }
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// Of a tool that answers by itself.
fn answer_of(result: Result<(), zig::ZigError>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let shell = Shell::new(Output::Text, false, false, anstream::ColorChoice::Auto);
    let error = Error::from(error);
    shell.error(&error);
    ExitCode::from(error.exit_code())
}

fn dispatch(cli: &Cli, shell: &Shell) -> Result<(), Error> {
    match &cli.command {
        Command::New(args) => new::new(args, &cli.global, shell),
        Command::Init(args) => new::init(args, &cli.global, shell),
        Command::Migrate(args) => migrate::run(args, &cli.global, shell),
        Command::Package(args) => package::run(args, &cli.global, shell),
        Command::Check(args) => check::run(args, &cli.global, shell),
        #[cfg(feature = "registry")]
        Command::Push(args) => push::run(args, &cli.global, shell),
        #[cfg(not(feature = "registry"))]
        Command::Push(_) => Err(Error::Usage(
            "this program was built without registries (the feature `registry`)".to_owned(),
        )),
        Command::Verify(args) => verify::run(args, &cli.global, shell),
        Command::Invoke(args) => invoke::run(args, &cli.global, shell),
        Command::Local(args) => local::run(args, &cli.global, shell),
        Command::Run(args) => run::run(args, &cli.global, shell),
        Command::Watch(args) => run::watch::watch(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Plan(args) => deploy::plan(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Deploy(args) => deploy::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Release { command } => release::run(command, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Status(args) => status::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Releases(args) => releases::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Rollback(args) => rollback::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Promote(args) => promote::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Logs(args) => logs::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Delete(args) => delete::run(args, &cli.global, shell),
        #[cfg(feature = "aws")]
        Command::Prune(args) => prune::run(args, &cli.global, shell),
        #[cfg(not(feature = "aws"))]
        Command::Plan(_)
        | Command::Deploy(_)
        | Command::Release { .. }
        | Command::Status(_)
        | Command::Releases(_)
        | Command::Rollback(_)
        | Command::Promote(_)
        | Command::Logs(_)
        | Command::Delete(_)
        | Command::Prune(_) => Err(without_aws()),
        Command::Doctor(args) => doctor::run(args, shell),
        Command::Zig { tool } => Ok(zig::run(tool)?),
        Command::ZigEnvironment { target } => {
            let environment = zig::of_this_process(target)?;
            Ok(serde_json::to_writer(io::stdout().lock(), &environment).map_err(io::Error::from)?)
        }
        Command::Layer { command } => layer::run(command, &cli.global, shell),
        Command::Config { command } => config::run(command, &cli.global, shell),
        Command::Completions { shell: kind } => {
            let mut script = Vec::new();
            // Under the name of the program itself: a blank in it breaks the scripts.
            let mut command = Cli::command().name(PROGRAM).bin_name(PROGRAM);
            clap_complete::generate(*kind, &mut command, PROGRAM, &mut script);
            Ok(io::stdout().lock().write_all(&script)?)
        }
        Command::Man { words, out } => man::run(words, out.as_deref(), shell),
    }
}

/// Runs what waits for the network, on this thread.
fn asynchronously<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let set = tokio::task::LocalSet::new();
    Ok(set.block_on(&runtime, work))
}

/// Warns of what a registry makes one wait for.
#[cfg(feature = "registry")]
fn warner(shell: &crate::shell::Shell) -> impl Fn(&str) + Send + Sync + 'static {
    let talk = shell.apart();
    move |text| talk.warn(text)
}

/// What this program could do if it were built otherwise.
#[cfg(not(feature = "aws"))]
fn without_aws() -> Error {
    Error::Usage("this program was built without AWS (the feature `aws`)".to_owned())
}
