//! `host events`: follows what happens.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::ask::{Answer, follow};
use super::{ClientError, hosts};
use crate::cli::Reach;
use crate::failure::{Failure, on_one_line};
use crate::operator::{Event, Kind};

/// How an event is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// Prints the events that the host remembers, then each as it happens, until the host ends. A
/// stream that breaks off is taken up where it was left.
pub(crate) fn events(reach: &Reach, out: &mut dyn Write) -> Result<(), Failure> {
    let form = if reach.json { Form::Json } else { Form::Text };
    let socket = hosts::one(reach)?;
    let mut seen = Seen { id: None, kind: String::new(), host: Host::Serves };
    let mut answer = follow(&socket, None)?;
    loop {
        let before = seen.id.clone();
        match seen.read(&mut answer, form, out)? {
            End::Stream if seen.host == Host::Ends => return Ok(()),
            End::Reader => return Ok(()),
            End::Stream if seen.id == before => return Err(answer.ended().into()),
            End::Stream => answer = again(&socket, seen.id.as_deref())?,
        }
    }
}

/// A host that is being killed may still take a connection and then give no answer: it is asked
/// until it does neither or both.
fn again(socket: &Path, last: Option<&str>) -> Result<Answer, ClientError> {
    for _ in 0..TRIES {
        match follow(socket, last) {
            Err(ClientError::NoAnswer { .. }) => thread::sleep(PAUSE),
            answered => return answered,
        }
    }
    follow(socket, last)
}

const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// What was seen last.
#[derive(Debug)]
struct Seen {
    id: Option<String>,
    kind: String,
    host: Host,
}

/// What its events say of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Serves,
    /// More may follow: its applications go.
    Ends,
}

/// Who ended the following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stream,
    /// Whoever read what was printed has seen enough.
    Reader,
}

impl Seen {
    fn read(
        &mut self,
        answer: &mut Answer,
        form: Form,
        out: &mut dyn Write,
    ) -> Result<End, Failure> {
        let mut id = None;
        // A line that breaks off is asked for again.
        while let Ok(Some(line)) = answer.line() {
            match line.split_once(": ") {
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("event", kind)) => {
                    kind.clone_into(&mut self.kind);
                    if kind == Kind::Shutdown.name() {
                        self.host = Host::Ends;
                    }
                }
                Some(("data", data)) if self.kind == "missed" => {
                    eprintln!("too slow: some events were missed, {}", on_one_line(data));
                }
                Some(("data", data)) => {
                    match print(data, form, out) {
                        Ok(()) => {}
                        Err(Unprinted::Out(error)) if error.kind() == ErrorKind::BrokenPipe => {
                            return Ok(End::Reader);
                        }
                        Err(Unprinted::Out(error)) => return Err(error.into()),
                        Err(Unprinted::Data(why)) => return Err(answer.unreadable(why).into()),
                    }
                    self.id = id.take();
                }
                _ => {}
            }
        }
        Ok(End::Stream)
    }
}

enum Unprinted {
    Out(io::Error),
    Data(String),
}

fn print(data: &str, form: Form, out: &mut dyn Write) -> Result<(), Unprinted> {
    let line = match form {
        Form::Json => data.to_owned(),
        Form::Text => {
            let event = serde_json::from_str(data);
            text(&event.map_err(|error| Unprinted::Data(error.to_string()))?)
        }
    };
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Unprinted::Out)
}

fn text(event: &Event) -> String {
    let (time, kind) = (event.time, event.kind.name());
    let app = event.app.as_deref().unwrap_or("-");
    on_one_line(&format!("{time}  {app}  {kind}: {}", event.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::channel;

    /// Its last generation may be gone before its socket is.
    #[test]
    fn what_follows_the_shutdown_is_part_of_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("one.sock");
        let listener = channel::bind(&socket).unwrap();
        let host = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let said = "HTTP/1.0 200 OK\r\n\r\nid: 1\nevent: shutdown\ndata: {}\n\n\
                        id: 2\nevent: retired\ndata: {}\n\n";
            stream.write_all(said.as_bytes()).unwrap();
        });
        let reach = Reach { control: Some(socket), name: None, json: true };
        let mut out = Vec::new();
        let ended = events(&reach, &mut out);
        host.join().unwrap();
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(String::from_utf8(out).unwrap(), "{}\n{}\n");
    }
}
