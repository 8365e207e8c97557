//! What this machine can do, as records.

use serde::Serialize;

/// A target, and whether this machine builds for it.
#[derive(Debug, Serialize)]
pub struct Buildable<'a> {
    /// The rustc target, with the version of glibc that a handler may need.
    pub target: String,
    /// AWS's name of the architecture.
    pub architecture: &'a str,
    /// AWS's name of the runtime.
    pub runtime: &'a str,
    /// Whether a handler can be built for it; null where only the audit of one tells.
    pub works: Option<bool>,
    /// What links.
    pub linker: Option<&'a str>,
    /// Why that, or why nothing does.
    pub why: &'a str,
    /// Whether rustc has the standard library.
    pub standard_library: bool,
    /// What runs its executables here.
    pub runs_with: Option<&'a str>,
}
