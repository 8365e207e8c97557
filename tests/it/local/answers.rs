//! What runtimes may say to the Runtime API, and what they may not.

use serde_json::json;

use super::server::Server;
use super::zips::python;

#[test]
fn a_wrong_request_id_is_refused_and_the_invocation_times_out() {
    let server = Server::start(&[]);
    let script = "id, _, event = next()\n\
         answer, body = call('POST', 'invocation/8d1b1d04-0000-4000-8000-000000000000/response', b'1')\n\
         say('response', answer.status, json.loads(body)['errorType'])\n\
         say('error', fail('nobody', {}))\n\
         time.sleep(60)";
    server.create_with("wrong", &python(script), &json!({ "Timeout": 1 }));
    let reply = server.invoke("wrong", "{}");
    assert_eq!(reply.failure().0, "Sandbox.Timedout", "{}", reply.log());
    let log = reply.log();
    assert!(log.contains("response 400 InvalidRequestID\nerror 400\n"), "{log}");
}

#[test]
fn only_the_first_answer_counts() {
    let server = Server::start(&[]);
    let script = "while True:\n    id, _, event = next()\n    first = respond(id, event)\n    \
                  again = respond(id, 'again'), fail(id, 'again')\n    say(first, *again)";
    server.create("twice", &python(script));
    for n in 0..20 {
        assert_eq!(server.answer("twice", &n.to_string()), n);
    }
    // What was said after the answer stands in the next one's log or was said in time for its own.
    let log = server.said();
    assert!(log.contains("twice 202 400 400\n") && !log.contains("twice 202 202"), "{log}");
}

/// An answer that comes after the time-out is nobody's.
#[test]
fn a_late_answer_is_not_the_next_ones() {
    let server = Server::start(&[]);
    let script = "loop(lambda event: time.sleep(event[0]) or event[1])";
    server.create_with("late", &python(script), &json!({ "Timeout": 1 }));
    assert_eq!(server.invoke("late", "[1.2, \"late\"]").failure().0, "Sandbox.Timedout");
    assert_eq!(server.answer("late", "[0, \"in time\"]"), "in time");
}

/// Recorded: the limit, the type and the text.
#[test]
fn a_response_over_6_mb_is_refused() {
    let server = Server::start(&["-q"]);
    let script = "while True:\n    id, _, event = next()\n    say(respond(id, b'\"' + b'x' * event + b'\"'))";
    server.create("large", &python(script));
    let most = 6_291_556 - 2;
    let reply = server.invoke("large", &most.to_string());
    assert_eq!((reply.header("x-amz-function-error"), reply.body.len()), (None, 6_291_556));
    let reply = server.invoke("large", &(most + 1).to_string());
    let text = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(reply.failure(), ("Function.ResponseSizeTooLarge".to_owned(), text.to_owned()));
    // It lives on.
    assert_eq!(server.answer("large", "1"), "x");
}

#[test]
fn an_error_is_passed_on_as_it_was_said() {
    let server = Server::start(&[]);
    let script = "while True:\n    id, _, event = next()\n    fail(id, event)";
    server.create("fails", &python(script));
    let said = r#"{"errorType": "Mine", "errorMessage": "é", "stackTrace": ["a"], "more": [1]}"#;
    let reply = server.invoke("fails", said);
    assert_eq!(reply.header("x-amz-function-error"), Some("Unhandled"));
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    assert_eq!(reply.json(), said);
}

#[test]
fn an_init_error_is_the_first_invocations_answer() {
    let server = Server::start(&[]);
    let script = "say(call('POST', 'init/error', json.dumps({'errorType': 'Mine.Init', \
                  'errorMessage': 'no database'}))[0].status)\nsys.exit(1)";
    server.create("init", &python(script));
    for _ in 0..2 {
        let reply = server.invoke("init", "{}");
        assert_eq!(reply.failure(), ("Mine.Init".to_owned(), "no database".to_owned()));
    }
    // After the first `next` it is no init any more.
    let late = "id, _, event = next()\nrespond(id, call('POST', 'init/error', b'{}')[0].status)";
    server.create("late", &python(late));
    assert_eq!(server.answer("late", "{}"), 403);
}

#[test]
fn paths_and_methods_that_are_not_there_are_refused() {
    let server = Server::start(&[]);
    let script = "asked = [('GET', 'no/such'), ('POST', 'invocation/next'), ('GET', 'init/error'), \
                  ('PUT', 'invocation/x/response')]\n\
                  loop(lambda event: [call(*one)[0].status for one in asked])";
    server.create("strange", &python(script));
    assert_eq!(server.answer("strange", "{}"), json!([404, 405, 405, 405]));
}

/// A second thread that asks for work must not get what is the first one's.
#[test]
fn one_invocation_at_a_time() {
    let server = Server::start(&[]);
    let script = "def more():\n    other = connect()\n    while True:\n        try: call('GET', \
                  'invocation/next', api=other)\n        except OSError: return\n\
                  loop(lambda event: event)";
    server.create("once", &python(script));
    for n in 0..10 {
        assert_eq!(server.answer("once", &n.to_string()), n);
    }
}

/// A page could read the event and answer it: it gets neither, and what it cannot leave out tells it.
#[test]
fn pages_of_a_browser_do_not_reach_the_runtime_api() {
    let server = Server::start(&[]);
    let script = "pages = [{'Origin': 'http://example.org'}, {'Origin': 'null'}, \
                  {'Host': 'rebound.example'}, {'Sec-Fetch-Site': 'cross-site'}]\n\
                  def ask(path, method, headers):\n    other = connect()\n    \
                  return call(method, path, '1' if method == 'POST' else None, headers, other)[0].status\n\
                  while True:\n    id, _, event = next()\n    \
                  said = [ask('invocation/next', 'GET', one) for one in pages]\n    \
                  said += [ask(f'invocation/{id}/response', 'POST', one) for one in pages]\n    \
                  said += [ask('init/error', 'POST', one) for one in pages]\n    \
                  respond(id, said)";
    server.create("pages", &python(script));
    assert_eq!(server.answer("pages", "{}"), json!(vec![403; 12]));
}
