//! A process that outlives the server, however that ends, and clears up behind it.
//!
//! Functions die with the server, but not what they have started in sessions of their own. This process
//! waits at the end of a pipe of which the server alone has the other: once that is closed, whatever is
//! left of dead servers ends, and their folders go.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::store;

/// The hidden command.
const COMMAND: &str = "reaper";
/// How often it is looked, and how long between: a process that is being started may still hold a lock
/// of its server's.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Starts it. Where that cannot be, the next server clears up.
pub(super) fn start(program: &Path, scratch: Option<&Path>) -> Option<Child> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is to live on, and nobody is shown what it does"
    )]
    let mut command = std::process::Command::new(program);
    command
        .arg(COMMAND)
        .args(scratch)
        .current_dir("/")
        // What the terminal sends to all of a group is not for it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().ok()
}

/// The folder beside the temporary ones, if these are the arguments of such a process.
#[must_use]
pub fn by_name(args: &[OsString]) -> Option<Option<PathBuf>> {
    match args {
        [_, command, rest @ ..] if command == COMMAND => Some(rest.first().map(PathBuf::from)),
        _ => None,
    }
}

/// Waits until the server is gone, and clears up.
pub fn run(scratch: Option<&Path>) {
    let mut nothing = [0];
    loop {
        match io::stdin().read(&mut nothing) {
            Ok(0) => break,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => break,
            _ => {}
        }
    }
    for _ in 0..ROUNDS {
        store::clear_dead(scratch);
        sleep(PAUSE);
    }
}
