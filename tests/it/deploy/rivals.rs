//! Somebody else deploys at the same time: the loser changes nothing more, and says who won.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

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
        let said_by_alias = answer(&server, "api");
        match run.code {
            // The other one came first, and we were told before we began, or we came last.
            0 => assert_eq!(said_by_alias, "ours", "call {call}"),
            4 => {
                assert!(run.stderr.contains("by somebody else"), "call {call}: {}", run.stderr);
                assert_eq!(said_by_alias, "theirs", "call {call}: {}", run.stderr);
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

/// Whose answer comes next, by a seed; whoever has ended gives its turns away.
struct Turns {
    state: Mutex<(u64, [bool; 2])>,
    changed: Condvar,
}

impl Turns {
    fn new(seed: u64) -> Self {
        let state = Mutex::new((seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, [false; 2]));
        Self { state, changed: Condvar::new() }
    }

    /// Waits for the turn of this one.
    fn wait(&self, who: usize) {
        let mut state = self.state.lock().unwrap();
        loop {
            let turn = usize::from(state.0 & 0x10000 != 0);
            if turn == who || state.1[1 - who] {
                state.0 ^= state.0 << 13;
                state.0 ^= state.0 >> 7;
                state.0 ^= state.0 << 17;
                self.changed.notify_all();
                return;
            }
            // The other one may be at work without a call.
            let (next, timeout) =
                self.changed.wait_timeout(state, Duration::from_millis(300)).unwrap();
            state = next;
            if timeout.timed_out() {
                return;
            }
        }
    }

    fn ended(&self, who: usize) {
        self.state.lock().unwrap().1[who] = true;
        self.changed.notify_all();
    }
}

/// Both deploy at once, and their answers come in an order that a seed decides: one wins, whole, or one
/// comes after the other. `RIVALS` says how many orders are tried.
#[test]
fn two_deployers_in_many_orders() {
    let orders = std::env::var("RIVALS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    for seed in 1..=orders {
        let server = Server::start(&["--delay", if seed % 2 == 0 { "0s" } else { "30ms" }]);
        let words = ["left", "right"];
        let sites = words.map(|_| Site::new(&["api"]));
        sites[0].deploy(&server.address);
        let turns = Arc::new(Turns::new(seed));
        let runs: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = sites
                .iter()
                .enumerate()
                .map(|(who, site)| {
                    site.bundle("api", words[who]);
                    let (turns, address) = (Arc::clone(&turns), server.address.clone());
                    scope.spawn(move || {
                        let gate = Arc::clone(&turns);
                        let proxy = Proxy::new(&address, move |_, _| {
                            gate.wait(who);
                            true
                        });
                        let run = site.run(&proxy.address, &["deploy"]);
                        turns.ended(who);
                        run
                    })
                })
                .collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let said_by_alias = answer(&server, "api");
        let codes = [runs[0].code, runs[1].code];
        let said = format!("seed {seed}: {}\n{}", runs[0].stderr, runs[1].stderr);
        match codes {
            [0, 0] => assert!(words.iter().any(|word| said_by_alias == *word), "{said}"),
            [0, 4] | [4, 0] => {
                let winner = usize::from(codes[0] == 4);
                assert_eq!(said_by_alias, words[winner], "{said}");
                assert!(runs[1 - winner].stderr.contains("by somebody else"), "{said}");
            }
            _ => panic!("{codes:?}: {said}"),
        }
    }
}
