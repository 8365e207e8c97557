//! The error of the whole program: one variant a stage, each with its exit code and its hint.

#[cfg(feature = "aws")]
mod deploy;
mod findings;
mod refused;
#[cfg(feature = "aws")]
mod remote;

use std::io;
use std::path::PathBuf;

#[cfg(feature = "aws")]
pub use deploy::{DeployError, MoveError};
pub use findings::{Aim, DiffersError, FindingsError};
#[cfg(feature = "aws")]
pub use remote::RemoteError;

use crate::blobs::BlobError;
use crate::bundle::BundleError;
use crate::cargo::CargoError;
use crate::cargo_manifest::EditError;
use crate::config::Mistake;
use crate::files::{FileError, IncludeError};
use crate::fresh::FreshError;
use crate::inspect::InspectError;
use crate::linker::LinkerError;
use crate::local::LocalError;
use crate::plan::{PlanError, SelectError};
use crate::process::ProcessError;
#[cfg(feature = "registry")]
use crate::registry::RegistryError;
use crate::system::BrokenData;
use crate::template_files::TemplateFilesError;
use crate::toolchain::ToolchainError;
use crate::tree::{Clash, PathRefused};
use crate::zig::ZigError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Flags that do not go together.
    #[error("{0}")]
    Usage(String),
    /// rustc.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// zig.
    #[error(transparent)]
    Zig(#[from] ZigError),
    /// A tool or a standard library is not there.
    #[error("{what} is missing")]
    Missing {
        /// What.
        what: String,
        /// The commands that bring it; none where we know of none.
        commands: Vec<String>,
        /// What it was wanted for.
        source: Option<LinkerError>,
    },
    /// What was asked of the linker cannot be.
    #[error(transparent)]
    Linker(#[from] LinkerError),
    /// A command of `doctor --fix`.
    #[error("cannot install {what}")]
    Fix {
        /// What it would have brought.
        what: String,
        /// How it failed.
        source: ProcessError,
    },
    /// Cargo.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplateFilesError),
    /// The selection, or the manifests.
    #[error(transparent)]
    Select(SelectError),
    /// Mistakes in settings, all of them.
    #[error("{}", config_lines(.0))]
    Config(Vec<Mistake>),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// `include` and its like, of one function or several, each with the key.
    #[error("cannot take all files that the settings name\n{}", include_lines(.0))]
    Include(Vec<(String, IncludeError)>),
    /// The executable and an included file want one place.
    #[error("cannot pack `{function}`")]
    Clash {
        /// The function.
        function: String,
        /// What clashes.
        source: Clash,
    },
    /// The executable's own path in the archive.
    #[error("cannot pack `{path}`")]
    ArchivePath {
        /// The path.
        path: String,
        /// Why not.
        source: PathRefused,
    },
    /// A file given to `check`, or to be packed.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// An image that cannot be opened or written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A folder that would be exchanged for a bundle's and was not made by us.
    #[error("{} is in the way: it is no folder of a bundle (no lambda-pack.json in it)", .0.display())]
    Foreign(PathBuf),
    /// The same of an image.
    #[error("{} is in the way: it is no folder of an image (no image.json in it)", .0.display())]
    ForeignImage(PathBuf),
    /// Files that were to change together keep their new text, since they cannot be taken back.
    #[error("{} changed already, and cannot be put back: take the old text from git", .changed.join(", "))]
    HalfWritten {
        /// The files.
        changed: Vec<String>,
        /// What failed before; none where all were written.
        source: Option<Box<Error>>,
    },
    /// Writing a zip.
    #[error("cannot pack `{function}`")]
    Bundle {
        /// The function.
        function: String,
        /// Why.
        source: BundleError,
    },
    /// The disk.
    #[error(transparent)]
    File(#[from] FileError),
    /// The audit found errors; they were shown.
    #[error("{0}")]
    Findings(FindingsError),
    /// What was rebuilt differs; how was shown.
    #[error("{0}")]
    Differs(DiffersError),
    /// No fresh sources to build from.
    #[error(transparent)]
    Fresh(#[from] FreshError),
    /// The program itself, run to build again, failed with this code; its words stand before ours.
    #[error("the rebuild failed")]
    Rebuild {
        /// The exit code.
        code: u8,
        /// Why it could not be run at all.
        source: Option<io::Error>,
    },
    /// docker, podman or buildah, run with `--build`.
    #[error("cannot build the image `{image}`")]
    Builder {
        /// The image.
        image: String,
        /// How it failed.
        source: ProcessError,
    },
    /// A manifest that `layer` is to change.
    #[error("cannot change {path}")]
    Edit {
        /// The file.
        path: String,
        /// Why.
        source: Box<EditError>,
    },
    /// A record on the disk that is not ours.
    #[error("cannot understand {path}")]
    Record {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
    /// An invocation.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// A deploy.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Aliases that were to move.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Something that was to be looked at, or taken away.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A registry.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// There is something to do (`plan --exit-code`, `status --exit-code`).
    #[error("there are {0} changes to be made")]
    Changes(usize),
    /// The embedded Lambda could not start.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A signal has ended it before it was done.
    #[error("interrupted: {stays}")]
    Interrupted {
        /// The exit code, by the signal.
        code: u8,
        /// What stays of it.
        stays: &'static str,
    },
    /// Several things went wrong, each for its own reason.
    #[error("{} things went wrong\n{}", .0.len(), error_lines(.0))]
    Several(Vec<Self>),
    /// Standard output is closed or full.
    #[error("cannot write the answer to standard output")]
    Output(#[from] io::Error),
    /// A bug of ours.
    #[error(transparent)]
    Data(#[from] BrokenData),
}

/// An invocation that did not come to a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function's own error; it was shown.
    #[error("`{0}` answered with an error")]
    Function(String),
    /// Lambda refused.
    #[error("cannot invoke `{function}`: {code}: {message}")]
    Refused {
        /// The function.
        function: String,
        /// The code of the API.
        code: String,
        /// What it says.
        message: String,
    },
}

fn config_lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn include_lines(errors: &[(String, IncludeError)]) -> String {
    let line = |(key, error): &(String, IncludeError)| {
        let error = error.to_string();
        // A pattern is the value of the key.
        format!("{key}{} {error}", if error.starts_with('`') { "" } else { ":" })
    };
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn error_lines(errors: &[Error]) -> String {
    errors.iter().map(|error| format!("  {}", error.one_line())).collect::<Vec<_>>().join("\n")
}

impl From<SelectError> for Error {
    /// Mistakes in settings are those of settings, wherever they are found.
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Settings(mistakes) => Self::Config(mistakes),
            error => Self::Select(error),
        }
    }
}

impl Error {
    /// The exit code, as `--help` lists them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Bundle { source: BundleError::Zip(_), .. } => 2,
            Self::Inspect(error) if error.is_disk() => 1,
            Self::Blob(BlobError::Write { .. }) => 1,
            Self::Fresh(error) if error.is_disk() => 1,
            Self::Rebuild { code, .. } => *code,
            #[cfg(feature = "aws")]
            Self::Deploy(error) => error.exit_code(),
            #[cfg(feature = "aws")]
            Self::Move(error) => error.of.exit_code(),
            #[cfg(feature = "aws")]
            Self::Remote(error) => error.exit_code(),
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.exit_code(),
            Self::Changes(_) => 5,
            Self::Invoke(_) | Self::Local(LocalError::Lost { .. } | LocalError::Refused { .. }) => {
                4
            }
            Self::Data(_)
            | Self::Local(LocalError::Start(_))
            | Self::Output(_)
            | Self::Bundle { .. }
            | Self::HalfWritten { .. }
            | Self::File(_) => 1,
            Self::Template(error) if error.is_disk() => 1,
            Self::Usage(_)
            | Self::Template(_)
            | Self::Toolchain(_)
            | Self::Zig(_)
            | Self::Missing { .. }
            | Self::Linker(_)
            | Self::Fix { .. }
            | Self::Select(_)
            | Self::Config(_)
            | Self::Plan(_)
            | Self::Include(_)
            | Self::Clash { .. }
            | Self::ArchivePath { .. }
            | Self::Foreign(_)
            | Self::ForeignImage(_)
            | Self::Inspect(_)
            | Self::Blob(_)
            | Self::Fresh(_)
            | Self::Edit { .. }
            | Self::Record { .. }
            | Self::Local(
                LocalError::Listen { .. }
                | LocalError::Store(_)
                | LocalError::Stranger(_)
                | LocalError::Silent(_),
            )
            | Self::Cargo(
                CargoError::Run(_)
                | CargoError::Metadata
                | CargoError::MetadataAnswer(_)
                | CargoError::Cfg(_)
                | CargoError::Features(_)
                | CargoError::NoExecutable(_)
                | CargoError::NotLinked { .. },
            ) => 2,
            Self::Findings(_) | Self::Differs(_) | Self::Cargo(CargoError::Unbound { .. }) => 3,
            Self::Interrupted { code, .. } => *code,
            Self::Cargo(CargoError::Build) | Self::Builder { .. } => 101,
            Self::Several(errors) => errors.iter().map(Self::exit_code).max().unwrap_or(1),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Select(error) => error.hint(),
            Self::Include(errors) => {
                errors.iter().find_map(|(_, error)| error.hint()).map(str::to_owned)
            }
            Self::Clash { .. } => {
                Some("give the included file another place with `to`, or `exclude` it".to_owned())
            }
            Self::Foreign(_) => Some("choose another `--out`, or move that folder away".to_owned()),
            Self::Toolchain(_) => {
                Some("install Rust, or set RUSTC to the compiler's path".to_owned())
            }
            Self::Missing { commands, .. } if commands.is_empty() => {
                Some("`cargo lambda-pack doctor` shows what this machine has".to_owned())
            }
            Self::Missing { commands, .. } => Some(format!("run `{}`", commands.join(" && "))),
            Self::Findings(error) => error.hint().map(str::to_owned),
            Self::Fresh(error) => error.hint().map(str::to_owned),
            Self::Local(LocalError::Listen { .. }) => {
                Some("`--port 0` takes any port that is free".to_owned())
            }
            #[cfg(feature = "aws")]
            Self::Deploy(error) => error.hint(),
            #[cfg(feature = "aws")]
            Self::Move(error) => error.hint(),
            #[cfg(feature = "aws")]
            Self::Remote(error) => error.hint(),
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.hint(),
            Self::Record { path, .. } => Some(format!("remove {path} and package again")),
            Self::Several(errors) => errors.iter().find_map(Self::hint),
            _ => None,
        }
    }

    /// The mistakes in settings that it is made of.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            Self::Config(mistakes) => mistakes,
            _ => &[],
        }
    }

    /// The errors that it is made of, or itself.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        let several = match self {
            Self::Several(errors) => errors.as_slice(),
            one => std::slice::from_ref(one),
        };
        several.iter()
    }

    /// The error and its causes in one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// Every cause below the error, the nearest first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        std::iter::successors(std::error::Error::source(self), |error| error.source())
            .map(ToString::to_string)
            .collect()
    }
}
