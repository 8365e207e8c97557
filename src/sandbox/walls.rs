//! The walls: a mount namespace in which a function finds the files that it has on Lambda, and no others.
//!
//! AWS: "Lambda execution environment": the code at `/var/task`, layers at `/opt`, both read-only, and
//! `/tmp` of a limited size; the program runs under a user of its own.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is around a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Walls {
    /// None: the file system is the machine's.
    Nothing,
    /// A room that is built for this process.
    Built(Room),
    /// The room that another process is in.
    Joined(Join),
}

/// What is in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// An empty folder; it stays empty outside of the room.
    pub place: PathBuf,
    /// What is at `/var/task`; none: what the image has there.
    pub task: Option<PathBuf>,
    /// What is at `/opt`.
    pub opt: Option<PathBuf>,
    /// The size of `/tmp` in MB.
    pub tmp: u64,
    /// The names of the libraries that the system has; none: all that this machine has.
    pub libraries: Option<Vec<String>>,
    /// The files of an image, which are there in place of this machine's system.
    pub root: Option<PathBuf>,
    /// The working folder.
    pub folder: PathBuf,
}

/// Another process's room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The process.
    pub process: u32,
    /// The working folder.
    pub folder: PathBuf,
}

#[cfg(not(target_os = "linux"))]
impl Walls {
    pub(super) fn build(&self) -> std::io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Built(_) | Self::Joined(_) => {
                Err(std::io::Error::other("only Linux has namespaces"))
            }
        }
    }
}
