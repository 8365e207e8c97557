//! Tar archives (POSIX.1-2024 `pax`, "ustar Interchange Format" and "pax Interchange Format"): our own
//! bytes, and everyone's read.
//!
//! What is written depends on nothing but what is given: ustar headers where they hold it, else one
//! pax header before. What is read may be hostile: memory is bounded whatever a header claims.

mod name;
mod number;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use name::{bytes, os, shown};
pub use read::{Header, Kind, Reader, TarError};
pub use write::{Member, What, Writer};

/// Tar counts in blocks of so many bytes.
const BLOCK: usize = 512;
/// The longest path that is read, in bytes (Linux, `PATH_MAX`).
pub const MAX_PATH: usize = 4096;
