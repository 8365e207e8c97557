//! The bytes of a blob on their way from the disk: read and hashed on a thread of their own, a few
//! small pieces ahead of the network, and never to the end if they are other bytes than they should be.

use std::io::{self, ErrorKind, Read, Write as _};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

use super::dial::BoxError;
use super::error::Why;
use super::push::{Blob, Progress};
use crate::digest::{HashingWriter, Sha256};

/// The largest piece.
const PIECE: u64 = 64 * 1024;
/// How many pieces wait for the network.
const AHEAD: usize = 2;

/// What a request sends.
pub(super) enum Load<'a> {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A part of a blob, opened anew for each try.
    Stream(&'a Source<'a>),
}

/// A part of a blob, or all of it.
pub(super) struct Source<'a> {
    pub(super) blob: &'a Blob<'a>,
    /// The first byte.
    pub(super) at: u64,
    pub(super) length: u64,
    pub(super) account: &'a Account<'a>,
}

/// What is told of one blob's bytes.
pub(super) struct Account<'a> {
    pub(super) digest: Sha256,
    pub(super) told: &'a (dyn Fn(Progress) + Sync),
    /// So far it has come.
    pub(super) at: AtomicU64,
    /// All bytes that were sent in bodies, of everything.
    pub(super) all: &'a AtomicU64,
}

impl Account<'_> {
    pub(super) fn forward(&self, bytes: u64) {
        if bytes > 0 {
            self.at.fetch_add(bytes, Ordering::Relaxed);
            self.all.fetch_add(bytes, Ordering::Relaxed);
            (self.told)(Progress::Sent { digest: self.digest, bytes });
        }
    }

    /// What was sent behind that place is to be sent again.
    pub(super) fn back_to(&self, place: u64) {
        let bytes = self.at.load(Ordering::Relaxed).saturating_sub(place);
        if bytes > 0 {
            self.at.fetch_sub(bytes, Ordering::Relaxed);
            (self.told)(Progress::Back { digest: self.digest, bytes });
        }
    }
}

/// A body that is being sent, seen from outside.
#[derive(Default)]
pub(super) struct Watch {
    taken: AtomicU64,
    paused: AtomicBool,
    stopped: AtomicBool,
    waker: Mutex<Option<Waker>>,
    fault: Mutex<Option<Why>>,
}

/// Ends a body that is not wanted to its end, when dropped: with the answer that came before it.
pub(super) struct Stop(pub(super) Arc<Watch>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Watch {
    /// How much of it was handed over to the network.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// An answer has come: until that is read, the connection must live.
    pub(super) fn pause(&self) {
        self.paused.store(true, Ordering::Relaxed);
    }

    /// No more of it is wanted.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.iter().for_each(Waker::wake_by_ref);
    }

    /// Whether a body goes on, and how it does not.
    fn poll_held(&self, context: &Context<'_>) -> Option<Poll<BoxError>> {
        if !self.paused.load(Ordering::Relaxed) && !self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        *waker = Some(context.waker().clone());
        let stopped = self.stopped.load(Ordering::Relaxed);
        Some(if stopped { Poll::Ready("no more of it is wanted".into()) } else { Poll::Pending })
    }

    /// What is wrong with the bytes themselves, if that is it.
    pub(super) fn fault(&self) -> Option<Why> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, why: Why) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// The body.
pub(super) struct Feed {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
    watch: Arc<Watch>,
}

impl Source<'_> {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// If the blob cannot be opened. Whatever is wrong with it later is the watch's fault, and ends the
    /// body before its length.
    pub(super) fn feed(&self) -> Result<(Feed, Arc<Watch>), Why> {
        self.account.back_to(self.at);
        let reader = (self.blob.open)().map_err(Why::Read)?;
        let (sender, pieces) = mpsc::channel(AHEAD);
        let watch = Arc::new(Watch::default());
        let part = Part {
            digest: self.blob.digest,
            size: self.blob.size,
            at: self.at,
            end: self.at + self.length,
        };
        let seen = Arc::clone(&watch);
        if self.blob.size == 0 {
            // Nobody asks an empty body for its pieces.
            part.check(reader, HashingWriter::new(io::sink()))?;
        } else {
            tokio::task::spawn_blocking(move || {
                if let Err(why) = part.pump(reader, &sender, &seen) {
                    seen.fail(why);
                }
            });
        }
        Ok((Feed { pieces, left: self.length, watch: Arc::clone(&watch) }, watch))
    }
}

/// Which bytes of which blob.
struct Part {
    digest: Sha256,
    size: u64,
    at: u64,
    end: u64,
}

impl Part {
    /// Reads, hashes, and gives what is of the part. The last bytes of the blob are given only if it is
    /// the blob.
    fn pump(
        &self,
        mut reader: Box<dyn Read + Send>,
        pieces: &mpsc::Sender<Bytes>,
        watch: &Watch,
    ) -> Result<(), Why> {
        let mut hash = HashingWriter::new(io::sink());
        let mut place = 0;
        while place < self.end {
            let border = if place < self.at { self.at } else { self.end };
            let mut piece = vec![0; usize::try_from(PIECE.min(border - place)).unwrap_or_default()];
            reader.read_exact(&mut piece).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => self.changed("it is shorter"),
                _ => Why::Read(error),
            })?;
            hash.write_all(&piece).map_err(Why::Read)?;
            let before = place;
            place += piece.len() as u64;
            if place == self.size {
                let done = std::mem::replace(&mut hash, HashingWriter::new(io::sink()));
                self.check(&mut reader, done)?;
            }
            let stopped = watch.stopped.load(Ordering::Relaxed);
            if stopped || (before >= self.at && pieces.blocking_send(piece.into()).is_err()) {
                break;
            }
        }
        Ok(())
    }

    /// Whether what was read is all of the blob.
    fn check(&self, mut rest: impl Read, hash: HashingWriter<io::Sink>) -> Result<(), Why> {
        if rest.read(&mut [0]).map_err(Why::Read)? > 0 {
            return Err(self.changed("it is longer"));
        }
        match hash.finish() {
            (_, is, _) if is == self.digest => Ok(()),
            (_, is, _) => Err(self.changed(&format!("it is {is}"))),
        }
    }

    fn changed(&self, how: &str) -> Why {
        Why::Changed(format!("{how}, not {} of {} bytes", self.digest, self.size))
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Some(held) = self.watch.poll_held(context) {
            return held.map(|error| Some(Err(error)));
        }
        self.pieces.poll_recv(context).map(|piece| {
            let Some(piece) = piece else { return Some(Err("there is no more of it".into())) };
            self.left -= piece.len() as u64;
            self.watch.taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Some(Ok(Frame::data(piece)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
