//! Alarms on the metrics: `PutMetricAlarm`, `DescribeAlarms`, `SetAlarmState` and `DeleteAlarms`.
//!
//! The state of an alarm follows from the metrics whenever it is asked for. A state that was set stays
//! until the alarm is put again, so that a release can be rehearsed; on AWS it stays until the next
//! evaluation.

mod judge;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::members::{list, number, object, required, seconds, text, texts};
use super::metrics::Metrics;
use super::metrics::spread::Stat;
use super::refusal::Refusal;
use crate::account::Object;

/// The most alarms of one answer (public model).
const MOST: usize = 100;
/// What alarms are before there was anything to judge.
const UNKNOWN: &str = "INSUFFICIENT_DATA";

/// All alarms by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Alarms(BTreeMap<String, Alarm>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Alarm {
    /// As it was put, and its ARN.
    settings: Object,
    state: State,
    /// The state was set, and is not judged.
    held: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    value: String,
    reason: String,
    /// `StateReasonData`, a JSON text.
    data: Option<String>,
    /// When it was last set or changed, in milliseconds.
    updated: i64,
    /// When its value changed, in milliseconds.
    changed: i64,
}

impl State {
    fn new(now: i64) -> Self {
        Self {
            value: UNKNOWN.to_owned(),
            reason: "Unchecked: Initial alarm creation".to_owned(),
            data: None,
            updated: now,
            changed: now,
        }
    }

    fn turn(&mut self, value: &str, reason: String, data: Option<String>, now: i64) {
        if self.value != value {
            value.clone_into(&mut self.value);
            self.changed = now;
        }
        (self.reason, self.data, self.updated) = (reason, data, now);
    }
}

/// Where alarms live: Region and account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

/// Creates an alarm, or replaces all of it but its state.
pub(super) fn put(
    input: &Object,
    alarms: &mut Alarms,
    place: Place<'_>,
    now: i64,
) -> Result<Object, Refusal> {
    let name = required(input, "AlarmName")?;
    check(input)?;
    let mut settings = input.clone();
    settings.remove("Tags");
    let Place { region, account } = place;
    let arn = format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}");
    settings.insert("AlarmArn".to_owned(), arn.into());
    settings.insert("AlarmConfigurationUpdatedTimestamp".to_owned(), seconds(now));
    settings.entry("ActionsEnabled").or_insert(Value::Bool(true));
    for list in ["OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions"] {
        let list = settings.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if !list.is_array() {
            *list = Value::Array(Vec::new());
        }
    }
    let state = alarms.0.remove(name).map_or_else(|| State::new(now), |before| before.state);
    alarms.0.insert(name.to_owned(), Alarm { settings, state, held: false });
    Ok(Object::new())
}

/// What an alarm must have.
fn check(input: &Object) -> Result<(), Refusal> {
    if input.contains_key("EvaluationCriteria") {
        return Ok(());
    }
    required(input, "ComparisonOperator")?;
    let periods = number(input, "EvaluationPeriods");
    let periods = periods.ok_or_else(|| Refusal::missing("EvaluationPeriods"))?;
    let needed = number(input, "DatapointsToAlarm").unwrap_or(periods);
    if periods < 1 || !(1..=periods).contains(&needed) {
        return Err(Refusal::validation(
            "EvaluationPeriods must be at least 1, and DatapointsToAlarm from 1 to EvaluationPeriods",
        ));
    }
    if list(input, "Metrics").is_empty() {
        required(input, "MetricName")?;
        required(input, "Namespace")?;
        super::metrics::data::period(number(input, "Period"))?;
        let both = ["Statistic", "ExtendedStatistic"].map(|name| text(input, name));
        match both {
            [Some(stat), None] | [None, Some(stat)] => drop(Stat::of(stat)?),
            _ => {
                return Err(Refusal::validation(
                    "exactly one of Statistic and ExtendedStatistic must be given",
                ));
            }
        }
    }
    Ok(())
}

/// Alarms by name, prefix, state or action.
pub(super) fn describe(
    input: &Object,
    alarms: &mut Alarms,
    metrics: &Metrics,
    now: i64,
) -> Result<Object, Refusal> {
    let names = texts(input, "AlarmNames");
    let prefix = text(input, "AlarmNamePrefix");
    if prefix.is_some() && !names.is_empty() {
        return Err(Refusal::validation(
            "AlarmNamePrefix cannot be given together with AlarmNames.",
        ));
    }
    let types = texts(input, "AlarmTypes");
    let (state, action) = (text(input, "StateValue"), text(input, "ActionPrefix"));
    let after = text(input, "NextToken");
    let most = number(input, "MaxRecords").and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(50).clamp(1, MOST);
    for alarm in alarms.0.values_mut().filter(|alarm| !alarm.held) {
        judge::judge(alarm, metrics, now);
    }
    let mut found = alarms.0.iter().filter(|(name, alarm)| {
        (names.is_empty() || names.contains(&name.as_str()))
            && prefix.is_none_or(|prefix| name.starts_with(prefix))
            && (types.is_empty() || types.contains(&"MetricAlarm"))
            && state.is_none_or(|state| alarm.state.value == state)
            && action.is_none_or(|action| alarm.does(action))
            && after.is_none_or(|after| name.as_str() > after)
    });
    let page: Vec<_> = found.by_ref().take(most).collect();
    let more = found.next().is_some();
    let last = page.last().map(|(name, _)| (*name).clone());
    let shown = page.into_iter().map(|(_, alarm)| Value::Object(alarm.shown())).collect();
    let mut answer = object([
        ("MetricAlarms", Value::Array(shown)),
        ("CompositeAlarms", Value::Array(Vec::new())),
    ]);
    if let Some(last) = last.filter(|_| more) {
        answer.insert("NextToken".to_owned(), last.into());
    }
    Ok(answer)
}

impl Alarm {
    /// Whether one of its actions begins so.
    fn does(&self, prefix: &str) -> bool {
        ["OKActions", "AlarmActions", "InsufficientDataActions"]
            .into_iter()
            .flat_map(|list| texts(&self.settings, list))
            .any(|action| action.starts_with(prefix))
    }

    fn shown(&self) -> Object {
        let mut shown = self.settings.clone();
        let State { value, reason, data, updated, changed } = &self.state;
        shown.extend(object([
            ("StateValue", value.as_str().into()),
            ("StateReason", reason.as_str().into()),
            ("StateUpdatedTimestamp", seconds(*updated)),
            ("StateTransitionedTimestamp", seconds(*changed)),
        ]));
        if let Some(data) = data {
            shown.insert("StateReasonData".to_owned(), data.as_str().into());
        }
        shown
    }
}

/// Sets the state of an alarm.
pub(super) fn set_state(input: &Object, alarms: &mut Alarms, now: i64) -> Result<Object, Refusal> {
    let name = required(input, "AlarmName")?;
    let value = required(input, "StateValue")?;
    let reason = text(input, "StateReason").ok_or_else(|| Refusal::missing("StateReason"))?;
    let data = text(input, "StateReasonData").map(str::to_owned);
    if !["OK", "ALARM", UNKNOWN].contains(&value) {
        return Err(Refusal::validation(format!(
            "1 validation error detected: Value '{value}' at 'stateValue' failed to satisfy \
             constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
        )));
    }
    let alarm = alarms.0.get_mut(name).ok_or_else(missing)?;
    alarm.state.turn(value, reason.to_owned(), data, now);
    alarm.held = true;
    Ok(Object::new())
}

/// Deletes alarms: all that are named, or none.
pub(super) fn delete(input: &Object, alarms: &mut Alarms) -> Result<Object, Refusal> {
    let names = texts(input, "AlarmNames");
    if names.is_empty() {
        return Err(Refusal::missing("AlarmNames"));
    }
    if names.iter().any(|name| !alarms.0.contains_key(*name)) {
        return Err(missing());
    }
    for name in names {
        alarms.0.remove(name);
    }
    Ok(Object::new())
}

fn missing() -> Refusal {
    Refusal::new("ResourceNotFound", 404, "Unknown alarm")
}

#[cfg(test)]
mod tests;
