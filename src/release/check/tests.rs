use serde_json::json;

use super::*;

fn event() -> Event {
    Event { name: "a.json".to_owned(), ..Event::default() }
}

fn judge(rules: &Rules, event: &Event, invoked: &Invoked) -> Result<Passed, Fault> {
    super::judge(rules, event, invoked, &str::to_owned)
}

fn answered(payload: &Value, log: &str) -> Invoked {
    let (log, payload) = (log.as_bytes().to_vec(), payload.to_string().into_bytes());
    Invoked { log, payload, ..Invoked::default() }
}

const LOG: &str = "START RequestId: r Version: 3\nEND RequestId: r\nREPORT RequestId: r\tDuration: 12.50 ms\t\
                   Billed Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 20 MB\tInit Duration: 800.01 ms\t\n";

#[test]
fn an_answer_holds_what_is_named_and_may_hold_more() {
    let answer = json!({ "ok": true, "n": 1.0, "list": [{ "id": 1, "more": 2 }], "none": null, "big": u64::MAX });
    for (expected, fault) in [
        (json!({}), None),
        (json!({ "ok": true, "n": 1 }), None),
        (json!({ "list": [{ "id": 1.0 }], "none": null }), None),
        (json!({ "ok": false }), Some("`ok` of the answer is true, and false is expected")),
        (json!({ "okay": true }), Some("the answer lacks `okay`")),
        (json!({ "list": [{ "di": 1 }] }), Some("the answer lacks `list[0].di`")),
        (json!({ "list": [] }), Some("`list` of the answer has 1 elements, and 0 are expected")),
        (
            json!({ "big": u64::MAX - 1 }),
            Some(
                "`big` of the answer is 18446744073709551615, and 18446744073709551614 is expected",
            ),
        ),
        (json!({ "n": "1" }), Some("`n` of the answer is 1.0, and \"1\" is expected")),
        (
            json!("one"),
            Some(
                "the answer is {\"big\":18446744073709551615,\"list\":[{\"id\":1,\"more\":2}],\"n\":1.0,\"none\":null,\"ok\":…, and \"one\" is expected",
            ),
        ),
    ] {
        let rules = Rules { json: Some(expected), ..Rules::default() };
        let judged = judge(&rules, &event(), &answered(&answer, ""));
        assert_eq!(judged.err().map(|fault| fault.to_string()).as_deref(), fault);
    }
}

/// Cut first, the beginning of a secret would be left.
#[test]
fn secrets_are_taken_out_before_an_answer_is_cut() {
    let secret = "s3cr3t".repeat(20);
    let rules = Rules { json: Some(json!({ "mode": "zz" })), ..Rules::default() };
    let answer = answered(&json!({ "mode": secret }), "");
    let shown = |text: &str| text.replace(&secret, "…");
    let fault = super::judge(&rules, &event(), &answer, &shown).unwrap_err().to_string();
    assert_eq!(fault, "`mode` of the answer is \"…\", and \"zz\" is expected");
}

#[test]
fn a_status_is_that_of_http() {
    let rules = Rules { status: Some(200), ..Rules::default() };
    for (answer, fault) in [
        (json!({ "statusCode": 200, "body": "" }), None),
        (json!({ "statusCode": 200.0 }), None),
        (json!({ "statusCode": 502 }), Some("its status is 502, and 200 is expected")),
        (json!({ "statusCode": "200" }), Some("its status is \"200\", and 200 is expected")),
        (json!([200]), Some("the answer has no `statusCode`, and 200 is expected")),
    ] {
        let judged = judge(&rules, &event(), &answered(&answer, ""));
        assert_eq!(judged.err().map(|fault| fault.to_string()).as_deref(), fault);
    }
    let none = Invoked { payload: b"<html>".to_vec(), ..Invoked::default() };
    assert_eq!(
        judge(&rules, &event(), &none),
        Err(Fault::Answer("the answer is not JSON".to_owned()))
    );
    assert!(judge(&Rules::default(), &event(), &none).is_ok(), "any answer will do");
}

#[test]
fn what_is_beside_an_event_takes_the_place_of_what_is_for_all() {
    let rules = Rules { json: Some(json!({ "ok": true })), ..Rules::default() };
    let own = Event { json: Some(json!({ "ok": false })), ..event() };
    let answer = answered(&json!({ "ok": false }), "");
    assert!(judge(&rules, &own, &answer).is_ok());
    assert!(judge(&rules, &event(), &answer).is_err());
}

#[test]
fn a_function_that_fails_is_never_well() {
    for (payload, said) in [
        (
            r#"{"errorType":"Runtime.ExitError","errorMessage":"exit 101"}"#,
            "Runtime.ExitError: exit 101",
        ),
        (r#"{"errorMessage":"out of time"}"#, "out of time"),
        ("gone", "gone"),
    ] {
        let payload = payload.as_bytes().to_vec();
        let invoked = Invoked { failed: true, payload, ..Invoked::default() };
        let fault = judge(&Rules::default(), &event(), &invoked).unwrap_err();
        assert_eq!(fault.to_string(), format!("the function failed: {said}"));
        assert_eq!(fault.map(|_| "…".to_owned()), Fault::Failed("…".to_owned()));
    }
}

#[test]
fn limits_count_where_lambda_tells_the_times() {
    let limits = |init: u64, duration: u64| Rules {
        max_init: Some(Duration::from_millis(init)),
        max_duration: Some(Duration::from_millis(duration)),
        ..Rules::default()
    };
    let judged = |rules: &Rules, log: &str| judge(rules, &event(), &answered(&json!(1), log));
    let passed = judged(&limits(801, 13), LOG).unwrap();
    assert_eq!(passed.figures.init, Some(Duration::from_micros(800_010)));
    for (rules, fault) in [
        (limits(800, 13), "its init took 800.01 ms, and 800 ms is the most"),
        (limits(801, 12), "it took 12.5 ms, and 12 ms is the most"),
    ] {
        assert_eq!(judged(&rules, LOG).unwrap_err().to_string(), fault);
    }
    // A warm environment, and a log that tells nothing.
    let (warm, _) = LOG.split_once("Init").unwrap();
    let of = |log: &str| Checked {
        version: "3".to_owned(),
        events: vec![judged(&limits(0, 13), log).unwrap()],
    };
    assert_eq!(of(warm).unseen(&limits(0, 13)), ["check.max-init"]);
    assert_eq!(of("").unseen(&limits(0, 13)), ["check.max-init", "check.max-duration"]);
    assert_eq!(of("").unseen(&Rules::default()), [""; 0]);
}

#[test]
fn the_end_of_a_log() {
    let log: Vec<String> = (0..30).map(|line| line.to_string()).collect();
    let log = log.join("\n\n");
    let lines = tail(&log);
    assert_eq!((lines.len(), lines.first().unwrap().as_str()), (20, "10"));
    assert_eq!(tail(""), [""; 0]);
    assert_eq!(with_events(1, 0), "with 1 event");
    assert_eq!(with_events(3, 2), "with 3 events, then 2 more to warm up");
}
