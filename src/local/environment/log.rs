//! What an environment writes: the end of it for `LogType: Tail`, and all of it, line by line, for who
//! keeps it.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::net::unix::pipe::Receiver;

/// The most that `X-Amz-Log-Result` holds, in bytes, before base64 (AWS API reference, Invoke).
const TAIL: usize = 4096;
/// Longer lines are divided; AWS's events hold 256 KB.
const LINE: usize = 256 * 1024;

/// Is given every line, with its line feed if it had one.
pub(in crate::local) type Keep = Box<dyn Fn(&[u8])>;

/// The log of one environment.
pub(in crate::local) struct Log {
    pipe: Receiver,
    lines: RefCell<Lines>,
    keep: Keep,
}

#[derive(Default)]
struct Lines {
    /// The end of what was written since the invocation began; up to twice as long as is needed.
    tail: Vec<u8>,
    /// A line that has no end yet.
    open: Vec<u8>,
}

impl Log {
    /// Of what comes out of a pipe.
    ///
    /// # Errors
    ///
    /// If it is no pipe.
    pub(super) fn new(output: OwnedFd, keep: Keep) -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            pipe: Receiver::from_owned_fd(output)?,
            lines: RefCell::default(),
            keep,
        }))
    }

    /// Reads until nobody can write any more.
    pub(super) async fn read(self: Rc<Self>) {
        while self.pipe.readable().await.is_ok() {
            if !self.take() {
                break;
            }
            // One that writes without end must not keep the others waiting.
            tokio::task::yield_now().await;
        }
    }

    /// Reads once. False: nothing will come any more.
    fn take(&self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.pipe.try_read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.add(buffer.get(..length).unwrap_or_default());
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Reads what is there by now, as far as that ends.
    pub(in crate::local) fn catch_up(&self) {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..64 {
            match self.pipe.try_read(&mut buffer) {
                Ok(length) if length > 0 => self.add(buffer.get(..length).unwrap_or_default()),
                _ => break,
            }
        }
    }

    /// Adds what was written; also what Lambda itself writes.
    pub(in crate::local) fn add(&self, bytes: &[u8]) {
        let mut lines = self.lines.borrow_mut();
        let Lines { tail, open } = &mut *lines;
        tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default());
        if tail.len() > 2 * TAIL {
            tail.drain(..tail.len() - TAIL);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || open.len() >= LINE {
                (self.keep)(open);
                open.clear();
            }
        }
    }

    /// An invocation begins: its tail begins here.
    pub(in crate::local) fn begin(&self) {
        self.catch_up();
        self.lines.borrow_mut().tail.clear();
    }

    /// Ends the line that is open: Lambda's own lines are lines of their own.
    pub(in crate::local) fn end_line(&self) {
        if !self.lines.borrow().open.is_empty() {
            self.add(b"\n");
        }
    }

    /// The end of what was written since the invocation began.
    pub(in crate::local) fn tail(&self) -> Vec<u8> {
        let lines = self.lines.borrow();
        lines.tail.get(lines.tail.len().saturating_sub(TAIL)..).unwrap_or_default().to_vec()
    }
}
