//! A server that answers as it is told, one request a connection.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request that came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Method and path, with the query.
    pub(super) line: String,
    /// The names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The first byte that is asked for.
    pub(super) fn first(&self) -> usize {
        let range = self.header("range").strip_prefix("bytes=");
        range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap())
    }
}

/// An answer.
pub(super) enum Reply {
    /// With `Content-Length`.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The same, of which only so many bytes of the body come; then the connection is closed.
    Cut(u16, Vec<(&'static str, String)>, Vec<u8>, usize),
    /// The same, but the connection is reset.
    Reset(u16, Vec<(&'static str, String)>, Vec<u8>, usize),
    /// No length, and no end of it.
    Endless(Vec<(&'static str, String)>),
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing, for so long.
    Silence(Duration),
}

/// An answer of 200.
pub(super) fn ok(body: impl Into<Vec<u8>>) -> Reply {
    Reply::Whole(200, vec![("Content-Type", "application/octet-stream".to_owned())], body.into())
}

/// A manifest.
pub(super) fn manifest(body: impl Into<Vec<u8>>) -> Reply {
    Reply::Whole(200, vec![("Content-Type", super::OCI.to_owned())], body.into())
}

/// A status with the headers.
pub(super) fn status(status: u16, headers: &[(&'static str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Reply::Whole(status, headers, Vec::new())
}

/// A refusal as registries write it.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
    Reply::Whole(status, vec![("Content-Type", "application/json".to_owned())], body.into())
}

/// The server.
pub(super) struct Fake {
    /// Its host and port.
    pub(super) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

type Answer = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

impl Fake {
    /// Answers by the request and its number, from 1. That it speaks HTTP is not counted.
    pub(super) fn new(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (asked, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let this = Self { host, asked: Arc::clone(&asked), ended: Arc::clone(&ended) };
        let answer: Arc<Answer> = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                // Who goes away in the middle is a part of the game.
                thread::spawn(move || serve(stream.unwrap(), &asked, &*answer));
            }
        });
        this
    }

    /// The requests, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Their lines.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.host);
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, answer: &Answer) -> Option<()> {
    // The last byte of the head stays unread: what is closed then is reset.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut asked = Asked { line, headers, body: String::new() };
    let length: usize = asked.header("content-length").parse().unwrap_or_default();
    if length > 0 {
        let mut body = vec![0; length + 1];
        stream.read_exact(&mut body).ok()?;
        asked.body = String::from_utf8(body.split_off(1)).unwrap();
    }
    let reply = if asked.line == "GET /v2/" {
        status(200, &[])
    } else {
        let number = {
            let mut all = all.lock().unwrap();
            all.push(asked.clone());
            all.len()
        };
        answer(&asked, number)
    };
    let resets = matches!(reply, Reply::Reset(..));
    if length == 0 && !resets {
        stream.read_exact(&mut [0]).ok()?;
    }
    match reply {
        Reply::Whole(status, headers, body) => {
            begin(&mut stream, status, &headers, Some(body.len()))?;
            stream.write_all(&body).ok()
        }
        Reply::Cut(status, headers, body, most) | Reply::Reset(status, headers, body, most) => {
            begin(&mut stream, status, &headers, Some(body.len()))?;
            stream.write_all(&body[..most]).ok()?;
            // A reset throws away what the other side has not read yet.
            thread::sleep(Duration::from_millis(if resets { 50 } else { 0 }));
            Some(())
        }
        Reply::Endless(headers) => {
            begin(&mut stream, 200, &headers, None)?;
            loop {
                stream.write_all(&[b'x'; 8192]).ok()?;
            }
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).ok(),
        Reply::Silence(time) => {
            thread::sleep(time);
            Some(())
        }
    }
}

fn begin(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, String)],
    length: Option<usize>,
) -> Option<()> {
    let mut head = format!("HTTP/1.1 {status} So\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()
}
