//! One question over a control socket.
//!
//! It is asked in HTTP/1.0: then an answer ends with its connection, whether it is a document or a
//! stream, and there are no chunks to undo.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::ClientError;
use crate::operator::Problem;
use crate::platform::channel::{Stream, connect};

/// How long a host may think about what it knows by heart.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Bytes of a document, and of a line of a stream.
const DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
enum Patience {
    /// The host answers from memory.
    Short,
    /// It works, or waits for something to happen.
    Endless,
}

/// An answer whose head was read and was no refusal.
#[derive(Debug)]
pub(super) struct Answer {
    socket: PathBuf,
    body: BufReader<Stream>,
}

/// Asks for what the host knows.
pub(super) fn read(socket: &Path, path: &str) -> Result<Answer, ClientError> {
    ask(socket, &format!("GET {path} HTTP/1.0\r\nHost: dsgi\r\n\r\n"), Patience::Short)
}

/// Asks for the stream of events, from the one after `last` on.
pub(super) fn follow(socket: &Path, last: Option<&str>) -> Result<Answer, ClientError> {
    let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let request = format!("GET /v1/events HTTP/1.0\r\nHost: dsgi\r\n{last}\r\n");
    ask(socket, &request, Patience::Endless)
}

/// Asks that something be done; the answer comes as lines.
pub(super) fn wish(
    socket: &Path,
    path: &str,
    body: &serde_json::Value,
) -> Result<Answer, ClientError> {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: dsgi\r\nContent-Type: application/json\r\n\
         Accept: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    ask(socket, &request, Patience::Endless)
}

fn ask(socket: &Path, request: &str, patience: Patience) -> Result<Answer, ClientError> {
    let no_answer = |source| ClientError::NoAnswer { socket: socket.to_path_buf(), source };
    let mut stream = connect(socket)
        .map_err(|source| ClientError::Unreachable { socket: socket.to_path_buf(), source })?;
    stream.set_write_timeout(Some(AT_ONCE)).map_err(no_answer)?;
    if let Patience::Short = patience {
        stream.set_read_timeout(Some(AT_ONCE)).map_err(no_answer)?;
    }
    // A host that refuses without reading may have closed already; its answer is there all the
    // same.
    let sent = stream.write_all(request.as_bytes());
    let mut answer = Answer { socket: socket.to_path_buf(), body: BufReader::new(stream) };
    let status = match answer.status() {
        Ok(status) => status,
        Err(error) => return Err(sent.map_or_else(no_answer, |()| error)),
    };
    if status < 400 {
        return Ok(answer);
    }
    Err(ClientError::Problem(answer.document::<Problem>()?))
}

impl Answer {
    /// The status, and what follows up to the body.
    fn status(&mut self) -> Result<u16, ClientError> {
        let line = self.head_line()?;
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
        let status = status.and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| self.unreadable(format!("it begins with `{line}`")))?;
        while !self.head_line()?.is_empty() {}
        Ok(status)
    }

    fn head_line(&mut self) -> Result<String, ClientError> {
        let line = self.line()?.ok_or_else(|| self.ended())?;
        Ok(line.trim_end_matches('\r').to_owned())
    }

    /// The next line; none at the end.
    pub(super) fn line(&mut self) -> Result<Option<String>, ClientError> {
        let mut line = Vec::new();
        let read = (&mut self.body).take(DOCUMENT_BYTES).read_until(b'\n', &mut line);
        match read {
            Ok(0) => Ok(None),
            Ok(_) if line.pop_if(|last| *last == b'\n').is_none() => Err(self.ended()),
            Ok(_) => match String::from_utf8(line) {
                Ok(line) => Ok(Some(line)),
                Err(error) => Err(self.unreadable(error.to_string())),
            },
            Err(source) => Err(ClientError::NoAnswer { socket: self.socket.clone(), source }),
        }
    }

    /// The whole of it.
    pub(super) fn document<T: DeserializeOwned>(mut self) -> Result<T, ClientError> {
        let mut bytes = Vec::new();
        let read = (&mut self.body).take(DOCUMENT_BYTES).read_to_end(&mut bytes);
        let socket = self.socket.clone();
        read.map_err(|source| ClientError::NoAnswer { socket, source })?;
        serde_json::from_slice(&bytes).map_err(|error| self.unreadable(error.to_string()))
    }

    /// The host has ended in the middle of it.
    pub(super) fn ended(&self) -> ClientError {
        let source = io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before its answer did");
        ClientError::NoAnswer { socket: self.socket.clone(), source }
    }

    pub(super) fn unreadable(&self, why: String) -> ClientError {
        ClientError::Unreadable { socket: self.socket.clone(), why }
    }
}
