use serde_json::json;

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// What is said, as `name: value`, sorted.
fn said(headers: &HeaderMap) -> Vec<String> {
    let line =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

fn object(value: &Value) -> Object {
    value.as_object().unwrap().clone()
}

const SHOP: (&str, &str) = ("origin", "https://shop.example");
const ASKS: (&str, &str) = ("access-control-request-method", "PUT");

#[test]
fn a_preflight_is_answered_by_what_is_configured() {
    let cors = object(&json!({
        "AllowOrigins": ["https://shop.example", "null"], "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["content-type", "x-one"], "ExposeHeaders": ["etag"], "MaxAge": 300,
        "AllowCredentials": true,
    }));
    let cors = Cors(&cors);
    let answer = cors.preflight(&Method::OPTIONS, &headers(&[SHOP, ASKS])).unwrap();
    assert_eq!(
        said(&answer),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: content-type,x-one",
            "access-control-allow-methods: GET,PUT",
            "access-control-allow-origin: https://shop.example",
            "access-control-max-age: 300",
            "vary: Origin",
        ]
    );
    let other = headers(&[("origin", "https://other.example"), ASKS]);
    assert_eq!(said(&cors.preflight(&Method::OPTIONS, &other).unwrap()), [""; 0]);
    // These are no such requests.
    for (method, pairs) in [
        (Method::OPTIONS, vec![SHOP]),
        (Method::OPTIONS, vec![ASKS]),
        (Method::PUT, vec![SHOP, ASKS]),
        (Method::OPTIONS, vec![]),
    ] {
        assert_eq!(cors.preflight(&method, &headers(&pairs)), None);
    }
}

#[test]
fn other_answers_get_what_pages_may_know() {
    let cors = object(&json!({ "AllowOrigins": ["*"], "ExposeHeaders": ["etag", "x-one"] }));
    let cors = Cors(&cors);
    let expected = ["access-control-allow-origin: *", "access-control-expose-headers: etag,x-one"];
    assert_eq!(said(&cors.added(&headers(&[SHOP]))), expected);
    assert_eq!(said(&cors.added(&headers(&[]))), [""; 0]);
    let empty = object(&json!({ "AllowMethods": ["*"] }));
    assert_eq!(said(&Cors(&empty).added(&headers(&[SHOP]))), [""; 0]);
}

/// `*` is a name like any other to browsers then.
#[test]
fn every_is_spelled_out_with_credentials() {
    let cors =
        object(&json!({ "AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"],
        "AllowCredentials": true }));
    let asks = headers(&[SHOP, ASKS, ("access-control-request-headers", "x-one,x-two")]);
    let answer = Cors(&cors).preflight(&Method::OPTIONS, &asks).unwrap();
    assert_eq!(
        said(&answer),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: x-one,x-two",
            "access-control-allow-methods: PUT",
            "access-control-allow-origin: https://shop.example",
            "vary: Origin",
        ]
    );
    let open =
        object(&json!({ "AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"] }));
    let answer = Cors(&open).preflight(&Method::OPTIONS, &asks).unwrap();
    assert_eq!(
        said(&answer),
        [
            "access-control-allow-headers: *",
            "access-control-allow-methods: *",
            "access-control-allow-origin: *",
        ]
    );
}
