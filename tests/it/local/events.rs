//! Invocations that nobody waits for, and such as run nothing.

use serde_json::json;

use super::server::{Server, soon};
use super::zips::python;

const RETRIES: [&str; 4] = ["--retry-wait", "20ms", "--retry-wait", "50ms"];
const DEAD: &str = "arn:aws:sqs:us-east-1:123456789012:dead";
/// Says which attempt it is, and fails as long as the event says.
const FAILS: &str = "n = 0\nwhile True:\n    id, _, event = next()\n    n += 1\n    say('attempt', n, id)\n    \
                     fail(id, {'errorType': 'Mine'}) if n <= event else respond(id, n)";

fn event(server: &Server, name: &str, payload: &str) {
    let reply = server.invoke_with(name, &[("X-Amz-Invocation-Type", "Event")], payload.as_bytes());
    assert_eq!((reply.status, reply.body.len()), (202, 0), "{reply:?}");
}

fn attempts(server: &Server) -> usize {
    server.said().matches("attempt ").count()
}

#[test]
fn an_event_is_tried_three_times_and_then_discarded() {
    let server = Server::start(&RETRIES);
    server.create("fails", &python(FAILS));
    event(&server, "fails", "9");
    soon("it is given up", || server.said().contains("RetriesExhausted, discarded"));
    assert_eq!(attempts(&server), 3);
    event(&server, "fails", "4");
    soon("its second attempt is well", || attempts(&server) == 5);
}

/// The id that the caller was told is that of every attempt, and of what is said of it in the end.
#[test]
fn an_event_has_one_request_id() {
    let server = Server::start(&RETRIES);
    server.create("fails", &python(FAILS));
    let reply = server.invoke_with("fails", &[("X-Amz-Invocation-Type", "Event")], b"9");
    let id = reply.header("x-amzn-requestid").unwrap();
    let end = format!("event {id} of fails: RetriesExhausted, discarded");
    soon("it is given up", || server.said().contains(&end));
    let said = server.said();
    for (line, count) in
        [("START RequestId: ", 3), ("END RequestId: ", 3), ("REPORT RequestId: ", 3)]
    {
        assert_eq!(said.matches(&format!("{line}{id}")).count(), count, "{said}");
    }
    for n in 1..=3 {
        assert!(said.contains(&format!("attempt {n} {id}")), "{said}");
    }
}

#[test]
fn its_configuration_says_how_often_and_where_to() {
    let server = Server::start(&RETRIES);
    server.create_with(
        "fails",
        &python(FAILS),
        &json!({ "DeadLetterConfig": { "TargetArn": DEAD } }),
    );
    event(&server, "fails", "9");
    let to_queue = format!("RetriesExhausted, sent to {DEAD}\n");
    soon("it goes to the dead letter queue", || server.said().contains(&to_queue));
    assert_eq!(attempts(&server), 3);
    let settings = json!({
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {
            "OnSuccess": { "Destination": format!("{DEAD}:good") },
            "OnFailure": { "Destination": format!("{DEAD}:bad") },
        },
    });
    server.control("PUT", "/2019-09-25/functions/fails/event-invoke-config", &settings);
    event(&server, "fails", "9");
    let to_bad = format!("RetriesExhausted, sent to {DEAD}:bad\n");
    soon("it goes to its destination", || server.said().contains(&to_bad));
    assert_eq!(attempts(&server), 4, "it is tried once");
    event(&server, "fails", "0");
    let to_good = format!("Success, sent to {DEAD}:good\n");
    soon("success has a destination too", || server.said().contains(&to_good));
}

#[test]
fn events_wait_for_their_turn() {
    let server = Server::start(&RETRIES);
    server.create("slow", &python("loop(lambda event: say('ran', event) or time.sleep(0.3))"));
    let path = "/2017-10-31/functions/slow/concurrency";
    server.control("PUT", path, &json!({ "ReservedConcurrentExecutions": 1 }));
    for n in 0..3 {
        event(&server, "slow", &n.to_string());
    }
    soon("all of them run", || server.said().matches("ran ").count() == 3);
}

/// The next one begins when an environment gets free, not a second later.
#[test]
fn events_do_not_wait_longer_than_they_must() {
    let server = Server::start(&RETRIES);
    server.create("slow", &python("loop(lambda event: say('ran', event) or time.sleep(0.05))"));
    let path = "/2017-10-31/functions/slow/concurrency";
    server.control("PUT", path, &json!({ "ReservedConcurrentExecutions": 1 }));
    let start = std::time::Instant::now();
    for n in 0..20 {
        event(&server, "slow", &n.to_string());
    }
    soon("all of them run", || server.said().matches("ran ").count() == 20);
    assert!(start.elapsed().as_secs() < 4, "{:?}", start.elapsed());
}

#[test]
fn a_dry_run_runs_nothing() {
    let server = Server::start(&RETRIES);
    server.create("fails", &python(FAILS));
    let dry = [("X-Amz-Invocation-Type", "DryRun")];
    let reply = server.invoke_with("fails", &dry, b"{}");
    assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply:?}");
    assert_eq!(server.invoke_with("nobody", &dry, b"{}").status, 404);
    let path = "/2021-11-15/functions/fails/response-streaming-invocations";
    let reply = server.call("POST", path, &dry, b"{}");
    assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply:?}");
    let wrong = server.invoke_with("fails", &[("X-Amz-Invocation-Type", "Other")], b"{}");
    assert_eq!(wrong.status, 400, "{wrong:?}");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(attempts(&server), 0);
}
