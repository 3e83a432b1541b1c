//! A client of HTTP/1.1 on a bare socket: it sends exactly the bytes given and reads the answer
//! strictly, so that a test can send what no proper client would.

use super::DEADLINE;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// One answer. Header values and text are kept byte for byte, one `char` each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The fields after the last chunk.
    pub(crate) trailers: Vec<(String, String)>,
}

/// A connection that stays open between requests.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// `GET path` on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    request(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// Sends `raw` on a connection of its own and reads one answer.
pub(crate) fn request(address: SocketAddr, raw: impl AsRef<[u8]>) -> Response {
    let raw = raw.as_ref();
    let mut connection = Connection::open(address);
    connection.send(raw);
    let response = match raw {
        [b'H', b'E', b'A', b'D', b' ', ..] => connection.response_to_head(),
        _ => connection.response(),
    };
    response.unwrap_or_else(|error| {
        panic!("no answer to {:?}: {error}", String::from_utf8_lossy(raw));
    })
}

impl Response {
    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All headers of this name, in any case.
    pub(crate) fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// The body, which must be UTF-8.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_read_timeout(Some(DEADLINE)).expect("a read deadline");
        stream.set_write_timeout(Some(DEADLINE)).expect("a write deadline");
        stream.set_nodelay(true).expect("small writes go out at once");
        Self { stream, unread: Vec::new() }
    }

    /// The same connection again, so that one thread may send while another one reads.
    pub(crate) fn second(&self) -> Self {
        let stream = self.stream.try_clone().expect("a second descriptor");
        Self { stream, unread: Vec::new() }
    }

    /// Sends `raw`; a peer that no longer reads fails the test.
    pub(crate) fn send(&mut self, raw: impl AsRef<[u8]>) {
        self.try_send(raw).expect("the peer takes the bytes");
    }

    /// Sends `raw` to a peer that may have closed already.
    pub(crate) fn try_send(&mut self, raw: impl AsRef<[u8]>) -> Result<()> {
        self.stream.write_all(raw.as_ref())
    }

    /// Says that nothing more will be sent; the answer can still be read.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// The next answer, interim ones (1xx) too. A connection that ends too early is an error.
    pub(crate) fn response(&mut self) -> Result<Response> {
        let mut response = self.head()?;
        let encoding = response.header("transfer-encoding").map(str::to_ascii_lowercase);
        let length = response.header("content-length").map(str::parse);
        if response.status < 200 || [204, 304].contains(&response.status) {
            return Ok(response);
        }
        match (encoding.as_deref(), length) {
            (Some("chunked"), None) => {
                while let Some(chunk) = self.chunk()? {
                    response.body.extend(chunk);
                }
                response.trailers = self.fields()?;
            }
            (None, Some(length)) => {
                response.body = self.exactly(length.map_err(Error::other)?)?;
            }
            (None, None) => response.body = self.read_to_end()?,
            (encoding, length) => {
                return Err(malformed(&format!("length by both {encoding:?} and {length:?}")));
            }
        }
        Ok(response)
    }

    /// The answer to a HEAD: no body follows, whatever its headers say.
    pub(crate) fn response_to_head(&mut self) -> Result<Response> {
        self.head()
    }

    /// The head of the next answer, with an empty body; the body's parts are still to be read.
    pub(crate) fn head(&mut self) -> Result<Response> {
        let line = self.line()?;
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| malformed(&format!("status line {line:?}")))?;
        Ok(Response { status, headers: self.fields()?, body: Vec::new(), trailers: Vec::new() })
    }

    /// The first chunk of an answer whose head is still to be read.
    pub(crate) fn chunk_after_head(&mut self) -> Result<Option<Vec<u8>>> {
        self.head()?;
        self.chunk()
    }

    /// The next chunk of a chunked body, None after the last one; its trailers are still to be
    /// read, by `fields`.
    pub(crate) fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let size = self.line()?;
        let digits = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16);
        match size.map_err(|_| malformed(&format!("chunk size {digits:?}")))? {
            0 => Ok(None),
            size => {
                let chunk = self.exactly(size)?;
                match self.line()?.as_str() {
                    "" => Ok(Some(chunk)),
                    more => Err(malformed(&format!("{more:?} after a chunk"))),
                }
            }
        }
    }

    /// Header or trailer fields, up to and with the empty line.
    pub(crate) fn fields(&mut self) -> Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| malformed(&format!("field {line:?}")))?;
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// The next `count` bytes.
    pub(crate) fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Ends the connection, also for the one that shares it.
    pub(crate) fn close(&self) {
        // The peer may have been first.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// The next bytes, at least one and no more than `most`.
    pub(crate) fn at_most(&mut self, most: usize) -> Result<Vec<u8>> {
        while self.unread.is_empty() {
            self.fill()?;
        }
        Ok(self.unread.drain(..most.min(self.unread.len())).collect())
    }

    /// The next bytes, whatever has come; none at the orderly end of the connection.
    pub(crate) fn some(&mut self) -> Result<Vec<u8>> {
        if self.unread.is_empty()
            && let Err(error) = self.fill()
            && error.kind() != ErrorKind::UnexpectedEof
        {
            return Err(error);
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Everything up to the orderly end of the connection.
    pub(crate) fn read_to_end(&mut self) -> Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(end) if end.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the end of the connection, also one with bytes of ours that nobody has read, and
    /// returns what came before it.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>> {
        match self.read_to_end() {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                Ok(std::mem::take(&mut self.unread))
            }
            rest => rest,
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.unread.drain(..end + 2).take(end);
                return Ok(line.map(char::from).collect());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut block = [0; 16 * 1024];
        loop {
            return match self.stream.read(&mut block) {
                // A signal to this process is none of its connections' business.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
                Ok(0) => Err(Error::new(ErrorKind::UnexpectedEof, "the connection ended")),
                Ok(read) => {
                    self.unread.extend_from_slice(&block[..read]);
                    Ok(())
                }
            };
        }
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
