//! Keeps below AWS's own limits, so that nothing is refused: a token bucket for the control API, and one
//! for each operation that has a quota of its own (AWS: "Lambda quotas", API requests).

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::release::guard;

/// All control calls together may be 15 a second; one is left to others.
pub const CONTROL: f64 = 14.0;
/// So many may come at once.
const BURST: f64 = 15.0;
/// `GetFunction` has a quota of its own.
const GET_FUNCTION: f64 = 100.0;
/// `GetPolicy` too.
const GET_POLICY: f64 = 15.0;

/// `FilterLogEvents` is another service's, with 5 a second in most Regions (AWS: "CloudWatch Logs
/// quotas").
const FILTER_LOG_EVENTS: f64 = 5.0;

/// The buckets of one account and Region.
#[derive(Debug)]
pub(super) struct Rates {
    control: Bucket,
    get_function: Bucket,
    get_policy: Bucket,
    filter_log_events: Bucket,
}

/// So many a second, and no more than so many at once.
#[derive(Debug)]
struct Bucket {
    /// A second; zero for no limit.
    rate: f64,
    /// How many may come at once.
    burst: f64,
    /// How many there are, and when that was.
    tokens: Cell<(f64, Instant)>,
    /// From when on the next one may go ahead of those that wait.
    ahead: Cell<Instant>,
}

impl Rates {
    /// `control`: calls a second, for all but the two operations; zero for no limits at all.
    pub(super) fn new(control: f64) -> Self {
        let own = |rate: f64| if control > 0.0 { rate } else { 0.0 };
        Self {
            control: Bucket::new(control, BURST),
            get_function: Bucket::new(own(GET_FUNCTION), GET_FUNCTION),
            get_policy: Bucket::new(own(GET_POLICY), GET_POLICY),
            filter_log_events: Bucket::new(own(FILTER_LOG_EVENTS), FILTER_LOG_EVENTS),
        }
    }

    /// Waits until one more call of this operation may be made; `ahead` of those that wait already.
    pub(super) async fn turn(&self, operation: &str, ahead: bool) {
        match self.bucket(operation) {
            Some(bucket) if ahead => bucket.take_ahead().await,
            Some(bucket) => bucket.take().await,
            None => {}
        }
    }

    fn bucket(&self, operation: &str) -> Option<&Bucket> {
        match operation {
            "GetFunction" => Some(&self.get_function),
            "GetPolicy" => Some(&self.get_policy),
            "FilterLogEvents" => Some(&self.filter_log_events),
            // S3, IAM, STS and functions themselves have limits of their own.
            _ if guard::find(operation).is_some_and(|call| !call.is_of_lambda()) => None,
            _ => Some(&self.control),
        }
    }

    /// AWS throttled all the same, others are at work too: the bucket begins empty.
    pub(super) fn throttled(&self, operation: &str) {
        if let Some(bucket) = self.bucket(operation) {
            bucket.empty();
        }
    }
}

impl Bucket {
    fn new(rate: f64, burst: f64) -> Self {
        let now = Instant::now();
        Self { rate, burst, tokens: Cell::new((burst, now)), ahead: Cell::new(now) }
    }

    /// Takes one, in the order of asking: whoever finds none owes it, and waits until it is there.
    async fn take(&self) {
        if self.rate > 0.0 {
            sleep_until(self.next(Instant::now())).await;
        }
    }

    /// Takes one before those that wait, who were told already when it is their turn: so the first goes at
    /// once, by the call a second that is left to others, and more of them no faster than at the rate.
    async fn take_ahead(&self) {
        if self.rate <= 0.0 {
            return;
        }
        let now = Instant::now();
        let (turn, ahead) = (self.next(now), self.ahead.get().max(now));
        if turn > ahead {
            self.ahead.set(ahead + Duration::from_secs_f64(1.0 / self.rate));
        }
        sleep_until(turn.min(ahead)).await;
    }

    /// When it is the turn of whoever takes one now.
    fn next(&self, now: Instant) -> Instant {
        let left = self.filled(now) - 1.0;
        self.tokens.set((left, now));
        now + Duration::from_secs_f64((-left).max(0.0) / self.rate)
    }

    fn filled(&self, now: Instant) -> f64 {
        let (tokens, then) = self.tokens.get();
        (tokens + self.rate * now.duration_since(then).as_secs_f64()).min(self.burst)
    }

    fn empty(&self) {
        let now = Instant::now();
        self.tokens.set((self.filled(now).min(0.0), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(work: impl Future<Output = ()>) -> Duration {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let began = Instant::now();
            work.await;
            began.elapsed()
        })
    }

    #[test]
    fn a_burst_is_free_and_the_rest_waits_its_turn() {
        let rates = Rates::new(200.0);
        let took = timed(async {
            for _ in 0..35 {
                rates.turn("GetAlias", false).await;
            }
        });
        // (35 - 15) / 200 = 100 ms.
        assert!((100..400).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn what_takes_traffic_back_goes_before_all_who_wait() {
        let rates = Rates::new(20.0);
        // 60 polls that came before it: their turn is over two seconds away.
        let polls = (0..60).map(|_| rates.turn("GetAlias", false));
        let (mut first, mut all) = (Duration::MAX, Duration::ZERO);
        timed(async {
            let mut polls = std::pin::pin!(futures_util::future::join_all(polls));
            assert!(futures_util::poll!(&mut polls).is_pending());
            let began = Instant::now();
            let back = (0..5).map(|_| async {
                rates.turn("UpdateAlias", true).await;
                began.elapsed()
            });
            let times = futures_util::future::join_all(back).await;
            (first, all) = (times[0], times[4]);
        });
        assert!(first.as_millis() < 100, "{first:?}");
        // Four more at 20 a second.
        assert!((200..1000).contains(&all.as_millis()), "{all:?}");
    }

    #[test]
    fn reads_of_functions_have_a_bucket_of_their_own() {
        let rates = Rates::new(1.0);
        let took = timed(async {
            for _ in 0..90 {
                rates.turn("GetFunction", false).await;
            }
        });
        assert!(took.as_millis() < 200, "{took:?}");
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let rates = Rates::new(0.0);
        let took = timed(async {
            for _ in 0..1000 {
                rates.turn("GetAlias", false).await;
                rates.turn("GetFunction", true).await;
            }
        });
        assert!(took.as_millis() < 200, "{took:?}");
    }
}
