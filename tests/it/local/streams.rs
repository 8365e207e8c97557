//! Responses in pieces.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{Server, soon};
use super::zips::python;

/// Answers in pieces by hand: the event says which, how long to wait between them, and how it ends.
const STREAMS: &str = r#"
def chunk(bytes): return b"%x\r\n%b\r\n" % (len(bytes), bytes)
while True:
    id, headers, event = next()
    with socket.create_connection(address.split(":")) as raw:
        raw.sendall((f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {address}\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n").encode())
        for piece in event["pieces"]:
            raw.sendall(chunk(piece.encode() * event.get("times", 1)))
            time.sleep(event.get("wait", 0))
        if event["end"] == "whole": raw.sendall(b"0\r\n\r\n")
        if event["end"] == "failed":
            raw.sendall(b"0\r\nLambda-Runtime-Function-Error-Type: Mine.Failed\r\n"
                b"Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJNaW5lLkZhaWxlZCJ9\r\n\r\n")
        if event["end"] == "exit": sys.exit(4)
        if event["end"] == "hang": time.sleep(60)
        if event["end"] in ("whole", "failed"): raw.recv(1000)
"#;

fn server() -> Server {
    let server = Server::start(&[]);
    server.create_with("streams", &python(STREAMS), &json!({ "Timeout": 2 }));
    server
}

fn event(end: &str) -> String {
    json!({ "pieces": ["one ", "two ", "three"], "wait": 0.02, "end": end }).to_string()
}

/// Nobody but the log tells of it where the caller has gone.
#[test]
fn the_log_tells_of_a_failure_half_way() {
    let server = server();
    let (kind, _) = server.invoke("streams", &event("failed")).failure();
    assert_eq!(kind, "Mine.Failed");
    // It is written after the answer.
    soon("the report", || server.said().contains("REPORT "));
    let said = server.said();
    let reports: Vec<&str> = said.lines().filter(|it| it.contains("REPORT ")).collect();
    let [report] = reports.as_slice() else { panic!("{}", server.said()) };
    assert!(
        report.contains("Status: error") && report.ends_with("Error Type: Mine.Failed"),
        "{report}"
    );
}

#[test]
fn who_waits_for_the_whole_gets_the_whole() {
    let server = server();
    let reply = server.invoke("streams", &event("whole"));
    assert_eq!((reply.status, &reply.body[..]), (200, &b"one two three"[..]), "{reply:?}");
    assert_eq!(reply.header("x-amz-function-error"), None);
}

#[test]
fn one_that_fails_half_way_says_so_in_its_trailers() {
    let server = server();
    let reply = server.invoke("streams", &event("failed"));
    assert_eq!(reply.failure().0, "Mine.Failed");
    assert_eq!(server.invoke("streams", &event("whole")).body, b"one two three");
}

#[test]
fn one_that_is_broken_off_is_an_error() {
    let server = server();
    let reply = server.invoke("streams", &event("broken"));
    assert_eq!(reply.failure().0, "Runtime.TruncatedResponse", "{reply:?}");
    let reply = server.invoke("streams", &event("exit"));
    let kind = reply.failure().0;
    assert!(["Runtime.TruncatedResponse", "Runtime.ExitError"].contains(&&*kind), "{reply:?}");
    let reply = server.invoke("streams", &event("hang"));
    assert_eq!(reply.failure().0, "Sandbox.Timedout", "{reply:?}");
    assert_eq!(server.invoke("streams", &event("whole")).body, b"one two three");
}

#[test]
fn a_stream_that_nobody_reads_in_pieces_has_the_limit_of_a_response() {
    let server = server();
    let large = json!({ "pieces": vec!["x"; 8], "times": 1 << 20, "end": "whole" }).to_string();
    assert_eq!(server.invoke("streams", &large).failure().0, "Function.ResponseSizeTooLarge");
    assert_eq!(server.invoke("streams", &event("whole")).body, b"one two three");
}

/// Each piece is there before the next is said; what boto3 makes of them is in `api.py`.
#[test]
fn pieces_come_as_they_are_said() {
    use std::io::Write as _;
    let server = server();
    let slow = json!({ "pieces": ["one ", "two"], "wait": 0.5, "end": "whole" }).to_string();
    let path = "/2021-11-15/functions/streams/response-streaming-invocations";
    let request = server.request("POST", path, &[("Connection", "close")], slow.as_bytes());
    // Warm, so that only the pieces take time.
    assert_eq!(server.send(&request).status, 200);
    let mut stream = server.connect();
    stream.write_all(&request).unwrap();
    let (mut got, mut first, start) = (Vec::new(), None, Instant::now());
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        got.extend_from_slice(&buffer[..length]);
        if first.is_none() && got.windows(4).any(|window| window == b"one ") {
            first = Some(start.elapsed());
        }
    }
    assert!(first.unwrap() < Duration::from_millis(400), "{first:?}");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let text = String::from_utf8_lossy(&got);
    assert!(text.contains("PayloadChunk") && text.contains("InvokeComplete"), "{text}");
}

/// Who hangs up half way ends nothing: the function runs to its end.
#[test]
fn a_reader_that_hangs_up_is_no_matter() {
    use std::io::Write as _;
    let server = server();
    let slow = json!({ "pieces": ["one ", "two"], "wait": 0.2, "end": "whole" }).to_string();
    let path = "/2021-11-15/functions/streams/response-streaming-invocations";
    let request = server.request("POST", path, &[], slow.as_bytes());
    let mut stream = server.connect();
    stream.write_all(&request).unwrap();
    let mut buffer = [0; 64];
    stream.read_exact(&mut buffer).unwrap();
    drop(stream);
    soon("it ends well", || server.said().contains("REPORT RequestId"));
    assert!(!server.said().contains("Runtime."), "{}", server.said());
    assert_eq!(server.invoke("streams", &event("whole")).body, b"one two three");
}

/// Who does not read keeps an environment no longer than the function may take.
#[test]
fn a_reader_that_does_not_read_is_no_matter() {
    use std::io::Write as _;
    let server = server();
    let path = "/2017-10-31/functions/streams/concurrency";
    server.control("PUT", path, &json!({ "ReservedConcurrentExecutions": 1 }));
    let large = json!({ "pieces": vec!["x"; 60], "times": 1 << 20, "end": "whole" }).to_string();
    let path = "/2021-11-15/functions/streams/response-streaming-invocations";
    let mut stream = server.connect();
    stream.write_all(&server.request("POST", path, &[], large.as_bytes())).unwrap();
    soon("it begins", || server.invoke("streams", "{}").status == 429);
    let event = event("whole");
    soon("its time is over", || server.invoke("streams", &event).body == b"one two three");
    assert!(server.said().contains("Task timed out after 2.00 seconds"), "{}", server.said());
    drop(stream);
}
