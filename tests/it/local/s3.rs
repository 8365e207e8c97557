//! Code that lies in a bucket.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};

use serde_json::{Value, json};

use super::server::{Reply, Server};
use super::zips::says;

const FUNCTIONS: &str = "/2015-03-31/functions";

/// An endpoint of S3 that answers the given ones in their order, and tells what it was asked for.
pub(crate) fn s3(answers: Vec<(&'static str, Vec<u8>)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            told.send(head.lines().next().unwrap().to_owned()).unwrap();
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n").unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    (endpoint, asked)
}

fn create(server: &Server, code: &Value) -> Reply {
    let request = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/orders", "Handler": "bootstrap",
        "Runtime": "provided.al2023", "Code": code,
    });
    server.call("POST", FUNCTIONS, &[], request.to_string().as_bytes())
}

#[test]
fn code_is_fetched_from_a_bucket() {
    let ok = |word: &str| ("200 OK", says(word));
    let (endpoint, asked) = s3(vec![ok("one"), ok("two"), ok("layer")]);
    let server = Server::start(&["--s3-endpoint", &endpoint]);
    let object = json!({ "S3Bucket": "bucket", "S3Key": "folder/the zip.zip" });
    assert_eq!(create(&server, &object).status, 201);
    assert_eq!(asked.recv().unwrap(), "GET /bucket/folder/the%20zip.zip HTTP/1.1");
    assert_eq!(server.answer("f", "0"), "one");
    let object = json!({ "S3Bucket": "bucket", "S3Key": "key", "S3ObjectVersion": "v/1+2" });
    server.control("PUT", &format!("{FUNCTIONS}/f/code"), &object);
    assert_eq!(asked.recv().unwrap(), "GET /bucket/key?versionId=v/1%2B2 HTTP/1.1");
    assert_eq!(server.answer("f", "0"), "two");
    let content = json!({ "Content": { "S3Bucket": "bucket", "S3Key": "layer" } });
    let layer = server.control("POST", "/2018-10-31/layers/shared/versions", &content);
    assert_eq!(layer["Content"]["CodeSize"], says("layer").len());
}

#[test]
fn what_cannot_be_fetched_is_said() {
    let missing = b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code>\
                    <Message>The specified key does not exist.</Message></Error>";
    let (endpoint, _asked) = s3(vec![("404 Not Found", missing.to_vec()), ("200 OK", vec![])]);
    let server = Server::start(&["--s3-endpoint", &endpoint]);
    let object = json!({ "S3Bucket": "bucket", "S3Key": "key" });
    let refused = |server: &Server, text: &str| {
        let (status, code, message) = create(server, &object).refusal();
        assert_eq!((status, code.as_str()), (400, "InvalidParameterValueException"));
        assert!(message.contains(text), "{message}");
    };
    refused(
        &server,
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key \
         does not exist.",
    );
    refused(&server, "Could not unzip uploaded file");
    // Nobody is there any more.
    refused(&server, "cannot fetch the code from");
    refused(&Server::start(&[]), "without an endpoint of S3");
}
