use serde_json::json;

use super::data::get;
use super::*;
use crate::account::Object;

/// 2026-11-20T17:38:00Z.
const NOW: i64 = 1_795_196_280_000;

fn invoked(function: &str, qualifier: Option<&str>, drawn: Option<&str>) -> Invoked {
    Invoked::new(function, qualifier, drawn.map(str::to_owned))
}

fn run(metrics: &mut Metrics, who: &Invoked, began: i64, ms: u64, failed: bool) {
    metrics.begin(who, began);
    let duration = Duration::from_millis(ms);
    metrics.end(who, &Ended { began, duration, failed });
}

/// Three of `orders` itself, four through its alias, one of another function.
fn some() -> Metrics {
    let mut metrics = Metrics::default();
    let plain = invoked("orders", None, None);
    run(&mut metrics, &plain, NOW, 10, false);
    run(&mut metrics, &plain, NOW + 59_999, 30, true);
    run(&mut metrics, &plain, NOW + 60_000, 20, false);
    for (version, failed) in [("1", false), ("1", false), ("2", true), ("2", false)] {
        run(&mut metrics, &invoked("orders", Some("live"), Some(version)), NOW, 100, failed);
    }
    run(&mut metrics, &invoked("other", Some("3"), None), NOW, 5, false);
    metrics
}

fn request(metric: &str, stat: &str, period: i64, dimensions: &[(&str, &str)]) -> Object {
    let dimensions: Vec<Value> =
        dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let request = json!({
        "StartTime": NOW / 1000, "EndTime": NOW / 1000 + 600, "ScanBy": "TimestampAscending",
        "MetricDataQueries": [{"Id": "m", "MetricStat": {
            "Metric": {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions},
            "Period": period, "Stat": stat,
        }}],
    });
    request.as_object().unwrap().clone()
}

fn values(metrics: &Metrics, request: &Object) -> Vec<f64> {
    let answer = get(request, metrics).unwrap();
    let values = answer["MetricDataResults"][0]["Values"].as_array().unwrap().clone();
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn each_dimension_has_its_own_series() {
    let metrics = some();
    let sum = |metric, dimensions: &[_]| values(&metrics, &request(metric, "Sum", 300, dimensions));
    let orders = ("FunctionName", "orders");
    assert_eq!(sum("Invocations", &[]), [8.0]);
    assert_eq!(sum("Invocations", &[orders]), [7.0]);
    assert_eq!(sum("Errors", &[orders]), [2.0]);
    assert_eq!(sum("Invocations", &[orders, ("Resource", "orders")]), [3.0]);
    let live = ("Resource", "orders:live");
    assert_eq!(sum("Invocations", &[orders, live]), [4.0]);
    assert_eq!(sum("Errors", &[orders, live, ("ExecutedVersion", "1")]), [0.0]);
    assert_eq!(sum("Errors", &[("ExecutedVersion", "2"), live, orders]), [1.0]);
    assert_eq!(sum("Invocations", &[("FunctionName", "other"), ("Resource", "other:3")]), [1.0]);
    // What Lambda does not send is not there.
    assert!(sum("Invocations", &[live]).is_empty());
    assert!(sum("Invocations", &[orders, ("ExecutedVersion", "1")]).is_empty());
    assert!(sum("Invocations", &[orders, ("Version", "1")]).is_empty());
    assert!(sum("Sparks", &[orders]).is_empty());
}

#[test]
fn every_statistic_of_every_metric() {
    let mut metrics = some();
    metrics.throttled(&invoked("orders", None, None), NOW);
    let plain = [("FunctionName", "orders"), ("Resource", "orders")];
    for (metric, stat, expected) in [
        ("Duration", "Sum", vec![40.0, 20.0]),
        ("Duration", "Average", vec![20.0, 20.0]),
        ("Duration", "Minimum", vec![10.0, 20.0]),
        ("Duration", "Maximum", vec![30.0, 20.0]),
        ("Duration", "SampleCount", vec![2.0, 1.0]),
        ("Duration", "p50", vec![10.0, 20.0]),
        ("Duration", "p90", vec![30.0, 20.0]),
        ("Errors", "Average", vec![0.5, 0.0]),
        ("Errors", "SampleCount", vec![2.0, 1.0]),
        ("Throttles", "Sum", vec![1.0, 0.0]),
        ("ConcurrentExecutions", "Maximum", vec![1.0, 1.0]),
    ] {
        let request = request(metric, stat, 60, &plain);
        assert_eq!(values(&metrics, &request), expected, "{metric} {stat}");
    }
}

#[test]
fn what_runs_at_once_is_counted() {
    let mut metrics = Metrics::default();
    let who = invoked("orders", Some("live"), None);
    for _ in 0..3 {
        metrics.begin(&who, NOW);
    }
    let ended = Ended { began: NOW, duration: Duration::ZERO, failed: false };
    metrics.end(&who, &ended);
    metrics.begin(&who, NOW + 60_000);
    for dimensions in [&[][..], &[("FunctionName", "orders"), ("Resource", "orders:live")]] {
        let request = request("ConcurrentExecutions", "Maximum", 60, dimensions);
        assert_eq!(values(&metrics, &request), [3.0, 3.0]);
    }
}

#[test]
fn times_are_those_of_the_beginning() {
    let metrics = some();
    let mut request = request("Invocations", "Sum", 60, &[]);
    let times = |request: &Object| {
        get(request, &metrics).unwrap()["MetricDataResults"][0]["Timestamps"].clone()
    };
    let begin = 1_795_196_280.0;
    assert_eq!(times(&request), json!([begin, begin + 60.0]));
    request.remove("ScanBy");
    assert_eq!(times(&request), json!([begin + 60.0, begin]));
    // The start is rounded down to its minute, the end is not in it.
    request.insert("StartTime".into(), json!(begin + 59.0));
    request.insert("EndTime".into(), json!(begin + 60.0));
    assert_eq!(times(&request), json!([begin]));
}

#[test]
fn pages_hold_what_was_asked_for_and_all_together_everything() {
    let mut metrics = Metrics::default();
    for minute in 0..7 {
        run(&mut metrics, &invoked("orders", None, None), NOW + minute * MINUTE, 1, false);
    }
    let mut request = request("Invocations", "Sum", 60, &[("FunctionName", "orders")]);
    let second = {
        let mut query = request["MetricDataQueries"][0].clone();
        query["Id"] = json!("second");
        query["MetricStat"]["Metric"]["MetricName"] = json!("Errors");
        query
    };
    request["MetricDataQueries"].as_array_mut().unwrap().push(second);
    request.insert("MaxDatapoints".into(), json!(4));
    let mut seen = BTreeMap::<String, usize>::new();
    let mut pages = 0;
    loop {
        let answer = get(&request, &metrics).unwrap();
        pages += 1;
        for result in answer["MetricDataResults"].as_array().unwrap() {
            let values = result["Values"].as_array().unwrap().len();
            assert_eq!(values, result["Timestamps"].as_array().unwrap().len());
            *seen.entry(result["Id"].as_str().unwrap().to_owned()).or_default() += values;
        }
        let Some(token) = answer.get("NextToken") else { break };
        request.insert("NextToken".into(), token.clone());
    }
    assert_eq!(pages, 4);
    assert_eq!(seen, BTreeMap::from([("m".to_owned(), 7), ("second".to_owned(), 7)]));
    request.insert("NextToken".into(), json!("nonsense"));
    assert_eq!(get(&request, &metrics).unwrap_err().code, "InvalidNextToken");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let metrics = some();
    let refused = |change: fn(&mut Object)| {
        let mut request = request("Errors", "Sum", 60, &[]);
        change(&mut request);
        get(&request, &metrics).unwrap_err().code
    };
    assert_eq!(refused(|request| drop(request.remove("StartTime"))), "MissingParameter");
    assert_eq!(refused(|request| drop(request.remove("MetricDataQueries"))), "MissingParameter");
    for (pointer, value) in [
        ("/MetricDataQueries/0/Id", json!("Big")),
        ("/MetricDataQueries/0/MetricStat/Period", json!(61)),
        ("/MetricDataQueries/0/MetricStat/Stat", json!("median")),
        ("/EndTime", json!(NOW / 1000)),
    ] {
        let mut request = Value::Object(request("Errors", "Sum", 60, &[]));
        *request.pointer_mut(pointer).unwrap() = value;
        let refusal = get(request.as_object().unwrap(), &metrics).unwrap_err();
        assert_eq!(refusal.code, "ValidationError", "{pointer}");
    }
    let math = json!({
        "StartTime": 0, "EndTime": 60,
        "MetricDataQueries": [{"Id": "e", "Expression": "errors / invocations"}],
    });
    assert_eq!(get(math.as_object().unwrap(), &metrics).unwrap_err().code, "ValidationError");
}

#[test]
fn a_day_is_kept() {
    let mut metrics = Metrics::default();
    for minute in 0..3000 {
        run(&mut metrics, &invoked("orders", None, None), NOW + minute * MINUTE, 1, false);
    }
    assert!(metrics.series.values().all(|series| series.minutes.len() == KEPT));
}
