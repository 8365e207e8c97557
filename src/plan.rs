//! What a run will do, as a value: which functions, in which cargo runs, packed how, put where.
//!
//! Everything is decided here, defaults last; the shell then executes it without another question.

mod depends;
pub mod features;
mod options;
mod runs;
mod select;

use std::path::{Path, PathBuf};

pub use depends::FeatureSelection;
pub use options::CargoOptions;
pub use runs::{PackageFacts, Run, Units, units};
pub use select::{Candidate, SelectError, Selected, Selection, handlers, select, targets};

use crate::bundle::{DosTime, Level};
use crate::function::Function;
use crate::target::Arch;

/// Where bundles go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `<base>/<function>/<architecture>/` holds a bundle.
    pub base: PathBuf,
    /// Whether `<base>/index.json` lists all bundles below it.
    pub index: bool,
    /// `target/lambda`, for `--layout cargo-lambda`.
    pub cargo_lambda: Option<PathBuf>,
}

impl Output {
    /// The folder of one function's bundle.
    #[must_use]
    pub fn folder(&self, function: &Function, arch: Arch) -> PathBuf {
        self.base.join(function.name.as_str()).join(arch.aws_name())
    }
}

/// A whole run of `package` or `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The functions, sorted by name.
    pub functions: Vec<Function>,
    /// The cargo runs that build them.
    pub runs: Vec<Run>,
    /// The architecture.
    pub arch: Arch,
    /// The rustc target, always passed to cargo explicitly.
    pub triple: String,
    /// How hard to compress.
    pub level: Level,
    /// The time of every archive entry.
    pub time: DosTime,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// We build for the host, until another linker is chosen.
    #[error("this host is `{0}`; handlers are built on Linux, x86_64 or aarch64")]
    Host(String),
    /// `SOURCE_DATE_EPOCH` is no time that a zip can hold.
    #[error("SOURCE_DATE_EPOCH is `{0}`; it must be whole seconds since 1970, up to the year 2107")]
    Epoch(String),
}

/// The architecture that is built for: the host's.
pub fn architecture(host: &str) -> Result<Arch, PlanError> {
    Arch::of_linux_triple(host).ok_or_else(|| PlanError::Host(host.to_owned()))
}

impl Plan {
    /// Decides. `grouping` is of the [`units`] of these functions; none builds them as cargo does,
    /// with the features of all over all. `epoch` is `SOURCE_DATE_EPOCH` as it stands in the
    /// environment.
    pub fn new(
        functions: Vec<Function>,
        selected: &[PackageFacts],
        arch: Arch,
        options: &CargoOptions,
        grouping: Option<&features::Grouping>,
        epoch: Option<&str>,
    ) -> Result<Self, PlanError> {
        let time = match epoch {
            None | Some("") => DosTime::EARLIEST,
            Some(text) => text
                .parse()
                .ok()
                .and_then(DosTime::from_unix)
                .ok_or_else(|| PlanError::Epoch(text.to_owned()))?,
        };
        Ok(Self {
            runs: runs::deal(&functions, selected, &options.features, grouping),
            functions,
            arch,
            triple: arch.gnu_triple().to_owned(),
            level: if options.profile == "dev" { Level::Fast } else { Level::Best },
            time,
        })
    }
}

/// The folders that bundles go to.
#[must_use]
pub fn output(target_directory: &Path, out: Option<&Path>, cargo_lambda: bool) -> Output {
    Output {
        base: out.map_or_else(|| target_directory.join("lambda-pack"), Path::to_path_buf),
        index: out.is_some(),
        cargo_lambda: cargo_lambda.then(|| target_directory.join("lambda")),
    }
}

#[cfg(test)]
mod tests;
