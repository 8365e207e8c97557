//! Where the time went, for `-v`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shell::Shell;

/// Adds up how long each kind of work took.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// In the order in which each was first done, with the number of times.
    spent: Mutex<Vec<(&'static str, Duration, usize)>>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Self::now(), spent: Mutex::default() }
    }

    /// When some work began.
    pub(super) fn now() -> Instant {
        Instant::now()
    }

    /// Says that work of that kind began then and has ended now.
    pub(super) fn add(&self, what: &'static str, started: Instant) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        match spent.iter_mut().find(|(name, ..)| *name == what) {
            Some((_, time, times)) => {
                *time += started.elapsed();
                *times += 1;
            }
            None => spent.push((what, started.elapsed(), 1)),
        }
    }

    /// The lines of `-v`.
    pub(super) fn show(&self, shell: &Shell) {
        let line = |what: &str, time: Duration, times: usize| {
            let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
            shell.detail("Time", format!("{:8.3} s  {what}{times}", time.as_secs_f64()));
        };
        for (what, time, times) in self.spent.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            line(what, *time, *times);
        }
        line("in all", self.start.elapsed(), 1);
    }
}
