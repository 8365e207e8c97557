//! What functions wrote, and how often they were invoked and failed.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use crate::local::clock;

/// How much of a log group is kept, in bytes.
const KEPT: usize = 1 << 20;

/// One line of a log.
#[derive(Debug, Clone)]
pub(in crate::local) struct Line {
    /// Milliseconds since 1970.
    pub(in crate::local) time: i64,
    pub(in crate::local) stream: String,
    pub(in crate::local) text: String,
}

/// The end of one function's log.
#[derive(Default)]
struct Log {
    lines: VecDeque<Line>,
    /// The bytes of all lines.
    held: usize,
}

/// Counts of one minute.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::local) struct Counts {
    pub(in crate::local) invocations: u64,
    pub(in crate::local) errors: u64,
}

/// What is kept of invocations.
#[derive(Default)]
pub(in crate::local) struct Watch {
    /// By function.
    logs: RefCell<BTreeMap<String, Log>>,
    /// By function, version and minute since 1970.
    counts: RefCell<BTreeMap<(String, String, i64), Counts>>,
}

impl Watch {
    /// The name of an environment's log stream.
    pub(in crate::local) fn stream(&self, version: &str, number: u64) -> String {
        let days = clock::now() / 86_400_000;
        format!("{days}/[{version}]{number:032x}")
    }

    /// Keeps a line.
    pub(in crate::local) fn line(&self, function: &str, stream: &str, line: &[u8]) {
        let mut logs = self.logs.borrow_mut();
        if !logs.contains_key(function) {
            logs.insert(function.to_owned(), Log::default());
        }
        let Some(log) = logs.get_mut(function) else { return };
        let text = String::from_utf8_lossy(line).into_owned();
        log.held += text.len();
        log.lines.push_back(Line { time: clock::now(), stream: stream.to_owned(), text });
        while log.held > KEPT {
            let Some(line) = log.lines.pop_front() else { break };
            log.held -= line.text.len();
        }
    }

    /// Counts an invocation.
    pub(in crate::local) fn invoked(&self, function: &str, version: &str, failed: bool) {
        let key = (function.to_owned(), version.to_owned(), clock::now() / 60_000);
        let mut counts = self.counts.borrow_mut();
        let counts = counts.entry(key).or_default();
        counts.invocations += 1;
        counts.errors += u64::from(failed);
    }
}
