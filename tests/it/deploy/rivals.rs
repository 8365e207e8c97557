//! Somebody else deploys at the same time: the loser changes nothing more, and says who won.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::proxy::Proxy;
use super::site::{Site, answer};
use crate::local::server::{SIGNED, Server};

/// At every call of a deploy, another one has changed the code just before: one of both wins, whole.
#[test]
fn another_deployer_between_any_two_calls() {
    let calls = {
        let server = Server::start(&[]);
        let site = Site::new(&["api"]);
        site.deploy(&server.address);
        site.bundle("api", "two");
        let proxy = Proxy::new(&server.address, |_, _| true);
        site.deploy(&proxy.address);
        proxy.calls().len()
    };
    for call in 1..calls {
        let server = Server::start(&[]);
        let ours = Site::new(&["api"]);
        let theirs = Site::new(&["api"]);
        ours.deploy(&server.address);
        ours.bundle("api", "ours");
        theirs.bundle("api", "theirs");
        let address = server.address.clone();
        let proxy = Proxy::new(&server.address, move |number, _| {
            if number == call {
                let run = theirs.run(&address, &["deploy"]);
                assert_eq!(run.code, 0, "{}", run.stderr);
            }
            true
        });
        let run = ours.run(&proxy.address, &["deploy"]);
        let serves = answer(&server, "api");
        match run.code {
            // The other one came first, and we were told before we began, or we came last.
            0 => assert_eq!(serves, "ours", "call {call}"),
            4 => {
                assert!(run.stderr.contains("by somebody else"), "call {call}: {}", run.stderr);
                assert_eq!(serves, "theirs", "call {call}: {}", run.stderr);
            }
            code => panic!("call {call}: {code}: {}", run.stderr),
        }
    }
}

/// What changes the revision and nothing that is decided on does no harm.
#[test]
fn a_revision_that_is_stale_for_no_reason_is_read_again() {
    for call in 1..9 {
        let server = Server::start(&[]);
        let site = Site::new(&["api"]);
        site.deploy(&server.address);
        site.bundle("api", "two");
        let address = server.address.clone();
        let proxy = Proxy::new(&server.address, move |number, _| {
            if number == call {
                touch(&address);
            }
            true
        });
        site.run(&proxy.address, &["deploy"]).code(0);
        assert_eq!(answer(&server, "api"), "two", "call {call}");
    }
}

/// Sets what is set already.
fn touch(address: &str) {
    let body = r#"{"Timeout":3}"#;
    let request = format!(
        "PUT /2015-03-31/functions/api/configuration HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: {SIGNED}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
