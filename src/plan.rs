//! What a run will do, as a value: which functions, in which cargo runs, packed how, put where.
//!
//! Everything is decided here, defaults last; the shell then executes it without another question.

mod agreed;
mod depends;
pub mod features;
mod options;
mod runs;
mod select;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use agreed::agreed;
pub use depends::FeatureSelection;
pub use options::CargoOptions;
pub use runs::{PackageFacts, Run, Units, units};
pub use select::{Candidate, SelectError, Selected, Selection, handlers, select, targets};

use crate::bundle::{DosTime, Level};
use crate::compile::Compile;
use crate::config::Settings;
use crate::digest::Sha256;
use crate::function::Function;
use crate::layer::record::LayerRecord;
use crate::target::{Arch, Libc, Target};

/// Where bundles go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `<base>/<function>/<architecture>/` holds a bundle.
    pub base: PathBuf,
    /// Whether `<base>/index.json` lists all bundles below it.
    pub index: bool,
    /// `target/lambda`, for `--layout cargo-lambda`.
    pub cargo_lambda: Option<PathBuf>,
    /// Where layers of images are kept.
    pub blobs: PathBuf,
    /// Where the files of images are, to be run.
    pub roots: PathBuf,
    /// Where shared libraries of Rust code are that functions are linked with.
    pub shared: PathBuf,
    /// Where it is kept what bundles were made of: in cargo's target folder, wherever they are.
    pub stamps: PathBuf,
}

impl Output {
    /// The folder of one function's bundle.
    #[must_use]
    pub fn folder(&self, function: &Function) -> PathBuf {
        let arch = function.compile.target.arch;
        self.base.join(function.name.as_str()).join(arch.aws_name())
    }

    /// The folder of an image. No function's bundle has one of that name.
    #[must_use]
    pub fn image(&self, name: &str, arch: Arch) -> PathBuf {
        self.base.join(name).join(format!("image-{}", arch.aws_name()))
    }

    /// The folder of a layer.
    #[must_use]
    pub fn layer(&self, name: &str) -> PathBuf {
        self.base.join(name).join(LayerRecord::FOLDER)
    }

    /// Where it is kept what the bundle in a folder was made of.
    #[must_use]
    pub fn stamps(&self, folder: &Path) -> PathBuf {
        let digest = Sha256::of(folder.as_os_str().as_encoded_bytes()).short();
        self.stamps.join(format!("{digest}.json"))
    }
}

/// A whole run of `package` or `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The functions, one for each architecture, sorted by name.
    pub functions: Vec<Function>,
    /// The cargo runs that build them.
    pub runs: Vec<Run>,
    /// The time of every archive entry.
    pub time: DosTime,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The host's architecture is none of Lambda's, and nothing says another.
    #[error("this host is `{0}`, of an architecture that Lambda has not; say `--arch`")]
    Host(String),
    /// Handlers that are built together want other flags of cargo's.
    #[error("{0}")]
    Disagreement(String),
    /// `SOURCE_DATE_EPOCH` is no time that a zip can hold.
    #[error("SOURCE_DATE_EPOCH is `{0}`; it must be whole seconds since 1970, up to the year 2107")]
    Epoch(String),
}

/// The architectures of one handler: those of its settings, else the default (cargo's configured
/// target, else the host).
#[must_use]
pub fn architectures(settings: &Settings, default: Option<Arch>) -> Vec<Arch> {
    if settings.archs.is_empty() { default.into_iter().collect() } else { settings.archs.clone() }
}

/// How a handler is compiled, by its settings.
#[must_use]
pub fn compile(settings: &Settings, arch: Arch, default: Libc) -> Compile {
    let libc = settings.libc.unwrap_or(default);
    let target = Target::new(arch, libc, settings.runtime.unwrap_or_default());
    let linker = settings.linker.unwrap_or_default();
    Compile::new(target, settings.target_cpu.clone(), linker, settings.optimize)
}

/// How hard a function's zip is compressed: as its settings say, else by the profile.
#[must_use]
pub fn level(settings: &Settings, options: &CargoOptions) -> Level {
    let default = if options.profile == "dev" { Level::Fast } else { Level::Best };
    settings.compression.unwrap_or(default)
}

/// Which handlers may share a run, by the triple that they are compiled for.
pub type Groupings = BTreeMap<&'static str, features::Grouping>;

/// The functions of each triple, by their place in the list.
#[must_use]
pub fn by_triple(functions: &[Function]) -> BTreeMap<&'static str, Vec<usize>> {
    let mut triples: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
    for (index, function) in functions.iter().enumerate() {
        triples.entry(function.compile.target.triple()).or_default().push(index);
    }
    triples
}

impl Plan {
    /// Decides. A grouping is of the [`units`] of the functions of one triple; where there is none
    /// they are built as cargo does it, with the features of all over all. `epoch` is
    /// `SOURCE_DATE_EPOCH` as it stands in the environment.
    pub fn new(
        functions: Vec<Function>,
        selected: &[PackageFacts],
        options: &CargoOptions,
        groupings: &Groupings,
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
        let mut runs = Vec::new();
        for (triple, places) in by_triple(&functions) {
            let own: Vec<&Function> = places.iter().filter_map(|at| functions.get(*at)).collect();
            let grouping = groupings.get(triple);
            for mut run in runs::deal(&own, selected, &options.features, grouping) {
                run.members =
                    run.members.iter().filter_map(|at| places.get(*at).copied()).collect();
                runs.push(run);
            }
        }
        // As the functions stand in the list.
        runs.sort_by(|a, b| a.members.cmp(&b.members));
        Ok(Self { functions, runs, time })
    }
}

/// The folders that bundles go to.
#[must_use]
pub fn output(target_directory: &Path, out: Option<&Path>, cargo_lambda: bool) -> Output {
    Output {
        base: out.map_or_else(|| target_directory.join("lambda-pack"), Path::to_path_buf),
        index: out.is_some(),
        cargo_lambda: cargo_lambda.then(|| target_directory.join("lambda")),
        blobs: target_directory.join("lambda-pack.blobs"),
        roots: target_directory.join("lambda-pack.roots"),
        shared: target_directory.join("lambda-pack.shared"),
        stamps: target_directory.join("lambda-pack.stamps"),
    }
}

#[cfg(test)]
mod tests;
