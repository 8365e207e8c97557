//! What each kind of event source takes (`CreateEventSourceMapping`, the members' own words there).

use super::super::Merged;
use super::super::check::NONE;
use super::super::located::{Located, Mistake, Node, Table};
use super::{mistake, repeated};

/// Of streams only: "(Kinesis and `DynamoDB` Streams only)".
const OF_STREAMS: [&str; 8] = [
    "bisect",
    "max-age",
    "on-failure",
    "parallelization",
    "retries",
    "starting-position",
    "timestamp",
    "tumbling-window",
];

/// Of queues only: `ScalingConfig`.
const OF_QUEUES: [&str; 1] = ["max-concurrency"];

/// What is wrong with triggers.
pub(super) fn mistakes(all: &Merged) -> Vec<Mistake> {
    let list = all.get("triggers");
    // A second mapping of a source to the function is refused.
    let mut mistakes = repeated(list, "source");
    for item in list.map_or(&[][..], |list| list.node.items()) {
        let Node::Table(trigger) = &item.node else { continue };
        let source = trigger.get("source").map_or("", Located::text);
        match source.split(':').nth(2) {
            Some("sqs") => queue(item, trigger, source, &mut mistakes),
            Some("kinesis") => stream(item, trigger, "a Kinesis stream", &mut mistakes),
            Some("dynamodb") => stream(item, trigger, "a DynamoDB stream", &mut mistakes),
            // It is missing, which is said.
            _ => {}
        }
    }
    mistakes
}

/// Keys that are said of a source which does not take them.
fn refused(trigger: &Table, keys: &[&str], source: &str, mistakes: &mut Vec<Mistake>) {
    for key in keys {
        if let Some(value) = trigger.get(*key) {
            mistakes.push(mistake(value, format!("`triggers.{key}` is nothing of {source}")));
        }
    }
}

fn number(trigger: &Table, key: &str) -> Option<i64> {
    match trigger.get(key)?.node {
        Node::Integer(number) => Some(number),
        _ => None,
    }
}

fn queue(item: &Located, trigger: &Table, source: &str, mistakes: &mut Vec<Mistake>) {
    refused(trigger, &OF_STREAMS, "a queue", mistakes);
    let fifo = source.strip_suffix(".fifo").is_some();
    let window = number(trigger, "window").unwrap_or_default();
    let large = number(trigger, "batch-size").is_some_and(|size| size > 10);
    let mut wrong = |key: &str, what: &str| {
        let at = trigger.get(key).unwrap_or(item);
        mistakes.push(mistake(at, what.to_owned()));
    };
    if fifo && window > 0 {
        wrong("window", "a FIFO queue has no `triggers.window`");
    }
    if fifo && large {
        wrong("batch-size", "`triggers.batch-size` of a FIFO queue is 10 at most");
    } else if large && window == 0 {
        let what = "`triggers.batch-size` above 10 goes with a `triggers.window` of 1 or more";
        wrong("batch-size", what);
    }
}

fn stream(item: &Located, trigger: &Table, source: &str, mistakes: &mut Vec<Mistake>) {
    refused(trigger, &OF_QUEUES, source, mistakes);
    let position = trigger.get("starting-position");
    let timed = match position.map(Located::text) {
        None | Some(NONE) => {
            let what = format!(
                "a trigger of {source} needs `starting-position`: \"trim-horizon\" or \"latest\""
            );
            mistakes.push(mistake(position.unwrap_or(item), what));
            return;
        }
        Some(word) => word == "at-timestamp",
    };
    let timestamp = trigger.get("timestamp").filter(|value| value.text() != NONE);
    let what = match (timed, timestamp) {
        (true, _) if source.contains("DynamoDB") => {
            format!("{source} has no `starting-position = \"at-timestamp\"`")
        }
        (true, None) => "`starting-position = \"at-timestamp\"` needs `timestamp`".to_owned(),
        (false, Some(_)) => {
            "`triggers.timestamp` goes with `starting-position = \"at-timestamp\"`".to_owned()
        }
        _ => return,
    };
    mistakes.push(mistake(timestamp.or(position).unwrap_or(item), what));
}
