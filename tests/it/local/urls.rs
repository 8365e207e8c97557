//! Function URLs: requests become events, and what functions say HTTP answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Reply, SIGNED, Server, soon};
use super::zips::{echo, python};

/// A function with a URL that is as these settings say; its id.
#[track_caller]
pub(crate) fn url(server: &Server, name: &str, config: &Value) -> String {
    let mut request = json!({ "AuthType": "NONE" });
    request.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let made = server.control("POST", &format!("/2021-10-31/functions/{name}/url"), &request);
    let url = made["FunctionUrl"].as_str().unwrap();
    let id = url.strip_prefix("https://").unwrap().split('.').next().unwrap();
    assert_eq!(url, format!("https://{id}.lambda-url.us-east-1.on.aws/"));
    id.to_owned()
}

/// A request as a program that knows nothing of AWS sends it.
pub(crate) fn ask(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Reply {
    send(&server.address, method, path, headers, body)
}

/// The same to any server.
pub(crate) fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    // A server that refuses may have hung up before all was sent.
    let _ = stream.write_all(&request(address, method, path, headers, body));
    Reply::read(&mut stream)
}

fn request(host: &str, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for header in headers {
        head.push_str(&format!("{header}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A function that answers its event, and one that answers what its event's body says.
fn server() -> Server {
    let server = Server::start(&[]);
    server.create("echo", &echo());
    server.create(
        "says",
        &python("import base64\nloop(lambda event: base64.b64decode(event['body']))"),
    );
    url(&server, "says", &json!({}));
    server
}

/// What comes of a response of a function.
fn said(server: &Server, response: &str) -> Reply {
    let kind = "Content-Type: application/octet-stream";
    ask(server, "POST", "/url/says", &[kind], response.as_bytes())
}

#[test]
fn a_request_becomes_an_event() {
    let server = server();
    let id = url(&server, "echo", &json!({}));
    let headers = [
        "Content-Type: application/json",
        "User-Agent: test/echo",
        "ExTrA-HeadErs: With WeiRd CapS",
        "X-Two: 1",
        "x-two: 2",
        "Cookie: a=1; b=2",
        "X-Forwarded-For: 6.6.6.6",
    ];
    // The recorded request.
    let path = "/url/echo/pa2%25Fth/1?q=query&multiQuery=foo&multiQuery=%2Fbar";
    let reply = ask(&server, "POST", path, &headers, b"{\"foo\": \"bar\"}");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let event = reply.json();
    let port = server.address.split_once(':').unwrap().1;
    let domain = format!("{id}.lambda-url.us-east-1.on.aws");
    let context = &event["requestContext"];
    let trace = event["headers"]["x-amzn-trace-id"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-") && trace.len() == 40, "{trace}");
    assert_eq!(
        event,
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/pa2%25Fth/1",
            "rawQueryString": "q=query&multiQuery=foo&multiQuery=%2Fbar",
            "cookies": ["a=1", "b=2"],
            "headers": {
                "content-length": "14",
                "content-type": "application/json",
                "extra-headers": "With WeiRd CapS",
                "host": server.address,
                "user-agent": "test/echo",
                "x-amzn-trace-id": trace,
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": port,
                "x-forwarded-proto": "http",
                "x-two": "1,2",
            },
            "queryStringParameters": { "q": "query", "multiQuery": "foo,/bar" },
            "requestContext": {
                "accountId": "anonymous",
                "apiId": id,
                "domainName": domain,
                "domainPrefix": id,
                "http": {
                    "method": "POST",
                    "path": "/pa2%25Fth/1",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "test/echo",
                },
                "requestId": context["requestId"],
                "routeKey": "$default",
                "stage": "$default",
                "time": context["time"],
                "timeEpoch": context["timeEpoch"],
            },
            "body": "{\"foo\": \"bar\"}",
            "isBase64Encoded": false,
        })
    );
    // The id under which the function's log has it.
    let id = context["requestId"].as_str().unwrap();
    assert_eq!(reply.header("x-amzn-requestid"), Some(id));
    soon("it is in the log", || server.said().contains(&format!("START RequestId: {id} ")));
}

#[test]
fn paths_methods_and_bodies_of_every_kind() {
    let server = server();
    url(&server, "echo", &json!({}));
    let event = |method: &str, path: &str| ask(&server, method, path, &[], b"").json();
    for (path, raw) in [
        ("/url/echo", "/"),
        ("/url/echo/", "/"),
        ("/url/echo?", "/"),
        ("/url/echo//a%2Fb/../c/", "//a%2Fb/../c/"),
        ("/url/echo:$LATEST/x", "/x"),
        ("/url/echo%3A%24LATEST/x", "/x"),
    ] {
        let event = event("GET", path);
        assert_eq!(
            (&event["rawPath"], &event["rawQueryString"]),
            (&json!(raw), &json!("")),
            "{path}"
        );
        assert_eq!((event.get("body"), &event["isBase64Encoded"]), (None, &json!(false)));
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        assert_eq!(event(method, "/url/echo/x")["requestContext"]["http"]["method"], method);
    }
    let mut stream = server.connect();
    stream.write_all(&request(&server.address, "HEAD", "/url/echo/x", &[], b"")).unwrap();
    let mut head = String::new();
    stream.read_to_string(&mut head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "no body: {head}");
    // In pieces, with a trailer.
    let mut stream = server.connect();
    let chunked = request(
        &server.address,
        "POST",
        "/url/echo/",
        &["Content-Type: text/plain", "Transfer-Encoding: chunked"],
        b"",
    );
    stream.write_all(&chunked).unwrap();
    stream.write_all(b"3\r\nabc\r\n2\r\n\xc3\xa9\r\n0\r\nX-End: 1\r\n\r\n").unwrap();
    let event = Reply::read(&mut stream).json();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("abcé"), &json!(false)));
    assert!(event["headers"].get("transfer-encoding").is_none(), "{event}");
    // Bytes that are no text, and a form.
    let body =
        |kind: &str| ask(&server, "POST", "/url/echo/", &[kind], b"a=\xff").json()["body"].clone();
    assert_eq!(body("Content-Type: image/png"), "YT3/");
    assert_eq!(body("Content-Type: application/x-www-form-urlencoded"), "YT3/");
    let large = format!("X-Large: {}", "x".repeat(60_000));
    let event = ask(&server, "GET", "/url/echo/", &[&large], b"").json();
    assert_eq!(event["headers"]["x-large"].as_str().unwrap().len(), 60_000);
}

/// Who asks before it sends is told to, unless it is to be refused.
#[test]
fn expect_100_continue() {
    let server = server();
    url(&server, "echo", &json!({}));
    let begin = |length: usize| {
        let mut stream = server.connect();
        let length = format!("Content-Length: {length}");
        let head = request(
            &server.address,
            "POST",
            "/url/echo/",
            &["Expect: 100-continue", &length, "Content-Type: text/plain"],
            b"",
        );
        stream.write_all(&head).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        (stream, String::from_utf8_lossy(&first).into_owned())
    };
    let (mut stream, first) = begin(2);
    assert_eq!(first, "HTTP/1.1 100");
    stream.write_all(b"ok").unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("HTTP/1.1 200") && rest.contains("\"body\":\"ok\""), "{rest}");
    let (_, first) = begin(200 << 20);
    assert_eq!(first, "HTTP/1.1 413");
}

#[test]
fn one_connection_for_many_requests() {
    let server = server();
    url(&server, "echo", &json!({}));
    let mut stream = server.connect();
    for n in 0..20 {
        let request = format!("GET /url/echo/{n} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        stream.write_all(request.as_bytes()).unwrap();
        let reply = one(&mut stream);
        assert_eq!(reply.json()["rawPath"], format!("/{n}"));
    }
}

/// Reads one answer that says how long it is.
fn one(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..length]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return Reply::parse(&bytes).0;
        }
    }
}

#[test]
fn what_a_function_says_becomes_an_answer() {
    let server = server();
    let reply = said(
        &server,
        r#"{"statusCode": 201, "headers": {"Content-Type": "text/html", "My-Custom-Header": "Custom Value"},
        "cookies": ["a=1; Max-Age=1", "b=2"], "body": "PHA+", "isBase64Encoded": true}"#,
    );
    assert_eq!((reply.status, &reply.body[..]), (201, &b"<p>"[..]));
    assert_eq!(reply.header("content-type"), Some("text/html"));
    assert_eq!(reply.header("my-custom-header"), Some("Custom Value"));
    assert_eq!(reply.headers("set-cookie"), ["a=1; Max-Age=1", "b=2"]);
    // Recorded, each with its length.
    for (response, body) in [
        (r#"{"hello": "world"}"#, r#"{"hello":"world"}"#),
        (r#""hello""#, "hello"),
        ("[\"hello\", 3, true]", "[\"hello\",3,true]"),
        ("3.1", "3.1"),
        (r#"{"statusCode": 200, "body": "body123"}"#, "body123"),
    ] {
        let reply = said(&server, response);
        assert_eq!(
            (reply.status, String::from_utf8(reply.body.clone()).unwrap()),
            (200, body.to_owned())
        );
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.header("content-length"), Some(&*body.len().to_string()));
    }
    let reply = said(&server, r#"{"statusCode": 204, "body": "not to be"}"#);
    assert_eq!((reply.status, reply.body.len(), reply.header("content-length")), (204, 0, None));
}

/// Recorded: the status and the body.
#[test]
fn a_function_that_fails_or_talks_nonsense_is_502() {
    let server = server();
    for response in
        ["", "nonsense", r#"{"statusCode": 42}"#, r#"{"statusCode": 200, "headers": 1}"#]
    {
        let reply = said(&server, response);
        assert_eq!(
            (reply.status, &reply.body[..]),
            (502, &b"Internal Server Error"[..]),
            "{response}"
        );
    }
    let why = "the response of says is no HTTP answer: it is no JSON";
    soon("it is told why", || server.said().contains(why));
    server.create("exits", &python("next()\nsys.exit(3)"));
    url(&server, "exits", &json!({}));
    let reply = ask(&server, "GET", "/url/exits/", &[], b"");
    assert_eq!((reply.status, &reply.body[..]), (502, &b"Internal Server Error"[..]));
}

#[test]
fn a_function_that_is_throttled_is_429() {
    let server = server();
    let path = "/2017-10-31/functions/says/concurrency";
    server.control("PUT", path, &json!({ "ReservedConcurrentExecutions": 0 }));
    let reply = said(&server, "1");
    let code = "TooManyRequestsException";
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (429, Some(code)), "{reply:?}");
}

#[test]
fn what_is_too_large_is_413() {
    let server = server();
    url(&server, "echo", &json!({}));
    let send = |length: usize| {
        ask(&server, "POST", "/url/echo/", &["Content-Type: text/plain"], &vec![b'x'; length])
            .status
    };
    assert_eq!(send(6 * 1024 * 1024 - 4096), 200);
    assert_eq!(send(6 * 1024 * 1024), 413, "the event is larger");
    assert_eq!(send(6 * 1024 * 1024 + 1), 413);
    assert_eq!(send(80 << 20), 413);
    // As base64 it does not fit.
    let large = vec![0xff; 5 << 20];
    assert_eq!(ask(&server, "POST", "/url/echo/", &[], &large).status, 413);
    assert_eq!(send(1), 200);
}

/// What there is no URL of, and what to do about it.
#[test]
fn what_has_no_url_says_how_to_get_one() {
    let server = server();
    let reply = ask(&server, "GET", "/url/echo/", &[], b"");
    assert_eq!(reply.status, 404);
    let message = reply.json()["Message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("create-function-url-config --function-name echo --auth-type NONE"),
        "{message}"
    );
    let reply = ask(&server, "GET", "/url/says:live/", &[], b"");
    assert!(
        reply.status == 404
            && reply.json()["Message"].as_str().unwrap().contains("--qualifier live")
    );
    for path in ["/url/none/x", "/url", "/url/", "/url/..", "/url/%00", "/url/:", "/url/a:b:c"] {
        assert_eq!(ask(&server, "GET", path, &[], b"").status, 404, "{path}");
    }
}

/// An alias has a URL of its own, which runs its version; without the alias there is no URL.
#[test]
fn an_alias_has_a_url_of_its_own() {
    let server = server();
    server.control("POST", "/2015-03-31/functions/echo/versions", &json!({}));
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    server.control("POST", "/2015-03-31/functions/echo/aliases", &alias);
    let made = server.control(
        "POST",
        "/2021-10-31/functions/echo/url?Qualifier=live",
        &json!({ "AuthType": "NONE" }),
    );
    let id = made["FunctionUrl"].as_str().unwrap()[8..].split('.').next().unwrap().to_owned();
    let reply = ask(&server, "GET", "/url/echo:live/", &[], b"");
    assert_eq!(reply.json()["requestContext"]["apiId"], id);
    soon("it runs version 1", || server.said().contains("Version: 1\n"));
    assert_eq!(ask(&server, "GET", "/url/echo/", &[], b"").status, 404, "that is `$LATEST`");
    server.control("DELETE", "/2015-03-31/functions/echo/aliases/live", &json!({}));
    assert_eq!(ask(&server, "GET", "/url/echo:live/", &[], b"").status, 404);
}

/// The host that AWS names, at any path; recorded: what is said of one that is not there.
#[test]
fn the_host_of_a_function_url_leads_to_it_alone() {
    let server = server();
    let id = url(&server, "echo", &json!({}));
    let send = |host: &str, path: &str, headers: &[&str]| {
        server.send(&request(host, "GET", path, headers, b""))
    };
    let port = server.address.split_once(':').unwrap().1;
    for host in [
        format!("{id}.lambda-url.us-east-1.on.aws"),
        format!("{}.lambda-url.localhost:{port}", id.to_uppercase()),
    ] {
        for path in ["/", "/2015-03-31/functions", "/url/says", "/code/x", "/routes/a"] {
            let event = send(&host, path, &["Origin: http://example.org"]).json();
            assert_eq!(
                (&event["rawPath"], &event["headers"]["host"]),
                (&json!(path), &json!(host))
            );
        }
        // Signed or not: nothing else is reached under that name.
        let signed = format!("Authorization: {SIGNED}");
        assert_eq!(
            send(&host, "/2015-03-31/functions", &[&signed]).json()["rawPath"],
            "/2015-03-31/functions"
        );
    }
    let unknown = "0123456789abcdefghijklmnopqrstuv.lambda-url.us-east-1.on.aws";
    let reply = send(unknown, "/", &[]);
    assert_eq!((reply.status, &reply.body[..]), (403, &br#"{"Message":null}"#[..]));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-amzn-errortype"), Some("AccessDeniedException"));
}

/// Pages may call these paths, and nothing else; a name that only leads here may call nothing.
#[test]
fn all_else_stays_closed_to_pages() {
    let server = server();
    url(&server, "echo", &json!({}));
    let own = format!("Origin: http://{}", server.address);
    let pages: [&[&str]; 5] = [
        &["Origin: http://example.org"],
        &["Origin: null"],
        &["Sec-Fetch-Site: cross-site"],
        // A page of a function's own URL has the origin of the whole server.
        &[&own, "Sec-Fetch-Site: same-origin"],
        &["Sec-Fetch-Site: same-origin"],
    ];
    let signed = format!("Authorization: {SIGNED}");
    for page in pages {
        assert_eq!(ask(&server, "GET", "/url/echo/", page, b"").status, 200, "{page:?}");
        let page: Vec<&str> = page.iter().copied().chain([signed.as_str()]).collect();
        for path in [
            "/2015-03-31/functions",
            "/",
            "/2021-10-31/functions/echo/url",
            "/urlecho",
            "/url%2Fecho/",
            "/./url/echo",
        ] {
            let reply = ask(&server, "GET", path, &page, b"");
            assert_eq!(reply.status, 403, "{path} {page:?}");
            assert!(reply.headers("access-control-allow-origin").is_empty());
        }
    }
    for host in [
        "rebound.example",
        "rebound.example:9720",
        "127.0.0.1.example",
        "x.on.aws",
        "echo.lambda-url.us-east-1.on.aws.example",
    ] {
        for path in ["/url/echo/", "/url/echo", "/routes/x", "/url"] {
            assert_eq!(
                server.send(&request(host, "GET", path, &[], b"")).status,
                403,
                "{host}{path}"
            );
        }
    }
    let without = b"GET /url/echo/ HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert_eq!(server.send(without).status, 403);
    let two = request(&server.address, "GET", "/url/echo/", &["Host: rebound.example"], b"");
    assert!([400, 403].contains(&server.send(&two).status));
    let elsewhere = request(&server.address, "GET", "http://rebound.example/url/echo/", &[], b"");
    assert_eq!(server.send(&elsewhere).status, 403);
}

#[test]
fn cors_is_answered_by_the_url_itself() {
    let server = server();
    let cors = json!({ "Cors": { "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-one"], "ExposeHeaders": ["etag"], "MaxAge": 60, "AllowCredentials": true } });
    server.create("cors", &python(
        "loop(lambda event: {'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': 'mine'}, 'body': event['requestContext']['http']['method']})",
    ));
    url(&server, "cors", &cors);
    let preflight = ["Origin: https://shop.example", "Access-Control-Request-Method: PUT"];
    let reply = ask(&server, "OPTIONS", "/url/cors/any", &preflight, b"");
    assert_eq!((reply.status, reply.body.len()), (200, 0), "{reply:?}");
    assert_eq!(reply.headers("access-control-allow-origin"), ["https://shop.example"]);
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET,PUT"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("access-control-max-age"), Some("60"));
    assert!(!server.said().contains("START"), "nobody was invoked");
    let reply = ask(&server, "GET", "/url/cors/any", &preflight[..1], b"");
    // As AWS warns of.
    assert_eq!(reply.headers("access-control-allow-origin"), ["mine", "https://shop.example"]);
    assert_eq!(reply.header("access-control-expose-headers"), Some("etag"));
    let reply = ask(&server, "GET", "/url/cors/any", &["Origin: https://other.example"], b"");
    assert_eq!(reply.headers("access-control-allow-origin"), ["mine"]);
    // Without a configuration it is the function's affair.
    url(&server, "echo", &json!({}));
    let event = ask(&server, "OPTIONS", "/url/echo/", &preflight, b"").json();
    assert_eq!(event["requestContext"]["http"]["method"], "OPTIONS");
}

#[test]
fn iam_takes_any_signature_and_refuses_none() {
    let server = server();
    let cors = json!({ "AllowOrigins": ["*"] });
    url(&server, "echo", &json!({ "AuthType": "AWS_IAM", "Cors": cors }));
    let reply = ask(&server, "GET", "/url/echo/", &["Origin: http://a.example"], b"");
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("x-amzn-errortype"), Some("AccessDeniedException"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert!(reply.json()["Message"].as_str().unwrap().starts_with("Forbidden"), "{reply:?}");
    let signed = format!("Authorization: {SIGNED}");
    let event = ask(&server, "GET", "/url/echo/", &[&signed], b"").json();
    let context = &event["requestContext"];
    assert_eq!(
        (&context["accountId"], &context["authentication"]),
        (&json!("123456789012"), &Value::Null)
    );
    assert_eq!(context["authorizer"]["iam"]["accessKey"], "local");
    assert_eq!(context["authorizer"]["iam"]["userArn"], "arn:aws:iam::123456789012:user/local");
    let presigned = "/url/echo/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261120%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
    let event = ask(&server, "GET", presigned, &[], b"").json();
    assert_eq!(event["requestContext"]["authorizer"]["iam"]["accessKey"], "AKID");
    let other = signed.replace("/lambda/", "/s3/");
    assert_eq!(ask(&server, "GET", "/url/echo/", &[&other], b"").status, 403);
    // Who asks whether it may is not signed.
    let preflight = ["Origin: http://a.example", "Access-Control-Request-Method: GET"];
    assert_eq!(ask(&server, "OPTIONS", "/url/echo/", &preflight, b"").status, 200);
}

/// A client that goes ends no invocation.
#[test]
fn a_client_that_hangs_up_is_no_matter() {
    let server = Server::start(&[]);
    server.create("slow", &python("loop(lambda event: time.sleep(0.3) or say('done'))"));
    url(&server, "slow", &json!({}));
    let mut stream = server.connect();
    stream.write_all(&request(&server.address, "GET", "/url/slow/", &[], b"")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(stream);
    soon("it runs to its end", || server.said().contains("done"));
    assert_eq!(ask(&server, "GET", "/url/slow/", &[], b"").body, b"null");
}

/// curl, with the host that AWS names.
#[test]
fn curl_works_as_against_aws() {
    let server = server();
    let id = url(&server, "echo", &json!({}));
    let port = server.address.split_once(':').unwrap().1;
    let host = format!("{id}.lambda-url.us-east-1.on.aws");
    let Ok(output) = Command::new("curl")
        .args(["-sS", "--resolve", &format!("{host}:{port}:127.0.0.1")])
        .args(["-d", "a=1", "-b", "c=d", &format!("http://{host}:{port}/x%20y?z=1")])
        .output()
    else {
        return eprintln!("curl is not here");
    };
    let event: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(event["rawPath"], "/x%20y");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("YT0x"), &json!(true)));
    assert_eq!(
        (&event["cookies"], &event["requestContext"]["domainPrefix"]),
        (&json!(["c=d"]), &json!(id))
    );
}

/// Answers in pieces: the body says what is sent to the Runtime API, of which type, and how it ends.
const STREAMS: &str = r#"
import base64
def chunk(bytes): return b"%x\r\n%b\r\n" % (len(bytes), bytes)
while True:
    id, headers, event = next()
    plan = json.loads(event["body"])
    with socket.create_connection(address.split(":")) as raw:
        kind = f"Content-Type: {plan['kind']}\r\n" if plan.get("kind") else ""
        raw.sendall((f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {address}\r\n{kind}"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n").encode())
        for piece in plan["pieces"]:
            raw.sendall(chunk(piece.encode()))
            time.sleep(plan.get("wait", 0))
        if plan["end"] == "whole": raw.sendall(b"0\r\n\r\n")
        if plan["end"] == "failed":
            raw.sendall(b"0\r\nLambda-Runtime-Function-Error-Type: Mine.Failed\r\n"
                b"Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJNaW5lLkZhaWxlZCJ9\r\n\r\n")
        if plan["end"] != "broken": raw.recv(1000)
"#;

const INTEGRATION: &str = "application/vnd.awslambda.http-integration-response";

/// What a client sees of such a response: all that was sent.
fn streamed(server: &Server, path: &str, plan: &Value) -> Vec<u8> {
    let mut stream = server.connect();
    let kind = "Content-Type: application/json";
    stream
        .write_all(&request(&server.address, "POST", path, &[kind], plan.to_string().as_bytes()))
        .unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn streams() -> Server {
    let server = Server::start(&[]);
    server.create("streams", &python(STREAMS));
    url(&server, "streams", &json!({ "InvokeMode": "RESPONSE_STREAM" }));
    server
}

#[test]
fn a_stream_with_a_prelude_begins_with_its_head() {
    let server = streams();
    // The prelude and what ends it come in pieces of their own.
    let plan = json!({ "kind": INTEGRATION, "end": "whole", "pieces": [
        "{\"statusCode\": 202, \"headers\": {\"Content-Type\": \"text/event-stream\", \"x\": [\"1\", \"2\"]},",
        "\"cookies\": [\"a=1\", \"b=2\"]}\0\0\0", "\0\0\0\0", "\0data: one\n\n", "data: two\n\n",
    ] });
    let reply = Reply::parse(&streamed(&server, "/url/streams/", &plan)).0;
    assert_eq!((reply.status, reply.header("content-type")), (202, Some("text/event-stream")));
    assert_eq!(reply.headers("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(reply.headers("x"), ["1", "2"]);
    assert_eq!(reply.body, b"data: one\n\ndata: two\n\n");
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    // All at once, with nothing behind it.
    let plan = json!({ "kind": INTEGRATION, "end": "whole", "pieces": ["{\"statusCode\": 201}\0\0\0\0\0\0\0\0"] });
    let reply = Reply::parse(&streamed(&server, "/url/streams/", &plan)).0;
    assert_eq!((reply.status, reply.body.len()), (201, 0));
}

#[test]
fn pieces_come_as_they_are_said() {
    let server = streams();
    let slow =
        json!({ "kind": "text/plain", "pieces": ["one ", "two"], "wait": 0.5, "end": "whole" });
    // Warm, so that only the pieces take time.
    let reply = Reply::parse(&streamed(&server, "/url/streams/", &slow)).0;
    assert_eq!(
        (&reply.body[..], reply.header("content-type")),
        (&b"one two"[..], Some("text/plain"))
    );
    let mut stream = server.connect();
    let body = slow.to_string();
    let kind = "Content-Type: application/json";
    stream
        .write_all(&request(&server.address, "POST", "/url/streams/", &[kind], body.as_bytes()))
        .unwrap();
    let (start, mut bytes, mut first) = (Instant::now(), Vec::new(), None);
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..length]);
        if first.is_none() && bytes.windows(4).any(|window| window == b"one ") {
            first = Some(start.elapsed());
        }
    }
    assert!(first.unwrap() < Duration::from_millis(400), "{first:?}");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    // Nobody says of which type it is.
    let plan = json!({ "pieces": ["a"], "end": "whole" });
    let reply = Reply::parse(&streamed(&server, "/url/streams/", &plan)).0;
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
}

/// What fails before its first byte is 502; later, the answer has no end.
#[test]
fn a_stream_that_fails() {
    let server = streams();
    let ends = |plan: &Value| {
        let bytes = streamed(&server, "/url/streams/", plan);
        let status = String::from_utf8_lossy(&bytes).split(' ').nth(1).unwrap().to_owned();
        (status, bytes.ends_with(b"0\r\n\r\n"))
    };
    for end in ["failed", "broken"] {
        let plan = json!({ "pieces": [], "end": end });
        assert_eq!(ends(&plan).0, "502", "{end}");
        let plan =
            json!({ "kind": INTEGRATION, "pieces": ["{\"statusCode\": 200}\0\0"], "end": end });
        assert_eq!(ends(&plan).0, "502", "{end}");
        let plan = json!({ "pieces": ["one "], "wait": 0.1, "end": end });
        assert_eq!(ends(&plan), ("200".to_owned(), false), "{end}");
    }
    for prelude in
        ["{\"statusCode\": 9}\0\0\0\0\0\0\0\0x", "nonsense\0\0\0\0\0\0\0\0x", "without an end"]
    {
        let plan = json!({ "kind": INTEGRATION, "pieces": [prelude], "end": "whole" });
        assert_eq!(ends(&plan).0, "502", "{prelude}");
    }
    let plan = json!({ "pieces": ["one"], "end": "whole" });
    assert_eq!(ends(&plan), ("200".to_owned(), true));
}

/// Recorded: what does not stream is sent as it is, `statusCode` and all. And the other way round.
#[test]
fn the_mode_of_the_url_and_that_of_the_function() {
    let server = streams();
    server.create("echo", &python("loop(lambda event: {'statusCode': 201, 'body': 'x'})"));
    url(&server, "echo", &json!({ "InvokeMode": "RESPONSE_STREAM" }));
    let reply = ask(&server, "GET", "/url/echo/", &[], b"");
    assert_eq!((reply.status, reply.json()), (200, json!({ "statusCode": 201, "body": "x" })));
    let update = json!({ "InvokeMode": "BUFFERED" });
    server.control("PUT", "/2021-10-31/functions/streams/url", &update);
    let plan = json!({ "kind": INTEGRATION, "end": "whole", "pieces": [
        "{\"statusCode\": 202, \"headers\": {\"content-type\": \"text/plain\"}}\0\0\0\0\0\0\0\0", "one ", "two" ] });
    let reply = Reply::parse(&streamed(&server, "/url/streams/", &plan)).0;
    assert_eq!((reply.status, &reply.body[..]), (202, &b"one two"[..]));
    assert_eq!(reply.header("content-length"), Some("7"));
}

/// A whole HTTP service of the Rust runtime: `lambda_http` reads the event and writes the response.
#[test]
fn a_service_of_lambda_http_answers() {
    let server = Server::start(&[]);
    let zip = std::fs::read(crate::orders::zip("orders-api")).unwrap();
    let arch = if crate::support::host_arch() == "arm64" { "arm64" } else { "x86_64" };
    server.create_with("orders-api", &zip, &json!({ "Architectures": [arch] }));
    url(&server, "orders-api", &json!({}));
    let sample = std::fs::read(
        crate::support::repository().join("examples/orders/orders-api/events/place-order.json"),
    );
    let event: Value = serde_json::from_slice(&sample.unwrap()).unwrap();
    let (path, body) = (event["rawPath"].as_str().unwrap(), event["body"].as_str().unwrap());
    let kind = "Content-Type: application/json";
    let reply = ask(&server, "POST", &format!("/url/orders-api{path}"), &[kind], body.as_bytes());
    assert_eq!((reply.status, &reply.json()["totalCents"]), (201, &json!(3299)), "{reply:?}");
    let path = format!("/url/orders-api{path}/none");
    assert_eq!(ask(&server, "GET", &path, &[], b"").status, 404);
}

/// How much longer a request takes than `Invoke`: at most half a millisecond at the median.
#[test]
#[ignore = "a measurement"]
fn what_a_url_adds() {
    let server = Server::start(&["-q"]);
    server.create("f", &python("loop(lambda event: {'statusCode': 200, 'body': 'x'})"));
    url(&server, "f", &json!({}));
    let event = ask(&server, "GET", "/url/f/", &[], b"");
    assert_eq!(event.body, b"x");
    let invoke = server.request(
        "POST",
        "/2015-03-31/functions/f/invocations",
        &[],
        &vec![b' '; 900].into_iter().chain(*b"{}").collect::<Vec<_>>(),
    );
    let through = format!(
        "GET /url/f/ HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nUser-Agent: m\r\n\r\n",
        server.address
    );
    let mut streams = [server.connect(), server.connect()];
    for stream in &streams {
        stream.set_nodelay(true).unwrap();
    }
    let mut times = [Vec::new(), Vec::new()];
    // In turn, so that what else the machine does happens to both.
    for _ in 0..2000 {
        for (n, request) in [&invoke[..], through.as_bytes()].into_iter().enumerate() {
            let start = Instant::now();
            streams[n].write_all(request).unwrap();
            one(&mut streams[n]);
            times[n].push(start.elapsed());
        }
    }
    let [plain, through] = times.map(|mut all| {
        all.sort_unstable();
        all[all.len() / 2]
    });
    eprintln!("invoke {plain:?}, URL {through:?}, difference {:?}", through.saturating_sub(plain));
    assert!(through.saturating_sub(plain) < Duration::from_micros(500));
}
