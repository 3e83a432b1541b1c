//! Every limit of the host, with its default and the reason for it.
//!
//! A limit that is reached is an answer to the client or a line in the log, never a surprise.

use std::time::Duration;

/// What clients and applications may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request head, fields and start line together; more is answered 431. A head that
    /// arrives at once may have up to twice as many over HTTP/1. Browsers with many cookies stay
    /// below 16 KiB.
    pub header_bytes: usize,
    /// Header fields of a request; more is answered 431.
    pub header_count: usize,
    /// Bytes of a request target; more is answered 414. What every front server takes.
    pub target_bytes: usize,
    /// Bytes of a request body; more is answered 413.
    pub body_bytes: u64,
    /// From the first moment of a connection, or the first byte of a further request, to the end
    /// of the head. Slow heads hold a connection for nothing.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub keep_alive_timeout: Duration,
    /// How long a client may be silent once it was told that its HTTP/2 connection ends: it is
    /// asked whether it has heard, and one that has vanished never answers.
    pub goodbye_timeout: Duration,
    /// How long a client may pause within a request body that somebody waits for.
    pub body_timeout: Duration,
    /// How long a client may take nothing of a response that is ready.
    pub write_timeout: Duration,
    /// From the end of the request head to the first byte of the response; then 504.
    pub request_timeout: Duration,
    /// How long a shutdown waits for what is in hand.
    pub drain_timeout: Duration,
    /// Connections at once, of all listeners; more wait in the kernel's queue.
    pub connections: usize,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// Threads of each blocking application.
    pub pool_threads: usize,
    /// Requests that wait for a thread of one application; more are answered 503.
    pub pool_queue: usize,
    /// Bytes of a blocking application's body that are made but not taken by the client.
    pub pool_window: usize,
    /// How long a probe of a library may take.
    pub probe_timeout: Duration,
    /// How long `init` of an application may take in the serving process.
    pub init_timeout: Duration,
    /// How long an application may take to hand its state over, and to take over another's. Each
    /// holds a deploy, and nothing else.
    pub handover_timeout: Duration,
    /// Bytes of state that a version may hand over. They are held until the next one has them: what
    /// is larger belongs in a database.
    pub handover_bytes: usize,
    /// Generations of one application that may be out of service and still mapped before each
    /// further deploy warns of them: a new process is what frees them.
    pub retained: usize,
    /// Bytes of a library file: far above any real one, far below the memory of a machine.
    pub library_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 * 1024,
            header_count: 100,
            target_bytes: 8 * 1024,
            body_bytes: 16 * 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            goodbye_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            connections: 16 * 1024,
            streams: 128,
            pool_threads: 16,
            pool_queue: 1024,
            pool_window: 64 * 1024,
            probe_timeout: Duration::from_secs(10),
            init_timeout: Duration::from_secs(60),
            handover_timeout: Duration::from_secs(10),
            handover_bytes: 64 * 1024 * 1024,
            retained: 8,
            library_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// What clients of the control socket may use: they are of the house, but a script that runs wild
/// must not harm what serves.
#[derive(Clone, Debug)]
pub(crate) struct ControlLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub(crate) connections: usize,
    /// Followers of events at once: half of the connections, so that they never take them all.
    pub(crate) followers: usize,
    /// Deploys and other wishes at once. An application has one deploy at work and one that waits.
    pub(crate) wishes: usize,
    /// Bytes of a request's head.
    pub(crate) head_bytes: usize,
    /// Bytes of a request's body, which is a path and two words.
    pub(crate) body_bytes: usize,
    /// For a request's head, and for a connection without a request.
    pub(crate) head_timeout: Duration,
    /// For a request's body.
    pub(crate) body_timeout: Duration,
    /// For taking nothing of an answer that is ready.
    pub(crate) write_timeout: Duration,
    /// For the last answers when the host ends: a deploy that is at work is answered, if it comes
    /// to its end by then.
    pub(crate) goodbye_timeout: Duration,
}

impl Default for ControlLimits {
    fn default() -> Self {
        Self {
            connections: 64,
            followers: 32,
            wishes: 32,
            head_bytes: 16 * 1024,
            body_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            goodbye_timeout: Duration::from_secs(5),
        }
    }
}

/// How long the end of connections that were cut may take after the drain timeout: a body is closed
/// in microseconds, unless an application holds the core or the thread that would do it.
pub(crate) const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a request waits for the next version of an application of which only one may run: a
/// version ends and another one starts within a second or two, one that is drained first may need
/// a few more, and clients and proxies rarely give up before half a minute.
pub(crate) const EXCLUSIVE_HOLD: Duration = Duration::from_secs(10);

/// How many events are remembered. A deploy makes about six: these are the last hundred or more.
pub(crate) const EVENTS_REMEMBERED: usize = 1024;

/// Bytes of an event's text, which may quote what a library says: more is cut off.
pub(crate) const EVENT_TEXT_BYTES: usize = 16 * 1024;

/// How often `--watch` looks by itself: for file systems that report no changes.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long a file must stay as it is before it counts as written: a copy makes pauses that are
/// shorter, and a person notices longer ones.
pub(crate) const WATCH_SETTLE: Duration = Duration::from_millis(200);

/// Files of one crate that are watched: enough for a large one, and a folder that is no crate's
/// cannot make the host look at a whole disk each second.
pub(crate) const WATCHED_FILES: usize = 10_000;

/// Bytes of a file that are read at once for a response, and of each buffer that a core keeps for
/// it: to read and write less at a time costs more (`bench bodies`), more leaves a core's cache.
pub(crate) const FILE_BLOCK_BYTES: usize = 128 * 1024;

/// Bytes of a file that the system is told to send at once: what a socket takes in one go, and
/// little enough that other connections of the core need not wait for long.
pub(crate) const FILE_PART_BYTES: usize = 512 * 1024;

/// Of so many bytes of a file the last one is looked at, whether it is in memory, before the system
/// is told to send them: the system reads ahead in pieces of this size.
pub(crate) const FILE_STRIDE_BYTES: usize = 128 * 1024;

/// Bytes of a file from which on the system sends it: for fewer, to read them into the write of the
/// head costs less.
pub(crate) const FILE_SENT_BYTES: u64 = 32 * 1024;

/// Buffers for files that a thread keeps for the next one.
pub(crate) const FILE_BLOCKS_KEPT: usize = 8;

/// Threads that read files for responses where the disk has to be waited for: what one disk does
/// at once well. A slow one delays other files that are not in memory, and nothing else.
pub(crate) const FILE_READERS: usize = 4;
/// Variables of a front server that are no fields of the request: the largest sets of them, with
/// all that TLS has to say, stay below.
pub(crate) const VARIABLES_BESIDE: usize = 128;

/// Bytes that an application writes to its errors and a front server has not taken yet.
pub(crate) const ERRORS_BYTES: usize = 64 * 1024;

/// Bytes of a header of the PROXY protocol: addresses, and what TLS has to say beside them.
pub(crate) const PROXY_HEADER_BYTES: usize = 4 * 1024;

/// Bytes that a connection of FastCGI says by itself: then nothing more is read of it until its
/// front has taken them, for an answer may be longer than what asks for it.
pub(crate) const TOLD_BYTES: u64 = 64 * 1024;

/// Lines in the log about one kind of what peers do wrong, in a while: enough to see who it is.
pub(crate) const FAULT_LINES: u32 = 64;
pub(crate) const FAULT_WHILE: Duration = Duration::from_secs(10);

/// Bytes of a request's body that a gateway has read and nobody has taken yet.
pub(crate) const UPLOAD_WINDOW: usize = 64 * 1024;

/// Bytes of a CGI script that are looked at: two lines.
pub(crate) const SCRIPT_BYTES: usize = 8 * 1024;

/// Bytes of a config, all its files together: ten thousand mounts are below one MiB.
pub(crate) const CONFIG_BYTES: u64 = 8 * 1024 * 1024;

/// Files of a config.
pub(crate) const CONFIG_FILES: usize = 1000;

/// How deep the files of a config include each other: who nests deeper finds nothing any more.
pub(crate) const CONFIG_DEPTH: usize = 8;

/// Bytes of a file that a value of a config stands for: keys and certificates are a few KiB.
pub(crate) const CONFIG_SECRET_BYTES: u64 = 64 * 1024;

/// Mistakes of a config that are told at once: more is a file of something else.
pub(crate) const CONFIG_MISTAKES: usize = 20;
