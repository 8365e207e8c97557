//! `cargo lambda-pack` turns the handlers of a Cargo workspace into artifacts that will run on AWS
//! Lambda, proved before anything is sent, and makes every release one that can be watched, stopped and
//! taken back.
//!
//! This page is a tour of the design: how a run flows, what always holds, and the modules in the order
//! in which they read best. What a user needs stands in the README and in `docs/`.
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
//!                     ▼  layer                       pure: which files functions share
//!                     │
//!                     ▼  audit                       pure: all findings at once
//!                     │
//!                     ▼  bundle · image              a Tree gives one stream of bytes
//!                   Bundle                           zip, layer or image: digest, length, files
//!                     │
//!  what AWS holds ───▶▼  release::next               pure: the changes that may run now
//!               each Change
//!                     │
//!                     ▼  aws · registry              network; then AWS is looked at again
//!                   Release                          version, alias, digest
//!                     │
//!                     ▼  message → shell             stdout: the answer; stderr: the talk
//! ```
//!
//! Every arrow is a function from values to a value; only the edges act. The middle decides on
//! descriptions (path, mode, length, digest), and bytes are streamed once, at the end, and hashed as they
//! pass. A release is a loop over the last part: look, ask [`release`] what may run now, run it, look
//! again, until nothing is left. So a dry run prints the same values, and whoever is killed goes on by
//! being started again.
//!
//! [`local`] is the other end of that wire: a Lambda on this machine, which answers the same API (decided
//! by [`account`], a state machine without I/O) and really runs what was uploaded. `run`, `watch`, `invoke
//! --local` and the tests of `deploy` use it.
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
//! 7. What we choose is a closed enum; what AWS tells is an open one, and its unknown members are kept.
//!
//! # Modules, in reading order
//!
//! **Words**, values that everything else speaks of:
//!
//! - [`target`] and [`compile`]: what a handler is compiled for, and how; [`function`]: handlers, and the
//!   functions that run them.
//! - [`digest`], [`tree`] (the one gate into any archive), [`artifact`], [`mod@reference`] (the name of an
//!   image), [`percent`], [`crate_name`].
//! - [`invocation`]: one call of a function, wherever it runs.
//!
//! **Decisions**, pure, from what to build to what to send:
//!
//! - What is written for somebody who begins: [`template`]; what is changed of manifests: [`cargo_manifest`].
//! - What is wanted: [`config`], [`cargo_config`], [`profile`], [`rustflags`], [`remap`], [`linker`], and
//!   [`plan`], which puts them together. For machines that lack something: [`remedy`], [`doctor`].
//! - What was built: [`elf`], [`system`] (what Lambda has), [`closure`] (which library each program
//!   gets), [`audit`].
//! - What is sent: [`layer`], [`dylib`] (Rust code that functions share), [`lock`], [`bundle`], [`mod@tar`],
//!   [`gzip`], [`image`], [`dockerfile`]. Whether it is still the same: [`stamps`], [`compare`].
//! - What AWS is to hold: [`release`]: the reconciler, its markers, shifts, rollback and prune.
//! - The Lambda of this machine: [`account`], [`routes`], [`events`]. What functions wrote: [`logs`].
//! - What is said: [`message`].
//!
//! **Edges**, which touch the outside, each as its name says:
//!
//! - Programs and what is known of them: [`process`], [`jobs`], [`tool_cache`], [`toolchain`], [`zig`],
//!   [`cargo_files`], [`cargo`].
//! - The disk: [`files`], [`inspect`], [`unpack`], [`fresh`], [`libraries`], [`blobs`],
//!   [`template_files`].
//! - The network: `registry`, `aws` (each a feature of the crate).
//! - The embedded Lambda: [`local`], and [`sandbox`], the last step before a function's program.
//! - The terminal: [`shell`].
//!
//! **On top:** [`error`], one variant a stage, with exit code and hint; and [`cli`], one straight-line
//! function a command, the only module that knows all others.

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
pub mod cargo_manifest;
pub mod cli;
pub mod closure;
pub mod compare;
pub mod compile;
pub mod config;
pub mod crate_name;
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
pub mod template;
pub mod template_files;
pub mod tool_cache;
pub mod toolchain;
pub mod tree;
pub mod unpack;
pub mod zig;

pub use error::Error;
