//! A client's socket: what was read to tell the protocol is given again, and progress is counted.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::duty::Duty;

/// First bytes of every HTTP/2 connection with prior knowledge (RFC 9113 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A socket whose progress its duty sees.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    duty: Arc<Duty>,
    peeked: [u8; PREFACE.len()],
    from: u8,
    to: u8,
}

impl<S: AsyncRead + Unpin> Socket<S> {
    pub(super) fn new(stream: S, duty: Arc<Duty>) -> Self {
        Self { stream, duty, peeked: [0; PREFACE.len()], from: 0, to: 0 }
    }

    /// Reads as far as needed to tell the protocol.
    pub(super) async fn protocol(&mut self) -> io::Result<Protocol> {
        loop {
            let read = usize::from(self.to);
            if self.peeked[..read] != PREFACE[..read] {
                return Ok(Protocol::Http1);
            }
            if read == PREFACE.len() {
                return Ok(Protocol::Http2);
            }
            let more = self.stream.read(&mut self.peeked[read..]).await?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.duty.read();
            self.to += u8::try_from(more).unwrap_or(0);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let begun = self.from < self.to;
        if begun {
            let peeked = &self.peeked[usize::from(self.from)..usize::from(self.to)];
            let length = peeked.len().min(into.remaining());
            into.put_slice(&peeked[..length]);
            self.from += u8::try_from(length).unwrap_or(0);
        }
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.duty.read();
        }
        // What was peeked goes together with what follows it: a first read of a few bytes would
        // make hyper double its buffer, for as long as the connection lives.
        if begun { Poll::Ready(Ok(())) } else { polled }
    }
}

impl<S> Socket<S> {
    #[inline]
    fn count<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &polled {
            Poll::Ready(_) => self.duty.wrote(),
            Poll::Pending => self.duty.blocked(),
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(polled)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.count(polled)
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
