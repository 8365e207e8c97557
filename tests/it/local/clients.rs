//! Hostile clients: nothing that is sent ends the server, or keeps others from being answered.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{Reply, SIGNED, Server, soon};
use super::zips::{echo, python};

const FUNCTIONS: &str = "/2015-03-31/functions";

fn server() -> Server {
    let server = Server::start(&[]);
    server.create("echo", &echo());
    server
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let (got, said, message) = reply.refusal();
    assert_eq!((got, said.as_str()), (status, code), "{message}");
    assert!(!message.is_empty(), "{reply:?}");
}

#[test]
fn what_is_no_json_is_refused() {
    let server = server();
    for body in ["{", "nothing", "[1", "\"a", "\u{0}", "{\"FunctionName\": }", &"[".repeat(100_000)]
    {
        let reply = server.call("POST", FUNCTIONS, &[], body.as_bytes());
        refused(&reply, 400, "SerializationException");
        let reply = server.invoke("echo", body);
        refused(&reply, 400, "InvalidRequestContentException");
    }
    // JSON of another kind than an object.
    for body in ["[]", "1", "\"text\"", "null", "true"] {
        let reply = server.call("POST", FUNCTIONS, &[], body.as_bytes());
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
    }
    let not_text = server.call("POST", FUNCTIONS, &[], b"{\"FunctionName\": \"\xff\"}");
    refused(&not_text, 400, "SerializationException");
    for (member, value) in
        [("FunctionName", json!(1)), ("Code", json!([])), ("Timeout", json!("x"))]
    {
        let mut settings = json!({ "FunctionName": "a", "Role": "r", "Code": {} });
        settings[member] = value;
        let reply = server.call("POST", FUNCTIONS, &[], settings.to_string().as_bytes());
        assert_eq!(reply.status, 400, "{member}: {reply:?}");
    }
    assert_eq!(server.answer("echo", "[{}]"), json!([{}]));
}

/// A payload must be JSON in UTF-8; a client's context JSON in base64, and short.
#[test]
fn what_a_function_could_not_read_is_refused() {
    let server = server();
    for body in [&b"\"\xff\""[..], b"{\"a\": \"\xc3\"}", b"\xef\xbb\xbf{}"] {
        for (path, _) in [("invocations", 0), ("response-streaming-invocations", 1)] {
            let date = if path == "invocations" { "2015-03-31" } else { "2021-11-15" };
            let path = format!("/{date}/functions/echo/{path}");
            let reply = server.call("POST", &path, &[], body);
            refused(&reply, 400, "InvalidRequestContentException");
            let start = "Could not parse request body into json: ";
            assert!(reply.refusal().2.starts_with(start), "{reply:?}");
        }
    }
    let with =
        |context: &str| server.invoke_with("echo", &[("X-Amz-Client-Context", context)], b"1");
    let text = "Client context must be a valid Base64-encoded JSON object.";
    // `[]`, `1`, `{`, a byte that is no UTF-8.
    for context in ["{}", "nothing", "W10=", "MQ==", "ew==", "/w=="] {
        refused(&with(context), 400, "InvalidRequestContentException");
        assert_eq!(with(context).refusal().2, text, "{context}");
    }
    let long = |length: usize| {
        use base64::Engine as _;
        let object = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        base64::engine::general_purpose::STANDARD.encode(object)
    };
    assert_eq!(with(&long(2685)).status, 200, "{}", long(2685).len());
    refused(&with(&long(2688)), 400, "InvalidRequestContentException");
}

/// Recorded: 70,167,211 bytes for a whole request.
#[test]
fn a_whole_request_has_70167211_bytes_at_most() {
    let server = server();
    let large = vec![b' '; 70_167_212];
    let reply = server.call("POST", FUNCTIONS, &[], &large);
    refused(&reply, 413, "RequestEntityTooLargeException");
    assert!(reply.refusal().2.contains("70167211 bytes"), "{reply:?}");
    let most = large.get(1..).unwrap();
    refused(&server.call("POST", FUNCTIONS, &[], most), 400, "SerializationException");
}

/// 6 MB for an invocation, and whole requests that do not say how large they are.
#[test]
fn bodies_that_are_too_large_are_refused() {
    let server = server();
    let large = vec![b' '; 70_167_212];
    let quoted = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let most = 6 * 1024 * 1024;
    refused(&server.invoke("echo", &quoted(most + 1)), 413, "RequestTooLargeException");
    let reply = server.invoke("echo", &quoted(most));
    assert_eq!(
        (reply.status, reply.body.len()),
        (200, most),
        "{:?}",
        reply.header("x-amz-function-error")
    );
    let event = [("X-Amz-Invocation-Type", "Event")];
    let reply = server.invoke_with("echo", &event, quoted(1024 * 1024 + 1).as_bytes());
    refused(&reply, 413, "RequestTooLargeException");
    // One that only says that it is that large, and one that does not say how large it is.
    let head = format!(
        "POST {FUNCTIONS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {SIGNED}\r\nConnection: close\r\n"
    );
    let claimed = format!("{head}Content-Length: 99999999999\r\n\r\n{{}}");
    refused(&server.send(claimed.as_bytes()), 413, "RequestEntityTooLargeException");
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in large.chunks(1 << 20) {
        chunked.extend(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    refused(&server.send(&chunked), 413, "RequestEntityTooLargeException");
    assert_eq!(server.answer("echo", "1"), 1);
}

#[test]
fn who_may_not_call_is_refused() {
    let server = server();
    let good = server.request(
        "POST",
        "/2015-03-31/functions/echo/invocations",
        &[("Connection", "close")],
        b"1",
    );
    let good = String::from_utf8(good).unwrap();
    assert_eq!(server.send(good.as_bytes()).status, 200);
    let host = format!("Host: {}\r\n", server.address);
    let signed = format!("Authorization: {SIGNED}\r\n");
    let with = |header: &str| good.replacen("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"), 1);
    for (request, code) in [
        (good.replace(&signed, ""), "MissingAuthenticationTokenException"),
        (good.replace(SIGNED, "Bearer x"), "IncompleteSignatureException"),
        (good.replace(&host, "Host: rebound.example\r\n"), "AccessDeniedException"),
        (good.replace(&host, "Host: rebound.example:9720\r\n"), "AccessDeniedException"),
        (good.replace(&host, ""), "AccessDeniedException"),
        (with("Origin: http://localhost:3000"), "AccessDeniedException"),
        (with("Origin: null"), "AccessDeniedException"),
    ] {
        refused(&server.send(request.as_bytes()), 403, code);
    }
    // What a browser sends first.
    let options = good.replacen("POST", "OPTIONS", 1).replace(&signed, "");
    let reply = server.send(options.as_bytes());
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("access-control-allow-origin"), None);
    // Two hosts, of which one is not ours.
    let two = server.send(with("Host: rebound.example").as_bytes());
    assert!([400, 403].contains(&two.status), "{two:?}");
    // A whole address as the target of the request: HTTP says that it, not `Host`, is what is meant.
    let proxied = good.replacen("POST /", "POST http://rebound.example/", 1);
    assert!([400, 403].contains(&server.send(proxied.as_bytes()).status), "{proxied}");
}

#[test]
fn paths_that_are_not_there_are_refused() {
    let server = server();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/2015-03-31/functions/echo/nothing"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "//"),
        ("GET", "/2015-03-31/../../etc/passwd"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
        ("POST", "/2099-01-01/functions"),
    ] {
        refused(&server.call(method, path, &[], b""), 404, "UnknownOperationException");
    }
    for path in ["/code/x/y.zip", "/code//.zip", "/code/../../etc/passwd", "/code/%2e%2e/x.zip"] {
        assert_eq!(server.call("GET", path, &[], b"").status, 403, "{path}");
    }
    let name = "%2e%2e%2f%2e%2e%2fetc";
    let reply = server.call("GET", &format!("{FUNCTIONS}/{name}"), &[], b"");
    refused(&reply, 400, "ValidationException");
}

#[test]
fn a_client_that_has_said_all_is_answered() {
    let server = server();
    let mut stream = server.connect();
    stream
        .write_all(&server.request("POST", "/2015-03-31/functions/echo/invocations", &[], b"[1]"))
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let reply = Reply::read(&mut stream);
    assert_eq!((reply.status, reply.json()), (200, json!([1])));
}

/// Slow ones, silent ones and such as say nonsense: others are answered at once.
#[test]
fn a_client_that_is_slow_keeps_nobody_waiting() {
    let server = server();
    let whole = server.request(
        "POST",
        "/2015-03-31/functions/echo/invocations",
        &[("Connection", "close")],
        b"\"slow\"",
    );
    let silent: Vec<_> = (0..300).map(|_| server.connect()).collect();
    let mut half = server.connect();
    half.write_all(&whole[..whole.len() - 3]).unwrap();
    let mut slow = server.connect();
    for byte in &whole {
        slow.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(Reply::read(&mut slow).json(), "slow");
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        &vec![b'x'; 1 << 20],
    ] {
        let mut stream = server.connect();
        let _ = stream.write_all(nonsense);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    let start = Instant::now();
    assert_eq!(server.answer("echo", "1"), 1);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    half.write_all(&whole[whole.len() - 3..]).unwrap();
    assert_eq!(Reply::read(&mut half).json(), "slow");
    drop(silent);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let path = "/2015-03-31/functions/echo/invocations";
    let mut all = Vec::new();
    for n in 0..5 {
        all.extend(server.request("POST", path, &[], n.to_string().as_bytes()));
    }
    all.extend(server.request(
        "GET",
        "/2015-03-31/functions/none",
        &[("Connection", "close")],
        b"",
    ));
    let mut stream = server.connect();
    stream.write_all(&all).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut rest = &bytes[..];
    for n in 0..5 {
        let (reply, length) = Reply::parse(rest);
        assert_eq!(reply.json(), n);
        rest = &rest[length..];
    }
    assert_eq!(Reply::parse(rest).0.status, 404);
}

#[test]
fn a_client_that_hangs_up_ends_no_invocation() {
    let server = Server::start(&[]);
    let script = "done = 0\nwhile True:\n    id, _, event = next()\n    say('begins', done)\n    \
                  time.sleep(event)\n    done += 1\n    respond(id, done)\n    say('done', done)";
    server.create("counts", &python(script));
    assert_eq!(server.answer("counts", "0"), 1);
    // Until it waits for more: who comes earlier gets another process.
    let idle = || std::thread::sleep(Duration::from_millis(600));
    for end in [Shutdown::Both, Shutdown::Read] {
        idle();
        let mut stream = server.connect();
        let path = "/2015-03-31/functions/counts/invocations";
        stream.write_all(&server.request("POST", path, &[], b"0.5")).unwrap();
        let number = if end == Shutdown::Both { "begins 1" } else { "begins 3" };
        soon("it has begun", || server.said().contains(number));
        stream.shutdown(end).unwrap();
        drop(stream);
        let number = if end == Shutdown::Both { "done 2" } else { "done 4" };
        soon("it runs to its end", || server.said().contains(number));
        idle();
        let expected = if end == Shutdown::Both { 3 } else { 5 };
        assert_eq!(server.answer("counts", "0"), expected, "by the same process");
    }
}
