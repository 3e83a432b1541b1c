//! The way of a file to a client that passes through nobody's memory.
//!
//! hyper takes bytes only. For a part of a file it is given as many bytes of a room that nobody
//! reads: it queues them, and says to the socket where they lie and how many are left. The socket
//! knows the room, and has the kernel send the part instead. The room is memory as any other, all
//! zeros. That none of them goes out is seen to here: a connection has one part at a time, and a
//! write that does not name just what is left of it is an error, which ends the connection.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::limits::{FILE_BLOCK_BYTES, FILE_PART_BYTES};
use crate::platform::{files, sockets};

/// As many bytes as a part may have. The system gives memory for those that are written: none.
static ROOM: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; FILE_PART_BYTES]);

/// Where a connection's files go out. It carries bytes as they are, one response after the other.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    phase: AtomicU32,
    /// The last one that was taken. It belongs to the bytes that stand for it, and its body.
    part: Mutex<Weak<Part>>,
}

const OPEN: u32 = 0;
const UNDER_WAY: u32 = 1;
const CLOSED: u32 = 2;

/// A part of a file on its way.
pub(crate) struct Part {
    file: Arc<File>,
    at: u64,
    length: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: usize,
    end: Option<End>,
    waker: Option<Waker>,
    then: Option<Then>,
}

/// How a part has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Sent,
    /// The file has no such bytes any more, or they cannot be read.
    Broken,
    /// The connection has ended.
    Cut,
}

/// Is told the end of a part, and how many bytes of it were not sent.
type Then = Box<dyn FnOnce(End, u64) + Send>;

/// What hyper holds for a part, whose end is when it drops this.
struct Stand(Arc<Part>);

/// Whether these stand for a part.
fn is_stand(bytes: &[u8]) -> bool {
    ROOM.as_ptr_range().contains(&bytes.as_ptr())
}

impl Outlet {
    /// Whether the system sends files by itself, and all that it was given.
    pub(crate) fn is_open(&self) -> bool {
        sockets::SENDS_FILES && !self.is_under_way()
    }

    /// Nothing goes out here: what its connection sends is not bytes as they are, or is not sent
    /// by hyper.
    pub(crate) fn close(&self) {
        self.phase.store(CLOSED, Ordering::Relaxed);
    }

    /// Whether what is written next may stand for a part.
    #[inline]
    pub(crate) fn is_under_way(&self) -> bool {
        self.phase.load(Ordering::Relaxed) != OPEN
    }

    /// Takes a part of a file, at most a room long, and gives the bytes that stand for it.
    pub(crate) fn take(&self, file: Arc<File>, at: u64, length: usize) -> (Arc<Part>, Bytes) {
        let part = Arc::new(Part { file, at, length, state: Mutex::default() });
        *self.lock() = Arc::downgrade(&part);
        self.phase.store(UNDER_WAY, Ordering::Relaxed);
        (Arc::clone(&part), Bytes::from_owner(Stand(part)))
    }

    /// Writes once, while a part is under way: what stands before it, or of it.
    pub(crate) fn write(&self, stream: &TcpStream, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match (bytes.iter().position(|slice| is_stand(slice)), self.part()) {
            (Some(0), Some(part)) if part.is_left(&bytes[0]) => {
                let sent = part.write(stream)?;
                if part.is_sent() {
                    self.phase.store(OPEN, Ordering::Relaxed);
                }
                Ok(sent)
            }
            (Some(0) | None, _) => Err(io::Error::other("a part of a file was lost on its way")),
            (Some(ahead), _) => sockets::send_ahead(stream, &bytes[..ahead]),
        }
    }

    fn part(&self) -> Option<Arc<Part>> {
        self.lock().upgrade()
    }

    fn lock(&self) -> MutexGuard<'_, Weak<Part>> {
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Stand {
    fn as_ref(&self) -> &[u8] {
        &ROOM[..self.0.length]
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.0.end(End::Cut);
    }
}

impl Part {
    /// Has ended, and how; who asks too early is woken.
    pub(crate) fn poll_end(&self, waker: &Waker) -> Poll<End> {
        let mut state = self.lock();
        match state.end {
            Some(end) => Poll::Ready(end),
            None => {
                state.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    /// Does something at its end, which may have been.
    pub(crate) fn at_end(&self, then: impl FnOnce(End, u64) + Send + 'static) {
        let mut state = self.lock();
        match state.end {
            Some(end) => {
                let unsent = self.unsent(&state);
                drop(state);
                then(end, unsent);
            }
            None => state.then = Some(Box::new(then)),
        }
    }

    /// It has ended so, unless all of it was sent; the first end counts.
    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        let end = if state.sent == self.length { End::Sent } else { end };
        state.end = Some(end);
        let (waker, then, unsent) = (state.waker.take(), state.then.take(), self.unsent(&state));
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(then) = then {
            then(end, unsent);
        }
    }

    /// Whether this is where the rest of it lies.
    fn is_left(&self, slice: &IoSlice<'_>) -> bool {
        let sent = self.lock().sent;
        std::ptr::eq::<[u8]>(&**slice, &raw const ROOM[sent..self.length])
    }

    fn is_sent(&self) -> bool {
        self.lock().sent == self.length
    }

    /// Writes once of what is left.
    fn write(&self, stream: &TcpStream) -> io::Result<usize> {
        let sent = self.send(stream)?;
        if sent == 0 {
            self.end(End::Broken);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.lock().sent += sent;
        Ok(sent)
    }

    /// Sends once; 0 where there is nothing.
    fn send(&self, stream: &TcpStream) -> io::Result<usize> {
        let sent = self.lock().sent;
        let (at, left) = (self.at + sent as u64, self.length - sent);
        loop {
            match sockets::send_file(stream, &self.file, at, left) {
                Ok(sent) => return Ok(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => return self.send_by_reading(stream, at, left),
            }
        }
    }

    /// What the system cannot send of this file, or not to this socket: then that is said here.
    #[cold]
    fn send_by_reading(&self, stream: &TcpStream, at: u64, left: usize) -> io::Result<usize> {
        let mut bytes = vec![0; left.min(FILE_BLOCK_BYTES)];
        match files::read_at(&self.file, &mut bytes, at) {
            Ok(0) | Err(_) => Ok(0),
            Ok(read) => sockets::send(stream, &[IoSlice::new(&bytes[..read])]),
        }
    }

    fn unsent(&self, state: &State) -> u64 {
        (self.length - state.sent) as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} bytes at {})", self.length, self.at)
    }
}

#[cfg(test)]
mod tests;
