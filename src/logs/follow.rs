//! A log that is read again and again, without losing or doubling anything.
//!
//! Events arrive late, and not in the order of their times: the one of 12:00:01 may be there before the
//! one of 12:00:00. So each look begins somewhat before the newest event that was seen, and what was
//! seen since then is known by its id. Times of events are those of whoever wrote them; those that lie
//! in the future count as now.

use std::collections::{BTreeMap, BTreeSet};

use super::Event;

/// How much later than others an event may arrive, in milliseconds.
const OVERLAP: i64 = 30_000;
/// How far back a look begins if nothing was found for long: this machine's clock may be wrong by five
/// minutes, more AWS does not accept (AWS: "Signature Version 4").
const LONGEST: i64 = 600_000;

/// What was seen so far.
#[derive(Debug, Clone)]
pub struct Follow {
    from: i64,
    now: i64,
    newest: i64,
    seen: BTreeMap<i64, BTreeSet<String>>,
}

impl Follow {
    /// Begins here, in milliseconds since 1970.
    #[must_use]
    pub const fn since(from: i64) -> Self {
        Self { from, now: from, newest: from, seen: BTreeMap::new() }
    }

    /// Begins a look at this time; where it starts from.
    pub fn look(&mut self, now: i64) -> i64 {
        self.now = now;
        self.start_at(now.saturating_sub(LONGEST));
        self.from
    }

    /// Whether an event was not seen yet.
    pub fn is_new(&mut self, event: &Event) -> bool {
        let is_new = self.seen.entry(event.time).or_default().insert(event.id.clone());
        // Within a look, events come in the order of their times: what lies so far back is done with.
        self.newest = self.newest.max(event.time.min(self.now));
        is_new
    }

    /// A look came to its end: all that there was has been seen.
    pub fn looked(&mut self) {
        self.start_at(self.newest.saturating_sub(OVERLAP));
    }

    fn start_at(&mut self, time: i64) {
        if time > self.from {
            self.from = time;
            self.seen = self.seen.split_off(&time);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: usize, time: i64) -> Event {
        Event { id: id.to_string(), time, ..Event::default() }
    }

    #[test]
    fn an_event_that_comes_late_is_seen_once() {
        let mut follow = Follow::since(0);
        follow.look(50_000);
        assert!(follow.is_new(&event(1, 40_000)));
        follow.looked();
        let from = follow.look(51_000);
        assert_eq!(from, 10_000);
        assert!(follow.is_new(&event(0, 39_000)));
        assert!(!follow.is_new(&event(1, 40_000)));
    }

    #[test]
    fn an_event_of_the_future_moves_nothing() {
        let mut follow = Follow::since(0);
        follow.look(50_000);
        assert!(follow.is_new(&event(1, 7_200_000)));
        follow.looked();
        assert_eq!(follow.look(51_000), 20_000);
        assert!(!follow.is_new(&event(1, 7_200_000)));
    }

    #[test]
    fn a_quiet_log_is_not_searched_from_its_beginning_for_ever() {
        let mut follow = Follow::since(0);
        follow.look(1_000);
        follow.looked();
        assert_eq!(follow.look(3_600_000), 3_000_000);
    }

    #[test]
    fn what_lies_behind_is_forgotten() {
        let mut follow = Follow::since(0);
        for step in 0..1000 {
            let now = step * 1_000;
            follow.look(now);
            follow.is_new(&event(usize::try_from(step).unwrap(), now));
            follow.looked();
        }
        assert!(follow.seen.len() <= 32, "{}", follow.seen.len());
    }

    proptest! {
        /// Events of any order within the overlap, looks at any time, some of which end in the middle.
        #[test]
        fn every_event_is_seen_once(
            events in proptest::collection::vec((0i64..120_000, 0i64..25_000), 1..60),
            looks in proptest::collection::vec((1i64..9_000, 0usize..4), 1..60),
        ) {
            let mut follow = Follow::since(0);
            let mut shown = vec![0; events.len()];
            let mut now = 0;
            let last = [(200_000, 3)];
            for (pause, broken) in looks.into_iter().chain(last) {
                now += pause;
                let from = follow.look(now);
                let mut there: Vec<(i64, usize)> = events
                    .iter()
                    .enumerate()
                    .filter(|(_, (time, late))| *time >= from && time + late <= now)
                    .map(|(id, (time, _))| (*time, id))
                    .collect();
                there.sort_unstable();
                let ends = if broken == 0 { there.len() / 2 } else { there.len() };
                for (time, id) in &there[..ends] {
                    shown[*id] += usize::from(follow.is_new(&event(*id, *time)));
                }
                if broken != 0 {
                    follow.looked();
                }
            }
            prop_assert!(shown.iter().all(|times| *times == 1), "{shown:?}");
        }
    }
}
