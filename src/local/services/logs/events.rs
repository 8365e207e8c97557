//! `FilterLogEvents` and `GetLogEvents`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::pattern::Pattern;
use super::{Line, Logs};
use crate::account::Object;
use crate::local::services::members::{number, object, text, texts};
use crate::local::services::refusal::Refusal;

/// The most events of one answer, and the most bytes (AWS API reference).
const MOST: usize = 10_000;
const BYTES: usize = 1 << 20;
/// What an event takes besides its text (AWS API reference, `PutLogEvents`).
const OVERHEAD: usize = 26;

/// Events of a group, in the order of their times, that match a pattern.
pub(super) fn filter(input: &Object, logs: &Logs) -> Result<Object, Refusal> {
    let group = logs.group(input)?;
    let pattern = Pattern::of(text(input, "filterPattern").unwrap_or_default())
        .map_err(|why| Refusal::parameter(format!("Invalid filter pattern: {why}")))?;
    let (start, end) = (number(input, "startTime"), number(input, "endTime"));
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(Refusal::parameter("endTime must not be before startTime."));
    }
    let names: BTreeSet<&str> = texts(input, "logStreamNames").into_iter().collect();
    let prefix = text(input, "logStreamNamePrefix");
    if prefix.is_some() && !names.is_empty() {
        return Err(Refusal::parameter(
            "logStreamNames and logStreamNamePrefix cannot be specified together.",
        ));
    }
    let backwards = input.get("startFromHead").and_then(Value::as_bool) == Some(false);
    let after = text(input, "nextToken").map(token).transpose()?;
    let wanted = |line: &&Line| {
        let (number, time) = (line.number, line.time);
        after.is_none_or(|after| if backwards { number < after } else { number > after })
            && start.is_none_or(|start| time >= start)
            && end.is_none_or(|end| time <= end)
            && (names.is_empty() || names.contains(&*line.stream))
            && prefix.is_none_or(|prefix| line.stream.starts_with(prefix))
            && pattern.matches(&line.text)
    };
    let mut lines: Box<dyn Iterator<Item = &Line>> = if backwards {
        Box::new(group.lines.iter().rev().filter(wanted))
    } else {
        Box::new(group.lines.iter().filter(wanted))
    };
    let (page, more) = page(&mut lines, limit(input)?);
    let last = page.last().map(|line| line.number);
    let events = page.into_iter().map(|line| {
        let mut event = event(line);
        event.insert("logStreamName".to_owned(), Value::from(&*line.stream));
        event.insert("eventId".to_owned(), Value::from(format!("{:056}", line.number)));
        Value::Object(event)
    });
    let mut answer = object([
        ("events", Value::Array(events.collect())),
        ("searchedLogStreams", Value::Array(Vec::new())),
    ]);
    if let Some(last) = last.filter(|_| more) {
        answer.insert("nextToken".to_owned(), Value::from(format!("{last:056}")));
    }
    Ok(answer)
}

/// Events of a stream: the last ones, the first ones, or those before or after others.
pub(super) fn get(input: &Object, logs: &Logs) -> Result<Object, Refusal> {
    let group = logs.group(input)?;
    let stream = text(input, "logStreamName").unwrap_or_default();
    let of_stream = || group.lines.iter().filter(|line| &*line.stream == stream);
    if of_stream().next().is_none() {
        let message = "The specified log stream does not exist.";
        return Err(Refusal::new("ResourceNotFoundException", 400, message));
    }
    let (start, end) = (number(input, "startTime"), number(input, "endTime"));
    let within = |line: &&Line| {
        start.is_none_or(|start| line.time >= start) && end.is_none_or(|end| line.time < end)
    };
    let limit = limit(input)?;
    let given = match text(input, "nextToken").map(|text| text.split_at_checked(2)) {
        None => None,
        Some(Some((way @ ("f/" | "b/"), place))) => Some((way, token(place)?)),
        Some(_) => return Err(invalid_token()),
    };
    let head = input.get("startFromHead").and_then(Value::as_bool) == Some(true);
    let all = of_stream().filter(within);
    let page = match given {
        Some(("f/", after)) => page(&mut all.filter(|line| line.number > after), limit).0,
        Some((_, before)) => last(all.filter(|line| line.number < before), limit),
        None if head => page(&mut { all }, limit).0,
        None => last(all, limit),
    };
    // Of an empty page, the place where it would be.
    let (first, last) = match (page.first(), page.last(), given) {
        (Some(first), Some(last), _) => (first.number, last.number),
        (_, _, Some(("f/", after))) => (after.saturating_add(1), after),
        (_, _, Some((_, before))) => (before, before.saturating_sub(1)),
        _ => (0, 0),
    };
    Ok(object([
        ("events", page.into_iter().map(|line| Value::Object(event(line))).collect()),
        ("nextForwardToken", Value::from(format!("f/{last:056}"))),
        ("nextBackwardToken", Value::from(format!("b/{first:056}"))),
    ]))
}

/// The first ones, and whether there are more.
pub(super) fn page<'a>(
    lines: &mut dyn Iterator<Item = &'a Line>,
    limit: usize,
) -> (Vec<&'a Line>, bool) {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for line in lines {
        bytes += line.text.len() + OVERHEAD;
        if page.len() == limit || (bytes > BYTES && !page.is_empty()) {
            return (page, true);
        }
        page.push(line);
    }
    (page, false)
}

/// The last ones, in their order.
fn last<'a>(lines: impl DoubleEndedIterator<Item = &'a Line>, limit: usize) -> Vec<&'a Line> {
    let mut page = page(&mut lines.rev(), limit).0;
    page.reverse();
    page
}

fn event(line: &Line) -> Object {
    object([
        ("timestamp", line.time.into()),
        ("ingestionTime", line.time.into()),
        ("message", line.text.as_str().into()),
    ])
}

fn limit(input: &Object) -> Result<usize, Refusal> {
    match number(input, "limit").map(usize::try_from) {
        None => Ok(MOST),
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(_) => Err(Refusal::parameter(format!("limit must be from 1 to {MOST}."))),
    }
}

fn token(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| invalid_token())
}

fn invalid_token() -> Refusal {
    Refusal::parameter("The specified nextToken is invalid.")
}
