//! CloudWatch Logs: what functions wrote, by log group and stream.

mod describe;
mod events;
mod json;
mod pattern;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::alarms::Place;
use super::members::text;
use super::refusal::Refusal;
use crate::account::Object;

/// How much of a log group is kept, in bytes.
const KEPT: usize = 1 << 20;
/// What a line takes besides its text.
const OVERHEAD: usize = 64;

/// The ends of all log groups.
#[derive(Debug, Default)]
pub(in crate::local) struct Logs {
    groups: BTreeMap<String, Group>,
    /// The number of the last line.
    last: u64,
}

#[derive(Debug)]
struct Group {
    /// When it was first written to (ms since 1970).
    created: i64,
    /// In the order of their numbers, and of their times.
    lines: VecDeque<Line>,
    /// The bytes of all lines.
    held: usize,
}

#[derive(Debug)]
struct Line {
    /// No other line has it, and later ones have greater ones.
    number: u64,
    /// Milliseconds since 1970.
    time: i64,
    stream: Rc<str>,
    text: String,
}

impl Logs {
    /// Keeps a line, and forgets the first ones if there are too many.
    pub(super) fn add(&mut self, group: &str, stream: &Rc<str>, line: &[u8], now: i64) {
        if !self.groups.contains_key(group) {
            let new = Group { created: now, lines: VecDeque::new(), held: 0 };
            self.groups.insert(group.to_owned(), new);
        }
        let Some(group) = self.groups.get_mut(group) else { return };
        self.last += 1;
        // Clocks may be set back; the order of what was written stays.
        let time = group.lines.back().map_or(now, |last| last.time.max(now));
        let text = String::from_utf8_lossy(line).into_owned();
        group.held += text.len() + OVERHEAD;
        group.lines.push_back(Line { number: self.last, time, stream: stream.clone(), text });
        while group.held > KEPT {
            let Some(first) = group.lines.pop_front() else { break };
            group.held -= first.text.len() + OVERHEAD;
        }
    }

    /// The group that a request names, by name or ARN.
    fn group(&self, input: &Object) -> Result<&Group, Refusal> {
        let name = match (text(input, "logGroupName"), text(input, "logGroupIdentifier")) {
            (Some(name), None) => name,
            (None, Some(identifier)) => named(identifier),
            _ => {
                return Err(Refusal::parameter(
                    "Exactly one of logGroupName and logGroupIdentifier must be specified.",
                ));
            }
        };
        self.groups.get(name).ok_or_else(|| {
            let message = "The specified log group does not exist.";
            Refusal::new("ResourceNotFoundException", 400, message)
        })
    }
}

/// The name in `arn:aws:logs:REGION:ACCOUNT:log-group:NAME[:*]`.
fn named(identifier: &str) -> &str {
    let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
    name.strip_suffix(":*").unwrap_or(name)
}

/// The answer to an operation; none if it is not one of these.
pub(super) fn answer(
    operation: &str,
    input: &Object,
    logs: &Logs,
    place: Place<'_>,
) -> Option<Result<Object, Refusal>> {
    Some(match operation {
        "FilterLogEvents" => events::filter(input, logs),
        "GetLogEvents" => events::get(input, logs),
        "DescribeLogGroups" => describe::groups(input, logs, place),
        "DescribeLogStreams" => describe::streams(input, logs, place),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
