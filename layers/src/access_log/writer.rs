//! Lines on their way to a file: a bounded queue, and a thread that empties it.
//!
//! A request never waits for the disk. Where the queue is full its line is dropped, and where the
//! disk takes no more lines are lost; both are counted, and the host's log is told how many there
//! were. A file that was moved away is opened anew: before it writes the thread looks whether the
//! path still leads to the file that it has open, once a second at most, and always after
//! [`rotate`]. So a rotation is a rename; a signal makes it sooner.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Standard output of the host.
    Stdout,
    /// Standard error of the host.
    Stderr,
    /// A file, to whose end they are appended.
    File(PathBuf),
}

/// The side that lines are given to.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    lines_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<String>,
    dropped: u64,
    /// The thread sleeps until it is woken.
    asleep: Asleep,
    end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asleep {
    #[default]
    No,
    Yes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Closed,
}

/// How long the thread collects lines after it has written some, before it sleeps until it is
/// woken: to wake it for each line would cost a busy host more than the line.
const COLLECT: Duration = Duration::from_millis(50);
/// How often a path is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often dropped lines and errors are told of.
const TELL: Duration = Duration::from_secs(1);

/// How often [`rotate`] was called.
static ROTATIONS: AtomicU64 = AtomicU64::new(0);

/// From now on every access log of this program looks whether its file was moved away before it
/// writes the next lines, and opens it anew if it was.
///
/// A host calls it at USR1. Layers that are libraries have a count of their own, which nobody
/// raises: they look once a second.
pub fn rotate() {
    ROTATIONS.fetch_add(1, Ordering::Relaxed);
}

impl Writer {
    /// Opens the target and starts the thread. `tell` takes what the operator should know.
    ///
    /// # Errors
    /// The file cannot be opened, or no thread be started.
    pub(super) fn start(
        target: Target,
        lines_max: usize,
        tell: impl Fn(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let queue = Mutex::default();
        let shared = Arc::new(Shared { queue, more: Condvar::new(), lines_max });
        let untold = Untold::default();
        let works = Works { shared: Arc::clone(&shared), sink, tell, told: None, untold };
        let thread = thread::Builder::new().name(String::from("access-log"));
        let thread = thread.spawn(move || works.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Takes a line, or drops it where too many wait.
    pub(super) fn write(&self, line: String) {
        let mut queue = self.shared.lock();
        if queue.lines.len() >= self.shared.lines_max || queue.end == End::Closed {
            queue.dropped += 1;
            return;
        }
        queue.lines.push(line);
        if std::mem::take(&mut queue.asleep) == Asleep::Yes {
            drop(queue);
            self.shared.more.notify_one();
        }
    }

    /// Writes what waits, and ends the thread.
    pub(super) fn close(&self) {
        self.shared.lock().end = End::Closed;
        self.shared.more.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Its panic was told by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Works<T> {
    shared: Arc<Shared>,
    sink: Sink,
    tell: T,
    told: Option<Instant>,
    untold: Untold,
}

/// Lines that are in no file, since that was last told.
#[derive(Debug, Default)]
struct Untold {
    /// Too many waited.
    dropped: u64,
    /// They could not be written.
    lost: u64,
    /// Why not.
    error: Option<io::Error>,
}

/// What the thread takes at once.
struct Batch {
    lines: Vec<String>,
    dropped: u64,
    end: End,
}

impl<T: Fn(&str)> Works<T> {
    fn run(mut self) {
        let mut lines = Vec::new();
        loop {
            let batch = self.next(lines);
            if !batch.lines.is_empty() {
                if let Err(error) = self.sink.follow() {
                    self.tell_sometimes(&format!("stays with the file that was moved: {error}"));
                }
                if let Err(Lost { lines, error }) = self.sink.write(&batch.lines) {
                    self.untold.lost += lines;
                    self.untold.error = Some(error);
                }
            }
            self.untold.dropped += batch.dropped;
            if batch.end == End::Closed {
                self.tell_of_missing();
                return;
            }
            if self.told.is_none_or(|told| told.elapsed() >= TELL) {
                self.tell_of_missing();
            }
            lines = batch.lines;
            lines.clear();
        }
    }

    /// Waits for lines, or the end; gives the queue room of an earlier batch.
    fn next(&self, room: Vec<String>) -> Batch {
        let mut queue = self.shared.lock();
        let quiet = |queue: &mut Queue| queue.lines.is_empty() && queue.end == End::Open;
        // First for a moment, so that lines which follow each other are written together.
        let collected = self.shared.more.wait_timeout_while(queue, COLLECT, |queue| quiet(queue));
        queue = collected.unwrap_or_else(PoisonError::into_inner).0;
        while quiet(&mut queue) {
            queue.asleep = Asleep::Yes;
            queue = self.shared.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.asleep = Asleep::No;
        let lines = std::mem::replace(&mut queue.lines, room);
        Batch { lines, dropped: std::mem::take(&mut queue.dropped), end: queue.end }
    }

    fn tell_of_missing(&mut self) {
        let Untold { dropped, lost, error } = std::mem::take(&mut self.untold);
        if dropped > 0 {
            let most = self.shared.lines_max;
            self.say(&format!("{dropped} lines were dropped: {most} wait already"));
        }
        if let Some(error) = error {
            self.say(&format!("{lost} lines were lost: cannot write: {error}"));
        }
    }

    fn tell_sometimes(&mut self, what: &str) {
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.say(what);
        }
    }

    fn say(&mut self, what: &str) {
        (self.tell)(what);
        self.told = Some(Instant::now());
    }
}

/// Where lines are written to.
enum Sink {
    Stdout,
    Stderr,
    File { file: File, path: PathBuf, looked: Looked, last: Last },
}

/// What a file ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Whole,
    /// A piece of a line that was lost; the next one is not written behind it.
    Torn,
}

/// Lines that were not written, or not whole.
#[derive(Debug)]
struct Lost {
    lines: u64,
    error: io::Error,
}

/// When it was looked where a path leads, and how many rotations had been asked for by then.
struct Looked {
    at: Instant,
    rotations: u64,
}

impl Looked {
    fn now() -> Self {
        Self { at: Instant::now(), rotations: ROTATIONS.load(Ordering::Relaxed) }
    }

    fn is_recent(&self) -> bool {
        self.at.elapsed() < LOOK && self.rotations == ROTATIONS.load(Ordering::Relaxed)
    }
}

impl Sink {
    fn open(target: Target) -> io::Result<Self> {
        Ok(match target {
            Target::Stdout => Self::Stdout,
            Target::Stderr => Self::Stderr,
            Target::File(path) => {
                let looked = Looked::now();
                Self::File { file: append_to(&path)?, path, looked, last: Last::Whole }
            }
        })
    }

    /// Opens a file anew that was moved away. Where that fails the one that is open stays.
    fn follow(&mut self) -> io::Result<()> {
        if let Self::File { file, path, looked, last } = self
            && !looked.is_recent()
        {
            *looked = Looked::now();
            if !leads_to(path, file) {
                *file = append_to(path)?;
                *last = Last::Whole;
            }
        }
        Ok(())
    }

    /// All lines in one write, so that they stay whole where others write to the same file.
    fn write(&mut self, lines: &[String]) -> Result<(), Lost> {
        let text = lines.concat();
        match self {
            Self::Stdout => put(&mut io::stdout().lock(), &text, Last::Whole).0,
            Self::Stderr => put(&mut io::stderr().lock(), &text, Last::Whole).0,
            Self::File { file, last, .. } => {
                let (written, now) = put(file, &text, *last);
                *last = now;
                written
            }
        }
    }
}

/// Writes lines behind what is there; what that ends with then.
fn put(to: &mut impl Write, text: &str, last: Last) -> (Result<(), Lost>, Last) {
    let begun = match last {
        Last::Whole => Ok(()),
        Last::Torn => to.write_all(b"\n"),
    };
    let (mut left, mut last) = (text.as_bytes(), last);
    let failed = begun.and_then(|()| {
        loop {
            match to.write(left) {
                Ok(0) if left.is_empty() => break to.flush(),
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    last = if left[count - 1] == b'\n' { Last::Whole } else { Last::Torn };
                    left = &left[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        }
    });
    let lines = left.iter().filter(|byte| **byte == b'\n').count() as u64;
    (failed.map_err(|error| Lost { lines, error }), last)
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn leads_to(path: &Path, file: &File) -> bool {
    let there = std::fs::metadata(path).ok();
    let open = file.metadata().ok();
    matches!((there, open), (Some(there), Some(open)) if is_same(&there, &open))
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Where the system does not number files, one that was moved is told by what is there being
/// shorter.
#[cfg(not(unix))]
fn is_same(there: &Metadata, open: &Metadata) -> bool {
    there.len() >= open.len()
}

#[cfg(test)]
mod tests;
