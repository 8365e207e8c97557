//! Extensions: programs in `/opt/extensions` and threads of the runtime, from their registration to the
//! shutdown.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::server::{Reply, Server, lives, soon};
use super::zips::{EXECUTABLE, PLAIN, echo, python, zip};

/// What extensions in Python begin with: `register` gives the id, the status and the body; `next` the
/// next event.
pub(crate) const PYTHON: &str = r#"#!/usr/bin/python3 -ES
import http.client, http.server, json, os, signal, socket, sys, threading, time
address = os.environ["AWS_LAMBDA_RUNTIME_API"]
name = os.path.basename(sys.argv[0])
api = http.client.HTTPConnection(address)
def call(method, path, body=None, headers={}, api=api):
    api.request(method, path, None if body is None else json.dumps(body), headers)
    answer = api.getresponse()
    text = answer.read()
    return answer, json.loads(text) if text else None
def register(*events, name=name, **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()} | {"Lambda-Extension-Name": name}
    answer, body = call("POST", "/2020-01-01/extension/register", {"events": events}, headers)
    return answer.headers["Lambda-Extension-Identifier"], answer.status, body
def whoami(id): return {"Lambda-Extension-Identifier": id}
def next(id): return call("GET", "/2020-01-01/extension/event/next", None, whoami(id))[1]
def report(id, what, kind="Mine.Error"):
    headers = whoami(id) | {"Lambda-Extension-Function-Error-Type": kind}
    answer, body = call("POST", f"/2020-01-01/extension/{what}/error", {}, headers)
    return answer.status, body
def subscribe(id, api, **body):
    path = {"telemetry": "/2022-07-01/telemetry", "logs": "/2020-08-15/logs"}[api]
    answer, body = call("PUT", path, body, whoami(id))
    return answer.status, body
def say(*words): print(*words, flush=True)
def show(**what): say("EXT " + json.dumps({"name": name} | what))
"#;

/// A layer with these extensions.
fn layer(extensions: &[(&str, &str)]) -> Vec<u8> {
    let all: Vec<_> = extensions
        .iter()
        .map(|(name, script)| (format!("extensions/{name}"), format!("{PYTHON}{script}")))
        .collect();
    let members: Vec<_> =
        all.iter().map(|(path, text)| (path.as_str(), EXECUTABLE, text.as_bytes())).collect();
    zip(&members)
}

/// Makes a function with a layer.
pub(crate) fn create(server: &Server, name: &str, function: &[u8], layer: &[u8], more: &Value) {
    use base64::Engine as _;
    let content = base64::engine::general_purpose::STANDARD.encode(layer);
    let content = json!({ "Content": { "ZipFile": content } });
    let path = format!("/2018-10-31/layers/{name}/versions");
    let layer = server.control("POST", &path, &content)["LayerVersionArn"].clone();
    let mut settings = more.clone();
    settings["Layers"] = json!([layer]);

    server.create_with(name, function, &settings);
}

/// A function with extensions.
pub(crate) fn with(server: &Server, name: &str, function: &[u8], all: &[(&str, &str)]) {
    // Each extension in Python takes 20 MB.
    let memory = if all.len() > 4 { 2048 } else { 128 };
    create(server, name, function, &layer(all), &json!({ "Timeout": 5, "MemorySize": memory }));
}

/// What the extensions have shown by now.
pub(crate) fn shown(server: &Server) -> Vec<Value> {
    let said = server.said();
    let lines = said.lines().filter_map(|line| line.split_once("EXT {").map(|(_, json)| json));
    lines.map(|json| serde_json::from_str(&format!("{{{json}")).unwrap()).collect()
}

/// Registers, and shows each event.
const SHOWS: &str = "id, _, _ = register('INVOKE', 'SHUTDOWN')\nwhile True:\n    event = next(id)\n    \
                     show(event=event)\n    if event['eventType'] == 'SHUTDOWN': break\n";

fn events<'a>(all: &'a [Value], kind: &str) -> Vec<&'a Value> {
    all.iter().map(|one| &one["event"]).filter(|event| event["eventType"] == kind).collect()
}

#[test]
fn an_extension_is_told_of_each_invocation_and_of_the_shutdown() {
    let mut server = Server::start(&[]);
    let register = "id, status, body = register('INVOKE', 'SHUTDOWN', \
                    Lambda_Extension_Accept_Feature='accountId')\n\
                    show(status=status, body=body, env=dict(os.environ), cwd=os.getcwd())\n";
    let shows = SHOWS.split_once('\n').unwrap().1;
    with(&server, "told", &echo(), &[("my-ext.py", &format!("{register}{shows}"))]);
    let before = now_ms();
    let first = server.invoke("told", "1");
    assert_eq!(first.json(), 1);
    let log = first.log();
    assert!(log.contains("EXTENSION\tName: my-ext.py\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n"));
    assert!(log.find("EXTENSION\t").unwrap() < log.find("START ").unwrap(), "{log}");
    assert!(log.contains("\nREPORT RequestId: "), "{log}");
    server.invoke("told", "2");
    soon("both are told", || events(&shown(&server), "INVOKE").len() == 2);
    assert_eq!(server.stop(), Some(0));
    let all = shown(&server);
    let registered = &all[0];
    assert_eq!(registered["status"], 200);
    let expected = json!({
        "accountId": "123456789012", "functionName": "told", "functionVersion": "$LATEST",
        "handler": "bootstrap",
    });
    assert_eq!(registered["body"], expected);
    for (variable, is) in [
        ("AWS_LAMBDA_FUNCTION_NAME", true),
        ("AWS_ACCESS_KEY_ID", true),
        ("AWS_REGION", true),
        ("PATH", true),
        ("_HANDLER", false),
        ("LAMBDA_TASK_ROOT", false),
        ("LAMBDA_RUNTIME_DIR", false),
        ("AWS_LAMBDA_LOG_GROUP_NAME", false),
        ("AWS_LAMBDA_LOG_STREAM_NAME", false),
    ] {
        assert_eq!(registered["env"][variable].is_string(), is, "{variable}");
    }
    let invoke = events(&all, "INVOKE")[0];
    assert_eq!(invoke["requestId"], first.header("x-amzn-requestid").unwrap());
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:told";
    assert_eq!(invoke["invokedFunctionArn"], arn);
    assert_eq!(invoke["tracing"]["type"], "X-Amzn-Trace-Id");
    assert!(invoke["tracing"]["value"].as_str().unwrap().starts_with("Root=1-"));
    let deadline = invoke["deadlineMs"].as_u64().unwrap() - before;
    assert!((5000..15_000).contains(&deadline), "{deadline}");
    let shutdown = events(&all, "SHUTDOWN");
    assert_eq!(shutdown.len(), 1, "{all:?}");
    assert_eq!(shutdown[0]["shutdownReason"], "spindown");
    assert!(shutdown[0]["deadlineMs"].as_u64().unwrap() > before);
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The client has its answer as soon as the runtime has given it; the environment takes no other before
/// its extensions are done, and their time counts.
#[test]
fn an_invocation_ends_with_its_extensions() {
    let server = Server::start(&[]);
    let slow = "id, _, _ = register('INVOKE')\nwhile next(id): time.sleep(0.4)\n";
    let pid = python("loop(lambda event: os.getpid())");
    with(&server, "slow", &pid, &[("slow", slow)]);
    let invoke = || server.invoke_with("slow", &[], b"0");
    invoke();
    std::thread::sleep(Duration::from_millis(600));
    let start = Instant::now();
    let first = invoke().json();
    assert!(start.elapsed() < Duration::from_millis(300), "{:?}", start.elapsed());
    // Meanwhile another one takes what comes.
    let second = invoke().json();
    assert_ne!(first, second);
    std::thread::sleep(Duration::from_millis(900));
    // With the log comes the report, so that is waited for.
    let start = Instant::now();
    let reply = server.invoke("slow", "0");
    assert!([&first, &second].contains(&&reply.json()), "it is used again");
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
    let billed = number(&reply, "Billed Duration: ");
    assert!((400..2000).contains(&billed), "{}", reply.log());
}

fn number(reply: &Reply, after: &str) -> u64 {
    let log = reply.log();
    let rest = log.rsplit_once(after).unwrap_or_else(|| panic!("{log}")).1;
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn one_that_takes_too_long_is_a_time_out() {
    let server = Server::start(&[]);
    let hangs = "id, _, _ = register('INVOKE', 'SHUTDOWN')\nevent = next(id)\nshow(pid=os.getpid())\n\
                 time.sleep(1.2)\nshow(event=next(id))\n";
    let timeout = json!({ "Timeout": 1 });
    let pid = python("loop(lambda event: os.getpid())");
    create(&server, "hangs", &pid, &layer(&[("hangs", hangs)]), &timeout);
    let reply = server.invoke("hangs", "0");
    let pid = reply.json().as_u64().unwrap();
    let log = reply.log();
    assert!(log.contains(" Task timed out after 1.00 seconds\n"), "{log}");
    assert!(log.contains("\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t"), "{log}");
    assert!(log.trim_end().ends_with("\tStatus: timeout"), "{log}");
    soon("the runtime ends", || !lives(pid));
    soon("the extension is told why", || {
        let all = shown(&server);
        events(&all, "SHUTDOWN").iter().any(|event| event["shutdownReason"] == "timeout")
    });
    let extension = shown(&server)[0]["pid"].as_u64().unwrap();
    soon("the extension ends", || !lives(extension));
}

/// The runtime is terminated first; an extension has two seconds in all, and is killed then.
#[test]
fn a_shutdown_has_its_limits() {
    let mut server = Server::start(&[]);
    let stubborn = "id, _, _ = register('INVOKE', 'SHUTDOWN')\nsignal.signal(signal.SIGTERM, \
                    signal.SIG_IGN)\nshow(pid=os.getpid())\nwhile True:\n    event = next(id)\n    \
                    show(event=event, at=time.time())\n    if event['eventType'] == 'SHUTDOWN': \
                    time.sleep(60)\n";
    let function = "def ends(*_):\n    say('the runtime ends')\n    time.sleep(0.1)\n    os._exit(0)\n\
                    signal.signal(signal.SIGTERM, ends)\nloop(lambda event: os.getpid())";
    with(&server, "one", &python(function), &[("stubborn", stubborn)]);
    with(&server, "two", &python(function), &[("stubborn", stubborn)]);
    let pids: Vec<u64> =
        ["one", "two"].iter().map(|name| server.answer(name, "0").as_u64().unwrap()).collect();
    let start = Instant::now();
    assert_eq!(server.stop_by(Signal::INT), Some(0));
    let took = start.elapsed();
    // All at once.
    assert!((1900..3000).contains(&took.as_millis()), "{took:?}");
    let all = shown(&server);
    assert_eq!(events(&all, "SHUTDOWN").len(), 2, "{all:?}");
    assert_eq!(server.said().matches("the runtime ends").count(), 2);
    let extensions = all.iter().filter_map(|one| one["pid"].as_u64());
    for pid in extensions.chain(pids) {
        assert!(!lives(pid));
    }
}

/// An environment that nobody uses, and one of code that is no longer the function's.
#[test]
fn environments_that_are_not_needed_are_shut_down() {
    let server = Server::start(&["--idle", "1s"]);
    with(&server, "f", &echo(), &[("shows", SHOWS)]);
    server.answer("f", "1");
    soon("it is told", || events(&shown(&server), "SHUTDOWN").len() == 1);
    server.answer("f", "1");
    server.update("f", &python("loop(lambda event: 'new')"));
    assert_eq!(server.answer("f", "1"), "new");
    soon("so is the other", || events(&shown(&server), "SHUTDOWN").len() >= 2);
}

#[test]
fn extensions_that_fail_fail_the_init() {
    let server = Server::start(&[]);
    let failure = |name: &str, script: &str| {
        with(&server, name, &echo(), &[("ext", script)]);
        let reply = server.invoke(name, "1");
        (reply.failure(), reply.log())
    };
    let crash = |how: &str| ("Extension.Crash".to_owned(), format!("RequestId: ID Error: {how}"));
    let (said, log) = failure("exits", "say('before')\nsys.exit(3)");
    assert_eq!(said, crash("exit status 3"));
    assert!(log.contains("before\n"), "{log}");
    assert!(log.contains("EXTENSION\tName: ext\tState: Started\tEvents: []\n"), "{log}");
    assert!(log.contains("INIT_REPORT Init Duration: "), "{log}");
    assert!(log.contains("\tPhase: init\tStatus: error\tError Type: Extension.Crash\n"), "{log}");
    assert!(log.trim_end().ends_with("\tStatus: error\tError Type: Extension.Crash"), "{log}");
    let (said, log) = failure("leaves", "register('INVOKE')\n");
    assert_eq!(said, crash("exit code 0"));
    assert!(log.contains("EXTENSION\tName: ext\tState: Registered\tEvents: [INVOKE]\n"), "{log}");
    let script = "id, _, _ = register('INVOKE')\nshow(said=report(id, 'init', 'Mine.Init'))\n\
                  sys.exit(1)";
    let (said, log) = failure("init", script);
    let message = "RequestId: ID Error: exit status 1";
    assert_eq!(said, ("Extension.InitError".to_owned(), message.to_owned()));
    let line = "\tState: InitError\tEvents: [INVOKE]\tError Type: Mine.Init\n";
    assert!(log.contains(line), "{log}");
    soon("it is accepted", || {
        shown(&server).iter().any(|one| one["said"] == json!([202, { "status": "OK" }]))
    });
    let script = "id, _, _ = register('INVOKE')\nreport(id, 'exit')\nos.kill(os.getpid(), 9)";
    let (said, _) = failure("exit", script);
    let message = "RequestId: ID Error: signal: killed";
    assert_eq!(said, ("Extension.ExitError".to_owned(), message.to_owned()));
}

#[test]
fn an_extension_that_never_registers_has_the_time_of_the_init() {
    let server = Server::start(&[]);
    let silent = layer(&[("silent", "show(pid=os.getpid())\ntime.sleep(60)\n")]);
    create(&server, "silent", &python("say('begun')"), &silent, &json!({ "Timeout": 1 }));
    let start = Instant::now();
    let reply = server.invoke("silent", "1");
    let took = start.elapsed().as_secs_f64();
    assert!((10.9..14.0).contains(&took), "{took}");
    assert_eq!(reply.failure().0, "Sandbox.Timedout");
    let log = reply.log();
    assert!(!log.contains("begun"), "the runtime waits for the registration: {log}");
    assert!(log.contains("\tPhase: init\tStatus: timeout\n"), "{log}");
    let pid = shown(&server)[0]["pid"].as_u64().unwrap();
    soon("it ends", || !lives(pid));
}

#[test]
fn extensions_that_cannot_be_run_fail_the_init() {
    let server = Server::start(&[]);
    let failure = |name: &str, members: &[(&str, u32, &[u8])]| {
        create(&server, name, &echo(), &zip(members), &json!({}));
        let reply = server.invoke(name, "1");
        let (kind, message) = reply.failure();
        assert_eq!(kind, "Extension.LaunchError", "{message}");
        (message, reply.log())
    };
    let (message, log) = failure("plain", &[("extensions/ext", PLAIN, b"#!/bin/sh\n")]);
    let denied = "RequestId: ID Error: fork/exec /opt/extensions/ext: permission denied";
    assert_eq!(message, denied);
    let line =
        "EXTENSION\tName: ext\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n";
    // The terminal shows two spaces for a tab.
    let all = || server.said().replace("  ", "\t");
    soon("the log says so", || all().contains(line));
    assert!(log.contains("\tError Type: Extension.LaunchError"), "{log}");
    let (message, _) = failure("text", &[("extensions/ext", EXECUTABLE, b"echo\n")]);
    assert!(message.ends_with("/opt/extensions/ext: exec format error"), "{message}");
    // A folder is none, and what lies in it neither.
    let folder = [("extensions/folder/ext", EXECUTABLE, &b"echo\n"[..])];
    create(&server, "folder", &echo(), &zip(&folder), &json!({}));
    assert_eq!(server.answer("folder", "1"), 1);
    // One too many.
    let script = format!("{PYTHON}{SHOWS}");
    let names: Vec<String> = (10..21).map(|n| format!("extensions/{n}")).collect();
    let members: Vec<_> =
        names.iter().map(|name| (name.as_str(), EXECUTABLE, script.as_bytes())).collect();
    failure("many", &members);
    soon("the log says so", || all().contains("\tError Type: TooManyExtensions\n"));
    let roomy = json!({ "Timeout": 20, "MemorySize": 1024 });
    create(&server, "ten", &echo(), &zip(&members[1..]), &roomy);
    assert_eq!(server.answer("ten", "1"), 1);
}

/// One that ends while the function is at work, after it, and between two invocations.
#[test]
fn an_extension_that_ends_ends_the_environment() {
    let server = Server::start(&[]);
    let ends = "id, _, _ = register('INVOKE')\nnext(id)\ntime.sleep(0.2)\nsys.exit(7)";
    let function = python("loop(lambda event: time.sleep(event) or os.getpid())");
    with(&server, "ends", &function, &[("ends", ends)]);
    let during = server.invoke("ends", "4");
    let message = "RequestId: ID Error: exit status 7".to_owned();
    assert_eq!(during.failure(), ("Extension.Crash".to_owned(), message));
    let after = server.invoke("ends", "0");
    let pid = after.json().as_u64().expect("the function's answer counts");
    let log = after.log();
    assert!(log.trim_end().ends_with("\tStatus: error\tError Type: Extension.Crash"), "{log}");
    soon("the runtime ends", || !lives(pid));
    let between = "id, _, _ = register('INVOKE')\nnext(id)\n\
                   threading.Timer(0.3, lambda: os._exit(1)).start()\nnext(id)";
    with(&server, "between", &function, &[("between", between)]);
    let pid = server.answer("between", "0").as_u64().unwrap();
    soon("the runtime ends", || !lives(pid));
    assert_ne!(server.answer("between", "0"), pid, "nobody is told of that");
}

/// A runtime that ends: its extensions are told.
#[test]
fn extensions_outlive_a_runtime_that_fails() {
    let server = Server::start(&[]);
    with(&server, "f", &python("next()\nsys.exit(3)"), &[("shows", SHOWS)]);
    let failure = server.invoke("f", "1").failure();
    let message = "RequestId: ID Error: Runtime exited with error: exit status 3";
    assert_eq!(failure, ("Runtime.ExitError".to_owned(), message.to_owned()));
    soon("it is told", || {
        let all = shown(&server);
        events(&all, "SHUTDOWN").iter().any(|event| event["shutdownReason"] == "failure")
    });
}

/// A thread of the runtime that has registered by a name of its own.
#[test]
fn internal_extensions_take_part() {
    let mut server = Server::start(&[]);
    let body = PYTHON.split_once('\n').unwrap().1;
    let function = python(
        "import types\next = types.ModuleType('ext')\nexec(open(os.path.join(os.path.dirname(\
         os.path.abspath(sys.argv[0])), 'ext.py')).read(), ext.__dict__)\n\
         refused = ext.register('INVOKE', 'SHUTDOWN', name='own')[1:]\n\
         id, *said = ext.register('INVOKE', name='own')\n\
         again = ext.register('INVOKE', name='own')[1:]\n\
         seen = []\n\
         def run():\n    while True: seen.append(ext.next(id)['requestId'])\n\
         threading.Thread(target=run, daemon=True).start()\n\
         def ends(*_):\n    time.sleep(0.4)\n    say('in time')\n    os._exit(0)\n\
         signal.signal(signal.SIGTERM, ends)\n\
         late = None\n\
         def answer(event):\n    global late\n    late = late or ext2.register('INVOKE', name='late')[1:]\n    \
         return [refused, said, again, late, seen]\n\
         ext2 = types.ModuleType('ext2')\nexec(open(os.path.join(os.path.dirname(os.path.abspath(\
         sys.argv[0])), 'ext.py')).read(), ext2.__dict__)\n\
         loop(answer)",
    );
    // The same script with the other beside it.
    let start = function.windows(2).position(|window| window == b"#!").unwrap();
    let end = function.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let both = zip(&[
        ("bootstrap", EXECUTABLE, &function[start..end]),
        ("ext.py", PLAIN, body.as_bytes()),
    ]);
    server.create("internal", &both);
    let first = server.invoke("internal", "1");
    assert!(first.log().contains("EXTENSION\tName: own\tState: Ready\tEvents: [INVOKE]\n"));
    let said = server.answer("internal", "1");
    let type_of = |n: usize| said[n][1]["errorType"].as_str().unwrap_or_default().to_owned();
    assert_eq!((&said[0][0], type_of(0)), (&json!(403), "Extension.InvalidEventType".to_owned()));
    let message = "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension";
    assert_eq!(said[0][1]["errorMessage"], message);
    assert_eq!(said[1][0], 200);
    assert_eq!(type_of(2), "Extension.InvalidExtensionState");
    assert_eq!(type_of(3), "Extension.RegistrationClosed");
    assert_eq!(said[4][0], first.header("x-amzn-requestid").unwrap());
    // It has half a second for its end.
    assert_eq!(server.stop(), Some(0));
    assert!(server.said().contains("in time"), "{}", server.said());
}

/// Bad requests are refused as Lambda refuses them, and change nothing.
#[test]
fn requests_are_checked() {
    let server = Server::start(&[]);
    let script = r#"
def said(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(address)
    api.request(method, path, body, headers)
    answer = api.getresponse()
    text = answer.read()
    try: text = json.loads(text)["errorType"]
    except Exception: text = text.decode()
    return [answer.status, text]
own = {"Lambda-Extension-Name": name}
base = "/2020-01-01/extension/"
nobody = {"Lambda-Extension-Identifier": "0b5ee3b2-8f21-4d0d-9a57-a5d4f1a3b9e2"}
all = [
    said("POST", base + "register", "{}"),
    said("POST", base + "register", "no json", own),
    said("POST", base + "register", '{"events": ["INVOKE", "OTHER"]}', own),
    said("POST", base + "register", '{"events": "INVOKE"}', own),
    said("POST", base + "register", '{"events": [], "configurationKeys": ["a"]}', own),
    said("POST", base + "register", "[" * 100000, own),
    said("GET", base + "register", None, own),
    said("GET", base + "event/next"),
    said("GET", base + "event/next", None, {"Lambda-Extension-Identifier": "me"}),
    said("GET", base + "event/next", None, nobody),
    said("POST", base + "init/error", "{}", nobody | {"Lambda-Extension-Function-Error-Type": "x"}),
    said("POST", base + "other", "{}"),
    said("PUT", "/2022-07-01/telemetry", "{}"),
    said("PUT", "/2022-07-01/telemetry", "{}", nobody),
]
id, _, _ = register('INVOKE', 'SHUTDOWN')
all.append(said("POST", base + "exit/error", "{}", whoami(id)))
all.append(said("POST", base + "register", "{}", own))
show(all=all)
while True: next(id)
"#;
    with(&server, "f", &echo(), &[("ext", script)]);
    assert_eq!(server.answer("f", "1"), 1);
    let all = shown(&server);
    let expected = json!([
        [403, "Extension.InvalidExtensionName"],
        [403, "InvalidRequestFormat"],
        [403, "Extension.InvalidEventType"],
        [403, "InvalidRequestFormat"],
        [403, "InvalidRequestFormat"],
        [403, "InvalidRequestFormat"],
        [405, ""],
        [403, "Extension.MissingExtensionIdentifier"],
        [403, "Extension.InvalidExtensionIdentifier"],
        [403, "Extension.UnknownExtensionIdentifier"],
        [403, "Extension.UnknownExtensionIdentifier"],
        [404, "404 page not found\n"],
        [403, "Extension.MissingExtensionIdentifier"],
        [403, "Extension.UnknownExtensionIdentifier"],
        [403, "Extension.MissingHeader"],
        [403, "Extension.InvalidExtensionState"],
    ]);
    assert_eq!(all[0]["all"], expected);
}

/// The example's own extension, as it is packaged: a program of Rust and the crate that AWS has for it.
#[test]
fn the_example_extension_is_told_too() {
    let mut server = Server::start(&[]);
    let bundle = crate::orders::extension_zip("orders-audit");
    let bundle = std::fs::read(bundle).unwrap();
    let arch = json!({ "Architectures": [crate::support::host_arch()], "Timeout": 10 });
    create(&server, "audited", &echo(), &bundle, &arch);
    let reply = server.invoke("audited", "1");
    assert_eq!(reply.json(), 1);
    let id = reply.header("x-amzn-requestid").unwrap();
    let log = reply.log();
    assert!(log.contains("Name: orders-audit\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n"), "{log}");
    let line = log.lines().find(|line| line.contains("invoked")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(id), "{log}");
    assert_eq!(server.stop(), Some(0));
    assert!(server.said().contains("shut down reason=\"spindown\""), "{}", server.said());
}
