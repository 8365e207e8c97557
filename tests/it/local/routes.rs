//! Requests below `/routes`, as an HTTP API of API Gateway hands them on: by a server in this process,
//! which is how commands that know routes start one.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_pack::local::{self, LocalError, Options};
use lambda_pack::routes::Routes;
use serde_json::{Value, json};

use super::server::{Reply, SIGNED};
use super::urls::send;
use super::zips::{echo, python};

/// A server on a thread; it ends when this is dropped.
struct Own {
    address: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), LocalError>>>,
}

impl Own {
    fn start(routes: &[(&str, &str)]) -> Self {
        let options = Options {
            port: 0,
            region: "us-east-1".to_owned(),
            data: None,
            scratch: None,
            delay: Duration::ZERO,
            s3_endpoint: None,
            retries: vec![Duration::ZERO],
            idle: Duration::from_mins(5),
            program: env!("CARGO_BIN_EXE_cargo-lambda-pack").into(),
            faults: Vec::new(),
            seed: 0,
            drain: false,
            sandbox: true,
            expected: std::collections::BTreeSet::new(),
            images: lambda_pack::local::Images::default(),
            routes: Routes::new(routes.iter().copied()).unwrap(),
        };
        let (sender, address) = mpsc::channel::<SocketAddr>();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let ready = move |handle: local::Handle| sender.send(handle.address).unwrap();
            let stop = || Ok(async move { drop(stopped.await) });
            local::serve(options, Box::new(|_| ()), ready, stop)
        });
        let address = address.recv().unwrap().to_string();
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    fn create(&self, name: &str, zip: &[u8]) {
        let settings = json!({
            "FunctionName": name,
            "Role": "arn:aws:iam::123456789012:role/orders",
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": { "ZipFile": STANDARD.encode(zip) },
        });
        let reply = self.signed("POST", "/2015-03-31/functions", &settings);
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    fn signed(&self, method: &str, path: &str, body: &Value) -> Reply {
        let signed = format!("Authorization: {SIGNED}");
        send(&self.address, method, path, &[&signed], body.to_string().as_bytes())
    }

    fn get(&self, path: &str) -> Reply {
        send(&self.address, "GET", path, &[], b"")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.stop.take());
        let served = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            served.unwrap().unwrap();
        }
    }
}

#[test]
fn a_request_goes_to_the_function_of_its_route() {
    let server = Own::start(&[
        ("GET /orders/{id}", "orders"),
        ("ANY /files/{proxy+}", "files:live"),
        ("POST /", "root"),
    ]);
    for name in ["orders", "files", "root"] {
        server.create(name, &echo());
    }
    let publish = server.signed("POST", "/2015-03-31/functions/files/versions", &json!({}));
    assert_eq!(publish.status, 201);
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    server.signed("POST", "/2015-03-31/functions/files/aliases", &alias);

    let reply = server.get("/routes/orders/a%2Fb%20c?x=1&x=2");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let event = reply.json();
    assert_eq!(
        (&event["version"], &event["routeKey"]),
        (&json!("2.0"), &json!("GET /orders/{id}"))
    );
    assert_eq!(event["pathParameters"], json!({ "id": "a/b c" }));
    // Other than a function URL, an HTTP API decodes it.
    assert_eq!(event["rawPath"], "/orders/a/b c");
    assert_eq!(event["queryStringParameters"], json!({ "x": "1,2" }));
    let context = &event["requestContext"];
    assert_eq!(
        (&context["accountId"], &context["stage"]),
        (&json!("123456789012"), &json!("$default"))
    );
    assert_eq!(context["routeKey"], event["routeKey"]);
    assert_eq!(context["http"]["path"], "/orders/a/b c");
    assert_eq!(reply.header("apigw-requestid"), context["requestId"].as_str());

    let event = server.get("/routes/files/a/b/").json();
    assert_eq!(event["pathParameters"], json!({ "proxy": "a/b/" }));
    assert_eq!(event["rawPath"], "/files/a/b/");
    for path in ["/routes", "/routes/"] {
        let event = send(&server.address, "POST", path, &[], b"").json();
        assert_eq!((&event["rawPath"], event.get("pathParameters")), (&json!("/"), None));
    }
    // None of these is a route; and a page may ask.
    for path in ["/routes/orders", "/routes/orders/", "/routes/orders/1/2", "/routes/", "/routes/x"]
    {
        let reply = send(&server.address, "GET", path, &["Origin: http://example.org"], b"");
        assert_eq!(
            (reply.status, reply.json()),
            (404, json!({ "message": "Not Found" })),
            "{path}"
        );
    }
}

#[test]
fn what_goes_wrong_is_said_as_api_gateway_says_it() {
    let server = Own::start(&[
        ("GET /fails", "fails"),
        ("GET /nonsense", "nonsense"),
        ("GET /missing", "missing"),
        ("$default", "answers"),
    ]);
    server
        .create("fails", &python("id, _, event = next()\nfail(id, {'errorType': 'Mine'})\nnext()"));
    server.create("nonsense", &python("loop(lambda event: b'nonsense')"));
    server.create(
        "answers",
        &python("loop(lambda event: {'statusCode': 418, 'body': event['rawPath']})"),
    );
    for path in ["/routes/fails", "/routes/nonsense", "/routes/missing"] {
        let reply = server.get(path);
        let expected = (500, json!({ "message": "Internal Server Error" }));
        assert_eq!((reply.status, reply.json()), expected, "{path}");
    }
    let reply = server.get("/routes/any/thing");
    assert_eq!((reply.status, &reply.body[..]), (418, &b"/any/thing"[..]));
    let none = json!({ "ReservedConcurrentExecutions": 0 });
    server.signed("PUT", "/2017-10-31/functions/answers/concurrency", &none);
    let reply = server.get("/routes/any");
    assert_eq!((reply.status, reply.json()), (503, json!({ "message": "Service Unavailable" })));
    let large = send(&server.address, "POST", "/routes/any", &[], &vec![b'x'; (6 << 20) + 1]);
    assert_eq!(large.json(), json!({ "message": "Request Entity Too Large" }));
}
