//! Which handlers may be built in one run without giving each other features.
//!
//! Cargo unifies features over all packages that one run names. So handlers are dealt into groups:
//! a group is one whose run switches on, package for package, exactly what each of its packages
//! switches on when it is built alone, on the target side and on the host side. That is what
//! cargo's unstable `resolver.feature-unification = "package"` does, in as few runs as possible.
//!
//! The features are resolved here, from `cargo metadata`, by the rules of The Cargo Book
//! ("Features", "Feature resolver version 2", "Dependency Resolution"); the tests hold the answer
//! against cargo's own unit graph. Pure: nothing here reads a file or runs a program.

mod cache;
mod gains;
mod graph;
mod groups;
mod links;
mod platform;
mod resolve;
mod roots;

use cargo_metadata::PackageId;

pub use cache::{Answer, KeyInputs, decode, encode, key};
pub use gains::{Gain, gains};
pub use graph::{Graph, GraphError};
pub use groups::{Grouping, Place, group};
pub use links::scripts;
pub use platform::{CfgError, Resolver, RustcCfg};
pub use resolve::{Resolved, Side};
pub use roots::known_features;

/// What is built or left as a whole: the binaries of a package, or its examples.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// The package that cargo is given with `-p`.
    pub package: PackageId,
    /// Examples: cargo then counts the dev-dependencies, of every package that the run names.
    pub dev: bool,
    /// Selected packages that a requested feature belongs to, sorted. Those of them that the
    /// package depends on are named in its run, so that the feature reaches it through them.
    pub owners: Vec<PackageId>,
}

#[cfg(test)]
mod tests;
