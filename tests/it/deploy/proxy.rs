//! A proxy that counts the calls that pass, and does something after a certain one.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use lambda_pack::account::model;

/// Done after a call has had its effect and before its answer is passed on: its number, from 1, its
/// method and path, and the answer. Says whether the answer is passed on.
type After = Box<dyn Fn(usize, &str, &mut [u8]) -> bool + Send + Sync>;

pub(crate) struct Proxy {
    pub(crate) address: String,
    calls: Arc<Mutex<Vec<Call>>>,
    ended: Arc<AtomicBool>,
}

/// A call that has passed.
#[derive(Clone)]
pub(crate) struct Call {
    /// Method and path, with the query.
    pub(crate) line: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// The operation of Lambda's API.
    #[track_caller]
    pub(crate) fn operation(&self) -> &'static str {
        let (method, path) = self.line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let (operation, _) = model::route(method, path, &[])
            .unwrap_or_else(|| panic!("no operation: {}", self.line));
        &operation.name
    }
}

impl Proxy {
    /// In front of what listens at `to`.
    pub(crate) fn new(
        to: &str,
        after: impl Fn(usize, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::editing(to, move |number, call, _| after(number, call))
    }

    /// The same, where answers may become others of the same length.
    pub(crate) fn editing(
        to: &str,
        after: impl Fn(usize, &str, &mut [u8]) -> bool + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (calls, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let proxy = Self { address, calls: Arc::clone(&calls), ended: Arc::clone(&ended) };
        let to = to.to_owned();
        let after: Arc<After> = Arc::new(Box::new(after));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let (to, after) = (to.clone(), Arc::clone(&after));
                let calls = Arc::clone(&calls);
                thread::spawn(move || pass(stream, &to, &calls, &after));
            }
        });
        proxy
    }

    /// Method and path of each call, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.all().into_iter().map(|call| call.line).collect()
    }

    /// Each call, in order.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
    }
}

fn pass(mut client: TcpStream, to: &str, calls: &Mutex<Vec<Call>>, after: &After) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let mut server = TcpStream::connect(to).ok()?;
    server.set_nodelay(true).ok()?;
    loop {
        let (head, request) = message(&mut client, true)?;
        let line = head.lines().next()?.to_owned();
        let call = line.rsplit_once(' ')?.0.to_owned();
        server.write_all(&request).ok()?;
        // What answers HEAD has a length and no body.
        let (_, mut answer) = message(&mut server, !call.starts_with("HEAD "))?;
        let number = {
            let mut calls = calls.lock().unwrap();
            calls.push(Call { line: call.clone(), body: request[head.len()..].to_vec() });
            calls.len()
        };
        if !after(number, &call, &mut answer) {
            return None;
        }
        client.write_all(&answer).ok()?;
    }
}

/// One request or answer: its head, and all of it.
fn message(stream: &mut TcpStream, has_body: bool) -> Option<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut piece = vec![0; 65_536];
    let end = loop {
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let read = stream.read(&mut piece).ok()?;
        if read == 0 {
            return None;
        }
        all.extend_from_slice(&piece[..read]);
    };
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    if !has_body {
        return Some((head, all));
    }
    let chunked = header("transfer-encoding").is_some_and(|value| value == "chunked");
    let length = header("content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    while if chunked { !all.ends_with(b"0\r\n\r\n") } else { all.len() < end + length } {
        let read = stream.read(&mut piece).ok()?;
        if read == 0 {
            return None;
        }
        all.extend_from_slice(&piece[..read]);
    }
    Some((head, all))
}
