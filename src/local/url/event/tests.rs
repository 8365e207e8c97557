use super::*;

/// The event of a request, and its body as bytes.
struct Case {
    method: Method,
    path: &'static str,
    query: &'static str,
    headers: Vec<(&'static str, &'static [u8])>,
    body: &'static [u8],
}

const GET: Case =
    Case { method: Method::GET, path: "/", query: "", headers: Vec::new(), body: b"" };

const ID: &str = "s2842uu60zqe3lo4d1k22ywyruq7k0gp";

fn endpoint() -> Endpoint {
    Endpoint {
        id: ID.to_owned(),
        domain: format!("{ID}.lambda-url.us-east-1.on.aws"),
        account: "anonymous",
        authorizer: None,
        route: "$default".to_owned(),
        parameters: BTreeMap::new(),
    }
}

fn of(case: &Case, endpoint: &Endpoint) -> Value {
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        headers.append(*name, hyper::header::HeaderValue::from_bytes(value).unwrap());
    }
    let asked = Asked {
        method: &case.method,
        path: case.path,
        query: case.query,
        protocol: "HTTP/1.1".to_owned(),
        headers: &headers,
        body: case.body,
        now: 1_795_167_017_123,
        port: 9720,
        id: "c2152108-2a03-4b56-af76-df277e1fb58f",
        trace: "Root=1-6b001329-20e03628ff3b454ecdc9ddc6",
    };
    event(&asked, endpoint)
}

/// The request behind our sample `function-url`, which has the members of the guide's own example.
#[test]
fn the_documented_event_comes_of_its_request() {
    let sample = crate::events::by_name("function-url").unwrap();
    let mut expected: Value = serde_json::from_str(sample.json).unwrap();
    let case = Case {
        method: Method::PUT,
        path: "/orders/17",
        query: "expand=items&expand=customer&notify=true",
        headers: vec![
            ("Accept", b"application/json"),
            ("Content-Length", b"48"),
            ("content-type", b"application/json"),
            ("Host", b"s2842uu60zqe3lo4d1k22ywyruq7k0gp.lambda-url.us-east-1.on.aws"),
            ("User-Agent", b"orders-console/2.4"),
            ("Cookie", b"session=ada-17; currency=USD"),
            ("Connection", b"keep-alive"),
            ("X-Forwarded-For", b"6.6.6.6"),
            ("X-Forwarded-Proto", b"gopher"),
        ],
        body: b"{\"status\":\"shipped\",\"parcel\":\"PX-20261120-0017\"}",
    };
    let authorizer = expected.pointer("/requestContext/authorizer").cloned();
    let signed = Endpoint { authorizer, account: "123456789012", ..endpoint() };
    // What is of this machine, and what AWS may leave out.
    let mut set = |at: &str, value: Value| *expected.pointer_mut(at).unwrap() = value;
    set("/headers/x-forwarded-for", "127.0.0.1".into());
    set("/headers/x-forwarded-port", "9720".into());
    set("/headers/x-forwarded-proto", "http".into());
    set("/requestContext/http/sourceIp", "127.0.0.1".into());
    let members = expected.as_object_mut().unwrap();
    assert_eq!(members.remove("pathParameters"), Some(Value::Null));
    assert_eq!(members.remove("stageVariables"), Some(Value::Null));
    assert_eq!(of(&case, &signed), expected);
}

/// And an HTTP API's: `apigw-v2` without what an authorizer and a stage would add.
#[test]
fn the_documented_event_of_an_http_api_comes_of_its_request() {
    let sample = crate::events::by_name("apigw-v2").unwrap();
    let expected: Value = serde_json::from_str(sample.json).unwrap();
    let parameters = BTreeMap::from([("id".to_owned(), "17".to_owned())]);
    let route = "PUT /orders/{id}".to_owned();
    let of_route = Endpoint { route, parameters, ..endpoint() };
    let event = of(&Case { method: Method::PUT, path: "/orders/17", ..GET }, &of_route);
    for member in ["version", "routeKey", "rawPath", "pathParameters", "isBase64Encoded"] {
        assert_eq!(event[member], expected[member], "{member}");
    }
    for member in ["routeKey", "stage", "time", "timeEpoch"] {
        assert_eq!(event["requestContext"][member], expected["requestContext"][member], "{member}");
    }
}

#[test]
fn there_is_no_member_for_what_there_is_none_of() {
    let event = of(&GET, &endpoint());
    for member in ["cookies", "queryStringParameters", "body", "pathParameters", "stageVariables"] {
        assert!(event.get(member).is_none(), "{member}");
    }
    assert_eq!(event["rawQueryString"], "");
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert!(context.get("authorizer").is_none() && context.get("authentication").is_none());
    assert_eq!(context["http"]["userAgent"], Value::Null);
    assert_eq!(
        (&context["accountId"], &context["domainPrefix"]),
        (&"anonymous".into(), &ID.into())
    );
}

#[test]
fn queries_are_decoded_and_joined() {
    let parameters =
        |query| of(&Case { query, ..GET }, &endpoint())["queryStringParameters"].clone();
    assert_eq!(parameters("q=a+b%20c&q=%2Fd,e&f"), json!({ "q": "a b c,/d,e", "f": "" }));
    assert_eq!(
        parameters("a=1=2&&=x&%C3%BC=%ff&a="),
        json!({ "a": "1=2,", "": "x", "ü": "\u{fffd}" })
    );
    assert_eq!(parameters("&&"), Value::Null);
    let raw = of(&Case { query: "q=a+b%20c&&", ..GET }, &endpoint());
    assert_eq!(raw["rawQueryString"], "q=a+b%20c&&");
}

#[test]
fn headers_and_cookies_that_come_more_than_once() {
    let headers: Vec<(&str, &[u8])> = vec![
        ("X-One", b"a"),
        ("Cookie", b"a=1;b=2 ; "),
        ("x-one", b"b,c"),
        ("Cookie", b"c=\"3; 4\""),
        ("Latin", b"\xfcber"),
        ("Transfer-Encoding", b"chunked"),
        ("X-Amzn-Trace-Id", b"Root=mine"),
    ];
    let event = of(&Case { headers, ..GET }, &endpoint());
    assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=\"3", "4\""]));
    assert_eq!(
        event["headers"],
        json!({
            "latin": "\u{fffd}ber",
            "x-amzn-trace-id": "Root=1-6b001329-20e03628ff3b454ecdc9ddc6",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "9720",
            "x-forwarded-proto": "http",
            "x-one": "a,b,c",
        })
    );
}

/// Found out against API Gateway, one by one.
#[test]
fn a_body_is_a_text_only_where_it_is_said_to_be() {
    let body = |kind: Option<&'static str>, body| {
        let headers = kind.map(|kind| ("content-type", kind.as_bytes())).into_iter().collect();
        let event = of(&Case { headers, body, ..GET }, &endpoint());
        (event["body"].as_str().unwrap_or_default().to_owned(), event["isBase64Encoded"] == true)
    };
    for kind in [
        "text/plain",
        "TEXT/HTML; charset=utf-8",
        "text/x-any",
        "application/json",
        "Application/JSON ; charset=utf-8",
        "application/xml",
        "application/javascript",
    ] {
        assert_eq!(body(Some(kind), "é".as_bytes()), ("é".to_owned(), false), "{kind}");
    }
    for kind in [
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "multipart/form-data",
        "image/svg+xml",
        "application/vnd.api+json",
        "json",
        "",
    ] {
        assert_eq!(body(Some(kind), b"a=1"), ("YT0x".to_owned(), true), "{kind}");
    }
    assert_eq!(body(None, b"a=1"), ("YT0x".to_owned(), true));
    assert_eq!(body(Some("application/json"), b"\x1f\x8b"), ("H4s=".to_owned(), true), "no text");
}
