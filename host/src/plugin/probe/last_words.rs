//! What a probe's child wrote to its standard error last: often the library's own reason for its
//! end, and the only one there is.
//!
//! Invariant: an endless stream takes no memory, and one that nobody ends keeps nobody waiting.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

const LINES_KEPT: usize = 6;

/// A longer line is several.
const LINE_BYTES: u64 = 500;

/// The last lines of a stream, without backtraces.
#[derive(Debug)]
pub(super) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    ended: mpsc::Receiver<()>,
}

impl LastWords {
    /// Reads in a thread of its own, until everybody has closed the stream.
    pub(super) fn read(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (end, ended) = mpsc::channel();
        let kept = Arc::clone(&lines);
        thread::spawn(move || {
            keep_last(stream, &kept);
            drop::<mpsc::Sender<()>>(end);
        });
        Self { lines, ended }
    }

    /// All of them, on one line, once the stream has ended or `patience` is over.
    pub(super) fn take(self, patience: Duration) -> String {
        // Nothing is ever sent: only the sender's end is waited for.
        let _ = self.ended.recv_timeout(patience);
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

fn keep_last(stream: impl Read, kept: &Mutex<VecDeque<String>>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut stream).take(LINE_BYTES).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        if !is_backtrace(text.trim_end()) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_back(text.trim().to_owned());
            if kept.len() > LINES_KEPT {
                kept.pop_front();
            }
        }
        line.clear();
    }
}

/// What a panic says beside its place and message, in the forms that std writes.
fn is_backtrace(line: &str) -> bool {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let after_number = text.trim_start_matches(|one: char| one.is_ascii_digit());
    let is_frame = after_number.len() < text.len() && after_number.starts_with(": ");
    text.is_empty()
        || (indent > 0 && is_frame)
        || (indent > 4 && text.starts_with("at "))
        || text == "stack backtrace:"
        || text.starts_with("note: run with `RUST_BACKTRACE")
        || text.starts_with("note: Some details are omitted")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn last_words(text: &str) -> String {
        LastWords::read(std::io::Cursor::new(text.to_owned())).take(PATIENCE)
    }

    #[test]
    fn a_panic_s_place_and_message_are_left_of_its_backtrace() {
        let text = "thread 'main' (7) panicked at src/lib.rs:3:5:\nthe index is locked\n\
                    stack backtrace:\n   0:     0x55d0a1 - std::panicking\n  \
                    41: __libc_start_main_impl\n             at ./csu/libc-start.c:360:3\n\
                    note: Some details are omitted, run with `RUST_BACKTRACE=full`\n\
                    note: run with `RUST_BACKTRACE=1` environment variable\n";
        let left = "thread 'main' (7) panicked at src/lib.rs:3:5: | the index is locked";
        assert_eq!(last_words(text), left);
        assert_eq!(last_words("at 8: two\n  at three\n"), "at 8: two | at three");
    }

    #[test]
    fn a_long_stream_leaves_its_end() {
        let lines: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
        let end: Vec<_> = (99_994..100_000).map(|number| format!("line {number}")).collect();
        assert_eq!(last_words(&lines), end.join(" | "));
        let kept = last_words(&"x".repeat(100_000));
        assert!(kept.len() < 3100, "{} bytes of a line without an end", kept.len());
    }

    #[test]
    fn a_stream_that_stays_open_is_given_up() {
        let (read, write) = std::io::pipe().unwrap();
        let words = LastWords::read(read);
        assert_eq!(words.take(Duration::from_millis(1)), "");
        drop(write);
    }
}
