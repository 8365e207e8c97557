//! `DescribeLogGroups` and `DescribeLogStreams`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Group, Line, Logs, named};
use crate::account::Object;
use crate::local::services::alarms::Place;
use crate::local::services::members::{number, object, text, texts};
use crate::local::services::refusal::Refusal;

/// The most of one answer (public model).
const MOST: usize = 50;

/// Groups by prefix, part of the name, or name.
pub(super) fn groups(input: &Object, logs: &Logs, place: Place<'_>) -> Result<Object, Refusal> {
    let (prefix, part) = (text(input, "logGroupNamePrefix"), text(input, "logGroupNamePattern"));
    let names: Vec<&str> = texts(input, "logGroupIdentifiers").into_iter().map(named).collect();
    let after = text(input, "nextToken");
    let mut found = logs.groups.iter().filter(|(name, _)| {
        prefix.is_none_or(|prefix| name.starts_with(prefix))
            && part.is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
            && (names.is_empty() || names.contains(&name.as_str()))
            && after.is_none_or(|after| name.as_str() > after)
    });
    let page: Vec<_> = found.by_ref().take(limit(input)?).collect();
    let next = page.last().filter(|_| found.next().is_some()).map(|(name, _)| (*name).clone());
    let shown = page.into_iter().map(|(name, group)| Value::Object(group.shown(name, place)));
    Ok(listed("logGroups", shown.collect(), next))
}

impl Group {
    fn shown(&self, name: &str, Place { region, account }: Place<'_>) -> Object {
        let arn = format!("arn:aws:logs:{region}:{account}:log-group:{name}");
        object([
            ("logGroupName", name.into()),
            ("creationTime", self.created.into()),
            ("metricFilterCount", 0.into()),
            ("arn", format!("{arn}:*").into()),
            ("logGroupArn", arn.into()),
            ("storedBytes", self.lines.iter().map(|line| line.text.len()).sum::<usize>().into()),
            ("logGroupClass", "STANDARD".into()),
        ])
    }

    /// The first and the last line of each stream.
    fn streams(&self) -> BTreeMap<&str, (&Line, &Line)> {
        let mut streams = BTreeMap::new();
        for line in &self.lines {
            let ends = streams.entry(&*line.stream).or_insert((line, line));
            ends.1 = line;
        }
        streams
    }
}

/// Streams of a group, by name or by the time of their last event.
pub(super) fn streams(input: &Object, logs: &Logs, place: Place<'_>) -> Result<Object, Refusal> {
    let group = logs.group(input)?;
    let by_time = text(input, "orderBy") == Some("LastEventTime");
    let prefix = text(input, "logStreamNamePrefix");
    if by_time && prefix.is_some() {
        return Err(Refusal::parameter(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let mut all: Vec<_> = group.streams().into_iter().collect();
    all.retain(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)));
    if by_time {
        all.sort_by_key(|(_, (_, last))| last.number);
    }
    if input.get("descending").and_then(Value::as_bool) == Some(true) {
        all.reverse();
    }
    let before = match text(input, "nextToken") {
        None => 0,
        Some(after) => all.iter().position(|(name, _)| *name == after).map_or(0, |at| at + 1),
    };
    let limit = limit(input)?;
    let page: Vec<_> = all.iter().skip(before).take(limit).collect();
    let more = all.len() > before + page.len();
    let next = page.last().filter(|_| more).map(|(name, _)| (*name).to_owned());
    let name = text(input, "logGroupName").or(text(input, "logGroupIdentifier")).map(named);
    let Place { region, account } = place;
    let arn = format!("arn:aws:logs:{region}:{account}:log-group:{}", name.unwrap_or_default());
    let shown = page.into_iter().map(|(name, (first, last))| {
        Value::Object(object([
            ("logStreamName", (*name).into()),
            ("creationTime", first.time.into()),
            ("firstEventTimestamp", first.time.into()),
            ("lastEventTimestamp", last.time.into()),
            ("lastIngestionTime", last.time.into()),
            ("arn", format!("{arn}:log-stream:{name}").into()),
            ("storedBytes", 0.into()),
        ]))
    });
    Ok(listed("logStreams", shown.collect(), next))
}

fn listed(name: &str, all: Vec<Value>, next: Option<String>) -> Object {
    let mut answer = object([(name, Value::Array(all))]);
    if let Some(next) = next {
        answer.insert("nextToken".to_owned(), next.into());
    }
    answer
}

fn limit(input: &Object) -> Result<usize, Refusal> {
    match number(input, "limit").map(usize::try_from) {
        None => Ok(MOST),
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(_) => Err(Refusal::parameter(format!("limit must be from 1 to {MOST}."))),
    }
}
