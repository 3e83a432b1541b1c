//! One connection of a front server: what has come and was not understood yet, and what is to go.
//!
//! It is a TCP connection or one of the machine's own, which the system reads and writes alike.
//! Invariant: its duty sees all progress, as a client's over HTTP.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::duty::Duty;
use crate::invoke::data::Data;
use crate::platform::sockets;

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    duty: Arc<Duty>,
    pub(super) input: BytesMut,
    pub(super) output: Output,
}

/// The socket, as far as the core knows it. A request that is there when its connection is, and is
/// answered at once, needs nobody to wait for either.
#[derive(Debug)]
enum Stream {
    /// So many tries are left before it is waited for.
    Bare(std::net::TcpStream, u8),
    Known(TcpStream),
    /// The core could not take it.
    Lost,
}

/// What is to be sent, in order.
#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: VecDeque<Bytes>,
    /// Small things, put together.
    tail: BytesMut,
    /// Bytes that were ever put here, and that have left.
    put: u64,
    sent: u64,
}

/// Room that is made for each read.
const READ_BYTES: usize = 16 * 1024;

/// A block of this length is sent from where it lies: copying a shorter one costs less.
const LONG_BYTES: usize = 4 * 1024;

/// Pieces that go to the system at once.
const PIECES: usize = 16;

/// What a connection may do before it is waited for, which sees to it that one does not keep the
/// others waiting.
const TRIES: u8 = 8;

impl Line {
    /// Of a socket that does not wait.
    pub(super) fn new(stream: std::net::TcpStream, duty: Arc<Duty>) -> Self {
        let (input, output) = (BytesMut::new(), Output::default());
        Self { stream: Stream::Bare(stream, TRIES), duty, input, output }
    }

    /// Reads what is there; nothing at its end.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(READ_BYTES);
        let input = &mut self.input;
        if let Some(read) = self.stream.try_bare(|stream| sockets::fill(stream, input)) {
            return Poll::Ready(read.map(|(received, _)| self.count(received)));
        }
        loop {
            let stream = self.stream.known()?;
            ready!(stream.poll_read_ready(context))?;
            let (input, mut read) = (&mut self.input, None);
            let tried = stream.try_io(Interest::READABLE, || {
                let (received, room) = sockets::fill(stream, input)?;
                read = Some(received);
                // What leaves room has emptied the socket: the kernel reports what comes next.
                let emptied = received > 0 && room;
                if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (read, tried) {
                (Some(received), _) => return Poll::Ready(Ok(self.count(received))),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }

    fn count(&self, received: usize) -> usize {
        if received > 0 {
            self.duty.read();
        }
        received
    }

    /// Sends all that there is to send.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.gather();
        while let Some(first) = self.output.pieces.front() {
            debug_assert!(first.has_remaining(), "an empty piece");
            let mut slices = [IoSlice::new(&[]); PIECES];
            let count = self.output.slices(&mut slices);
            let slices = &slices[..count];
            let sent = match self.stream.try_bare(|stream| sockets::send(stream, slices)) {
                Some(sent) => sent,
                None => {
                    let stream = self.stream.known()?;
                    if stream.poll_write_ready(context)?.is_pending() {
                        self.duty.blocked();
                        return Poll::Pending;
                    }
                    stream.try_io(Interest::WRITABLE, || sockets::send(stream, slices))
                }
            };
            match sent {
                Ok(sent) => {
                    self.duty.wrote();
                    self.output.advance(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends it in a way that the other side can tell from the end of a response, where the system
    /// knows one.
    pub(super) fn break_off(&mut self) {
        if let Ok(stream) = self.stream.known() {
            let _ = stream.set_zero_linger();
        }
    }

    /// Says that nothing follows, and passes over what still comes: a socket that is closed over
    /// bytes that nobody has read takes the response back.
    pub(super) fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.stream.known().and_then(sockets::end_sending).is_err() {
            return Poll::Ready(());
        }
        loop {
            self.input.clear();
            match ready!(self.poll_read(context)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }
}

impl Stream {
    /// Does it at once; none where it has to be waited for.
    fn try_bare<T>(
        &mut self,
        operation: impl FnOnce(&std::net::TcpStream) -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let Self::Bare(stream, tries @ 1..) = self else { return None };
        *tries -= 1;
        match operation(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            done => Some(done),
        }
    }

    /// The same where it can be waited for, on this thread's core.
    fn known(&mut self) -> io::Result<&TcpStream> {
        if let Self::Bare(..) = self
            && let Self::Bare(stream, _) = std::mem::replace(self, Self::Lost)
        {
            *self = Self::Known(TcpStream::from_std(stream)?);
        }
        match self {
            Self::Known(stream) => Ok(stream),
            Self::Bare(..) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Output {
    /// Puts small things to what is to be sent.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.put += bytes.len() as u64;
    }

    /// The same by whoever writes them.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let before = self.tail.len();
        write(&mut self.tail);
        self.put += (self.tail.len() - before) as u64;
    }

    /// Puts bytes that may stay where they are.
    pub(super) fn put_block(&mut self, block: Bytes) {
        if block.len() < LONG_BYTES {
            return self.put(&block);
        }
        self.put += block.len() as u64;
        self.gather();
        self.pieces.push_back(block);
    }

    /// A block of a body.
    pub(super) fn put_data(&mut self, data: Data) {
        if data.remaining() < LONG_BYTES {
            self.put(data.chunk())
        } else {
            self.put_block(data.into_bytes())
        }
    }

    /// Where its end is, counted from the connection's first byte.
    pub(super) const fn end(&self) -> u64 {
        self.put
    }

    /// Whether everything up to there has left.
    pub(super) const fn has_sent(&self, end: u64) -> bool {
        self.sent >= end
    }

    /// Whether nothing is left to be sent.
    pub(super) const fn is_empty(&self) -> bool {
        self.sent == self.put
    }

    fn gather(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    fn slices<'a>(&'a self, into: &mut [IoSlice<'a>; PIECES]) -> usize {
        let pieces = self.pieces.iter().zip(into);
        pieces.map(|(piece, slice)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut sent: usize) {
        self.sent += sent as u64;
        while sent > 0 {
            let Some(first) = self.pieces.front_mut() else { return };
            let gone = sent.min(first.len());
            first.advance(gone);
            sent -= gone;
            if first.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}
