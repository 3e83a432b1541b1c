//! The way of a part of a body to a client that does not lead through hyper: of a file, which then
//! passes through nobody's memory, or of several blocks, which then leave at once.
//!
//! hyper takes bytes only. For a part it is given as many bytes of a room that nobody reads: it
//! queues them, and says to the socket where they lie and how many are left. The socket knows the
//! room, and has the kernel send the part instead. The room is memory as any other, all zeros.
//! That none of them goes out is seen to here: a connection has one part at a time, and a write
//! that does not name just what is left of it is an error, which ends the connection.

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

/// Where a connection's parts go out. It carries bytes as they are, one response after the other.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    phase: AtomicU32,
    /// The last one that was taken. It belongs to the bytes that stand for it, and its body.
    part: Mutex<Weak<Part>>,
}

const OPEN: u32 = 0;
const UNDER_WAY: u32 = 1;
const CLOSED: u32 = 2;

/// A part of a body on its way.
pub(crate) struct Part {
    source: Source,
    length: usize,
    state: Mutex<State>,
}

enum Source {
    /// From there on.
    File(Arc<File>, u64),
    /// None of them empty.
    Blocks(Vec<Bytes>),
}

/// Pieces that go to the system at once, of blocks and of what stands around them.
const SLICES: usize = 32;

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
    /// The longest part.
    pub(crate) const MOST_BYTES: usize = FILE_PART_BYTES;

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
        let part = self.put(Source::File(file, at), length);
        (Arc::clone(&part), Bytes::from_owner(Stand(part)))
    }

    /// The same of blocks, none of them empty, which are dropped when what stands for them is.
    pub(crate) fn take_blocks(&self, blocks: Vec<Bytes>) -> Bytes {
        let length = blocks.iter().map(Bytes::len).sum();
        Bytes::from_owner(Stand(self.put(Source::Blocks(blocks), length)))
    }

    fn put(&self, source: Source, length: usize) -> Arc<Part> {
        debug_assert!(length <= Self::MOST_BYTES, "more than the room has");
        let part = Arc::new(Part { source, length, state: Mutex::default() });
        *self.lock() = Arc::downgrade(&part);
        self.phase.store(UNDER_WAY, Ordering::Relaxed);
        part
    }

    /// Writes once, while a part is under way: what stands before it, or of it.
    pub(crate) fn write(&self, stream: &TcpStream, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match (bytes.iter().position(|slice| is_stand(slice)), self.part()) {
            (Some(at), Some(part)) if part.goes_out(at) && part.is_left(&bytes[at]) => {
                let sent = part.write(stream, &bytes[..at], &bytes[at + 1..])?;
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

    /// Whether it can be written behind so many other pieces: a file goes out by itself.
    const fn goes_out(&self, behind: usize) -> bool {
        behind == 0 || matches!(self.source, Source::Blocks(_))
    }

    /// Writes once of what is left, of blocks with what stands around them.
    fn write(
        &self,
        stream: &TcpStream,
        before: &[IoSlice<'_>],
        behind: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let sent = self.lock().sent;
        let (file, at) = match &self.source {
            Source::File(file, at) => (file, at + sent as u64),
            Source::Blocks(blocks) => return self.write_among(stream, before, blocks, behind),
        };
        let written = Self::send(stream, file, at, self.length - sent)?;
        if written == 0 {
            self.end(End::Broken);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.lock().sent += written;
        Ok(written)
    }

    fn write_among(
        &self,
        stream: &TcpStream,
        before: &[IoSlice<'_>],
        blocks: &[Bytes],
        behind: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let sent = self.lock().sent;
        let all = before.iter().map(|it| &**it).chain(rest(blocks, sent));
        let mut slices = [IoSlice::new(&[]); SLICES];
        let places = slices.iter_mut().zip(all.chain(behind.iter().map(|it| &**it)));
        let count = places.map(|(place, bytes)| *place = IoSlice::new(bytes)).count();
        let written = sockets::send(stream, &slices[..count])?;
        let ahead: usize = before.iter().map(|it| it.len()).sum();
        self.lock().sent += written.saturating_sub(ahead).min(self.length - sent);
        Ok(written)
    }

    /// Has the system send once; 0 where there is nothing.
    fn send(stream: &TcpStream, file: &File, at: u64, left: usize) -> io::Result<usize> {
        loop {
            match sockets::send_file(stream, file, at, left) {
                Ok(sent) => return Ok(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => return send_by_reading(stream, file, at, left),
            }
        }
    }

    fn unsent(&self, state: &State) -> u64 {
        (self.length - state.sent) as u64
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the system cannot send of this file, or not to this socket: then that is said here.
#[cold]
fn send_by_reading(stream: &TcpStream, file: &File, at: u64, left: usize) -> io::Result<usize> {
    let mut bytes = vec![0; left.min(FILE_BLOCK_BYTES)];
    match files::read_at(file, &mut bytes, at) {
        Ok(0) | Err(_) => Ok(0),
        Ok(read) => sockets::send(stream, &[IoSlice::new(&bytes[..read])]),
    }
}

/// What follows the bytes of these that were sent.
fn rest(blocks: &[Bytes], sent: usize) -> impl Iterator<Item = &[u8]> {
    let left = blocks.iter().scan(sent, |sent, block| {
        let gone = block.len().min(*sent);
        *sent -= gone;
        Some(&block[gone..])
    });
    left.filter(|left| !left.is_empty())
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests;
