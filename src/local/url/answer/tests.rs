use http_body_util::BodyExt as _;
use proptest::prelude::*;

use super::*;

/// The status, the headers and the body of an answer.
type Parts = (u16, Vec<(String, String)>, Vec<u8>);

fn read(payload: &str) -> Result<Parts, Malformed> {
    let answer = super::read(payload.as_bytes())?;
    let headers = answer.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let (status, headers) = (answer.status().as_u16(), headers.collect());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(answer.into_body().collect()).unwrap().to_bytes().to_vec();
    Ok((status, headers, body))
}

fn json_type() -> Vec<(String, String)> {
    vec![("content-type".to_owned(), "application/json".to_owned())]
}

/// Recorded, with the lengths of the bodies.
#[test]
fn without_a_status_the_whole_is_the_body() {
    for (said, body) in [
        (r#"{"hello": "world"}"#, r#"{"hello":"world"}"#),
        ("[\"hello\", 3, true]", "[\"hello\",3,true]"),
        ("\"hello\"", "hello"),
        ("3", "3"),
        ("3.1", "3.1"),
        (" true\n", "true"),
        ("null", "null"),
        (r#"{"b": 1, "a": " \" b: ", "a" : 2e5}"#, r#"{"b":1,"a":" \" b: ","a":2e5}"#),
        (r#"{"body": "x", "headers": {"a": "b"}}"#, r#"{"body":"x","headers":{"a":"b"}}"#),
        (r#"{"statusCode": null}"#, r#"{"statusCode":null}"#),
    ] {
        assert_eq!(read(said), Ok((200, json_type(), body.as_bytes().to_vec())), "{said}");
    }
}

#[test]
fn with_a_status_its_parts_are_the_answer() {
    let said = r#"{"statusCode": 201, "headers": {"Content-Type": "text/html", "X-One": 1, "x-two": true},
        "cookies": ["a=1; Max-Age=1", "b=2"], "body": "<p>é", "isBase64Encoded": false, "other": {}}"#;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (status, headers, body) = read(said).unwrap();
    assert_eq!((status, body.as_slice()), (201, "<p>é".as_bytes()));
    let expected = [
        pair("content-type", "text/html"),
        pair("x-one", "1"),
        pair("x-two", "true"),
        pair("set-cookie", "a=1; Max-Age=1"),
        pair("set-cookie", "b=2"),
    ];
    assert_eq!(headers, expected);
    for (said, status, body) in [
        (r#"{"statusCode": "418", "body": "i'm a teapot"}"#, 418, &b"i'm a teapot"[..]),
        (r#"{"statusCode": 200}"#, 200, b""),
        (r#"{"statusCode": 599, "body": null, "headers": null, "cookies": null}"#, 599, b""),
        (r#"{"statusCode": 200, "body": "/wA=", "isBase64Encoded": true}"#, 200, b"\xff\0"),
        (r#"{"statusCode": 200, "body": {"a": 1}}"#, 200, b"{\"a\":1}"),
        (r#"{"statusCode": 200, "body": 17}"#, 200, b"17"),
    ] {
        assert_eq!(read(said), Ok((status, json_type(), body.to_vec())), "{said}");
    }
}

#[test]
fn what_is_no_answer_is_told() {
    for said in [
        "",
        "{",
        "hello",
        "{} {}",
        r#"{"statusCode": 99}"#,
        r#"{"statusCode": 100}"#,
        r#"{"statusCode": 600}"#,
        r#"{"statusCode": "ok"}"#,
        r#"{"statusCode": []}"#,
        r#"{"statusCode": -200}"#,
        r#"{"statusCode": 200.5}"#,
        r#"{"statusCode": 65736}"#,
        r#"{"statusCode": 200, "headers": []}"#,
        r#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
        r#"{"statusCode": 200, "headers": {"": "c"}}"#,
        r#"{"statusCode": 200, "headers": {"a": "b\r\nc: d"}}"#,
        r#"{"statusCode": 200, "headers": {"a": {}}}"#,
        r#"{"statusCode": 200, "cookies": "a=1"}"#,
        r#"{"statusCode": 200, "cookies": ["a=1\n"]}"#,
        r#"{"statusCode": 200, "body": "%", "isBase64Encoded": true}"#,
    ] {
        assert!(read(said).is_err(), "{said}");
    }
    let with = |count: usize| {
        let many: Map<String, Value> = (0..count).map(|n| (format!("h{n}"), "".into())).collect();
        read(&serde_json::json!({ "statusCode": 200, "headers": many }).to_string())
    };
    assert!(with(1000).is_ok() && with(1001).is_err() && with(40_000).is_err());
}

#[test]
fn headers_of_the_connection_are_not_the_functions() {
    let said = r#"{"statusCode": 200, "body": "ab", "headers": {"Connection": "close", "CONTENT-LENGTH": "999",
        "Transfer-Encoding": "chunked", "Server": "mine", "WWW-Authenticate": "Basic", "x": ["1", "2"]}}"#;
    let (_, headers, _) = read(said).unwrap();
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "content-type",
        "x",
        "x",
        "x-amzn-remapped-connection",
        "x-amzn-remapped-content-length",
        "x-amzn-remapped-server",
        "x-amzn-remapped-transfer-encoding",
        "x-amzn-remapped-www-authenticate",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_prelude_counts_in_a_whole_response_too() {
    let said = "{\"statusCode\": 202, \"headers\": {\"a\": [\"1\", \"2\"]}, \"cookies\": [\"c=1\"]}\
                \0\0\0\0\0\0\0\0one\0two";
    let (status, headers, body) = read(said).unwrap();
    assert_eq!((status, body.as_slice()), (202, &b"one\0two"[..]));
    assert_eq!(headers.len(), 4, "{headers:?}");
    let bare = read("{}\0\0\0\0\0\0\0\0").unwrap();
    let kind = ("content-type".to_owned(), "application/octet-stream".to_owned());
    assert_eq!(bare, (200, vec![kind], Vec::new()));
    assert!(read("[]\0\0\0\0\0\0\0\0x").is_err());
}

proptest! {
    #[test]
    fn whatever_is_said_nothing_panics(said in ".{0,60}", code in any::<i64>(), name in ".{0,8}", value in ".{0,8}") {
        let _ = super::read(said.as_bytes());
        let said = serde_json::json!({ "statusCode": code, "headers": { name: value.clone() }, "body": value });
        let _ = super::read(said.to_string().as_bytes());
    }

    #[test]
    fn json_without_blanks_is_the_same_json(value in ".{0,30}", key in ".{0,8}", n in any::<i32>()) {
        let value = serde_json::json!({ key: [value, n, null], "a": { "b": [] } });
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let bare = super::without_blanks(pretty.as_bytes());
        prop_assert_eq!(String::from_utf8(bare).unwrap(), value.to_string());
    }
}
