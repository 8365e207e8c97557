//! What extensions are told by the Telemetry API and the Logs API: really sent, in batches, as each
//! version writes it.

use serde_json::{Value, json};

use super::extensions::{PYTHON, create, shown, with};
use super::server::{Server, soon};
use super::zips::{EXECUTABLE, python, zip};

/// A listener of HTTP that shows each batch and answers by `status()`; its port.
const LISTENER: &str = r#"
status = lambda: 200
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = status()
        # What is shown here is an event itself, and would be shown again without end.
        batch = [e for e in json.loads(body) if "EXT {" not in str(e["record"])]
        if code == 200 and batch:
            show(batch=batch, method=self.command, path=self.path, at=time.time(),
                host=self.headers["Host"], type=self.headers["Content-Type"])
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_PUT = do_POST
    def log_message(self, *_): pass
def listen():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
def http_to(port, path=""):
    return {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}{path}"}
def run(id, api, version, types, destination, **buffering):
    show(said=subscribe(id, api, schemaVersion=version, types=types, destination=destination,
        buffering=buffering or None))
def loop(id):
    while next(id)["eventType"] != "SHUTDOWN": pass
    time.sleep(0.2)
"#;

fn script(rest: &str) -> String {
    format!("{LISTENER}{rest}")
}

/// All events that have come by now, in their order.
fn events(server: &Server) -> Vec<Value> {
    let all = shown(server);
    all.iter().filter_map(|one| one["batch"].as_array().cloned()).flatten().collect()
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).map(|event| &event["record"]).collect()
}

/// Writes in its init, and in each invocation what it is asked to.
fn writes() -> Vec<u8> {
    python("say('in the init')\nloop(lambda event: [say(line) for line in event] and len(event))")
}

#[test]
fn the_telemetry_api_tells_all_of_an_invocation() {
    let mut server = Server::start(&[]);
    let ext = script(
        "id, _, _ = register('INVOKE', 'SHUTDOWN')\n\
         run(id, 'telemetry', '2022-12-13', ['platform', 'function', 'extension'], \
         http_to(listen(), '/t?a=1'), timeoutMs=25)\n\
         # What was subscribed to once is not sent twice.\n\
         run(id, 'telemetry', '2022-12-13', ['platform'], http_to(listen()))\n\
         run(id, 'logs', '2020-08-15', ['platform'], http_to(listen()))\n\
         sys.stderr.write('from the extension\\n')\nloop(id)\n",
    );
    with(&server, "f", &writes(), &[("ext", &ext)]);
    let reply = server.invoke("f", r#"["one", "{\"two\": 2}"]"#);
    assert_eq!(reply.json(), 2);
    assert!(reply.log().contains(
        "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function, Extension]\n"
    ));
    soon("all is told", || !of_type(&events(&server), "platform.report").is_empty());
    assert_eq!(server.stop(), Some(0));
    let all = shown(&server);
    let said: Vec<&Value> = all.iter().map(|one| &one["said"]).filter(|it| !it.is_null()).collect();
    assert_eq!((said[0], said[1]), (&json!([200, "OK"]), &json!([200, "OK"])));
    assert_eq!(
        (&said[2][0], &said[2][1]["errorType"]),
        (&json!(400), &json!("Logs.ValidationError"))
    );
    let batch = all.iter().find(|one| one["batch"].is_array()).unwrap();
    assert_eq!((&batch["method"], &batch["path"]), (&json!("POST"), &json!("/t?a=1")));
    assert_eq!(batch["type"], "application/json");
    assert!(batch["host"].as_str().unwrap().starts_with("sandbox.localdomain:"));
    let events = events(&server);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let platform: Vec<&str> =
        kinds.iter().filter(|kind| kind.starts_with("platform.")).copied().collect();
    let expected = [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initRuntimeDone",
        "platform.extension",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ];
    assert_eq!(platform, expected, "{events:?}");
    let function = of_type(&events, "function");
    assert_eq!(function, [&json!("in the init"), &json!("one"), &json!("{\"two\": 2}")]);
    assert!(of_type(&events, "extension").contains(&&json!("from the extension")), "{events:?}");
    assert!(events.iter().all(|event| event["time"].as_str().unwrap().ends_with('Z')));
    let id = reply.header("x-amzn-requestid").unwrap();
    let one = |kind: &str| of_type(&events, kind)[0];
    assert_eq!(one("platform.initStart")["initializationType"], "on-demand");
    assert_eq!(one("platform.initReport")["status"], "success");
    assert!(one("platform.initReport")["metrics"]["durationMs"].as_f64().unwrap() > 0.0);
    let extension = json!({ "name": "ext", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"] });
    assert_eq!(one("platform.extension"), &extension);
    let types = json!(["platform", "function", "extension"]);
    let subscription = json!({ "name": "ext", "state": "Subscribed", "types": types });
    assert_eq!(one("platform.telemetrySubscription"), &subscription);
    let start = one("platform.start");
    assert_eq!((&start["requestId"], &start["version"]), (&json!(id), &json!("$LATEST")));
    assert_eq!(start["tracing"]["type"], "X-Amzn-Trace-Id");
    let done = one("platform.runtimeDone");
    assert_eq!((&done["requestId"], &done["status"]), (&json!(id), &json!("success")));
    assert_eq!(done["metrics"]["producedBytes"], 1);
    let spans: Vec<_> =
        done["spans"].as_array().unwrap().iter().map(|span| span["name"].as_str()).collect();
    let names = ["responseLatency", "responseDuration", "runtimeOverhead"];
    assert_eq!(spans, names.map(Some));
    let report = one("platform.report");
    assert_eq!((&report["requestId"], &report["status"]), (&json!(id), &json!("success")));
    let metrics = &report["metrics"];
    assert_eq!(metrics["memorySizeMB"], 128);
    assert!(metrics["billedDurationMs"].as_u64().unwrap() >= 1, "{metrics}");
    assert!(metrics["initDurationMs"].as_f64().unwrap() > 0.0, "{metrics}");
    assert_eq!(report["spans"][0]["name"], "extensionOverhead");
}

/// `LogFormat`: objects are objects for who asks for a version that has them.
#[test]
fn lines_of_json_are_objects_where_the_log_is_of_json() {
    let server = Server::start(&[]);
    let ext = script(
        "id, _, _ = register('INVOKE')\n\
         run(id, 'telemetry', os.environ['VERSION'], ['function'], http_to(listen()), timeoutMs=25)\n\
         loop(id)\n",
    );
    let text = format!("{PYTHON}{ext}");
    let layer = zip(&[("extensions/ext", EXECUTABLE, text.as_bytes())]);
    for (name, version, format) in [
        ("old", "2022-07-01", "JSON"),
        ("new", "2022-12-13", "JSON"),
        ("newest", "2025-01-29", "JSON"),
        ("text", "2022-12-13", "Text"),
    ] {
        let variables = json!({ "Variables": { "VERSION": version } });
        let logging = json!({ "LogFormat": format });
        let more = json!({ "Environment": variables, "LoggingConfig": logging, "Timeout": 5 });
        create(&server, name, &writes(), &layer, &more);
        server.answer(name, &format!(r#"["{{\"name\": \"{name}\"}}", "{name} is done"]"#));
    }
    let function =
        || events(&server).iter().map(|event| event["record"].clone()).collect::<Vec<_>>();
    soon("all came", || {
        ["old", "new", "newest", "text"]
            .iter()
            .all(|name| function().contains(&json!(format!("{name} is done"))))
    });
    let all = function();
    for (name, object) in [("old", false), ("new", true), ("newest", true), ("text", false)] {
        assert_eq!(all.contains(&json!({ "name": name })), object, "{name}: {all:?}");
        let text = json!(format!("{{\"name\": \"{name}\"}}"));
        assert_eq!(all.contains(&text), !object, "{name}: {all:?}");
    }
}

#[test]
fn the_logs_api_tells_what_it_always_told() {
    let server = Server::start(&[]);
    let ext = |version: &str| {
        script(&format!(
            "id, _, _ = register('INVOKE')\n\
             run(id, 'logs', {version:?}, ['platform', 'function'], {{'method': 'PUT'}} | \
             http_to(listen()), timeoutMs=25)\nloop(id)\n"
        ))
    };
    for (name, version) in [("old", "2020-08-15"), ("new", "2021-03-18")] {
        with(&server, name, &writes(), &[(name, &ext(version))]);
        let log = server.invoke(name, r#"["line"]"#).log();
        let line = format!("LOGS\tName: {name}\tState: Subscribed\tTypes: [Platform,Function]\n");
        assert!(log.contains(&line), "{log}");
    }
    let of = |name: &str| -> Vec<Value> {
        let all = shown(&server).into_iter().filter(|one| one["name"] == name);
        all.filter_map(|one| one["batch"].as_array().cloned()).flatten().collect()
    };
    for (name, done) in [("old", false), ("new", true)] {
        soon("all came", || !of_type(&of(name), "platform.report").is_empty());
        let events = of(name);
        let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let mut expected = vec![
            "platform.logsSubscription",
            "function",
            "platform.extension",
            "platform.start",
            "function",
            "platform.runtimeDone",
            "platform.end",
            "platform.report",
        ];
        expected.retain(|kind| done || *kind != "platform.runtimeDone");
        assert_eq!(kinds, expected, "{events:?}");
        assert_eq!(of_type(&events, "function"), [&json!("in the init\n"), &json!("line\n")]);
        let report = of_type(&events, "platform.report")[0];
        assert_eq!(report["metrics"]["memorySizeMB"], 128);
    }
    let put = shown(&server);
    assert!(put.iter().all(|one| one["batch"].is_null() || one["method"] == "PUT"));
}

/// The Logs API tells of a failure as a fault, both tell how the runtime ended.
#[test]
fn failures_are_told() {
    let server = Server::start(&[]);
    let ext = |api: &str, version: &str| {
        script(&format!(
            "id, _, _ = register('INVOKE', 'SHUTDOWN')\nrun(id, {api:?}, {version:?}, ['platform'], \
             http_to(listen()), timeoutMs=30000)\nloop(id)\n"
        ))
    };
    let (logs, telemetry) = (ext("logs", "2021-03-18"), ext("telemetry", "2022-07-01"));
    let function = python("loop(lambda event: sys.exit(3))");
    with(&server, "f", &function, &[("logs", &logs), ("telemetry", &telemetry)]);
    let reply = server.invoke("f", "1");
    let id = reply.header("x-amzn-requestid").unwrap();
    // What waits is sent when the environment ends, long before its time.
    soon("both are told", || of_type(&events(&server), "platform.report").len() == 2);
    let events = events(&server);
    let fault = format!(
        "RequestId: {id} Error: Runtime exited with error: exit status 3\nRuntime.ExitError"
    );
    assert_eq!(of_type(&events, "platform.fault"), [&json!(fault)]);
    let done = of_type(&events, "platform.runtimeDone");
    assert!(done.contains(&&json!({ "requestId": id, "status": "failure" })), "{done:?}");
    let error = done.iter().find(|done| done["status"] == "error").unwrap();
    assert_eq!(error["errorType"], "Runtime.ExitError");
}

/// A batch goes when it is full, or when its time has come; not before.
#[test]
fn batches_are_as_they_were_ordered() {
    let server = Server::start(&["-q", "--no-sandbox"]);
    let ext = script(
        "id, _, _ = register('INVOKE')\n\
         seen = open('/tmp/' + os.environ['MARK'], 'a')\n\
         def show(**what):\n    if 'batch' in what: print(len(what['batch']), what['at'], \
         file=seen, flush=True)\n\
         run(id, 'telemetry', '2022-07-01', ['function'], http_to(listen()), maxItems=1000, \
         timeoutMs=700)\nloop(id)\n",
    );
    let text = format!("{PYTHON}{ext}");
    let layer = zip(&[("extensions/ext", EXECUTABLE, text.as_bytes())]);
    let mark = format!("lambda-pack-{}", uuid::Uuid::new_v4());
    let more = json!({ "Environment": { "Variables": { "MARK": mark } }, "Timeout": 20 });
    let function = python(
        "def answer(count):\n    for n in range(count): print(n)\n    sys.stdout.flush()\n    \
         return time.time()\nloop(answer)",
    );
    create(&server, "many", &function, &layer, &more);
    let at = server.answer("many", "2300").as_f64().unwrap();
    let path = std::path::Path::new("/tmp").join(&mark);
    let read = || -> Vec<(u64, f64)> {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let pair = |line: &str| {
            let (count, at) = line.split_once(' ').unwrap();
            (count.parse().unwrap(), at.parse().unwrap())
        };
        text.lines().map(pair).collect()
    };
    soon("all came", || read().iter().map(|(count, _)| count).sum::<u64>() == 2300);
    let batches = read();
    std::fs::remove_file(&path).unwrap();
    let counts: Vec<u64> = batches.iter().map(|(count, _)| *count).collect();
    assert_eq!(counts, [1000, 1000, 300]);
    assert!(batches[1].1 - at < 0.6, "full ones go at once: {batches:?} {at}");
    assert!((0.4..3.0).contains(&(batches[2].1 - at)), "{batches:?} {at}");
}

/// One who does not listen yet, or answers with an error, is tried again; what is too much is dropped,
/// and that is told.
#[test]
fn who_falls_behind_is_tried_again_and_told_what_was_dropped() {
    let server = Server::start(&["-q", "--no-sandbox"]);
    let ext = script(
        "id, _, _ = register('INVOKE')\n\
         seen = open('/tmp/' + os.environ['MARK'], 'a')\n\
         lines, dropped = 0, None\n\
         def show(**what):\n    global lines, dropped\n    for event in what.get('batch', []):\n        \
         if event['type'] == 'function': lines += 1\n        \
         if event['type'] == 'platform.logsDropped': dropped = event['record']\n    \
         if dropped: print(json.dumps([lines, dropped]), file=seen, flush=True)\n\
         late = time.time() + 1.5\n\
         status = lambda: 503 if time.time() < late else 200\n\
         run(id, 'telemetry', '2022-07-01', ['function', 'platform'], http_to(listen()), \
         timeoutMs=25)\nloop(id)\n",
    );
    let text = format!("{PYTHON}{ext}");
    let layer = zip(&[("extensions/ext", EXECUTABLE, text.as_bytes())]);
    let mark = format!("lambda-pack-{}", uuid::Uuid::new_v4());
    let more = json!({ "Environment": { "Variables": { "MARK": mark } }, "Timeout": 20 });
    let function = python(
        "line = 'x' * 1000\ndef answer(count):\n    for n in range(count): print(line)\n    \
         sys.stdout.flush()\n    return 1\nloop(answer)",
    );
    create(&server, "floods", &function, &layer, &more);
    let before = server.peak();
    server.answer("floods", "20000");
    let path = std::path::Path::new("/tmp").join(&mark);
    let read = || -> Option<Value> {
        let text = std::fs::read_to_string(&path).ok()?;
        serde_json::from_str(text.lines().last()?).ok()
    };
    soon("what was dropped is told", || {
        read().is_some_and(|it| {
            it[0].as_u64().unwrap() + it[1]["droppedRecords"].as_u64().unwrap() >= 20_000
        })
    });
    let said = read().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(said[0].as_u64().unwrap() > 500, "some came: {said}");
    assert!(said[1]["droppedBytes"].as_u64().unwrap() > 1_000_000, "{said}");
    let reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";
    assert_eq!(said[1]["reason"], reason);
    let more = server.peak() - before;
    assert!(more < 24, "{more} MB more");
}

#[test]
fn tcp_brings_lines_of_json() {
    let server = Server::start(&[]);
    let ext = script(
        "listener = socket.create_server(('127.0.0.1', 0))\n\
         def read():\n    stream = listener.accept()[0].makefile()\n    \
         for line in stream: show(batch=[json.loads(line)], whole=line.endswith('\\n'))\n\
         threading.Thread(target=read, daemon=True).start()\n\
         id, _, _ = register('INVOKE')\n\
         run(id, 'telemetry', '2022-07-01', ['function'], {'protocol': 'TCP', 'port': \
         listener.getsockname()[1]}, timeoutMs=25)\nloop(id)\n",
    );
    with(&server, "f", &writes(), &[("ext", &ext)]);
    server.answer("f", r#"["one"]"#);
    std::thread::sleep(std::time::Duration::from_millis(200));
    server.answer("f", r#"["two"]"#);
    soon("all came", || events(&server).len() == 3);
    let records: Vec<Value> =
        events(&server).into_iter().map(|event| event["record"].clone()).collect();
    assert_eq!(records, ["in the init", "one", "two"]);
}

#[test]
fn subscriptions_are_checked_and_taken_in_the_init_only() {
    let server = Server::start(&[]);
    let ext = script(
        "id, _, _ = register('INVOKE')\n\
         run(id, 'logs', '2020-08-15', [], {'protocol': 'HTTP', 'URI': \
         'http://sandbox.localdomain'})\n\
         run(id, 'telemetry', '2020-08-15', ['platform'], http_to(8080))\n\
         next(id)\n\
         run(id, 'telemetry', '2022-07-01', ['platform'], http_to(8080))\n\
         loop(id)\n",
    );
    with(&server, "f", &writes(), &[("ext", &ext)]);
    server.answer("f", r#"["one"]"#);
    soon("all is said", || shown(&server).len() == 3);
    let all: Vec<Value> = shown(&server).into_iter().map(|one| one["said"].clone()).collect();
    let logs = json!([400, {
        "errorType": "Logs.ValidationError",
        "errorMessage": "types should not be empty; URI port is not provided",
    }]);
    assert_eq!(all[0], logs);
    assert_eq!(
        (&all[1][0], &all[1][1]["errorType"]),
        (&json!(400), &json!("Telemetry.ValidationError"))
    );
    let closed = json!([403, {
        "errorType": "Telemetry.SubscriptionClosed",
        "errorMessage": "Telemetry API subscription is closed",
    }]);
    assert_eq!(all[2], closed);
}

/// A subscriber that is not there holds nothing up.
#[test]
fn nobody_waits_for_who_does_not_listen() {
    let mut server = Server::start(&[]);
    let ext = script(
        "id, _, _ = register('INVOKE', 'SHUTDOWN')\n\
         held = socket.create_server(('127.0.0.1', 0))\n\
         run(id, 'telemetry', '2022-07-01', ['platform'], http_to(held.getsockname()[1]), \
         timeoutMs=25)\nloop(id)\n",
    );
    with(&server, "f", &writes(), &[("ext", &ext)]);
    let start = std::time::Instant::now();
    for _ in 0..3 {
        server.answer("f", r#"["one"]"#);
    }
    assert_eq!(server.stop(), Some(0));
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
}
