//! Zips of any kind, also such as no tool would write, and functions that are scripts.

/// A file as it stands in a zip: its name, its mode with the type's bits, its bytes.
pub(crate) type Member<'a> = (&'a str, u32, &'a [u8]);

pub(crate) const EXECUTABLE: u32 = 0o100_755;
pub(crate) const PLAIN: u32 = 0o100_644;
pub(crate) const LINK: u32 = 0o120_777;

/// Writes a zip without compression, whatever the names are.
pub(crate) fn zip(members: &[Member<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, mode, bytes) in members {
        let offset = u32::try_from(out.len()).unwrap();
        let length = u32::try_from(bytes.len()).unwrap();
        // Version, flags, method, time, date; then the checksum and both lengths.
        let mut common = Vec::new();
        for value in [20u16, 0, 0, 0, 0x21] {
            common.extend(value.to_le_bytes());
        }
        for value in [crc32fast::hash(bytes), length, length] {
            common.extend(value.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length) = (out.len(), directory.len());
    out.extend(directory);
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(u32::try_from(length).unwrap().to_le_bytes());
    out.extend(u32::try_from(start).unwrap().to_le_bytes());
    out.extend([0; 2]);
    out
}

/// What scripts in Python begin with: `next()` gives the id, the headers and the event of an
/// invocation; `respond`, `fail` and `call` give the status of what the Runtime API says to them.
const PYTHON: &str = r#"#!/usr/bin/python3 -ES
import http.client, json, os, signal, socket, subprocess, sys, threading, time
address = os.environ["AWS_LAMBDA_RUNTIME_API"]
def connect(): return http.client.HTTPConnection(address)
api = connect()
def call(method, path, body=None, headers={}, api=api):
    api.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = api.getresponse()
    return answer, answer.read()
def next():
    answer, body = call("GET", "invocation/next")
    return answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.headers, json.loads(body)
def post(path, value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return call("POST", path, body)[0].status
def respond(id, value): return post(f"invocation/{id}/response", value)
def fail(id, value): return post(f"invocation/{id}/error", value)
def say(*words): print(*words, flush=True)
def loop(answer):
    while True:
        id, headers, event = next()
        respond(id, answer(event))
"#;

/// A function of this Python.
pub(crate) fn python(script: &str) -> Vec<u8> {
    zip(&[("bootstrap", EXECUTABLE, format!("{PYTHON}{script}").as_bytes())])
}

/// A function of this shell.
pub(crate) fn shell(script: &str) -> Vec<u8> {
    zip(&[("bootstrap", EXECUTABLE, format!("#!/bin/sh\n{script}").as_bytes())])
}

/// Answers what it is asked.
pub(crate) fn echo() -> Vec<u8> {
    python("loop(lambda event: event)")
}

/// Answers a word.
pub(crate) fn says(word: &str) -> Vec<u8> {
    python(&format!("loop(lambda event: {word:?})"))
}
