//! What an environment writes: the end of it for `LogType: Tail`, and all of it, line by line, for who
//! keeps it and for extensions that have subscribed to it.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::net::unix::pipe::Receiver;

use super::telemetry::{Stream, Telemetry};

/// The most that `X-Amz-Log-Result` holds, in bytes, before base64 (AWS API reference, Invoke).
const TAIL: usize = 4096;
/// Longer lines are divided; AWS's events hold 256 KB.
const LINE: usize = 256 * 1024;

/// Is given every line, with its line feed if it had one.
pub(in crate::local) type Keep = Box<dyn Fn(&[u8])>;

/// The log of one environment.
pub(in crate::local) struct Log {
    sources: RefCell<Vec<Rc<Source>>>,
    /// The end of what was written since the invocation began; up to twice as long as is needed.
    tail: RefCell<Vec<u8>>,
    keep: Keep,
    telemetry: Rc<Telemetry>,
}

/// A process that writes.
struct Source {
    pipe: Receiver,
    stream: Stream,
    /// A line that has no end yet.
    open: RefCell<Vec<u8>>,
}

impl Log {
    /// An empty one.
    pub(super) fn new(keep: Keep, telemetry: Rc<Telemetry>) -> Rc<Self> {
        let (sources, tail) = (RefCell::default(), RefCell::default());
        Rc::new(Self { sources, tail, keep, telemetry })
    }

    /// Takes in what comes out of a pipe; gives what reads it until nobody can write any more.
    ///
    /// # Errors
    ///
    /// If it is no pipe.
    pub(super) fn read(
        self: &Rc<Self>,
        output: OwnedFd,
        stream: Stream,
    ) -> io::Result<impl Future<Output = ()> + use<>> {
        let pipe = Receiver::from_owned_fd(output)?;
        let source = Rc::new(Source { pipe, stream, open: RefCell::default() });
        self.sources.borrow_mut().push(source.clone());
        let log = self.clone();
        Ok(async move {
            while source.pipe.readable().await.is_ok() {
                if !log.take(&source) {
                    break;
                }
                // One that writes without end must not keep the others waiting.
                tokio::task::yield_now().await;
            }
        })
    }

    /// Reads once. False: nothing will come any more.
    fn take(&self, source: &Source) -> bool {
        let mut buffer = [0; 16 * 1024];
        match source.pipe.try_read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.add(source, buffer.get(..length).unwrap_or_default());
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Reads what is there by now, as far as that ends.
    pub(in crate::local) fn catch_up(&self) {
        let mut buffer = [0; 16 * 1024];
        for source in self.sources() {
            for _ in 0..64 {
                match source.pipe.try_read(&mut buffer) {
                    Ok(length) if length > 0 => {
                        self.add(&source, buffer.get(..length).unwrap_or_default());
                    }
                    _ => break,
                }
            }
        }
    }

    fn sources(&self) -> Vec<Rc<Source>> {
        self.sources.borrow().clone()
    }

    /// Adds what a process wrote.
    fn add(&self, source: &Source, bytes: &[u8]) {
        self.add_to_tail(bytes);
        let mut open = source.open.borrow_mut();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || open.len() >= LINE {
                (self.keep)(&open);
                self.telemetry.line(source.stream, &open);
                open.clear();
            }
        }
    }

    fn add_to_tail(&self, bytes: &[u8]) {
        let mut tail = self.tail.borrow_mut();
        tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default());
        if tail.len() > 2 * TAIL {
            let surplus = tail.len() - TAIL;
            tail.drain(..surplus);
        }
    }

    /// Adds lines that Lambda itself writes: they are lines of their own.
    pub(in crate::local) fn platform(&self, lines: &str) {
        self.catch_up();
        self.end_lines();
        self.add_to_tail(lines.as_bytes());
        for line in lines.split_inclusive('\n') {
            (self.keep)(line.as_bytes());
        }
    }

    /// An invocation begins: its tail begins here.
    pub(in crate::local) fn begin(&self) {
        self.catch_up();
        self.tail.borrow_mut().clear();
    }

    /// Ends the lines that are open.
    fn end_lines(&self) {
        for source in self.sources() {
            if !source.open.borrow().is_empty() {
                self.add(&source, b"\n");
            }
        }
    }

    /// The end of what was written since the invocation began.
    pub(in crate::local) fn tail(&self) -> Vec<u8> {
        let tail = self.tail.borrow();
        tail.get(tail.len().saturating_sub(TAIL)..).unwrap_or_default().to_vec()
    }
}
