//! How much may run at once: one job server for cargo's compilers and for our own threads.
//!
//! The protocol is GNU make's ("POSIX Jobserver Interaction"): every process has one job of its own
//! and takes a token for every other. Cargo serves its compilers so, and takes part in one that it is
//! started in.

mod joined;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jobserver::{Acquired, Client};

use crate::cargo_config::{CargoConfig, Value};
use crate::process::Step;
use joined::{Joined, Token};

/// How many jobs there may be, and who serves them.
#[derive(Debug)]
pub struct Jobs {
    most: usize,
    server: Server,
    /// Whether this process's own job was set free.
    free: AtomicBool,
}

#[derive(Debug)]
enum Server {
    /// Ours.
    Own(Client),
    /// The one that this process was started under; cargo finds it by itself.
    Joined(Joined),
    /// None can be had: then cargo sees to its own jobs, and our threads are as many as cores.
    Nobody,
}

/// Permission to work; given back when dropped.
#[derive(Debug)]
pub struct Turn<'j>(#[expect(dead_code, reason = "held")] Held<'j>);

#[derive(Debug)]
enum Held<'j> {
    Own(#[expect(dead_code, reason = "held")] Acquired),
    Joined(#[expect(dead_code, reason = "held")] Token<'j>),
    Nothing,
}

/// How many threads this machine runs at once.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl Jobs {
    /// As many as `--jobs`, else cargo's configuration, else this machine's cores say.
    #[must_use]
    pub fn new(flag: Option<&str>, config: &CargoConfig) -> Self {
        let cores = cores();
        let configured = || match config.value(&["build", "jobs"])?.value {
            Value::Integer(number) => Some(number.to_string()),
            Value::Text(text) => Some(text),
            _ => Some(String::new()),
        };
        let wanted = flag.map(str::to_owned).or_else(configured);
        let most = match wanted {
            None => Some(cores),
            Some(text) => most(&text, cores),
        };
        if let Some(joined) = Joined::of_environment() {
            return Self {
                most: cores,
                server: Server::Joined(joined),
                free: AtomicBool::new(false),
            };
        }
        // What cargo does not take, cargo says.
        let server = most.and_then(|most| Client::new(most.saturating_sub(1)).ok());
        let server = server.map_or(Server::Nobody, Server::Own);
        Self { most: most.unwrap_or(cores), server, free: AtomicBool::new(false) }
    }

    /// The most that may run at once.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Whether ours is the job server.
    #[must_use]
    pub fn is_served(&self) -> bool {
        matches!(self.server, Server::Own(_))
    }

    /// The step as a process that takes part. It has the job that is this process's own.
    #[must_use]
    pub fn serve(&self, step: Step) -> Step {
        match &self.server {
            Server::Own(server) => step.served_by(server.clone()),
            Server::Joined(_) | Server::Nobody => step,
        }
    }

    /// Cargo has this process's own job, also if it has run before.
    pub fn cargo_begins(&self) {
        if !self.free.swap(false, Ordering::Relaxed) {
            return;
        }
        match &self.server {
            Server::Own(server) => {
                // Without it, one more works.
                let _ = server.acquire_raw();
            }
            Server::Joined(server) => server.take_own(),
            Server::Nobody => {}
        }
    }

    /// From now on nobody else has this process's own job.
    pub fn cargo_has_ended(&self) {
        self.free.store(true, Ordering::Relaxed);
        match &self.server {
            Server::Own(server) => {
                // Without it, work goes on with a job less.
                let _ = server.release_raw();
            }
            Server::Joined(server) => server.free_own(),
            Server::Nobody => {}
        }
    }

    /// Waits for permission to work.
    #[must_use]
    pub fn turn(&self) -> Turn<'_> {
        Turn(match &self.server {
            Server::Own(server) => server.acquire().map_or(Held::Nothing, Held::Own),
            Server::Joined(server) => server.acquire().map_or(Held::Nothing, Held::Joined),
            Server::Nobody => Held::Nothing,
        })
    }
}

/// A number of jobs as cargo takes it: `default`, a number, or how many less than there are cores.
fn most(text: &str, cores: usize) -> Option<usize> {
    if text == "default" {
        return Some(cores);
    }
    let number: i32 = text.parse().ok()?;
    let wanted = usize::try_from(number.unsigned_abs()).ok()?;
    match number {
        0 => None,
        1.. => Some(wanted),
        _ => Some(cores.saturating_sub(wanted).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_counted_as_cargo_counts_them() {
        for (text, jobs) in [
            ("1", Some(1)),
            ("12", Some(12)),
            ("default", Some(4)),
            ("-1", Some(3)),
            ("-9", Some(1)),
            ("0", None),
            ("many", None),
            ("", None),
        ] {
            assert_eq!(most(text, 4), jobs, "{text}");
        }
    }

    #[test]
    fn work_waits_for_its_turn() {
        let server = Client::new(1).unwrap();
        let free = AtomicBool::new(false);
        let jobs = Jobs { most: 2, server: Server::Own(server.clone()), free };
        let first = jobs.turn();
        assert_eq!(server.available().unwrap(), 0, "the other job is cargo's");
        jobs.cargo_has_ended();
        let second = jobs.turn();
        assert_eq!(server.available().unwrap(), 0);
        drop((first, second));
        assert_eq!(server.available().unwrap(), 2);
        // Another run of cargo's, and none without an end between.
        jobs.cargo_begins();
        jobs.cargo_begins();
        assert_eq!(server.available().unwrap(), 1);
    }
}
