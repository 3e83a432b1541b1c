//! A raw keep-alive client: exact request bytes, exact request counts, every answer checked.
//!
//! The load generators choose headers of their own and count requests by time; `instructions`
//! and `idle` need both to be exact.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// What every measured server must answer; another answer is another amount of work.
pub(crate) const BODY: &[u8] = b"I'm a DSGI application.\n";
pub(crate) const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)
            .with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self { stream, answer: Vec::with_capacity(1024) })
    }

    /// Sends one request, reads one whole answer, and checks it; returns its length in bytes.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<usize> {
        self.stream.write_all(request).context("the request was not taken")?;
        self.answer.clear();
        let mut block = [0; 4096];
        loop {
            let count = self.stream.read(&mut block).context("no answer came")?;
            if count == 0 {
                bail!("the server closed a keep-alive connection");
            }
            self.answer.extend_from_slice(&block[..count]);
            if let Some(length) = complete(&self.answer)? {
                ensure!(self.answer.len() == length, "the server sent more than one answer");
                return Ok(length);
            }
        }
    }
}

/// The bytes of a GET of `/` with these headers, in this order.
pub(crate) fn request(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from("GET / HTTP/1.1\r\n");
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
fn complete(answer: &[u8]) -> Result<Option<usize>> {
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
    for line in lines {
        let (name, value) = line.split_once(':').context("a header line without a colon")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.trim().parse::<usize>()?),
            "content-type" => content_type = Some(value.trim()),
            _ => {}
        }
    }
    ensure!(content_type == Some(CONTENT_TYPE), "the content-type is {content_type:?}");
    ensure!(length == Some(BODY.len()), "the content-length is {length:?}, not {}", BODY.len());
    let body = &answer[end + 4..];
    if body.len() < BODY.len() {
        return Ok(None);
    }
    ensure!(body.starts_with(BODY), "the body is not the hello");
    Ok(Some(end + 4 + BODY.len()))
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
        assert_eq!(complete(&hello).unwrap(), Some(hello.len()));
        for cut in 0..hello.len() {
            assert_eq!(complete(&hello[..cut]).unwrap(), None, "cut at {cut}");
        }
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
