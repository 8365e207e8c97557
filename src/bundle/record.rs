//! `lambda-pack.json`: what a bundle is, for people and for other tools. Keys are only ever added.

use serde::{Deserialize, Serialize};

/// The version of the format; it changes only if a key ever has to change its meaning.
const FORMAT: u32 = 1;

/// One bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub format: u32,
    /// The function's name.
    pub function: String,
    /// `function`, `external-extension` or `internal-extension`.
    pub role: String,
    /// The package of the handler.
    pub package: String,
    /// The version of that package.
    pub package_version: String,
    /// The binary or example.
    pub handler: String,
    /// AWS's name of the architecture.
    pub architecture: String,
    /// The rustc target, with the version of glibc that was built for behind a dot.
    #[serde(default)]
    pub target: String,
    /// The processor that was compiled for, by rustc's name.
    #[serde(default)]
    pub target_cpu: String,
    /// AWS's name of the runtime.
    pub runtime: String,
    /// The cargo profile.
    pub profile: String,
    /// The lowest glibc that the executable starts with; none if it needs none.
    pub glibc_needed: Option<String>,
    /// Lengths in bytes.
    pub sizes: Sizes,
    /// The digest of the zip as AWS reports it: SHA-256 in base64.
    #[serde(rename = "CodeSha256")]
    pub code_sha256: String,
    /// The zip's file name, beside this file.
    pub zip: String,
    /// Every file in the zip, in order.
    pub files: Vec<FileRecord>,
    /// The layers that hold the rest of it, in the order in which Lambda unpacks them; none where it is
    /// whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerUse>,
    /// The commit that was built, with `-dirty` if files were changed, or are not in it
    /// and not ignored.
    pub commit: Option<String>,
    /// The first line of `rustc -vV`.
    pub rustc: String,
    /// What linked it.
    pub linker: LinkerRecord,
    /// What was asked for; none in records of before there was `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildRecord>,
}

impl Record {
    /// The current version of the format.
    pub const FORMAT: u32 = FORMAT;
    /// The name of the file, beside the zip that it is of.
    pub const FILE: &str = "lambda-pack.json";
}

/// A layer that a bundle was split off into and audited with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerUse {
    /// Its name.
    pub layer: String,
    /// What it is: the `tree` of its own record.
    pub tree: String,
    /// The digest of its zip as AWS reports it: SHA-256 in base64.
    #[serde(rename = "CodeSha256")]
    pub code_sha256: String,
}

/// Lengths in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The executable.
    pub executable: u64,
    /// All files together: what Lambda calls the unzipped size.
    pub unpacked: u64,
    /// The zip.
    pub zip: u64,
}

/// One file of the zip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the zip.
    pub path: String,
    /// Its mode, as four octal digits.
    pub mode: String,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its contents, 64 hexadecimal digits.
    pub sha256: String,
}

impl From<&super::PackedFile> for FileRecord {
    fn from(file: &super::PackedFile) -> Self {
        Self {
            path: file.path.to_string(),
            mode: format!("{:04o}", file.mode.bits()),
            size: file.length,
            sha256: file.digest.hex(),
        }
    }
}

/// What linked the executable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkerRecord {
    /// The program that rustc called; none if cargo's configuration may name one.
    pub program: Option<String>,
    /// What it says of its version.
    pub version: Option<String>,
    /// What compilers and linkers left in the executable's `.comment` section.
    pub comments: Vec<String>,
}

/// What was asked for and decides the bytes, beside what the record says anyhow: enough to build the
/// bundle again. No path of the machine stands here, and no value that may be a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildRecord {
    /// `bin` or `example`.
    pub kind: String,
    /// The packages of its cargo run: the handler's, and those that features come through.
    pub packages: Vec<String>,
    /// Other handlers of its cargo run, where features are unified over them.
    pub beside: Vec<Beside>,
    /// `--features` of its cargo run.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// `--unify-features`, or the dev profile.
    pub unify_features: bool,
    /// The linker that was asked for: `auto`, `host`, `zig`, `gcc` or `musl`.
    pub linker: String,
    /// `speed` or `size`.
    pub optimize: String,
    /// Someone chose the processor; else it is the default.
    pub target_cpu_chosen: bool,
    /// The system's libraries that were accepted.
    pub trust_system: Vec<String>,
    /// How hard the zip is compressed: `fast` or `best`.
    pub compression: String,
    /// `SOURCE_DATE_EPOCH`, as it was set.
    pub source_date_epoch: Option<String>,
    /// `--env`.
    pub env: Option<String>,
    /// `-Z` of cargo.
    pub unstable: Vec<String>,
    /// Flags and variables that were given too, and whose values are not kept.
    pub not_kept: Vec<String>,
}

/// A handler that was built beside another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Its package.
    pub package: String,
    /// `bin` or `example`.
    pub kind: String,
    /// The binary or example.
    pub handler: String,
}
