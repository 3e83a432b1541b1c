//! A client that asks for any answer and checks all of it: with a length, or in chunks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Visitor {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    body: Vec<u8>,
}

/// A request, and what its answer must be.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) head: Vec<u8>,
    /// The body that is sent.
    pub(crate) sent: Vec<u8>,
    pub(crate) expected: Vec<u8>,
}

impl Visitor {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("no connection")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let reader = BufReader::with_capacity(256 * 1024, stream.try_clone()?);
        Ok(Self { stream, reader, body: Vec::new() })
    }

    /// Asks once; a body is sent while the answer is read.
    pub(crate) fn visit(&mut self, visit: &Visit) -> Result<()> {
        self.stream.write_all(&visit.head)?;
        let Self { stream, reader, body } = self;
        if visit.sent.is_empty() {
            read(reader, body)?;
        } else {
            std::thread::scope(|scope| {
                let writer = scope.spawn(|| stream.write_all(&visit.sent));
                let answered = read(reader, body);
                match writer.join() {
                    Ok(written) => answered.and_then(|()| Ok(written?)),
                    Err(_) => answered,
                }
            })?;
        }
        ensure!(self.body == visit.expected, "the body is {} other bytes", self.body.len());
        Ok(())
    }
}

/// Reads one whole answer, of which the body is kept.
fn read(from: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    body.clear();
    let status = line(from)?;
    ensure!(status.starts_with("HTTP/1.1 200"), "the server answered `{status}`");
    let (mut length, mut chunked) = (None, false);
    loop {
        let field = line(from)?.to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(text) = field.strip_prefix("content-length:") {
            length = Some(text.trim().parse::<usize>()?);
        }
        chunked |= field.starts_with("transfer-encoding: chunked");
    }
    if !chunked {
        return take(from, length.context("an answer without a length")?, body);
    }
    loop {
        let size = usize::from_str_radix(&line(from)?, 16).context("no size of a chunk")?;
        take(from, size, body)?;
        ensure!(line(from)?.is_empty(), "a chunk that does not end");
        if size == 0 {
            return Ok(());
        }
    }
}

fn take(from: &mut BufReader<TcpStream>, count: usize, into: &mut Vec<u8>) -> Result<()> {
    let at = into.len();
    into.resize(at + count, 0);
    Ok(from.read_exact(&mut into[at..])?)
}

fn line(from: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    let read = from.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    ensure!(read > 0, "the connection ended");
    Ok(line.trim_end().to_owned())
}

// Generous, because a server under callgrind is about fifty times slower.
const DEADLINE: Duration = Duration::from_secs(60);
const LINE_BYTES_MAX: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answered(answer: &'static [u8], expected: &[u8]) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut visitor = Visitor::open(listener.local_addr()?)?;
        listener.accept()?.0.write_all(answer)?;
        let head = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        visitor.visit(&Visit { head, sent: Vec::new(), expected: expected.to_vec() })
    }

    #[test]
    fn an_answer_is_read_with_a_length_and_in_chunks() {
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc").unwrap();
        let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                       2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        answered(chunks, b"abc").unwrap();
    }

    #[test]
    fn another_answer_is_an_error() {
        assert!(answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabx", b"abc").is_err());
        assert!(answered(b"HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabc", b"abc").is_err());
        assert!(answered(b"HTTP/1.1 200 OK\r\n\r\nabc", b"abc").is_err());
    }
}
