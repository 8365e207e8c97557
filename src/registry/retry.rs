//! When something is tried again, and after how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::error::Why;
use super::talk::Talk;

/// How often in all.
const TRIES: u32 = 4;
/// The first pause; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest that a server is waited for when it says when to come back.
const LONGEST: Duration = Duration::from_mins(1);

/// Pauses between tries.
pub(super) struct Pauses {
    seed: AtomicU64,
    pub(super) talk: Arc<Talk>,
}

impl Pauses {
    pub(super) fn new() -> Self {
        let seed = AtomicU64::new(u64::from(std::process::id()) | 1);
        Self { seed, talk: Arc::default() }
    }

    /// Nothing has failed yet.
    pub(super) const fn tries(&self) -> Tries<'_> {
        Tries { pauses: self, failed: 0 }
    }

    /// Between half of it and all of it, so that many do not come back at once.
    fn jitter(&self, pause: Duration) -> Duration {
        // Xorshift: any spread will do, and so will a step that another thread took meanwhile.
        let mut seed = self.seed.load(Ordering::Relaxed);
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        self.seed.store(seed, Ordering::Relaxed);
        let part = u32::try_from(seed % 1000).unwrap_or_default();
        pause / 2 + pause * part / 2000
    }
}

/// The tries at one thing.
pub(super) struct Tries<'p> {
    pauses: &'p Pauses,
    failed: u32,
}

impl Tries<'_> {
    /// Waits before the next try, if there is to be one after another that failed.
    ///
    /// # Errors
    ///
    /// What it failed with, if it is the last word.
    pub(super) async fn failed(&mut self, why: Why) -> Result<(), Why> {
        self.failed += 1;
        let Some(asked) = why.again().filter(|asked| self.failed < TRIES && *asked <= LONGEST)
        else {
            return Err(why);
        };
        // Those that take long: the others are over before anybody asks.
        match &why {
            Why::Silent { to, after } => {
                self.say(&format!("no answer from {to} for {} s", after.as_secs_f32()));
            }
            Why::Unreachable { to, why, .. } => self.say(&format!("cannot connect to {to}: {why}")),
            Why::Answered { to, status, .. } if !asked.is_zero() => self.say(&format!(
                "{to} wants one to wait for {} s (HTTP {status})",
                asked.as_secs_f32()
            )),
            _ => {}
        }
        let pause = PAUSE * 2_u32.pow(self.failed - 1);
        tokio::time::sleep(asked.max(self.pauses.jitter(pause))).await;
        Ok(())
    }

    fn say(&self, what: &str) {
        let next = self.failed + 1;
        self.pauses.talk.once(&format!("{what}, trying again ({next} of {TRIES})"));
    }

    /// Something has come: they are counted anew.
    pub(super) const fn anew(&mut self) {
        self.failed = 0;
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
pub(super) fn after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // RFC 9110, section 5.6.7.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (value, seconds) in [
            ("3", Some(3)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1993 08:49:37 GMT", None),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0)),
            ("-1", None),
            ("99999999999999999999999", None),
            ("soon", None),
        ] {
            assert_eq!(after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn pauses_spread() {
        let pauses = Pauses::new();
        let all: Vec<_> = (0..100).map(|_| pauses.jitter(PAUSE)).collect();
        assert!(all.iter().all(|pause| (PAUSE / 2..=PAUSE).contains(pause)));
        assert!(all.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
