//! What CloudWatch has counted, asked by the release's own client: of the embedded Lambda, of what it runs,
//! and of moto, of what was put there. The client speaks RPC v2 CBOR and moto only JSON, so that something
//! between them says the one in the other.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ciborium::Value as Cbor;
use lambda_pack::aws::{Alarm, Aws, Counted, Place};
use serde_json::{Value, json};

use crate::deploy::emulators::Emulator;
use crate::local::server::{Reply, Server};
use crate::local::zips;

const FUNCTIONS: &str = "/2015-03-31/functions";

/// A call of CloudWatch's, as JSON, which must succeed.
fn put(address: &str, operation: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: GraniteServiceVersion20100801.{operation}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=local/20261120/us-east-1/monitoring/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let reply = Reply::read(&mut stream);
    assert_eq!(reply.status, 200, "{operation}: {reply:?}");
    reply.body
}

/// The address of what takes CBOR, and asks there by JSON.
fn translated(to: &str) -> String {
    let (listener, to) = (TcpListener::bind("127.0.0.1:0").unwrap(), to.to_owned());
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        // Ends with the process.
        for stream in listener.incoming().flatten() {
            translate(stream, &to);
        }
    });
    address
}

/// One request and its answer.
fn translate(mut stream: TcpStream, to: &str) {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    let (head, length) = loop {
        let count = stream.read(&mut part).unwrap();
        bytes.extend(&part[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
        break (head, end + 4 + length);
    };
    while bytes.len() < length {
        let count = stream.read(&mut part).unwrap();
        bytes.extend(&part[..count]);
    }
    let path = head.split(' ').nth(1).unwrap();
    let operation = path.rsplit('/').next().unwrap();
    assert_eq!(path, format!("/service/GraniteServiceVersion20100801/operation/{operation}"));
    let body = &bytes[head.len() + 4..];
    let answer = put(to, operation, &to_json(ciborium::from_reader(body).unwrap()));
    let mut body = Vec::new();
    let answer = to_cbor("", serde_json::from_slice(&answer).unwrap());
    ciborium::into_writer(&answer, &mut body).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/cbor\r\nsmithy-protocol: rpc-v2-cbor\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
}

fn to_json(value: Cbor) -> Value {
    match value {
        Cbor::Map(all) => {
            let member = |(name, value): (Cbor, Cbor)| (name.into_text().unwrap(), to_json(value));
            Value::Object(all.into_iter().map(member).collect())
        }
        Cbor::Array(all) => all.into_iter().map(to_json).collect(),
        // A time: seconds.
        Cbor::Tag(1, seconds) => to_json(*seconds),
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Float(number) => number.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bool(is) => is.into(),
        other => panic!("{other:?}"),
    }
}

/// `member`: what it is a member of, by which the kinds of numbers are told apart.
fn to_cbor(member: &str, value: Value) -> Cbor {
    match value {
        Value::Object(all) => {
            let all = all.into_iter().filter(|(_, value)| !value.is_null());
            let pair =
                |(name, value): (String, Value)| (Cbor::Text(name.clone()), to_cbor(&name, value));
            Cbor::Map(all.map(pair).collect())
        }
        Value::Array(all) => Cbor::Array(all.into_iter().map(|it| to_cbor(member, it)).collect()),
        Value::Number(number) if member.contains("Timestamp") => {
            Cbor::Tag(1, Box::new(Cbor::Float(number.as_f64().unwrap())))
        }
        Value::Number(number) if ["Values", "Threshold"].contains(&member) => {
            Cbor::Float(number.as_f64().unwrap())
        }
        Value::Number(number) => Cbor::Integer(number.as_i64().unwrap().into()),
        Value::String(text) => Cbor::Text(text),
        Value::Bool(is) => Cbor::Bool(is),
        Value::Null => Cbor::Null,
    }
}

/// What is done with a client of what listens at an address.
fn with<T>(address: &str, work: impl AsyncFnOnce(Aws) -> T) -> T {
    let local: SocketAddr = address.parse().unwrap();
    let place = Place { local: Some(local), ..Place::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        work(Aws::connect(&place, 0.0, Box::new(|_, _| ())).await.unwrap()).await
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn alarm(address: &str, name: &str, state: &str) {
    put(
        address,
        "PutMetricAlarm",
        &json!({
            "AlarmName": name, "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Dimensions": [{ "Name": "FunctionName", "Value": "api" }],
        }),
    );
    let state = json!({ "AlarmName": name, "StateValue": state, "StateReason": "a rehearsal" });
    put(address, "SetAlarmState", &state);
}

/// More alarms than one call may name, one that nobody asks for, and one that is not there.
fn alarms(to: &str, address: &str) {
    alarm(to, "errors", "ALARM");
    alarm(to, "slow", "OK");
    alarm(to, "other", "ALARM");
    let many = (0..130).map(|at| format!("missing-{at}"));
    let names: Vec<String> =
        ["slow", "errors", "slow"].into_iter().map(str::to_owned).chain(many).collect();
    let (all, none) = with(address, async |aws| (aws.alarms(&names).await, aws.alarms(&[]).await));
    let is = |state: &str| Alarm { state: state.to_owned(), reason: "a rehearsal".to_owned() };
    let expected = [("errors".to_owned(), is("ALARM")), ("slow".to_owned(), is("OK"))];
    assert_eq!(all.unwrap(), expected.into());
    assert!(none.unwrap().is_empty());
}

#[test]
fn the_embedded_lambda_tells_versions_of_an_alias_apart() {
    let server = Server::start(&[]);
    let fails = "while True:\n    id, _, event = next()\n    \
                 fail(id, {'errorType': 'Mine'}) if event else respond(id, 1)";
    server.create("api", &zips::python(fails));
    server.control("POST", &format!("{FUNCTIONS}/api/versions"), &json!({}));
    let settings = json!({ "Description": "two" });
    server.control("PUT", &format!("{FUNCTIONS}/api/configuration"), &settings);
    server.control("POST", &format!("{FUNCTIONS}/api/versions"), &json!({}));
    // All that comes goes to the second version.
    let weights = json!({ "AdditionalVersionWeights": { "2": 1.0 } });
    let live = json!({ "Name": "live", "FunctionVersion": "1", "RoutingConfig": weights });
    server.control("POST", &format!("{FUNCTIONS}/api/aliases"), &live);
    let begin = now();
    for event in ["0", "0", "1"] {
        assert_eq!(server.invoke("api:live", event).status, 200);
    }
    server.answer("api:1", "0");
    let none = json!({ "ReservedConcurrentExecutions": 0 });
    server.control("PUT", "/2017-10-31/functions/api/concurrency", &none);
    assert_eq!(server.invoke("api:live", "0").status, 429);
    let of = async |aws: &Aws, version: &str, begin: u64| {
        aws.counted("api", "live", version, begin..now() + 1, "p99").await.unwrap()
    };
    let (second, first, later) = with(&server.address, async |aws| {
        (of(&aws, "2", begin).await, of(&aws, "1", begin).await, of(&aws, "2", now() + 120).await)
    });
    let duration = second.duration.unwrap();
    assert!(duration > 0.0 && duration < 60_000.0, "{duration}");
    let expected = Counted { invocations: 3.0, errors: 1.0, throttles: 1.0, ..second };
    assert_eq!((second, first), (expected, Counted::default()));
    assert_eq!(later, Counted::default());
    alarms(&server.address, &server.address);
}

#[test]
fn moto_answers_what_was_put_there() {
    let Some(moto) = Emulator::moto() else { return };
    let address = translated(&moto.address);
    let begin = (now() - 600) / 180 * 180;
    let metric = |name: &str, version: &str, at: u64, value: f64| {
        let dimension = |name: &str, value: &str| json!({ "Name": name, "Value": value });
        let dimensions = [
            dimension("FunctionName", "api"),
            dimension("Resource", "api:live"),
            dimension("ExecutedVersion", version),
        ];
        json!({ "MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value })
    };
    let data = [
        metric("Invocations", "2", begin, 40.0),
        metric("Invocations", "2", begin + 61, 2.0),
        metric("Invocations", "1", begin, 900.0),
        // Before and after.
        metric("Invocations", "2", begin - 1, 7.0),
        metric("Invocations", "2", begin + 180, 7.0),
        metric("Errors", "2", begin + 61, 3.0),
        metric("Throttles", "2", begin + 179, 1.0),
        metric("Duration", "2", begin, 10.0),
        metric("Duration", "2", begin + 61, 20.0),
    ];
    put(&moto.address, "PutMetricData", &json!({ "Namespace": "AWS/Lambda", "MetricData": data }));
    let counted = with(&address, async |aws| {
        aws.counted("api", "live", "2", begin..begin + 180, "Average").await
    });
    let expected = Counted { invocations: 42.0, errors: 3.0, throttles: 1.0, duration: Some(15.0) };
    assert_eq!(counted.unwrap(), expected);
    alarms(&moto.address, &address);
}
