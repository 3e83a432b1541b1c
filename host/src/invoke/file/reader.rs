//! Threads that read files where the disk has to be waited for.
//!
//! They are few, are started when they are first needed, and touch nothing of a library: what they
//! are given is a file of the host, room of the host, and whom to wake.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use super::Block;
use crate::limits::FILE_READERS;
use crate::platform::files;

/// One read.
pub(super) struct Errand {
    file: Arc<File>,
    at: u64,
    most: usize,
    progress: Mutex<Progress>,
}

enum Progress {
    /// Where to, and whom to wake.
    Asked(Block, Waker),
    /// A thread reads; whom to wake.
    Reading(Waker),
    Done(io::Result<(Block, usize)>),
    /// What came of it was taken.
    Over,
}

struct Readers {
    errands: VecDeque<Arc<Errand>>,
    started: usize,
    idle: usize,
}

static READERS: Mutex<Readers> =
    Mutex::new(Readers { errands: VecDeque::new(), started: 0, idle: 0 });
static MORE: Condvar = Condvar::new();

/// Has a thread do it.
///
/// # Errors
/// No thread could be started, and there is none.
pub(super) fn send(errand: Arc<Errand>) -> io::Result<()> {
    let mut readers = readers();
    if readers.errands.len() >= readers.idle && readers.started < FILE_READERS {
        let name = format!("file-reader-{}", readers.started);
        match thread::Builder::new().name(name).spawn(serve) {
            Ok(_) => readers.started += 1,
            Err(error) if readers.started == 0 => return Err(error),
            Err(_) => {}
        }
    }
    readers.errands.push_back(errand);
    drop(readers);
    MORE.notify_one();
    Ok(())
}

fn serve() {
    loop {
        next().run();
    }
}

fn next() -> Arc<Errand> {
    let mut readers = readers();
    loop {
        if let Some(errand) = readers.errands.pop_front() {
            return errand;
        }
        readers.idle += 1;
        readers = MORE.wait(readers).unwrap_or_else(PoisonError::into_inner);
        readers.idle -= 1;
    }
}

fn readers() -> MutexGuard<'static, Readers> {
    READERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Errand {
    pub(super) fn new(
        file: Arc<File>,
        at: u64,
        block: Block,
        most: usize,
        waker: Waker,
    ) -> Arc<Self> {
        let progress = Mutex::new(Progress::Asked(block, waker));
        Arc::new(Self { file, at, most, progress })
    }

    /// What came of it, once.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<io::Result<(Block, usize)>> {
        let mut progress = self.lock();
        if let Progress::Asked(_, known) | Progress::Reading(known) = &mut *progress {
            known.clone_from(waker);
            return Poll::Pending;
        }
        match std::mem::replace(&mut *progress, Progress::Over) {
            Progress::Done(done) => Poll::Ready(done),
            _ => Poll::Pending,
        }
    }

    fn run(self: Arc<Self>) {
        // Whoever asked has gone where this is the only one who knows of it.
        if Arc::strong_count(&self) == 1 {
            return;
        }
        let Some(mut block) = self.begin() else { return };
        let read = loop {
            match files::read_at(&self.file, &mut block.as_mut()[..self.most], self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let done = Progress::Done(read.map(|read| (block, read)));
        let before = std::mem::replace(&mut *self.lock(), done);
        if let Progress::Reading(waker) = before {
            waker.wake();
        }
    }

    fn begin(&self) -> Option<Block> {
        let mut progress = self.lock();
        match std::mem::replace(&mut *progress, Progress::Over) {
            Progress::Asked(block, waker) => {
                *progress = Progress::Reading(waker);
                Some(block)
            }
            other => {
                *progress = other;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errand({} bytes at {})", self.most, self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::invoke::place::Unpark;

    #[test]
    fn many_errands_are_done_by_few_threads() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&[7; 1000]).expect("it can be written");
        let file = Arc::new(file);
        let waker = Unpark::this_thread();
        let ask = |at: u64| {
            let block = Block::take();
            let errand = Errand::new(Arc::clone(&file), at * 10, block, 20, waker.clone());
            send(Arc::clone(&errand)).expect("a thread");
            errand
        };
        let errands: Vec<_> = (0..100).map(ask).collect();
        for (at, errand) in errands.into_iter().enumerate() {
            let (block, read) = loop {
                match errand.poll(&waker) {
                    Poll::Ready(read) => break read.expect("it can be read"),
                    Poll::Pending => thread::park(),
                }
            };
            assert_eq!(read, if at == 99 { 10 } else { 20 });
            assert!(block.as_ref()[..read].iter().all(|byte| *byte == 7));
        }
        assert!(readers().started <= FILE_READERS);
    }
}
