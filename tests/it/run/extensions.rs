//! `examples/extensions` under `run`: programs with the crates that AWS has for it are told what AWS
//! documents, in its order.

use serde_json::{Value, json};

use super::Served;

const FUNCTION: &str = "internal-flush";

/// What one of the extensions has said by now.
fn of(served: &Served, name: &str) -> Vec<String> {
    let mark = format!("{FUNCTION} {name}: ");
    let said = served.said();
    said.lines().filter_map(|line| line.strip_prefix(&mark).map(str::to_owned)).collect()
}

/// What the one for telemetry was told.
fn telemetry(served: &Served) -> Vec<Value> {
    let lines = of(served, "telemetry");
    let records = lines.iter().filter(|line| line.starts_with('{'));
    records.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn records<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).map(|event| &event["record"]).collect()
}

fn at(lines: &[String], line: &str) -> usize {
    let place = lines.iter().position(|it| it == line);
    place.unwrap_or_else(|| panic!("no {line:?} in {lines:#?}"))
}

/// Invokes; the request's id. The answer is there before the internal extension has flushed.
fn invoke(served: &Served, n: u32) -> String {
    let path = format!("/2015-03-31/functions/{FUNCTION}/invocations");
    let reply = served.call("POST", &path, &json!({ "n": n }).to_string());
    let said = served.said();
    assert_eq!((reply.status, reply.json()), (200, json!({ "answered": { "n": n } })));
    let id = reply.header("x-amzn-requestid").unwrap().to_owned();
    let flushed = format!("flushed span of {id}");
    assert!(!said.contains(&flushed), "the caller does not wait for that: {said}");
    // Then the environment is free again.
    served.soon("both are told of the report", || {
        let report = format!("report of {id}, ");
        of(served, "logs").iter().any(|line| line.starts_with(&report))
            && records(&telemetry(served), "platform.report").len() == n as usize
    });
    let lines = format!("{} lines", n * 2);
    served.soon("the third has counted", || of(served, "combined").contains(&lines));
    id
}

#[test]
fn the_example_extensions_are_told_what_lambda_documents() {
    let mut served = Served::example("extensions", &[]);
    let all = [
        ("combined", "[INVOKE,SHUTDOWN]"),
        ("logs", "[SHUTDOWN]"),
        ("telemetry", "[SHUTDOWN]"),
        ("internal-flush", "[INVOKE]"),
    ];
    for (name, events) in all {
        let line = format!("EXTENSION  Name: {name}  State: Ready  Events: {events}");
        served.soon("all are there", || served.said().contains(&line));
    }
    let ids = [invoke(&served, 1), invoke(&served, 2)];
    telemetry_in_its_order(&telemetry(&served), &ids);
    logs_in_their_order(&of(&served, "logs"), &ids);
    let told = of(&served, "combined");
    for (lines, id) in [0, 2].iter().zip(&ids) {
        at(&told, &format!("invoked {id}, {lines} lines so far"));
    }
    // The external ones are told, and end at once: within the two seconds that they would have.
    let start = std::time::Instant::now();
    assert_eq!(served.stop(), Some(0));
    assert!(start.elapsed().as_millis() < 1900, "{:?}", start.elapsed());
    for (name, line) in [
        ("combined", "shut down, spindown, 4 lines"),
        ("logs", "shut down, spindown"),
        ("telemetry", "shut down, spindown"),
    ] {
        served.soon(line, || of(&served, name).contains(&line.to_owned()));
    }
}

/// AWS: "Lambda Telemetry API Event schema reference", and "Understanding Lambda Telemetry API".
fn telemetry_in_its_order(events: &[Value], ids: &[String]) {
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let phases =
        |kind: &&str| !["platform.extension", "platform.telemetrySubscription"].contains(kind);
    let invocation =
        ["platform.start", "function", "platform.runtimeDone", "function", "platform.report"];
    let mut expected =
        vec!["platform.initStart", "platform.initRuntimeDone", "platform.initReport"];
    expected.extend(invocation.iter().chain(&invocation));
    assert_eq!(kinds.into_iter().filter(phases).collect::<Vec<_>>(), expected, "{events:#?}");
    let init = records(events, "platform.initStart")[0];
    assert_eq!(
        (&init["initializationType"], &init["phase"]),
        (&json!("on-demand"), &json!("init"))
    );
    let mut lines = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let start = records(events, "platform.start")[n];
        assert_eq!((&start["requestId"], &start["version"]), (&json!(id), &json!("$LATEST")));
        let (done, report) =
            (records(events, "platform.runtimeDone")[n], records(events, "platform.report")[n]);
        for record in [done, report] {
            assert_eq!((&record["requestId"], &record["status"]), (&json!(id), &json!("success")));
        }
        // "durationMs: the time that the runtime took"; the report's is until all extensions are done.
        let (before, after) = (&done["metrics"]["durationMs"], &report["metrics"]["durationMs"]);
        assert!(after.as_f64() >= before.as_f64().map(|ms| ms + 290.0), "{done} {report}");
        let overhead = &report["spans"][0];
        assert_eq!(overhead["name"], "extensionOverhead");
        assert!(overhead["durationMs"].as_f64().unwrap() >= 290.0, "{report}");
        let cold = report["metrics"].get("initDurationMs").is_some();
        assert_eq!(cold, n == 0, "{report}");
        lines.extend([json!(format!("handling {id}")), json!(format!("flushed span of {id}"))]);
    }
    assert_eq!(records(events, "function"), lines.iter().collect::<Vec<_>>());
}

/// AWS: "Lambda Logs API".
fn logs_in_their_order(lines: &[String], ids: &[String]) {
    let subscribed = "PlatformLogsSubscription { name: \"logs\", state: \"Subscribed\", types: \
                      [\"platform\", \"function\"] }";
    let mut last = at(lines, subscribed);
    for id in ids {
        let done = format!("PlatformRuntimeDone {{ request_id: \"{id}\", status: \"success\" }}");
        for line in [
            format!("start of {id}"),
            format!("function said \"handling {id}\""),
            done,
            format!("function said \"flushed span of {id}\""),
            format!("PlatformEnd {{ request_id: \"{id}\" }}"),
        ] {
            let next = at(lines, &line);
            assert!(last < next, "{line:?} in {lines:#?}");
            last = next;
        }
    }
    let own = lines.iter().any(|line| line.contains("combined: ") || line.contains("logs: "));
    assert!(!own, "what extensions write is another stream: {lines:#?}");
}
