//! Cargo: its metadata, and its builds, read from its own JSON messages.

mod grouping;

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use cargo_metadata::{BuildScript, CrateType, Message, Metadata, MetadataCommand};

pub use grouping::Features;

use crate::artifact::{Artifact, Linked};
use crate::compile::LAYER_FEATURE;
use crate::function::{Handler, TargetKind};
use crate::libraries;
use crate::plan::features::{CfgError, GraphError, Resolver, RustcCfg};
use crate::plan::{CargoOptions, Run};
use crate::process::{ProcessError, Step};
use crate::tool_cache::ToolCache;
use crate::toolchain::Rustc;

/// What can go wrong with cargo.
#[derive(Debug, thiserror::Error)]
pub enum CargoError {
    /// Cargo does not run.
    #[error("cannot run cargo")]
    Run(#[source] ProcessError),
    /// `cargo metadata` failed; its own words stand before ours.
    #[error("cannot read the workspace")]
    Metadata,
    /// `cargo metadata` answered something else.
    #[error("cannot understand the answer of `cargo metadata`")]
    MetadataAnswer(#[source] cargo_metadata::Error),
    /// `cargo metadata` contradicts itself.
    #[error("cannot tell the features that packages have")]
    Features(#[from] GraphError),
    /// `rustc --print cfg` answered something else.
    #[error(transparent)]
    Cfg(#[from] CfgError),
    /// `cargo build` failed; its own words stand before ours.
    #[error("the build failed")]
    Build,
    /// It does not use the crate whose shared library it is to be linked with.
    #[error(
        "`{target}` is not linked with `{crate_name}`, the library of its `layers.dylib`: its source wants \
         `#[cfg(feature = \"{LAYER_FEATURE}\")] use ::{crate_name} as _;`"
    )]
    NotLinked {
        /// The binary.
        target: String,
        /// The crate, as it is spelled in sources.
        crate_name: String,
    },
    /// A program and its shared libraries are not of one build.
    #[error(
        "`{target}` and the shared libraries that were built with it do not fit together: nobody defines \
         {count} symbols, such as `{symbol}`; `cargo clean` makes cargo build all of it again"
    )]
    Unbound {
        /// The binary.
        target: String,
        /// How many.
        count: usize,
        /// One of them.
        symbol: String,
    },
    /// Cargo ended well and did not name the executable.
    #[error("cargo built {0} and reported no executable for it")]
    NoExecutable(String),
}

fn program() -> OsString {
    // Set by cargo for its subcommands (The Cargo Book, "Environment Variables").
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The manifest of the workspace that a package in this folder would belong to, or of the package that stands
/// above it; nothing if no manifest does.
///
/// # Errors
///
/// If one does that cargo cannot read (its own words stand before ours), or cargo does not run.
pub fn workspace_manifest(folder: &Path) -> Result<Option<PathBuf>, CargoError> {
    if !folder.ancestors().any(|above| above.join("Cargo.toml").exists()) {
        return Ok(None);
    }
    let words = ["locate-project", "--workspace", "--message-format", "plain"];
    let answer = Step::new(program(), words).at(folder).output();
    let answer = answer.map_err(|error| failed(error, CargoError::Metadata))?;
    Ok(Some(PathBuf::from(OsString::from_vec(answer.trim_ascii_end().to_vec()))))
}

/// `cargo metadata --no-deps`: the members of the workspace.
pub fn metadata(options: &CargoOptions) -> Result<Metadata, CargoError> {
    let answer = Step::new(program(), options.metadata_args())
        .output()
        .map_err(|error| failed(error, CargoError::Metadata))?;
    MetadataCommand::parse(String::from_utf8_lossy(&answer)).map_err(CargoError::MetadataAnswer)
}

/// `cargo metadata` with the packages that each depends on, as cargo has resolved them; it writes `Cargo.lock` where
/// that has to change.
pub fn resolved(options: &CargoOptions) -> Result<Metadata, CargoError> {
    let args = options.metadata_args().into_iter().filter(|arg| arg != "--no-deps");
    let answer =
        Step::new(program(), args).output().map_err(|error| failed(error, CargoError::Metadata))?;
    MetadataCommand::parse(String::from_utf8_lossy(&answer)).map_err(CargoError::MetadataAnswer)
}

/// The whole of `cargo metadata`, for [`features::Graph`]: 0.2 s and more, and it may download.
///
/// Cargo's own words about a failure are shown if it is `needed`.
///
/// [`features::Graph`]: crate::plan::features::Graph
pub fn whole_metadata(
    options: &CargoOptions,
    resolver: Resolver,
    target: &str,
    host: &str,
    needed: bool,
) -> Result<Metadata, CargoError> {
    let step = Step::new(program(), options.whole_metadata_args(resolver, [target, host]));
    // What the build can do without, it tells itself if it cannot.
    let answer = if needed { step.output() } else { step.quiet_output() };
    let answer = answer.map_err(|error| failed(error, CargoError::Metadata))?;
    MetadataCommand::parse(String::from_utf8_lossy(&answer)).map_err(CargoError::MetadataAnswer)
}

/// Asks rustc what a target is like. `flags` are those that cargo gives rustc there: with an
/// explicit `--target`, the `RUSTFLAGS` for the target and none for the host.
pub fn platform(
    tools: &ToolCache,
    rustc: &Rustc,
    triple: &str,
    flags: &[String],
) -> Result<RustcCfg, CargoError> {
    let answer = rustc.cfg(tools, triple, flags, Step::output).map_err(CargoError::Run)?;
    Ok(RustcCfg::parse(triple, &answer)?)
}

/// The command that builds these handlers, with more of `--config` and of the environment.
#[must_use]
pub fn build_step(
    options: &CargoOptions,
    run: &Run,
    handlers: &[&Handler],
    config: &[String],
    variables: &[(String, String)],
) -> Step {
    let step = Step::new(program(), options.build_args(run, handlers, config));
    variables.iter().fold(step, |step, (name, value)| step.with(name, value))
}

/// Runs a build and hands over each executable as soon as cargo reports it. Cargo's diagnostics
/// go to the user's terminal directly, unchanged.
pub fn build(step: &Step, mut on_artifact: impl FnMut(Artifact)) -> Result<(), CargoError> {
    let (mut scripts, mut dylibs) = (Vec::new(), Vec::new());
    step.stream(|stdout| {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            match serde_json::from_slice::<Message>(&line) {
                Ok(Message::CompilerArtifact(artifact)) => {
                    dylibs.extend(dylib(&artifact));
                    if let Some(artifact) = executable(artifact, &scripts, &dylibs) {
                        on_artifact(artifact);
                    }
                }
                Ok(Message::BuildScriptExecuted(script)) => scripts.push(linked(script)),
                Ok(_) => {}
                // A message of a newer cargo.
                Err(_) if is_message(&line) => {}
                // Not cargo's: a wrapper that prints. Stdout is ours, so it goes with the talk.
                Err(_) => {
                    let mut stderr = std::io::stderr().lock();
                    let _ = stderr.write_all(&line).and_then(|()| stderr.write_all(b"\n"));
                }
            }
        }
        Ok(())
    })
    .map_err(|error| failed(error, CargoError::Build))
}

/// That a command failed is told by cargo's own words; that it could not be run, by us.
fn failed(error: ProcessError, told: CargoError) -> CargoError {
    match error {
        ProcessError::Failed { .. } => told,
        error => CargoError::Run(error),
    }
}

fn is_message(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line)
        .is_ok_and(|value| value.get("reason").is_some_and(serde_json::Value::is_string))
}

fn linked(script: BuildScript) -> Linked {
    let paths = script.linked_paths.iter();
    Linked {
        package: script.package_id,
        out_dir: script.out_dir.into_std_path_buf(),
        folders: paths.filter_map(|path| libraries::link_folder(path.as_str())).collect(),
    }
}

/// The shared library of Rust code that cargo reports.
fn dylib(artifact: &cargo_metadata::Artifact) -> Option<PathBuf> {
    let is = artifact.target.crate_types.contains(&CrateType::DyLib);
    let mut files = artifact.filenames.iter().filter(|file| is && file.extension() == Some("so"));
    Some(files.next()?.as_std_path().to_path_buf())
}

fn executable(
    artifact: cargo_metadata::Artifact,
    linked: &[Linked],
    dylibs: &[PathBuf],
) -> Option<Artifact> {
    let kind = if artifact.target.is_bin() {
        TargetKind::Bin
    } else if artifact.target.is_example() {
        TargetKind::Example
    } else {
        return None;
    };
    Some(Artifact {
        package_id: artifact.package_id,
        target: artifact.target.name,
        kind,
        executable: artifact.executable?.into_std_path_buf(),
        linked: linked.to_vec(),
        dylibs: dylibs.to_vec(),
        shared: None,
    })
}
