//! Clients that ask as fast as they can, and look at every byte of every response.
//!
//! Each byte of a body says which version made it, and so does a header: a response is whole, or
//! it is failed, cut or mixed.

use crate::harness::client::{Connection, Response};
use crate::harness::http2::Http2;
use http::Request;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Small responses over one connection.
    KeepAlive,
    /// A connection for each small response.
    New,
    /// Bodies of a mebibyte.
    Upload,
    /// Responses that come in many blocks.
    Download,
    /// Small and long responses at once over one HTTP/2 connection.
    Streams,
    /// The same with bodies of a mebibyte.
    UploadStreams,
}

impl Shape {
    pub(crate) const ALL: [Self; 6] = [
        Self::KeepAlive,
        Self::New,
        Self::Upload,
        Self::Download,
        Self::Streams,
        Self::UploadStreams,
    ];
    /// Without a body of a request, which nobody can wait for on a core.
    pub(crate) const WITHOUT_UPLOADS: [Self; 4] =
        [Self::KeepAlive, Self::New, Self::Download, Self::Streams];
}

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// It says that there is none.
    Failed,
    /// It ends too early.
    Cut,
    /// Two versions have made it.
    Mixed,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Whole responses by who asked and which version answered.
    pub(crate) whole: BTreeMap<(Shape, char), u64>,
    /// Bytes of their bodies.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// The others, with what was seen.
    pub(crate) wrong: Vec<(Wrong, String)>,
}

impl Seen {
    /// So many responses, whole or wrong.
    pub(crate) fn answered(&self) -> u64 {
        self.whole.values().sum::<u64>() + self.wrong.len() as u64
    }
}

/// Clients at work. Dropping it without `stop` leaves them to the end of the process.
pub(crate) struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    stopped: AtomicBool,
    seen: Mutex<Seen>,
    changed: Condvar,
}

const UPLOAD: usize = 1024 * 1024;
const SMALL: usize = 64;
const DOWNLOAD: usize = 64 * 4096;

impl Loader {
    /// Starts a client for each shape and mount.
    pub(crate) fn start<'a>(
        address: SocketAddr,
        clients: impl IntoIterator<Item = (&'a str, &'a [Shape])>,
    ) -> Self {
        let (stopped, seen, changed) = (AtomicBool::new(false), Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { address, stopped, seen, changed });
        let start = |(mount, shape): (&str, &Shape)| {
            let (mount, shape, shared) = (mount.to_owned(), *shape, Arc::clone(&shared));
            std::thread::spawn(move || shared.client(&mount, shape))
        };
        let clients = clients.into_iter();
        let clients = clients.flat_map(|(mount, shapes)| shapes.iter().map(move |it| (mount, it)));
        let threads = clients.map(start).collect();
        Self { shared, threads }
    }

    /// Waits until what was seen is enough.
    pub(crate) fn wait_for(&self, what: &str, enough: impl Fn(&Seen) -> bool) {
        let limit = crate::harness::DEADLINE;
        let waiting = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(waiting, limit, |seen| !enough(seen));
        let (seen, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "not seen: {what}: {seen:?}");
    }

    /// So many responses so far.
    pub(crate) fn answered(&self) -> u64 {
        self.shared.lock().answered()
    }

    /// So many of them were wrong.
    pub(crate) fn wrong(&self) -> usize {
        self.shared.lock().wrong.len()
    }

    /// Lets every client finish what it is at.
    pub(crate) fn stop(self) -> Seen {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client that ends well");
        }
        std::mem::take(&mut *self.shared.lock())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics with it")
    }

    fn client(&self, mount: &str, shape: Shape) {
        match shape {
            Shape::Streams | Shape::UploadStreams => self.http2(mount, shape),
            _ => self.http1(mount, shape),
        }
    }

    fn http1(&self, mount: &str, shape: Shape) {
        let request = match shape {
            Shape::Upload => {
                let body = "u".repeat(UPLOAD);
                format!(
                    "POST {mount}/upload HTTP/1.1\r\nHost: a\r\nContent-Length: {UPLOAD}\r\n\r\n\
                     {body}"
                )
            }
            Shape::Download => format!("GET {mount}/stream HTTP/1.1\r\nHost: a\r\n\r\n"),
            Shape::New => format!("GET {mount}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            _ => format!("GET {mount}/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        };
        let mut connection = Connection::open(self.address);
        while !self.stopped.load(Ordering::Relaxed) {
            let sent = connection.try_send(&request);
            let response = sent.and_then(|()| connection.response());
            let response = response.map_err(|error| error.to_string());
            let whole = self.note(shape, sort(shape), response);
            if !whole || shape == Shape::New {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                connection = Connection::open(self.address);
            }
        }
    }

    fn http2(&self, mount: &str, shape: Shape) {
        let mut client = Http2::open(self.address);
        let body = "u".repeat(UPLOAD);
        while !self.stopped.load(Ordering::Relaxed) {
            let mut sent = vec![
                (Sort::Small, client.get(&format!("{mount}/"))),
                (Sort::Download, client.get(&format!("{mount}/stream"))),
                (Sort::Small, client.get(&format!("{mount}/"))),
            ];
            if shape == Shape::UploadStreams {
                let post = Request::post(format!("http://a.example{mount}/upload"));
                sent.insert(1, (Sort::Upload, client.send(post.body(body.clone()))));
            }
            let mut all_whole = true;
            for (sort, sent) in sent {
                let response = client.response(sent).map_err(|error| format!("{error:?}"));
                all_whole &= self.note(shape, sort, response);
            }
            if !all_whole {
                client = Http2::open(self.address);
            }
        }
    }

    /// Takes down what came of a request; whether that was a whole response.
    fn note(&self, shape: Shape, sort: Sort, response: Result<Response, String>) -> bool {
        let judged = match &response {
            Err(error) => Err((Wrong::Cut, error.clone())),
            Ok(response) => sort.judge(response),
        };
        let mut seen = self.lock();
        let is_whole = judged.is_ok();
        match judged {
            Ok(version) => {
                *seen.whole.entry((shape, version)).or_default() += 1;
                seen.received += response.map_or(0, |response| response.body.len() as u64);
                seen.sent += if sort == Sort::Upload { UPLOAD as u64 } else { 0 };
            }
            Err((wrong, what)) => seen.wrong.push((wrong, format!("{shape:?} {sort:?}: {what}"))),
        }
        drop(seen);
        self.changed.notify_all();
        if !is_whole {
            // A host that refuses everything is not asked as fast as possible.
            std::thread::sleep(Duration::from_millis(1));
        }
        is_whole
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Small,
    Upload,
    Download,
}

const fn sort(shape: Shape) -> Sort {
    match shape {
        Shape::Upload => Sort::Upload,
        Shape::Download => Sort::Download,
        Shape::KeepAlive | Shape::New | Shape::Streams | Shape::UploadStreams => Sort::Small,
    }
}

impl Sort {
    /// The version that made a response, or what is wrong with it.
    fn judge(self, response: &Response) -> Result<char, (Wrong, String)> {
        if response.status != 200 {
            let text = String::from_utf8_lossy(&response.body).into_owned();
            return Err((Wrong::Failed, format!("{}: {text}", response.status)));
        }
        let length = if self == Self::Download { DOWNLOAD } else { SMALL };
        if response.body.len() != length {
            return Err((Wrong::Cut, format!("{} bytes of {length}", response.body.len())));
        }
        let version = response.header("x-version").unwrap_or_default();
        let [version] = version.as_bytes() else {
            return Err((Wrong::Failed, format!("the version `{version}`")));
        };
        if let Some(at) = response.body.iter().position(|byte| byte != version) {
            let other = char::from(response.body[at]);
            let version = char::from(*version);
            return Err((Wrong::Mixed, format!("byte {at} of version {version} is of {other}")));
        }
        let sent = if self == Self::Upload { UPLOAD } else { 0 };
        match response.header("x-received").and_then(|text| text.parse::<usize>().ok()) {
            Some(received) if received == sent => Ok(char::from(*version)),
            received => Err((Wrong::Cut, format!("{received:?} bytes of {sent} were received"))),
        }
    }
}
