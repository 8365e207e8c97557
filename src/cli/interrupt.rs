//! Ctrl-C, and whatever else asks a program to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(feature = "aws")]
use tokio::sync::watch;

/// Ctrl-C, SIGTERM and the end of the terminal (unless `nohup` has it ignored). From when this is made
/// until the process ends they do no more than to be seen here: whoever makes it before it begins
/// something is not ended in the middle of that.
pub(super) struct Interrupt {
    ctrl_c: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Interrupt {
    /// Begins to listen; only inside of the runtime.
    ///
    /// # Errors
    /// If the system has no more pipes.
    pub(super) fn listen() -> io::Result<Self> {
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            ctrl_c: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Until the next one. The exit code that it comes to: 128 and its number, as shells have it.
    pub(super) async fn next(&mut self) -> u8 {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.ctrl_c.recv() => 130,
            _ = self.terminate.recv() => 143,
            () = hangup => 129,
        }
    }
}

/// Work until it has ended. The first signal is told to it by `told`, as the exit code that it comes to, after
/// `say`, which is given what ends it at once; then only that code is left.
///
/// # Errors
/// As [`Interrupt::listen`].
#[cfg(feature = "aws")]
pub(super) async fn unless_twice<T>(
    work: impl Future<Output = T>,
    told: &watch::Sender<Option<u8>>,
    say: impl Fn(&str),
) -> io::Result<Result<T, u8>> {
    let mut interrupt = Interrupt::listen()?;
    let ended = async {
        let code = interrupt.next().await;
        say(if code == 130 { "Ctrl-C once more" } else { "a second signal" });
        told.send_replace(Some(code));
        interrupt.next().await
    };
    Ok(tokio::select! {
        done = work => Ok(done),
        code = ended => Err(code),
    })
}

/// Whether whoever started us has SIGHUP ignored (`SigIgn` of proc(5): the lowest bit is signal 1).
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
