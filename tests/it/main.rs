//! The integration tests: the real binary, real cargo, and programs that no one here wrote.
//!
//! A tool that is missing skips a test on a laptop, with a line that says so, and fails it in CI.

#![allow(clippy::disallowed_methods, reason = "tests run programs and write files as they please")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod bundle;
mod cargo_lambda;
mod check;
mod closure;
mod config;
mod corpus;
#[cfg(feature = "aws")]
mod counted;
#[cfg(feature = "aws")]
mod delete;
#[cfg(feature = "aws")]
mod deploy;
mod dockerfile;
mod docs;
mod dylib;
mod elf;
mod elf_hostile;
mod emulator;
mod features;
mod features_random;
mod fits;
mod help;
mod images;
mod include;
mod jail;
mod layers;
mod local;
#[cfg(feature = "aws")]
mod logs;
mod migrate;
mod native;
mod new;
mod nothing_twice;
mod orders;
mod package;
mod precedence;
mod proofs;
#[cfg(feature = "aws")]
mod prune;
#[cfg(all(feature = "aws", feature = "registry"))]
mod push;
mod readme;
#[cfg(feature = "registry")]
mod registry;
mod remap;
mod run;
mod same_bytes;
mod scale;
mod select;
mod shared;
#[cfg(feature = "aws")]
mod status;
mod support;
mod targets;
mod tiny_elf;
mod tools;
mod unit_graph;
mod verify;
