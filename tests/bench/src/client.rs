//! A raw keep-alive client: exact request bytes, exact request counts, every answer checked.
//!
//! The load generators choose headers of their own and count requests by time; `instructions`
//! and `idle` need both to be exact, and `swap` and `broken-deploy` which version has answered.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// What every measured server must answer; another answer is another amount of work.
pub(crate) const BODY: &str = "I'm a DSGI application.\n";
/// What the next version answers, where versions are replaced: as much work, and told apart.
pub(crate) const NEXT_BODY: &str = "I'm a DSGI Application.\n";
pub(crate) const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// One of two versions of the hello, known by its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    A,
    B,
}

/// A whole hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) version: Version,
    pub(crate) bytes: usize,
    pub(crate) after: After,
}

/// What becomes of the connection after an answer, as the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Kept,
    Closed,
}

/// Why there is no hello.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// Not a byte came: what a client may ask again on another connection.
    #[error("the server closed a keep-alive connection")]
    Cut,
    /// Something else came, half of an answer, or nothing in time.
    #[error("{0:#}")]
    Wrong(anyhow::Error),
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Version {
    pub(crate) const fn body(self) -> &'static str {
        match self {
            Self::A => BODY,
            Self::B => NEXT_BODY,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        Self::open_within(address, DEADLINE)
    }

    /// Opens a connection on which nothing may take longer.
    pub(crate) fn open_within(address: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)
            .with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, answer: Vec::with_capacity(1024) })
    }

    /// Sends one request, reads one whole answer, and checks it; returns its length in bytes.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<usize> {
        let answer = self.ask(request)?;
        ensure!(answer.version == Version::A, "the body is not the hello");
        Ok(answer.bytes)
    }

    /// The same, of either version.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer, NoAnswer> {
        self.answer.clear();
        self.stream.write_all(request).map_err(|error| self.unanswered(error))?;
        let mut block = [0; 4096];
        loop {
            let count = self.stream.read(&mut block).map_err(|error| self.unanswered(error))?;
            if count == 0 {
                return Err(self.unanswered(ErrorKind::UnexpectedEof.into()));
            }
            self.answer.extend_from_slice(&block[..count]);
            if let Some(answer) = complete(&self.answer).map_err(NoAnswer::Wrong)? {
                if self.answer.len() == answer.bytes {
                    return Ok(answer);
                }
                let more = anyhow::anyhow!("the server sent more than one answer");
                return Err(NoAnswer::Wrong(more));
            }
        }
    }

    fn unanswered(&self, error: io::Error) -> NoAnswer {
        let closed = [
            ErrorKind::UnexpectedEof,
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::BrokenPipe,
        ];
        if self.answer.is_empty() && closed.contains(&error.kind()) {
            return NoAnswer::Cut;
        }
        NoAnswer::Wrong(anyhow::Error::new(error).context("no whole answer came"))
    }
}

/// The bytes of a GET of `/` with these headers, in this order.
pub(crate) fn request(headers: &[(&str, &str)]) -> Vec<u8> {
    request_at("/", headers)
}

/// The same for another path.
pub(crate) fn request_at(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// The least a client sends.
pub(crate) const FEW_HEADERS: &[(&str, &str)] =
    &[("host", "localhost"), ("user-agent", "dsgi-bench/1"), ("accept", "*/*")];

/// About what a browser sends.
pub(crate) const TWELVE_HEADERS: &[(&str, &str)] = &[
    ("host", "localhost"),
    ("user-agent", "dsgi-bench/1"),
    ("accept", "*/*"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cache-control", "no-cache"),
    ("cookie", "session=9f86d081884c7d659a2feaa0c55ad015; theme=dark"),
    ("referer", "http://localhost/start"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
];

/// The length of the answer once it is there as a whole; an error when it is not the hello.
fn complete(answer: &[u8]) -> Result<Option<Answer>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        ensure!(answer.len() < ANSWER_BYTES_MAX, "the head of the answer does not end");
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 200"), "the server answered `{status}`");
    let mut length = None;
    let mut content_type = None;
    let mut after = After::Kept;
    for line in lines {
        let (name, value) = line.split_once(':').context("a header line without a colon")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.trim().parse::<usize>()?),
            // Some write it without the blank.
            "content-type" => content_type = Some(value.trim().replace(";charset", "; charset")),
            "connection" if value.trim().eq_ignore_ascii_case("close") => after = After::Closed,
            _ => {}
        }
    }
    let found = content_type.as_deref();
    ensure!(found == Some(CONTENT_TYPE), "the content-type is {found:?}");
    ensure!(length == Some(BODY.len()), "the content-length is {length:?}, not {}", BODY.len());
    let body = &answer[end + 4..];
    if body.len() < BODY.len() {
        return Ok(None);
    }
    let versions = [Version::A, Version::B];
    let version = versions.into_iter().find(|one| body.starts_with(one.body().as_bytes()));
    match version {
        Some(version) => Ok(Some(Answer { version, bytes: end + 4 + BODY.len(), after })),
        None => bail!("the body is not the hello"),
    }
}

// Generous, because a server under callgrind is about fifty times slower.
const DEADLINE: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, length: usize, body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    #[test]
    fn a_whole_hello_is_complete() {
        let hello = answer("200 OK", 24, "I'm a DSGI application.\n");
        let whole = Answer { version: Version::A, bytes: hello.len(), after: After::Kept };
        assert_eq!(complete(&hello).unwrap(), Some(whole));
        for cut in 0..hello.len() {
            assert_eq!(complete(&hello[..cut]).unwrap(), None, "cut at {cut}");
        }
    }

    #[test]
    fn versions_are_told_apart_by_their_body_and_an_end_is_heard() {
        assert_eq!(BODY.len(), NEXT_BODY.len());
        let next = answer("200 OK", 24, NEXT_BODY);
        assert_eq!(complete(&next).unwrap().unwrap().version, Version::B);
        let text = String::from_utf8(next).unwrap();
        let last = text.replace("content-length", "connection: Close\r\ncontent-length");
        assert_eq!(complete(last.as_bytes()).unwrap().unwrap().after, After::Closed);
    }

    #[test]
    fn a_cut_connection_is_no_wrong_answer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = |sent: &[u8]| {
            let mut connection = Connection::open(address).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            server.write_all(sent).unwrap();
            server.shutdown(std::net::Shutdown::Write).unwrap();
            connection.ask(b"GET / HTTP/1.1\r\n\r\n").unwrap_err()
        };
        assert!(matches!(asked(b""), NoAnswer::Cut));
        assert!(matches!(asked(b"HTTP/1.1 200 OK\r\n"), NoAnswer::Wrong(_)));
        assert!(matches!(asked(b"HTTP/1.1 500 Oops\r\n\r\n"), NoAnswer::Wrong(_)));
    }

    #[test]
    fn anything_but_the_hello_is_refused() {
        assert!(complete(&answer("404 Not Found", 24, "I'm a DSGI application.\n")).is_err());
        assert!(complete(&answer("200 OK", 24, "I'm another application.")).is_err());
        assert!(complete(&answer("200 OK", 3, "I'm")).is_err());
        assert!(complete(b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n").is_err());
    }

    #[test]
    fn requests_have_the_headers_they_are_named_for() {
        let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().count();
        assert_eq!(lines(request(FEW_HEADERS)), 1 + 3 + 1);
        assert_eq!(lines(request(TWELVE_HEADERS)), 1 + 12 + 1);
    }
}
