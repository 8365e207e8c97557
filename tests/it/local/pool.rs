//! Which environment takes an invocation, what it finds there, and when it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Server, lives, soon};
use super::zips::{echo, python, says};

/// Answers the number of its process, after as many seconds as the event says.
const PID: &str = "loop(lambda event: time.sleep(event) or os.getpid())";

fn pid(server: &Server, name: &str) -> u64 {
    server.answer(name, "0").as_u64().unwrap()
}

#[test]
fn an_environment_is_used_again() {
    let server = Server::start(&[]);
    server.create("warm", &python(PID));
    let first = pid(&server, "warm");
    for _ in 0..5 {
        // One that has answered must have asked for more, or another is started.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(pid(&server, "warm"), first);
    }
    let init = |log: &str| log.contains("Init Duration: ");
    server.create("log", &echo());
    assert!(init(&server.invoke("log", "1").log()), "the first one's init is told");
    std::thread::sleep(Duration::from_millis(100));
    assert!(!init(&server.invoke("log", "1").log()), "and only the first one's");
}

#[test]
fn ten_at_once_are_ten_processes() {
    let server = Server::start(&[]);
    server.create("many", &python(PID));
    let pids = at_once(&server, "many", 10, "0.5");
    let pids: BTreeSet<u64> = pids.iter().map(|reply| reply.as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 10);
    let again = at_once(&server, "many", 10, "0.2");
    assert!(again.iter().all(|reply| pids.contains(&reply.as_u64().unwrap())), "{again:?}");
}

fn at_once(server: &Server, name: &str, count: usize, event: &str) -> Vec<Value> {
    std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..count).map(|_| scope.spawn(|| server.invoke(name, event).json())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// Each process numbers what it is given: nothing is lost, nothing is done twice.
#[test]
#[ignore = "10,000 invocations"]
fn ten_thousand_by_fifty_clients_are_ten_thousand() {
    let server = Server::start(&["-q"]);
    let script = "n = 0\ndef answer(event):\n    global n\n    n += 1\n    \
                  return [event, os.getpid(), n]\nloop(answer)";
    server.create_with("many", &python(script), &json!({ "Timeout": 60 }));
    let round = |from: usize| -> Vec<(u64, u64)> {
        std::thread::scope(|scope| {
            let client = |n: usize| {
                let server = &server;
                let each = (0..100).map(move |m| {
                    let event = (from + n * 100 + m).to_string();
                    let said = server.answer("many", &event);
                    assert_eq!(said[0].to_string(), event);
                    (said[1].as_u64().unwrap(), said[2].as_u64().unwrap())
                });
                scope.spawn(move || each.collect::<Vec<_>>())
            };
            let all: Vec<_> = (0..50).map(client).collect();
            all.into_iter().flat_map(|one| one.join().unwrap()).collect()
        })
    };
    let mut all = round(0);
    let before = server.memory();
    all.extend(round(5000));
    let more = server.memory().saturating_sub(before);
    assert!(more <= 4, "{more} MB more");
    all.sort_unstable();
    assert_eq!(all.len(), 10_000);
    for pair in all.windows(2) {
        let [(one, n), (other, next)] = pair else { unreachable!() };
        assert!(if one == other { *next == n + 1 } else { *next == 1 }, "{pair:?}");
    }
}

#[test]
fn more_than_is_reserved_is_throttled() {
    let server = Server::start(&[]);
    server.create("one", &python(PID));
    server.create("other", &python(PID));
    let path = "/2017-10-31/functions/one/concurrency";
    server.control("PUT", path, &json!({ "ReservedConcurrentExecutions": 1 }));
    pid(&server, "one");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.invoke("one", "0.5"));
        std::thread::sleep(Duration::from_millis(150));
        let second = server.invoke("one", "0");
        let (status, code, _) = second.refusal();
        assert_eq!((status, code.as_str()), (429, "TooManyRequestsException"));
        let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
        assert_eq!(second.json()["Reason"], reason, "{second:?}");
        // It is the function's own limit.
        pid(&server, "other");
        assert_eq!(first.join().unwrap().status, 200);
    });
    pid(&server, "one");
    server.control("PUT", path, &json!({ "ReservedConcurrentExecutions": 0 }));
    assert_eq!(server.invoke("one", "0").status, 429);
    server.control("DELETE", path, &json!({}));
    pid(&server, "one");
}

#[test]
fn an_update_retires_what_ran_before() {
    let server = Server::start(&[]);
    server.create("f", &python(PID));
    server.control("POST", "/2015-03-31/functions/f/versions", &json!({}));
    let (latest, one) = (pid(&server, "f"), pid(&server, "f:1"));
    assert_ne!(latest, one);
    // One that is busy answers first.
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| server.answer("f", "0.5"));
        std::thread::sleep(Duration::from_millis(150));
        server.update("f", &says("new"));
        assert_eq!(server.answer("f", "0"), "new");
        assert_eq!(busy.join().unwrap(), latest);
    });
    soon("the old one ends", || !lives(latest));
    assert_eq!(pid(&server, "f:1"), one, "a version is not touched");
    // So does a change of the configuration.
    server.update("f", &python(PID));
    let before = pid(&server, "f");
    let path = "/2015-03-31/functions/f/configuration";
    server.control("PUT", path, &json!({ "Environment": { "Variables": { "NAME": "b" } } }));
    assert_ne!(pid(&server, "f"), before);
    soon("the old one ends", || !lives(before));
    server.control("DELETE", "/2015-03-31/functions/f", &json!({}));
    soon("all end with the function", || !lives(one));
}

/// A function of a name that was deleted is another one.
#[test]
fn a_function_that_is_made_again_is_another() {
    let server = Server::start(&[]);
    for n in 0..5 {
        server.create("same", &says(&n.to_string()));
        assert_eq!(server.answer("same", "0"), n.to_string());
        server.control("DELETE", "/2015-03-31/functions/same", &json!({}));
        assert_eq!(server.invoke("same", "0").status, 404);
    }
}

#[test]
fn one_that_is_not_used_ends() {
    let server = Server::start(&["--idle", "1s"]);
    server.create("idle", &python(PID));
    let first = pid(&server, "idle");
    soon("it ends", || !lives(first));
    assert_ne!(pid(&server, "idle"), first);
}

#[test]
fn weights_are_kept_to_and_each_answer_names_its_version() {
    let server = Server::start(&["-q"]);
    server.create("f", &says("1"));
    server.control("POST", "/2015-03-31/functions/f/versions", &json!({}));
    server.update("f", &says("2"));
    server.control("POST", "/2015-03-31/functions/f/versions", &json!({}));
    let routing = json!({ "AdditionalVersionWeights": { "2": 0.3 } });
    let alias = json!({ "Name": "live", "FunctionVersion": "1", "RoutingConfig": routing });
    server.control("POST", "/2015-03-31/functions/f/aliases", &alias);
    let one = || {
        let reply = server.invoke_with("f:live", &[], b"0");
        let version = reply.header("x-amz-executed-version").unwrap().to_owned();
        assert_eq!(reply.json(), version, "{reply:?}");
        version == "2"
    };
    let second = || (0..250).filter(|_| one()).count();
    let count: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(second)).collect();
        all.into_iter().map(|part| part.join().unwrap()).sum()
    });
    // Five standard deviations: once in a million runs it is another.
    assert!((228..=372).contains(&count), "{count} of 1000 at 0.3");
}

/// AWS: "Lambda quotas", file descriptors. The server itself may have as many as it can get.
#[test]
fn a_function_may_have_1024_files_open_and_the_server_more() {
    let server = Server::start(&[]);
    let script = "import resource\nloop(lambda event: resource.getrlimit(resource.RLIMIT_NOFILE))";
    server.create("files", &python(script));
    assert_eq!(server.answer("files", "{}"), json!([1024, 1024]));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<_> = files.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{files}");
}

/// AWS: "Defined runtime environment variables".
#[test]
fn the_environment_is_lambdas() {
    // What stands in for /tmp where there is no sandbox.
    let server = Server::start(&["--no-sandbox", "--region", "eu-west-1"]);
    let script = "loop(lambda event: {'env': dict(os.environ), 'cwd': os.getcwd(), \
                  'here': os.path.dirname(os.path.abspath(sys.argv[0])), \
                  'tmp': os.listdir(os.environ['TMPDIR']), 'stdin': sys.stdin.read()})";
    let settings = json!({
        "MemorySize": 256, "Handler": "own.handler",
        "Environment": { "Variables": { "MINE": "é ü\n=", "TZ": "Europe/Berlin" } },
    });
    server.create_with("env", &python(script), &settings);
    let said = server.answer("env", "{}");
    let env = &said["env"];
    for (name, value) in [
        ("_HANDLER", "own.handler"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "env"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/env"),
        ("LANG", "en_US.UTF-8"),
        ("MINE", "é ü\n="),
        ("TZ", "Europe/Berlin"),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "LAMBDA_RUNTIME_DIR",
        "PATH",
        "LD_LIBRARY_PATH",
    ] {
        assert!(env[name].is_string(), "{name}");
    }
    assert_eq!(said["cwd"], env["LAMBDA_TASK_ROOT"], "the working directory");
    assert_eq!(said["here"], env["LAMBDA_TASK_ROOT"], "where the bootstrap is");
    assert_eq!((&said["tmp"], &said["stdin"]), (&json!([]), &json!("")));
    // Nothing of who started the server.
    // Nor what AWS sets for its managed runtimes only.
    for name in ["AWS_EXECUTION_ENV", "HOME", "CARGO_HOME", "USER", "PWD", "CARGO_MANIFEST_DIR"] {
        assert!(env[name].is_null(), "{name}");
    }
}

/// What the Rust runtime reads of each invocation.
#[test]
fn each_invocation_brings_its_headers() {
    let server = Server::start(&[]);
    let script = "while True:\n    id, headers, event = next()\n    respond(id, {k.lower(): v for k, v \
                  in headers.items() if k.lower().startswith('lambda-')} | {'now': time.time() * 1000})";
    server.create_with("heads", &python(script), &json!({ "Timeout": 9 }));
    server.control("POST", "/2015-03-31/functions/heads/versions", &json!({}));
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    server.control("POST", "/2015-03-31/functions/heads/aliases", &alias);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:heads";
    for (name, arn) in [
        ("heads", arn.to_owned()),
        ("heads:1", format!("{arn}:1")),
        ("heads:live", format!("{arn}:live")),
    ] {
        // {"custom": {"a":
        //  "b"}}
        let context = ("X-Amz-Client-Context", "eyJjdXN0b20iOiB7ImEiOgogImIifX0=");
        let trace = ("X-Amzn-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1");
        let reply = server.invoke_with(name, &[context, trace], b"{}");
        let said = reply.json();
        assert_eq!(said["lambda-runtime-invoked-function-arn"], arn);
        assert_eq!(
            said["lambda-runtime-aws-request-id"],
            reply.header("x-amzn-requestid").unwrap()
        );
        assert_eq!(said["lambda-runtime-trace-id"], trace.1);
        let context: Value =
            serde_json::from_str(said["lambda-runtime-client-context"].as_str().unwrap()).unwrap();
        assert_eq!(context, json!({ "custom": { "a": "b" } }));
        let deadline: f64 = said["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
        let left = deadline - said["now"].as_f64().unwrap();
        assert!((7000.0..=9000.0).contains(&left), "{left} ms");
    }
}
