//! `cargo lambda-pack` turns the handlers of a Cargo workspace into artifacts that will run on AWS
//! Lambda, proved before anything is sent.
//!
//! # The flow, one way
//!
//! ```text
//! argv · environment · manifests · `cargo metadata` · tools     facts, gathered once, at the edge
//!                     │
//!                     ▼  plan                        pure
//!                   Plan
//!                     │
//!                     ▼  cargo                       runs programs
//!               each Artifact, as soon as cargo reports it
//!                     │
//!                     ▼  files · inspect             read the disk
//!            Tree and what its files are
//!                     │
//!                     ▼  closure · libraries         the libraries that Lambda lacks
//!                     │
//!                     ▼  audit                       pure: all findings at once
//!                     │
//!                     ▼  bundle                      a Tree gives one stream of bytes
//!                   Bundle                           digest, length, files
//!                     │
//!                     ▼  message → shell             stdout: the answer; stderr: the talk
//! ```
//!
//! # Invariants
//!
//! 1. No decision imports an edge (both are listed below). A test holds the imports against the table
//!    of layers.
//! 2. No unordered map on the way to bytes, and no clock in a decision: the time is part of the plan.
//! 3. Domain types are neither the clap structs nor the serde types of a file format.
//! 4. The library never exits or prompts, and never installs anything. Only `main` has an exit code.
//! 5. A trait of our own appears when there are two implementations in the shipped program.
//! 6. No `unsafe`: what needs it goes through a crate that wraps it.
//!
//! # Modules, in reading order
//!
//! Words: [`target`], [`compile`], [`function`], [`digest`], [`mod@reference`], [`tree`],
//! [`artifact`]. Decisions: [`config`], [`plan`], [`linker`], [`remedy`], [`doctor`], [`cargo_config`],
//! [`profile`], [`rustflags`], [`remap`], [`elf`], [`system`], [`closure`], [`audit`], [`bundle`],
//! [`mod@tar`], [`gzip`], [`image`], [`stamps`],
//! [`compare`], [`message`], [`account`], [`release`], [`logs`]. Edges: [`process`], [`tool_cache`], [`jobs`],
//! [`toolchain`], [`zig`], [`cargo_files`], [`cargo`], [`files`], [`inspect`], [`unpack`], [`fresh`],
//! [`libraries`], [`blobs`], `registry`, [`shell`]. On top: [`error`], [`cli`].

pub mod account;
pub mod artifact;
pub mod audit;
#[cfg(feature = "aws")]
pub mod aws;
pub mod blobs;
pub mod bundle;
pub mod cargo;
pub mod cargo_config;
pub mod cargo_files;
pub mod cli;
pub mod closure;
pub mod compare;
pub mod compile;
pub mod config;
pub mod digest;
pub mod dockerfile;
pub mod doctor;
pub mod dylib;
pub mod elf;
pub mod error;
pub mod events;
pub mod files;
pub mod fresh;
pub mod function;
pub mod gzip;
pub mod image;
pub mod inspect;
pub mod invocation;
pub mod jobs;
pub mod layer;
pub mod libraries;
pub mod linker;
pub mod local;
pub mod lock;
pub mod logs;
pub mod message;
mod nearest;
pub mod percent;
pub mod plan;
pub mod process;
pub mod profile;
pub mod reference;
#[cfg(feature = "registry")]
pub mod registry;
pub mod release;
pub mod remap;
pub mod remedy;
pub mod routes;
pub mod rustflags;
pub mod sandbox;
pub mod shell;
pub mod stamps;
pub mod system;
pub mod tar;
pub mod target;
pub mod tool_cache;
pub mod toolchain;
pub mod tree;
pub mod unpack;
pub mod zig;

pub use error::Error;
