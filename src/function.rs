//! Handlers and the functions that run them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use cargo_metadata::PackageId;

use crate::compile::Compile;
use crate::target::Runtime;

/// The longest function name, in characters (`CreateFunction`, `FunctionName`).
const MAX_NAME: usize = 64;

/// The name of an AWS Lambda function, without account or qualifier.
///
/// Guarantees AWS's pattern `[a-zA-Z0-9-_]+`, 64 characters at most (`CreateFunction`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName(String);

/// A name that AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a Lambda function: AWS takes 1 to 64 letters, digits, hyphens and underscores"
)]
pub struct InvalidName(String);

impl FunctionName {
    /// Takes a name that AWS accepts.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let fits = (1..=MAX_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits { Ok(Self(name.to_owned())) } else { Err(InvalidName(name.to_owned())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What kind of cargo target a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// `[[bin]]`.
    Bin,
    /// `[[example]]`.
    Example,
}

impl TargetKind {
    /// Cargo's word for it, as in `--bin` and in its JSON messages.
    #[must_use]
    pub const fn cargo_name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Example => "example",
        }
    }
}

/// A Cargo binary that speaks the Lambda Runtime API (or the Extensions API).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handler {
    /// Cargo's package id, as `cargo metadata` and cargo's messages have it.
    pub package_id: PackageId,
    /// The package's name.
    pub package: String,
    /// The target's name.
    pub target: String,
    /// Binary or example.
    pub kind: TargetKind,
}

impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` of package `{}`", self.kind.cargo_name(), self.target, self.package)
    }
}

/// What a bundle is to Lambda, which decides where its executable must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// A function: `bootstrap` at the root (AWS, "Custom runtimes").
    #[default]
    Function,
    /// An external extension: a layer with an executable in `extensions/` (AWS, "Extensions API").
    ExternalExtension,
    /// An internal extension: a layer with a program or wrapper script that runs in the function's
    /// own process, at the root.
    InternalExtension,
}

/// Which folder the paths of an include start from, and must stay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncludeRoot {
    /// The folder of the package's `Cargo.toml`.
    Package,
    /// The folder of the workspace's `Cargo.toml`.
    Workspace,
}

/// One element of `include`: files that go into the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludeRule {
    /// A file, a folder (all below it), or a glob (`*` within a name, `**` across folders).
    pub from: String,
    /// Where it goes. Absent: the path stays as it is below the root. For a folder or a glob: what
    /// lies below its fixed part goes under this folder. For one file: its new path, or a folder
    /// when it ends in `/`.
    pub to: Option<String>,
    /// What to leave out: patterns with a `/` are matched against the path below the root, those
    /// without against every name in it; a folder takes all below it along.
    pub exclude: Vec<String>,
    /// The folder that `from` starts from.
    pub root: IncludeRoot,
}

/// How a function is packaged (`PackageType` of the Lambda API).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Packaging {
    /// As a zip.
    #[default]
    Zip,
    /// As, or in, a container image.
    Image(ImageWish),
}

impl Function {
    /// Whether the extension of this name runs beside it.
    #[must_use]
    pub fn takes(&self, extension: &Self) -> bool {
        let named = self.extensions.as_ref();
        self.role == Role::Function
            && extension.role != Role::Function
            && self.compile.target.arch == extension.compile.target.arch
            && named.is_none_or(|names| names.iter().any(|name| name == extension.name.as_str()))
    }

    /// Whether another function goes into the same image: then both are packaged together.
    #[must_use]
    pub fn shares_image_with(&self, other: &Self) -> bool {
        match (&self.packaging, &other.packaging) {
            (Packaging::Image(one), Packaging::Image(two)) => {
                (one.name.is_some() || two.name.is_some())
                    && one.name_for(&self.name) == two.name_for(&other.name)
                    && self.compile.target.arch == other.compile.target.arch
            }
            _ => false,
        }
    }
}

/// What is said of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageWish {
    /// What it is put on; none: Lambda's own image of the runtime.
    pub base: Option<String>,
    /// Its name; none: the function's. Functions of one name share it.
    pub name: Option<String>,
    /// Whether its manifest has docker's media types.
    pub docker: bool,
    /// A file with certificates for an image from scratch, relative to the workspace; empty: none.
    pub certificates: Option<String>,
}

impl ImageWish {
    /// The name of the image of a function.
    #[must_use]
    pub fn name_for<'a>(&'a self, function: &'a FunctionName) -> &'a str {
        self.name.as_deref().unwrap_or(function.as_str())
    }

    /// The settings in which another differs, whatever the names.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Vec<&'static str> {
        let all = [
            ("image.base", self.base != other.base),
            ("image.media-types", self.docker != other.docker),
            ("image.certificates", self.certificates != other.certificates),
        ];
        all.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

/// How hard a zip is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// libdeflate and zlib level 6: for the dev profile.
    Fast,
    /// libdeflate level 12, zlib level 9.
    Best,
}

/// One function (or extension) that a run makes a bundle of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name; of an extension: the file's name under `/opt/extensions`.
    pub name: FunctionName,
    /// What runs in it.
    pub handler: Handler,
    /// Function or extension.
    pub role: Role,
    /// The runtime it is for.
    pub runtime: Runtime,
    /// Libraries of the system's that the audit accepts.
    pub trust_system: Vec<String>,
    /// What goes into the bundle beside the executable.
    pub include: Vec<IncludeRule>,
    /// What it finds below `/opt`.
    pub assets: Vec<IncludeRule>,
    /// The extensions of the workspace that run beside it; none: all.
    pub extensions: Option<Vec<String>>,
    /// Whether it shares libraries in layers.
    pub shares: bool,
    /// How many layers of others it has.
    pub foreign_layers: usize,
    /// The folder of the package: what relative paths of its settings start from.
    pub package_root: PathBuf,
    /// The version of the package.
    pub package_version: String,
    /// Whether the package has a build script, which may write included files.
    pub has_build_script: bool,
    /// The packages whose build scripts tell its linker where to look; none where nobody knows.
    pub scripts: Option<BTreeSet<PackageId>>,
    /// How its handler is compiled.
    pub compile: Compile,
    /// Libraries that the program opens by itself.
    pub dlopen: Vec<String>,
    /// Folders with libraries that may be bundled.
    pub library_paths: Vec<PathBuf>,
    /// The root of another system whose libraries may be bundled.
    pub sysroot: Option<PathBuf>,
    /// How hard its zip, or its layers of an image, are compressed.
    pub level: Level,
    /// Zip or image.
    pub packaging: Packaging,
}

impl Role {
    /// The name of the executable in the output folder; its zip is called the same plus `.zip`.
    #[must_use]
    pub fn file_name(self, name: &FunctionName) -> String {
        match self {
            Self::Function => "bootstrap".to_owned(),
            Self::ExternalExtension | Self::InternalExtension => name.to_string(),
        }
    }

    /// Where the executable stands in the archive.
    #[must_use]
    pub fn archive_path(self, name: &FunctionName) -> String {
        match self {
            Self::Function => "bootstrap".to_owned(),
            Self::ExternalExtension => format!("extensions/{name}"),
            Self::InternalExtension => name.to_string(),
        }
    }

    /// The word for people and for `lambda-pack.json`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::ExternalExtension => "external-extension",
            Self::InternalExtension => "internal-extension",
        }
    }

    /// Where Lambda unpacks the archive.
    #[must_use]
    pub const fn unpacked_at(self) -> &'static str {
        match self {
            Self::Function => "/var/task",
            Self::ExternalExtension | Self::InternalExtension => "/opt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_names_follow_aws() {
        for good in ["a", "orders-api_2", &"x".repeat(64)] {
            assert_eq!(FunctionName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a.b", "a b", "größe", "a/b", &"x".repeat(65)] {
            assert!(FunctionName::new(bad).is_err(), "{bad}");
        }
    }
}
