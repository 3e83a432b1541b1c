//! What front servers send and read, by hand: variables, and answers that begin with a status.

use super::DEADLINE;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// An answer as a front server reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The first line, whole.
    pub(crate) first: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads an answer that begins with `Status: ` or with `HTTP/1.1 `, but for a `Location`,
    /// strictly.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {}", shown()));
        let head: String = bytes[..end].iter().copied().map(char::from).collect();
        let (ahead, behind): (Vec<&str>, Vec<&str>) =
            head.split("\r\n").partition(|line| line.starts_with("location: "));
        let mut lines = behind.into_iter().chain(ahead);
        let first = lines.next().unwrap_or_default().to_owned();
        let said = ["Status: ", "HTTP/1.1 "].iter().find_map(|begin| first.strip_prefix(begin));
        let said = said.unwrap_or_else(|| panic!("no status in {}", shown()));
        let (status, reason) = said.split_once(' ').expect("a reason");
        assert!(status.len() == 3 && !reason.is_empty(), "{first}");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
            (name.to_owned(), value.to_owned())
        });
        let (status, headers) = (status.parse().expect("a number"), headers.collect());
        Self { first, status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The environ, as the sample `environ` shows it.
    pub(crate) fn environ(&self) -> BTreeMap<String, String> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The variables of a request without a body, as fronts give them.
pub(crate) fn get(target: &str) -> Vec<(String, String)> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    variables(&[
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", target),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "front.test"),
        ("SERVER_ADDR", "127.0.0.9"),
        ("SERVER_PORT", "8081"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_PORT", "4711"),
        ("HTTP_HOST", "a.test:8081"),
        ("HTTP_PROXY", "http://evil.test"),
        ("CONTENT_LENGTH", ""),
        ("CONTENT_TYPE", ""),
    ])
}

/// The same with a body of so many bytes.
pub(crate) fn post(target: &str, length: usize) -> Vec<(String, String)> {
    let mut variables = get(target);
    set(&mut variables, "REQUEST_METHOD", "POST");
    set(&mut variables, "CONTENT_LENGTH", &length.to_string());
    set(&mut variables, "CONTENT_TYPE", "text/plain");
    variables
}

pub(crate) fn variables(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Puts a value in place of the one that is there.
pub(crate) fn set(variables: &mut Vec<(String, String)>, name: &str, value: &str) {
    variables.retain(|(known, _)| known != name);
    variables.push((name.to_owned(), value.to_owned()));
}

/// A protocol of one request for each connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Protocol {
    Scgi,
    Uwsgi,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Scgi, Self::Uwsgi];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scgi => "scgi",
            Self::Uwsgi => "uwsgi",
        }
    }

    /// The head of a request.
    pub(crate) fn head(self, variables: &[(String, String)]) -> Vec<u8> {
        match self {
            Self::Scgi => {
                let is_length = |row: &&(String, String)| row.0 == "CONTENT_LENGTH";
                let length = variables.iter().find(is_length).map_or("", |(_, value)| value);
                let length = if length.is_empty() { "0" } else { length };
                let mut text = format!("CONTENT_LENGTH\0{length}\0SCGI\01\0");
                for (name, value) in variables.iter().filter(|row| !is_length(row)) {
                    text.push_str(&format!("{name}\0{value}\0"));
                }
                format!("{}:{text},", text.len()).into_bytes()
            }
            Self::Uwsgi => {
                let mut packet = vec![0, 0, 0, 0];
                for text in variables.iter().flat_map(|(name, value)| [name, value]) {
                    packet.extend(u16::try_from(text.len()).expect("short").to_le_bytes());
                    packet.extend(text.as_bytes());
                }
                let size = u16::try_from(packet.len() - 4).expect("one packet");
                packet[1..3].copy_from_slice(&size.to_le_bytes());
                packet
            }
        }
    }

    /// How the first line of an answer begins.
    pub(crate) fn opening(self) -> &'static str {
        match self {
            Self::Scgi => "Status: ",
            Self::Uwsgi => "HTTP/1.1 ",
        }
    }
}

/// What a connection does next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum First {
    Byte,
    End,
}

/// A connection to a listener as the host has said it: `scgi://127.0.0.1:9000`, or with a path.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    pub(crate) fn open(shown: &str) -> Self {
        let address = shown.split_once("://").map_or(shown, |(_, address)| address);
        match address.strip_prefix("unix:") {
            Some(path) => {
                let stream = UnixStream::connect(path).expect("the host listens");
                stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
                Self::Unix(stream)
            }
            None => {
                let stream = TcpStream::connect(address).expect("the host listens");
                stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
                Self::Tcp(stream)
            }
        }
    }

    /// The same connection, for a thread of its own.
    pub(crate) fn open_again(other: &Self) -> Self {
        match other {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().expect("a descriptor")),
            Self::Unix(stream) => Self::Unix(stream.try_clone().expect("a descriptor")),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("the host reads");
    }

    /// Waits for a byte or for the end, broken off or not. A wait in vain is no end.
    pub(crate) fn first(&mut self, byte: &mut [u8]) -> First {
        match self.read(byte) {
            Ok(1) => First::Byte,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("the connection neither speaks nor ends")
            }
            Ok(_) | Err(_) => First::End,
        }
    }

    /// Everything up to the end, or to where it is broken off.
    pub(crate) fn rest(&mut self) -> (Vec<u8>, std::io::Result<()>) {
        let mut bytes = Vec::new();
        let read = self.read_to_end(&mut bytes).map(drop);
        let in_vain = read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(!in_vain, "the connection does not end");
        (bytes, read)
    }

    /// The answer, up to the end of the connection.
    pub(crate) fn answer(&mut self) -> Answer {
        let (bytes, end) = self.rest();
        end.expect("an orderly end");
        Answer::read(&bytes)
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
