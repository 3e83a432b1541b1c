//! A line for each response, written once it is over: then its status, its bytes and its time are
//! known.
//!
//! Nothing of it waits: a line is handed to a thread of its own, see [`writer`].

mod format;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime};

use dsgi::export::report;
use dsgi::{Body, Environ, Error, Flavour, Inner, Middleware, Outcome, Purpose, StartResponse};

use self::format::{Entry, Format};
pub use self::writer::rotate;
use self::writer::{Target, Writer};

/// The layer `access-log`.
///
/// | key | default | what |
/// |---|---|---|
/// | `format` | `"combined"` | or `"common"`, `"json"`, or a template such as `"{peer} {status}"` |
/// | `to` | `"stdout"` | or `"stderr"`, or the path of a file to append to |
/// | `queue` | 8192 | lines that may wait for the disk; more are dropped |
///
/// Lines that are dropped, and those that cannot be written, are counted in the log of the host.
///
/// A template has `peer`, `user`, `time`, `timestamp`, `request`, `method`, `target`, `path`,
/// `protocol`, `status`, `bytes`, `bytes_or_dash`, `duration` (milliseconds), `outcome`,
/// `generation` and `header:NAME`, each in braces. What a client sends is escaped as `\xHH`.
///
/// A file is rotated by renaming it: within a second of the next line there is a new one. The host
/// looks at once when it gets USR1, for a layer that is linked into it; see [`rotate`].
#[derive(Debug)]
pub struct AccessLog {
    format: Arc<Format>,
    /// CGI names of header fields that a line needs.
    headers: Vec<String>,
    /// None in a probe, which answers nobody.
    writer: Option<Arc<Writer>>,
}

/// The config of [`AccessLog`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    format: String,
    to: String,
    queue: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { format: String::from("combined"), to: String::from("stdout"), queue: 8192 }
    }
}

impl Middleware for AccessLog {
    type Config = Config;

    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init(config: Config, purpose: Purpose) -> dsgi::Result<Self> {
        let format = Format::parse(&config.format).map_err(Error::new)?;
        let target = match &*config.to {
            "stdout" => Target::Stdout,
            "stderr" => Target::Stderr,
            path => Target::File(PathBuf::from(path)),
        };
        let writer = match purpose {
            Purpose::Probe => None,
            Purpose::Serve(_) => {
                let told = config.to.clone();
                let tell = move |what: &str| report(&format!("access-log to `{told}`: {what}"));
                let writer = Writer::start(target, config.queue.max(1), tell)
                    .map_err(|error| Error::new(format!("cannot open `{}`: {error}", config.to)))?;
                Some(Arc::new(writer))
            }
        };
        Ok(Self { headers: format.headers(), format: Arc::new(format), writer })
    }

    fn call(
        &self,
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let Some(writer) = &self.writer else { return inner(environ, start_response) };
        let line = Line {
            entry: self.entry(&environ),
            began: Instant::now(),
            status: Arc::new(AtomicU16::new(0)),
            format: Arc::clone(&self.format),
            writer: Arc::clone(writer),
        };
        let status = Arc::clone(&line.status);
        let start_response = start_response.edit(move |head| {
            status.store(head.status(), Ordering::Relaxed);
        });
        match inner(environ, start_response) {
            Ok(body) => Ok(body.on_close(move |outcome, sent| line.write(outcome, sent))),
            Err(error) => {
                line.status.store(error.status_code(), Ordering::Relaxed);
                line.write(Outcome::Failed, 0);
                Err(error)
            }
        }
    }

    /// Writes what waits; the thread ends.
    fn shutdown(&self) {
        if let Some(writer) = &self.writer {
            writer.close();
        }
    }
}

impl AccessLog {
    fn entry(&self, environ: &Environ) -> Entry {
        let text = |key: &str| {
            let value = environ.get_bytes(key).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        Entry {
            peer: text("REMOTE_ADDR"),
            user: text("REMOTE_USER"),
            began: SystemTime::now(),
            took: Duration::ZERO,
            method: text("REQUEST_METHOD"),
            target: text("REQUEST_URI"),
            path: text("PATH_INFO"),
            protocol: text("SERVER_PROTOCOL"),
            generation: match self.format.tells_generation() {
                true => text("dsgi.generation"),
                false => String::new(),
            },
            status: 0,
            bytes: 0,
            outcome: "",
            headers: self.headers.iter().map(|name| text(name)).collect(),
        }
    }
}

/// A line that waits for its response to end.
struct Line {
    entry: Entry,
    began: Instant,
    status: Arc<AtomicU16>,
    format: Arc<Format>,
    writer: Arc<Writer>,
}

impl Line {
    fn write(self, outcome: Outcome, sent: u64) {
        let Self { mut entry, began, status, format, writer } = self;
        entry.took = began.elapsed();
        entry.status = status.load(Ordering::Relaxed);
        entry.bytes = sent;
        entry.outcome = match outcome {
            Outcome::Completed => "completed",
            Outcome::ClientGone => "client_gone",
            Outcome::Failed => "failed",
        };
        writer.write(format.line(&entry));
    }
}
