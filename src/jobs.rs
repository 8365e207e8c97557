//! How much may run at once: one job server for cargo's compilers and for our own threads.
//!
//! The protocol is GNU make's ("POSIX Jobserver Interaction"): every process has one job of its own
//! and takes a token for every other. Cargo serves its compilers so, and takes part in one that it is
//! started in.

use std::env;
use std::num::NonZero;
use std::thread;

use jobserver::{Acquired, Client};

use crate::cargo_config::{CargoConfig, Value};
use crate::process::Step;

/// The variables that tell of a job server.
const VARIABLES: [&str; 3] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// How many jobs there may be, and who serves them.
#[derive(Debug)]
pub struct Jobs {
    most: usize,
    /// None where another server is at work, or none can be had: then cargo sees to its own jobs, and
    /// our threads are as many as cores.
    server: Option<Client>,
}

/// Permission to work; given back when dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held")] Option<Acquired>);

impl Jobs {
    /// As many as `--jobs`, else cargo's configuration, else this machine's cores say.
    #[must_use]
    pub fn new(flag: Option<&str>, config: &CargoConfig) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let told = |name: &&str| {
            env::var(name).is_ok_and(|flags| {
                flags.contains("--jobserver-auth=") || flags.contains("--jobserver-fds=")
            })
        };
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
        // What cargo does not take, cargo says.
        let allowed = most.filter(|_| !VARIABLES.iter().any(told));
        let server = allowed.and_then(|most| Client::new(most.saturating_sub(1)).ok());
        Self { most: most.unwrap_or(cores), server }
    }

    /// The most that may run at once.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Whether ours is the job server.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.server.is_some()
    }

    /// The step as a process that takes part. It has the job that is this process's own.
    #[must_use]
    pub fn serve(&self, step: Step) -> Step {
        match &self.server {
            Some(server) => step.served_by(server.clone()),
            None => step,
        }
    }

    /// From now on nobody else has this process's own job.
    pub fn cargo_has_ended(&self) {
        if let Some(server) = &self.server {
            // Without it, work goes on with a job less.
            let _ = server.release_raw();
        }
    }

    /// Waits for permission to work.
    #[must_use]
    pub fn turn(&self) -> Turn {
        Turn(self.server.as_ref().and_then(|server| server.acquire().ok()))
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
        let jobs = Jobs { most: 2, server: Client::new(1).ok() };
        let first = jobs.turn();
        let server = jobs.server.as_ref().unwrap();
        assert_eq!(server.available().unwrap(), 0, "the other job is cargo's");
        jobs.cargo_has_ended();
        let second = jobs.turn();
        assert_eq!(server.available().unwrap(), 0);
        drop((first, second));
        assert_eq!(server.available().unwrap(), 2);
    }
}
