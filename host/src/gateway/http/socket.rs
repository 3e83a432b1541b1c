//! A client's socket: what was read to tell the protocol is given again, and progress is counted.
//!
//! hyper reads and writes here without the layers in between, and the kernel is asked directly:
//! tokio's own way and the C library's cancellation points cost 400 instructions of a small request
//! (measured).
#![allow(unsafe_code, reason = "reads into memory that was not written yet")]

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncReadExt, AsyncWrite, Interest};
use tokio::net::TcpStream;

use crate::duty::Duty;
use crate::platform::sockets;

/// First bytes of every HTTP/2 connection with prior knowledge (RFC 9113 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Operations that a connection may try before it asks tokio first, which sees to it that one
/// connection does not keep the others waiting.
const TRIES: u8 = 8;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A socket whose progress its duty sees.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    duty: Arc<Duty>,
    /// Tries that are left until this connection has waited again.
    reads: u8,
    writes: u8,
    peeked: [u8; PREFACE.len()],
    from: u8,
    to: u8,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, duty: Arc<Duty>) -> Self {
        let peeked = [0; PREFACE.len()];
        Self { stream, duty, reads: 0, writes: 0, peeked, from: 0, to: 0 }
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

    /// What was peeked goes together with what follows it: a first read of a few bytes would make
    /// hyper double its buffer, for as long as the connection lives.
    #[cold]
    fn give_again(
        &mut self,
        context: &mut Context<'_>,
        into: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let peeked = &self.peeked[usize::from(self.from)..usize::from(self.to)];
        let length = peeked.len().min(into.remaining());
        into.put_slice(&peeked[..length]);
        self.from += u8::try_from(length).unwrap_or(0);
        if into.remaining() > 0 {
            // Whatever it says: something was read.
            let _ = self.receive(context, into);
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn receive(
        &mut self,
        context: &mut Context<'_>,
        into: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.reads == 0 {
                let polled = self.stream.poll_read_ready(context);
                if polled.is_pending() {
                    (self.reads, self.writes) = (TRIES, TRIES);
                }
                ready!(polled)?;
            } else {
                self.reads -= 1;
            }
            match self.try_receive(into) {
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => {
                    self.duty.read();
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.reads = 0,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads once. A read that leaves room has drained the socket, and the next one asks tokio.
    #[inline]
    fn try_receive(&mut self, into: &mut ReadBufCursor<'_>) -> io::Result<usize> {
        let (stream, mut received) = (&self.stream, 0);
        // SAFETY: nothing that was initialized is written over.
        let room = unsafe { into.as_mut() };
        let most = room.len();
        let tried = stream.try_io(Interest::READABLE, || {
            received = sockets::receive(stream, room)?;
            // As tokio's own reads do: the kernel reports whatever comes from now on.
            let drained = (1..most).contains(&received);
            if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if received == 0 {
            return tried.map(|()| 0);
        }
        if tried.is_err() {
            self.reads = 0;
        }
        // SAFETY: the kernel has written that many bytes.
        unsafe { into.advance(received) };
        Ok(received)
    }

    #[inline]
    fn send(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.writes == 0 {
                ready!(self.stream.poll_write_ready(context))?;
            } else {
                self.writes -= 1;
            }
            let stream = &self.stream;
            match stream.try_io(Interest::WRITABLE, || write(stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writes = 0,
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Some of these may stand for a part of a file.
    #[cold]
    #[inline(never)]
    fn send_part(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let duty = Arc::clone(&self.duty);
        let polled = self.send(context, |stream| duty.outlet().write(stream, bytes));
        self.count(&polled);
        polled
    }

    #[inline]
    fn count(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(_) => self.duty.wrote(),
            Poll::Pending => self.duty.blocked(),
        }
    }
}

impl Read for Socket {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.from < self.to {
            return self.give_again(context, &mut into);
        }
        self.receive(context, &mut into)
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.duty.outlet().is_under_way() {
            return self.send_part(context, bytes);
        }
        let polled = self.send(context, |stream| sockets::send(stream, bytes));
        self.count(&polled);
        polled
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A socket keeps nothing back.
    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
