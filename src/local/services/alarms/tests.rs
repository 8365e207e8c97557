use std::time::Duration;

use serde_json::json;

use super::*;
use crate::local::services::metrics::{Ended, Invoked};

/// 2026-11-20T17:38:42Z.
const NOW: i64 = 1_795_196_322_000;
const PLACE: Place<'_> = Place { region: "eu-west-1", account: "123456789012" };

fn alarm(name: &str) -> Object {
    let alarm = json!({
        "AlarmName": name, "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum",
        "Dimensions": [{"Name": "FunctionName", "Value": "orders"}], "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:ops"],
    });
    alarm.as_object().unwrap().clone()
}

fn with(mut alarm: Object, more: Value) -> Object {
    let Value::Object(more) = more else { panic!("{more}") };
    alarm.extend(more);
    alarm
}

fn object(value: Value) -> Object {
    let Value::Object(members) = value else { panic!("{value}") };
    members
}

/// An account with these alarms.
fn of(all: &[Object]) -> Alarms {
    let mut alarms = Alarms::default();
    for alarm in all {
        put(alarm, &mut alarms, PLACE, NOW).unwrap();
    }
    alarms
}

fn ended(metrics: &mut Metrics, began: i64, failed: bool) {
    let who = Invoked::new("orders", None, None);
    metrics.begin(&who, began);
    metrics.end(&who, &Ended { began, duration: Duration::ZERO, failed });
}

fn states(alarms: &mut Alarms, metrics: &Metrics, now: i64) -> Vec<String> {
    let answer = describe(&Object::new(), alarms, metrics, now).unwrap();
    let all = answer["MetricAlarms"].as_array().unwrap();
    all.iter().map(|alarm| alarm["StateValue"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_alarm_is_shown_as_it_was_put() {
    let mut alarms = of(&[with(alarm("errors"), json!({"Tags": [{"Key": "a", "Value": "b"}]}))]);
    let answer = describe(&Object::new(), &mut alarms, &Metrics::default(), NOW).unwrap();
    let shown = with(
        alarm("errors"),
        json!({
            "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors",
            "AlarmConfigurationUpdatedTimestamp": 1_795_196_322.0, "ActionsEnabled": true,
            "OKActions": [], "InsufficientDataActions": [], "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": 1_795_196_322.0, "StateTransitionedTimestamp": 1_795_196_322.0,
        }),
    );
    assert_eq!(answer["MetricAlarms"], json!([shown]));
    assert_eq!(answer["CompositeAlarms"], json!([]));
}

#[test]
fn the_state_follows_from_the_metrics() {
    let (mut alarms, mut metrics) = (of(&[alarm("errors")]), Metrics::default());
    ended(&mut metrics, NOW, false);
    assert_eq!(states(&mut alarms, &metrics, NOW), ["OK"]);
    ended(&mut metrics, NOW, true);
    assert_eq!(states(&mut alarms, &metrics, NOW + 1000), ["ALARM"]);
    let answer = describe(&Object::new(), &mut alarms, &metrics, NOW + 2000).unwrap();
    let shown = &answer["MetricAlarms"][0];
    assert_eq!(shown["StateTransitionedTimestamp"], json!(1_795_196_323.0));
    assert_eq!(
        shown["StateReason"],
        "Threshold Crossed: 1 of the last 1 datapoints (the last, 1.0 at 2026-11-20T17:38:00.000Z, was \
         greater than or equal to the threshold (1.0); 1 make an alarm)."
    );
    // The minute has gone.
    assert_eq!(states(&mut alarms, &metrics, NOW + 60_000), ["INSUFFICIENT_DATA"]);
}

#[test]
fn missing_data_counts_as_the_alarm_says() {
    for (treat, expected) in [
        ("missing", "INSUFFICIENT_DATA"),
        ("notBreaching", "OK"),
        ("breaching", "ALARM"),
        ("ignore", "ALARM"),
    ] {
        let put = with(alarm("errors"), json!({"TreatMissingData": treat}));
        let (mut alarms, mut metrics) = (of(&[put]), Metrics::default());
        ended(&mut metrics, NOW, true);
        assert_eq!(states(&mut alarms, &metrics, NOW), ["ALARM"]);
        assert_eq!(states(&mut alarms, &metrics, NOW + 3_600_000), [expected], "{treat}");
    }
}

#[test]
fn several_periods_of_which_some_must_cross() {
    let more = json!({"EvaluationPeriods": 3, "DatapointsToAlarm": 2});
    let (mut alarms, mut metrics) = (of(&[with(alarm("errors"), more)]), Metrics::default());
    ended(&mut metrics, NOW - 120_000, true);
    ended(&mut metrics, NOW - 60_000, false);
    assert_eq!(states(&mut alarms, &metrics, NOW), ["OK"]);
    ended(&mut metrics, NOW, true);
    assert_eq!(states(&mut alarms, &metrics, NOW), ["ALARM"]);
    assert_eq!(states(&mut alarms, &metrics, NOW + 60_000), ["OK"]);
}

#[test]
fn alarms_on_what_is_not_known_here_keep_their_state() {
    let more = json!({"Namespace": "AWS/SQS"});
    let mut alarms = of(&[with(alarm("queue"), more)]);
    assert_eq!(states(&mut alarms, &Metrics::default(), NOW), ["INSUFFICIENT_DATA"]);
}

#[test]
fn a_state_that_was_set_stays_until_the_alarm_is_put_again() {
    let (mut alarms, mut metrics) = (of(&[alarm("errors")]), Metrics::default());
    ended(&mut metrics, NOW, false);
    let set = json!({
        "AlarmName": "errors", "StateValue": "ALARM", "StateReason": "a rehearsal",
        "StateReasonData": "{}",
    });
    assert_eq!(set_state(&object(set), &mut alarms, NOW + 1), Ok(Object::new()));
    assert_eq!(states(&mut alarms, &metrics, NOW + 2), ["ALARM"]);
    let answer = describe(&Object::new(), &mut alarms, &metrics, NOW + 2).unwrap();
    assert_eq!(answer["MetricAlarms"][0]["StateReason"], "a rehearsal");
    assert_eq!(answer["MetricAlarms"][0]["StateReasonData"], "{}");
    put(&alarm("errors"), &mut alarms, PLACE, NOW + 3).unwrap();
    assert_eq!(states(&mut alarms, &metrics, NOW + 4), ["OK"]);
}

#[test]
fn alarms_are_found_by_name_prefix_state_and_action() {
    let mut alarms = of(&["a-1", "a-2", "b"].map(alarm));
    set_state(
        &object(json!({"AlarmName": "a-2", "StateValue": "OK", "StateReason": ""})),
        &mut alarms,
        NOW,
    )
    .unwrap();
    let mut found = |input: Value| {
        let answer = describe(&object(input), &mut alarms, &Metrics::default(), NOW).unwrap();
        let all = answer["MetricAlarms"].as_array().unwrap();
        let names = all.iter().map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), answer.get("NextToken").cloned())
    };
    assert_eq!(found(json!({"AlarmNames": ["b", "c"]})), ("b".to_owned(), None));
    assert_eq!(found(json!({"AlarmNamePrefix": "a-"})).0, "a-1 a-2");
    assert_eq!(found(json!({"StateValue": "OK"})).0, "a-2");
    assert_eq!(found(json!({"ActionPrefix": "arn:aws:sns:"})).0, "a-1 a-2 b");
    assert_eq!(found(json!({"ActionPrefix": "arn:aws:sqs:"})).0, "");
    assert_eq!(found(json!({"AlarmTypes": ["CompositeAlarm"]})).0, "");
    let (first, token) = found(json!({"MaxRecords": 2}));
    assert_eq!(first, "a-1 a-2");
    assert_eq!(found(json!({"MaxRecords": 2, "NextToken": token})), ("b".to_owned(), None));
}

#[test]
fn several_are_deleted_together_or_not_at_all() {
    let mut alarms = of(&["a", "b", "c"].map(alarm));
    let names = |names: &[&str]| object(json!({"AlarmNames": names}));
    assert_eq!(delete(&names(&["a", "d"]), &mut alarms).unwrap_err().status, 404);
    assert_eq!(alarms.0.len(), 3);
    delete(&names(&["a", "b"]), &mut alarms).unwrap();
    assert_eq!(alarms.0.keys().collect::<Vec<_>>(), ["c"]);
    let set = json!({"AlarmName": "a", "StateValue": "OK", "StateReason": ""});
    assert_eq!(set_state(&object(set), &mut alarms, NOW).unwrap_err().code, "ResourceNotFound");
}

#[test]
fn what_is_no_alarm_is_refused() {
    let mut alarms = Alarms::default();
    for (name, code) in [
        ("AlarmName", "MissingParameter"),
        ("ComparisonOperator", "MissingParameter"),
        ("EvaluationPeriods", "MissingParameter"),
        ("MetricName", "MissingParameter"),
        ("Period", "MissingParameter"),
        ("Statistic", "ValidationError"),
    ] {
        let mut put_ = alarm("errors");
        put_.remove(name);
        assert_eq!(put(&put_, &mut alarms, PLACE, NOW).unwrap_err().code, code, "{name}");
    }
    for more in [
        json!({"Period": 61}),
        json!({"EvaluationPeriods": 0}),
        json!({"DatapointsToAlarm": 2}),
        json!({"ExtendedStatistic": "p99"}),
        json!({"Statistic": "Median"}),
    ] {
        let put_ = with(alarm("errors"), more);
        assert_eq!(put(&put_, &mut alarms, PLACE, NOW).unwrap_err().code, "ValidationError");
    }
    let set = json!({"AlarmName": "errors", "StateValue": "FINE", "StateReason": ""});
    assert_eq!(set_state(&object(set), &mut alarms, NOW).unwrap_err().code, "ValidationError");
}
