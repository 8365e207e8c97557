//! The job server that this process was started under, as `make -j` has one.
//!
//! Its pipe is opened anew by its name or through `/proc/self/fd`: a file description of our own, which
//! can be asked without waiting and disturbs nobody else's.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The variables that tell of a job server, in the order in which cargo looks at them.
const VARIABLES: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];
/// How GNU make tells it, since 4.2 and before.
const FLAGS: [&str; 2] = ["--jobserver-auth=", "--jobserver-fds="];
/// How long until it is asked for a token again.
const PAUSE: Duration = Duration::from_millis(10);

/// The pipe that holds a token for each job that may begin.
#[derive(Debug)]
pub(super) struct Joined {
    read: File,
    write: File,
    /// Whether the job that every process has without a token is to be had.
    own: Mutex<bool>,
}

/// A job; given back when dropped.
#[derive(Debug)]
pub(super) struct Token<'s> {
    server: &'s Joined,
    /// None: the process's own.
    byte: Option<u8>,
}

impl Joined {
    /// None if there is none, or none any more.
    pub(super) fn of_environment() -> Option<Self> {
        VARIABLES.iter().find_map(|name| Self::of_flags(&env::var(name).ok()?))
    }

    fn of_flags(flags: &str) -> Option<Self> {
        // Of several the last counts.
        let value = flags
            .split_ascii_whitespace()
            .filter_map(|word| FLAGS.iter().find_map(|flag| word.strip_prefix(flag)))
            .next_back()?;
        let (read, write) = if let Some(path) = value.strip_prefix("fifo:") {
            (PathBuf::from(path), PathBuf::from(path))
        } else {
            let path = |number: &str| {
                number.parse::<u32>().ok().map(|n| PathBuf::from(format!("/proc/self/fd/{n}")))
            };
            let (read, write) = value.split_once(',')?;
            (path(read)?, path(write)?)
        };
        let both = read == write;
        let read = open(&read, OpenOptions::new().read(true).write(both))?;
        let write = open(&write, OpenOptions::new().write(true).read(both))?;
        Some(Self { read, write, own: Mutex::new(false) })
    }

    /// The process's own job is to be had from now on.
    pub(super) fn free_own(&self) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// The process's own job is in use again.
    pub(super) fn take_own(&self) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Waits for a job.
    pub(super) fn acquire(&self) -> io::Result<Token<'_>> {
        loop {
            if std::mem::take(&mut *self.own.lock().unwrap_or_else(PoisonError::into_inner)) {
                return Ok(Token { server: self, byte: None });
            }
            let mut byte = [0];
            match (&self.read).read(&mut byte) {
                Ok(1) => return Ok(Token { server: self, byte: Some(byte[0]) }),
                Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        match self.byte {
            None => self.server.free_own(),
            // The same byte: make tells tokens apart.
            Some(byte) => {
                let _ = (&self.server.write).write_all(&[byte]);
            }
        }
    }
}

/// Opens a pipe, without waiting for its other end.
fn open(path: &Path, options: &mut OpenOptions) -> Option<File> {
    if !path.metadata().ok()?.file_type().is_fifo() {
        return None;
    }
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
    options.custom_flags(flags).open(path).ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn tokens_are_taken_and_given_back() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"+").unwrap();
        let flags = format!(
            "-j --jobserver-fds=9998,9999 --jobserver-auth={},{}",
            reader.as_raw_fd(),
            writer.as_raw_fd()
        );
        let server = Joined::of_flags(&flags).unwrap();
        let first = server.acquire().unwrap();
        assert_eq!(first.byte, Some(b'+'));
        thread::scope(|scope| {
            let second = scope.spawn(|| server.acquire().unwrap().byte);
            thread::sleep(3 * PAUSE);
            assert!(!second.is_finished(), "there was one token");
            server.free_own();
            assert_eq!(second.join().unwrap(), None);
        });
        drop(first);
        let (own, other) = (server.acquire().unwrap(), server.acquire().unwrap());
        assert_eq!((own.byte, other.byte), (None, Some(b'+')));
    }

    #[test]
    fn a_server_that_is_gone_is_none() {
        for flags in [
            "",
            "-j4",
            "--jobserver-auth=",
            "--jobserver-auth=3",
            "--jobserver-auth=-2,-2",
            "--jobserver-auth=9998,9999",
            "--jobserver-auth=fifo:/nowhere",
            "--jobserver-auth=fifo:/dev/null",
        ] {
            assert!(Joined::of_flags(flags).is_none(), "{flags}");
        }
    }
}
