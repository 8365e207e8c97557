//! What is uploaded: entry points that cannot be run, and zips that lead out of their folder.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::server::{Server, soon};
use super::zips::{EXECUTABLE, LINK, PLAIN, python, zip};
use crate::orders;
use crate::support::{host_arch, repository};

const SCRIPT: &[u8] = b"#!/bin/sh\nexit 7\n";

#[track_caller]
fn invalid_entry_point(server: &Server, name: &str, zip: &[u8], why: &str) {
    server.create(name, zip);
    let (kind, message) = server.invoke(name, "{}").failure();
    assert_eq!(
        (kind.as_str(), message),
        ("Runtime.InvalidEntrypoint", format!("RequestId: ID Error: {why}"))
    );
}

/// It has no invocation, but a reason in the log.
#[test]
fn another_host_is_refused_aloud() {
    let server = Server::start(&[]);
    let script = "for _ in range(2): call('GET', 'invocation/next', None, {'Host': 'x.example'})\n\
                  time.sleep(60)\n";
    server.create_with("astray", &python(script), &json!({ "Timeout": 1 }));
    let path = "/2015-03-31/functions/astray/invocations";
    server.call("POST", path, &[("X-Amz-Invocation-Type", "Event")], b"{}");
    soon("it is told", || server.said().contains("for the host \"x.example\""));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(server.said().matches("x.example").count(), 1, "{}", server.said());
}

#[test]
fn a_bootstrap_that_cannot_be_run_is_an_invalid_entry_point() {
    let server = Server::start(&[]);
    let missing = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
    invalid_entry_point(&server, "none", &zip(&[("other", EXECUTABLE, SCRIPT)]), missing);
    let denied = "fork/exec /var/task/bootstrap: permission denied";
    invalid_entry_point(&server, "plain", &zip(&[("bootstrap", PLAIN, SCRIPT)]), denied);
    invalid_entry_point(&server, "folder", &zip(&[("bootstrap/x", EXECUTABLE, SCRIPT)]), denied);
    let format = "fork/exec /var/task/bootstrap: exec format error";
    for (name, text) in
        [("text", &b"exit 0\n"[..]), ("empty", b""), ("elf", b"\x7fELF\x02\x01\x01")]
    {
        invalid_entry_point(&server, name, &zip(&[("bootstrap", EXECUTABLE, text)]), format);
    }
    let nowhere = "fork/exec /var/task/bootstrap: no such file or directory";
    let script = zip(&[("bootstrap", EXECUTABLE, b"#!/no/such/program\n")]);
    invalid_entry_point(&server, "nowhere", &script, nowhere);
}

/// Nothing is written outside of the function's own folder, whatever a zip says.
#[test]
fn zips_that_lead_out_write_nothing() {
    let server = Server::start(&[]);
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("written");
    let absolute = target.to_str().unwrap();
    let up = format!("{}{}", "../".repeat(20), absolute.trim_start_matches('/'));
    let folder = outside.path().to_str().unwrap().as_bytes();
    let bootstrap = ("bootstrap", EXECUTABLE, SCRIPT);
    let double = format!("a/../{up}");
    for (name, members) in [
        ("up", vec![bootstrap, (&*up, PLAIN, b"x")]),
        ("absolute", vec![bootstrap, (absolute, PLAIN, b"x")]),
        ("double", vec![bootstrap, (&*double, PLAIN, b"x")]),
        ("through", vec![bootstrap, ("link", LINK, folder), ("link/written", PLAIN, b"x")]),
        ("later", vec![bootstrap, ("link/written", PLAIN, b"x"), ("link", LINK, folder)]),
        ("over", vec![bootstrap, ("f", LINK, absolute.as_bytes()), ("f", PLAIN, b"x")]),
        ("again", vec![bootstrap, ("f", PLAIN, b"x"), ("f", LINK, absolute.as_bytes())]),
        ("itself", vec![("bootstrap", LINK, b"bootstrap")]),
    ] {
        let code = json!({ "ZipFile": STANDARD.encode(zip(&members)) });
        let settings = json!({
            "FunctionName": name, "Role": "arn:aws:iam::123456789012:role/orders",
            "Runtime": "provided.al2023", "Handler": "x", "Code": code,
        });
        let reply =
            server.call("POST", "/2015-03-31/functions", &[], settings.to_string().as_bytes());
        assert!([201, 400].contains(&reply.status), "{name}: {reply:?}");
        if reply.status == 201 {
            server.invoke(name, "{}").failure();
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{name}");
    }
    server.create("well", &super::zips::echo());
    assert_eq!(server.answer("well", "1"), 1);
}

/// A link may stand in a zip and may lead nowhere: that is the function's own affair.
#[test]
fn modes_and_links_are_the_zips_own() {
    // Whoever is root may read what others may not.
    let server = Server::start(&["--no-sandbox"]);
    let script = "def mode(name): return oct(os.stat(name).st_mode & 0o777)\n\
         loop(lambda event: [mode('lib/a'), mode('lib/b'), os.readlink('link'), open('link').read(), \
         os.readlink('nowhere'), os.access('lib/b', os.X_OK)])";
    let plain = python(script);
    // The same script with files beside it.
    let start = plain.windows(2).position(|window| window == b"#!").unwrap();
    let end = plain.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let bytes = zip(&[
        ("bootstrap", EXECUTABLE, &plain[start..end]),
        ("lib/", 0o40_755, b""),
        ("lib/a", 0o100_640, b"a"),
        ("lib/b", 0o100_755, b"b"),
        ("link", LINK, b"lib/a"),
        ("nowhere", LINK, b"/no/such/file"),
    ]);
    server.create("modes", &bytes);
    let expected = json!(["0o640", "0o755", "lib/a", "a", "/no/such/file", true]);
    assert_eq!(server.answer("modes", "{}"), expected);
}

#[test]
fn what_is_no_zip_or_claims_too_much_is_refused() {
    let server = Server::start(&[]);
    for (bytes, code) in [
        (b"no zip".to_vec(), "InvalidParameterValueException"),
        (Vec::new(), "InvalidParameterValueException"),
        (zip(&[]), "InvalidParameterValueException"),
        (python("")[..100].to_vec(), "InvalidParameterValueException"),
    ] {
        let settings = json!({
            "FunctionName": "bad", "Role": "arn:aws:iam::123456789012:role/orders",
            "Runtime": "provided.al2023", "Handler": "x", "Code": { "ZipFile": STANDARD.encode(&bytes) },
        });
        let reply =
            server.call("POST", "/2015-03-31/functions", &[], settings.to_string().as_bytes());
        let (status, got, message) = reply.refusal();
        assert_eq!((status, got.as_str()), (400, code), "{} bytes: {message}", bytes.len());
    }
}

/// One whose directory says that a file is short, and which is not.
#[test]
fn a_zip_that_lies_is_not_unpacked() {
    let server = Server::start(&[]);
    let mut bytes = zip(&[("bootstrap", EXECUTABLE, SCRIPT), ("long", PLAIN, &[b'x'; 1000])]);
    let length = 1000u32.to_le_bytes();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == length {
            bytes[at..at + 4].copy_from_slice(&10u32.to_le_bytes());
        }
    }
    let code = json!({ "ZipFile": STANDARD.encode(&bytes) });
    let settings = json!({
        "FunctionName": "lies", "Role": "arn:aws:iam::123456789012:role/orders",
        "Runtime": "provided.al2023", "Handler": "x", "Code": code,
    });
    let reply = server.call("POST", "/2015-03-31/functions", &[], settings.to_string().as_bytes());
    if reply.status == 201 {
        assert_ne!(server.invoke("lies", "{}").failure().0, "Runtime.ExitError");
    } else {
        assert_eq!(reply.status, 400, "{reply:?}");
    }
}

/// The bundles of `examples/orders`, as they are packaged.
#[test]
fn the_example_answers() {
    let server = Server::start(&[]);
    let arch = json!({ "Architectures": [host_arch()], "Timeout": 30 });
    for (function, event, expected) in [
        ("orders-report", "scheduled.json", json!({ "orders": 3 })),
        ("orders-worker", "good-batch.json", json!({ "batchItemFailures": [] })),
        ("orders-api", "place-order.json", json!({ "statusCode": 201 })),
    ] {
        let bundle = fs::read(orders::zip(function)).unwrap();
        server.create_with(function, &bundle, &arch);
        let event = Path::new("examples/orders").join(function).join("events").join(event);
        let event = fs::read_to_string(repository().join(event)).unwrap();
        let answer = server.answer(function, &event);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&answer[name], value, "{answer}");
        }
    }
}

/// The smallest executable: its first instruction is one that no processor has (`ud2`, `udf`).
fn illegal() -> Vec<u8> {
    let (machine, code): (u16, &[u8]) =
        if host_arch() == "arm64" { (183, &[0; 4]) } else { (62, &[0x0f, 0x0b]) };
    let (base, headers) = (0x40_0000u64, 64 + 56);
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    for half in [2, machine] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend(1u32.to_le_bytes());
    // The entry point, where the program headers are, no sections.
    for word in [base + headers, 64, 0] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 64, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    // One segment: the whole file, readable and executable.
    for word in [1u32, 5] {
        elf.extend(word.to_le_bytes());
    }
    let length = headers + code.len() as u64;
    for word in [0, base, base, length, length, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(code);
    elf
}

/// What is compiled for a newer processor ends so; who invoked it is told what `doctor` says.
#[test]
fn an_illegal_instruction_is_explained() {
    let server = Server::start(&[]);
    let bundle = zip(&[("bootstrap", EXECUTABLE, &illegal())]);
    server.create_with("new", &bundle, &json!({ "Architectures": [host_arch()] }));
    let reply = server.invoke("new", "{}");
    let (kind, message) = reply.failure();
    assert_eq!(kind, "Runtime.ExitError");
    let how = "RequestId: ID Error: Runtime exited with error: signal: illegal instruction (";
    assert!(message.starts_with(how), "{message}");
    assert!(message.contains("this processor does not"), "{message}");
    assert!(message.contains("`--target-cpu generic`"), "{message}");
    assert!(reply.log().contains("`--target-cpu generic`"), "{}", reply.log());
}
