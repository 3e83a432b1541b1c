//! A connection that was taken over, between its application and its core.
//!
//! The application reads and writes, on whatever thread it likes; the core ends it. Nothing is
//! kept in between: a write takes what the kernel takes, and waits while the client takes nothing.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use dsgi::bridge::body::Failure;
use dsgi::bridge::bytes::SharedBytes;
use dsgi::bridge::duplex::{Duplex, Wire};
use hyper::rt::{Read, ReadBuf, Write};

use super::frames::{Frames, RESTARTS, Said};
use super::socket::Socket;
use crate::invoke::exchange::input::Leased;
use crate::invoke::switched::Protocol;
use crate::lease::Lease;

/// The core's side.
#[derive(Clone, Debug)]
pub(super) struct Line(Arc<Mutex<State>>);

/// The application's side. Dropping it gives the connection up.
#[derive(Debug)]
struct Held {
    line: Line,
    lease: Lease,
}

#[derive(Debug)]
struct State {
    /// None once the connection has ended.
    socket: Option<Socket>,
    /// What was read before it was taken over.
    unread: Bytes,
    stage: Stage,
    /// What is followed of a WebSocket.
    frames: Option<Frames>,
    /// Of the goodbye, so many bytes.
    goodbye: usize,
    sent: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The core's task.
    core: Option<Waker>,
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The application.
    Open,
    /// The application, up to the end of a frame.
    Ending,
    /// The host, a goodbye.
    Goodbye,
    /// Nobody any more: it was shut down, or given up.
    Shut,
    GivenUp,
}

/// Bytes of one read.
const BLOCK: usize = 64 * 1024;

thread_local! {
    /// What a read goes through: connections that wait have no memory for it.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Line {
    pub(super) fn new(socket: Socket, unread: Bytes, protocol: Protocol) -> Self {
        let frames = match protocol {
            Protocol::WebSocket => Some(Frames::default()),
            Protocol::Other => None,
        };
        Self(Arc::new(Mutex::new(State {
            socket: Some(socket),
            unread,
            stage: Stage::Open,
            frames,
            goodbye: 0,
            sent: 0,
            reader: None,
            writer: None,
            core: None,
        })))
    }

    /// What the application is given.
    pub(super) fn duplex(&self, lease: &Lease) -> Duplex {
        Duplex::of(Held { line: self.clone(), lease: lease.clone() })
    }

    /// Bytes that were handed to the transport.
    pub(super) fn sent(&self) -> u64 {
        self.lock().sent
    }

    /// Says goodbye as soon as the application is between two frames; ready once that was said, or
    /// nothing is to be said.
    pub(super) fn poll_goodbye(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let State { socket: Some(socket), frames, stage, goodbye, core, .. } = &mut *state else {
            return Poll::Ready(());
        };
        match (&*stage, frames) {
            (Stage::Shut | Stage::GivenUp, _) | (_, None) => return Poll::Ready(()),
            (_, Some(frames)) if frames.said() == Said::Closing => return Poll::Ready(()),
            (Stage::Open | Stage::Ending, Some(frames)) if !frames.at_border() => {
                *stage = Stage::Ending;
                *core = Some(context.waker().clone());
                return Poll::Pending;
            }
            (Stage::Open | Stage::Ending | Stage::Goodbye, Some(_)) => *stage = Stage::Goodbye,
        }
        while *goodbye < RESTARTS.len() {
            let left = &RESTARTS[*goodbye..];
            match ready!(Pin::new(&mut *socket).poll_write(context, left)) {
                Ok(written @ 1..) => *goodbye += written,
                // The client is gone, or nearly.
                Ok(0) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }

    /// Ends the direction to the client, and waits for the end of the other one, so that what was
    /// sent last is not lost (RFC 9112 9.6).
    pub(super) fn poll_leave(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let Some(socket) = &mut state.socket else { return Poll::Ready(()) };
        let _ = Pin::new(&mut *socket).poll_shutdown(context);
        state.stage = Stage::GivenUp;
        loop {
            match state.receive(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None) | Err(_)) => return Poll::Ready(()),
            }
        }
    }

    /// Whether the application has given it up; the core's task is woken by that.
    pub(super) fn is_given_up(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        let before = state.core.replace(waker.clone());
        let given_up = state.stage == Stage::GivenUp;
        drop(state);
        drop(before);
        given_up
    }

    /// Takes it away from the application, which is woken to see that.
    pub(super) fn take_back(&self) {
        let mut state = self.lock();
        state.stage = Stage::GivenUp;
        let waiting = (state.reader.take(), state.writer.take());
        drop(state);
        wake(waiting);
    }

    /// Closes the socket.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        let socket = state.socket.take();
        drop(state);
        drop(socket);
        self.take_back();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A library's waker is used, and dropped, where nothing is locked.
fn wake((reader, writer): (Option<Waker>, Option<Waker>)) {
    reader.into_iter().chain(writer).for_each(Waker::wake);
}

impl State {
    /// The socket, as long as the application has it.
    fn socket(&mut self) -> Result<&mut Socket, Failure> {
        match (&mut self.socket, self.stage) {
            (None, _) | (_, Stage::GivenUp) => Err(gone()),
            (Some(socket), _) => Ok(socket),
        }
    }

    /// The next bytes of the client; none at their end.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<SharedBytes>>> {
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            return Poll::Ready(Ok(Some(SharedBytes::from_owner(unread))));
        }
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(None)) };
        ROOM.with_borrow_mut(|room| {
            room.resize(BLOCK, 0);
            let mut read = ReadBuf::new(room);
            ready!(Pin::new(socket).poll_read(context, read.unfilled()))?;
            let bytes = read.filled();
            Poll::Ready(Ok((!bytes.is_empty()).then(|| SharedBytes::from(bytes.to_vec()))))
        })
    }

    /// Sends bytes of the application, so many as may be.
    fn send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Failure>> {
        let most = match (self.stage, &self.frames) {
            (Stage::Open, _) => bytes.len(),
            (Stage::Ending, Some(frames)) => frames.rest(bytes),
            (Stage::Ending, None) | (Stage::Goodbye | Stage::Shut | Stage::GivenUp, _) => 0,
        };
        if bytes.is_empty() || most == 0 {
            return Poll::Ready(if bytes.is_empty() { Ok(0) } else { Err(gone()) });
        }
        let socket = self.socket()?;
        let written = match ready!(Pin::new(socket).poll_write(context, &bytes[..most])) {
            Ok(written @ 1..) => written,
            Ok(0) | Err(_) => return Poll::Ready(Err(gone())),
        };
        self.sent += written as u64;
        if let Some(frames) = &mut self.frames {
            frames.go_on(&bytes[..written]);
        }
        Poll::Ready(Ok(written))
    }
}

#[cold]
fn gone() -> Failure {
    Failure::new(0, "the connection is gone")
}

impl Held {
    fn waker(&self, context: &Context<'_>) -> Waker {
        Leased::waker(context.waker(), &self.lease)
    }
}

impl Wire for Held {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<SharedBytes>, Failure>> {
        let waker = self.waker(context);
        let mut state = self.line.lock();
        state.socket()?;
        let received = state.receive(&mut Context::from_waker(&waker));
        let waits = received.is_pending().then_some(waker);
        let before = std::mem::replace(&mut state.reader, waits);
        drop(state);
        drop(before);
        received.map_err(|_| gone())
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Failure>> {
        let waker = self.waker(context);
        let mut state = self.line.lock();
        let sent = state.send(&mut Context::from_waker(&waker), bytes);
        let waits = sent.is_pending().then_some(waker);
        let before = std::mem::replace(&mut state.writer, waits);
        let core = if state.stage == Stage::Ending { state.core.take() } else { None };
        drop(state);
        drop(before);
        core.into_iter().for_each(Waker::wake);
        sent
    }

    /// Nothing is kept back.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(self.line.lock().socket().map(drop))
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut state = self.line.lock();
        let shut = Pin::new(state.socket()?).poll_shutdown(context);
        if shut.is_ready() && matches!(state.stage, Stage::Open | Stage::Ending) {
            state.stage = Stage::Shut;
        }
        shut.map_err(|_| gone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        let waiting = (state.reader.take(), state.writer.take());
        if state.stage != Stage::Goodbye {
            state.stage = Stage::GivenUp;
        }
        let core = state.core.take();
        drop(state);
        drop(waiting);
        core.into_iter().for_each(Waker::wake);
    }
}
