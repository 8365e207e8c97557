//! The last step before a function's program: what must be set up in its own process.
//!
//! This program runs itself as `sandbox PROCESS WALLS PROGRAM ARGS…`, in the environment that the program
//! is to have, and then becomes the program. So a process that dies with the server, however that ends,
//! and the walls around it need no `unsafe` between fork and exec: this process has one thread.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod linux;
mod walls;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::thread::sleep;
use std::time::Duration;

use nix::unistd::close;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use walls::{Join, Room, Walls};

/// How many files a function may have open (AWS: "Lambda quotas").
const FILES: u64 = 1024;

/// The hidden command.
pub const COMMAND: &str = "sandbox";

/// The program and its arguments, if these are the arguments of such a step: first the process that it
/// must not outlive, and the walls around it.
#[must_use]
pub fn by_name(args: &[OsString]) -> Option<&[OsString]> {
    match args {
        [_, command, rest @ ..] if command == COMMAND => Some(rest),
        _ => None,
    }
}

/// Becomes the program. Returns only if that cannot be.
#[must_use]
pub fn run(words: &[OsString]) -> io::Error {
    let [parent, walls, program, args @ ..] = words else {
        return io::Error::other("a process, walls and a program are wanted");
    };
    if let Err(error) = close_inherited() {
        return error;
    }
    let walls = walls.to_str().and_then(|text| serde_json::from_str::<Walls>(text).ok());
    let built = match &walls {
        Some(walls) => walls.build(),
        None => Err(io::Error::other("the walls cannot be understood")),
    };
    if let Err(error) = built {
        return error;
    }
    // Changing what a process may do undoes this, so it comes after.
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::die_with_parent() {
        return error;
    }
    let most = getrlimit(Resource::Nofile).maximum.map_or(FILES, |most| most.min(FILES));
    let files = Rlimit { current: Some(most), maximum: Some(most) };
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        return error.into();
    }
    // It may have died before that was set.
    if parent.to_str().and_then(|id| id.parse().ok()) != Some(parent_id()) {
        return io::Error::other("the server is gone");
    }
    // A file that was written a moment ago may still be open in a process that is being started, until
    // that is another program: that passes.
    let mut left = 100;
    loop {
        #[expect(clippy::disallowed_methods, reason = "this process becomes that program")]
        let error = std::process::Command::new(program).args(args).exec();
        if error.kind() != io::ErrorKind::ExecutableFileBusy || left == 0 {
            return error;
        }
        left -= 1;
        sleep(Duration::from_millis(2));
    }
}

/// Closes what whoever started the server had open, and this process was never to have: all but the three
/// standard streams. It has opened nothing itself yet.
fn close_inherited() -> io::Result<()> {
    // `/dev/fd` is there on other systems as well.
    let names = fs::read_dir("/dev/fd")?.flatten().map(|entry| entry.file_name());
    // Before any is closed: one of them is the listing's own.
    let open: Vec<i32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    for file in open.into_iter().filter(|file| *file > 2) {
        // The listing's own is gone already.
        let _ = close(file);
    }
    Ok(())
}
