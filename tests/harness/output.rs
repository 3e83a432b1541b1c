//! What a child writes to one of its pipes, collected by a thread and awaited by tests.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bytes of one pipe so far. Clones show the same pipe.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    shared: Arc<(Mutex<Pipe>, Condvar)>,
}

#[derive(Debug)]
struct Pipe {
    bytes: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Ended,
}

/// Why a wait ended without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Missed {
    /// The pipe was closed: nothing more will come.
    Ended,
    /// The deadline passed.
    TimedOut,
}

impl Captured {
    /// Reads `pipe` in a thread of its own until its end. The thread is not joined: it ends with
    /// the last process that holds the other side.
    pub(crate) fn from_pipe(mut pipe: impl Read + Send + 'static) -> Self {
        let pipe_so_far = Pipe { bytes: Vec::new(), state: State::Open };
        let captured = Self { shared: Arc::new((Mutex::new(pipe_so_far), Condvar::new())) };
        let writer = captured.clone();
        std::thread::spawn(move || {
            let mut block = [0; 4096];
            loop {
                let read = match pipe.read(&mut block) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    read => read.unwrap_or(0),
                };
                let mut so_far = writer.lock();
                so_far.bytes.extend_from_slice(&block[..read]);
                if read == 0 {
                    so_far.state = State::Ended;
                }
                drop(so_far);
                writer.shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        captured
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Waits until `find` sees what it looks for in the whole lines so far.
    pub(crate) fn wait_for<T>(
        &self,
        limit: Duration,
        find: impl Fn(&[&str]) -> Option<T>,
    ) -> Result<T, Missed> {
        let until = Instant::now() + limit;
        let mut pipe = self.lock();
        loop {
            let text = String::from_utf8_lossy(&pipe.bytes);
            // A line is whole at its newline; what follows the last one is still being written,
            // unless nothing more can come.
            let whole = match pipe.state {
                State::Open => &text[..text.rfind('\n').map_or(0, |end| end + 1)],
                State::Ended => &text,
            };
            if let Some(found) = find(&whole.lines().collect::<Vec<_>>()) {
                return Ok(found);
            }
            if pipe.state == State::Ended {
                return Err(Missed::Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Missed::TimedOut);
            }
            pipe = self.wait(pipe, left);
        }
    }

    /// Waits until the pipe is closed by everyone who could write to it.
    pub(crate) fn wait_for_end(&self, limit: Duration) -> Result<(), Missed> {
        match self.wait_for(limit, |_| None::<()>) {
            Err(Missed::Ended) => Ok(()),
            Err(missed) => Err(missed),
            Ok(()) => unreachable!("nothing was looked for"),
        }
    }

    // A test that panicked while it held the lock has left whole bytes behind.
    fn lock(&self) -> MutexGuard<'_, Pipe> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, pipe: MutexGuard<'a, Pipe>, left: Duration) -> MutexGuard<'a, Pipe> {
        self.shared.1.wait_timeout(pipe, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn a_line_is_seen_once_it_is_whole() {
        let (read, mut write) = std::io::pipe().unwrap();
        let captured = Captured::from_pipe(read);
        let has = |lines: &[&str]| lines.contains(&"ready now").then_some(());
        write.write_all(b"first\nready").unwrap();
        captured.wait_for(crate::harness::DEADLINE, |lines| lines.first().map(|_| ())).unwrap();
        assert_eq!(captured.wait_for(SOON, has), Err(Missed::TimedOut));
        write.write_all(b" now\nthird").unwrap();
        assert_eq!(captured.wait_for(crate::harness::DEADLINE, has), Ok(()));
        assert_eq!(captured.wait_for_end(SOON), Err(Missed::TimedOut));
        drop(write);
        assert_eq!(captured.wait_for_end(crate::harness::DEADLINE), Ok(()));
        assert_eq!(captured.wait_for(SOON, |_| None::<()>), Err(Missed::Ended));
        assert_eq!(captured.text(), "first\nready now\nthird");
    }
}
