//! The last step before a function's program: what must be set up in its own process.
//!
//! This program runs itself as `sandbox PROGRAM ARGS…`, in the environment that the program is to have,
//! and then becomes the program. So a process that dies with the server, however that ends, needs no
//! `unsafe` between fork and exec; and a later wall around functions has its place.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};

/// How many files a function may have open (AWS: "Lambda quotas").
const FILES: u64 = 1024;

/// The hidden command.
pub const COMMAND: &str = "sandbox";

/// The program and its arguments, if these are the arguments of such a step: first the process that it
/// must not outlive.
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
    let [parent, program, args @ ..] = words else {
        return io::Error::other("a process and a program are wanted");
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
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
