//! A connection that a server may answer on, and close, before it has read everything.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What a server will not read is thrown away, so that its answer is still read: a refusal that comes
/// before the end of a body is that refusal, and no broken pipe (RFC 9112, section 9.5).
pub(super) struct Wire {
    inner: TokioIo<TcpStream>,
    /// Whether the other side reads no more.
    deaf: bool,
}

impl Wire {
    pub(super) const fn new(inner: TokioIo<TcpStream>) -> Self {
        Self { inner, deaf: false }
    }

    /// What became of a write of so many bytes. Whether the connection is at its end is for the read to
    /// find out, which comes next.
    fn written(&mut self, all: usize, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match done {
            Poll::Ready(Err(error))
                if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) =>
            {
                self.deaf = true;
                Poll::Ready(Ok(all))
            }
            done => done,
        }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let done = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(bytes.len(), done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf { Poll::Ready(Ok(())) } else { Pin::new(&mut self.inner).poll_flush(context) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = pieces.iter().map(|piece| piece.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(all));
        }
        let done = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        self.written(all, done)
    }
}
