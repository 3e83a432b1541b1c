//! By a program that answers one request from its environment and its standard input (RFC 3875).

use super::{Answered, Ask, End, HOST, Payload, Program, Seen};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

/// A program that is ended when a test no longer wants it.
struct Started(Child);

pub(super) fn ask(program: &Program, ask: &Ask<'_>, seen: Seen<'_>) -> Answered {
    let mut command = Command::new(&program.file);
    command.args(&program.arguments).env_clear();
    command.envs(variables(ask)).envs(program.variables.iter().cloned());
    let log = File::options().append(true).create(true).open(&program.log).expect("a log");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let mut started = Started(command.spawn().expect("the program starts"));
    let mut stdin = started.0.stdin.take().expect("a pipe");
    let mut stdout = started.0.stdout.take().expect("a pipe");
    let mut answered = Answered::none();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for block in ask.body.blocks() {
                // It may read no more than it wants.
                if stdin.write_all(&block).is_err() {
                    return;
                }
            }
        });
        let (mut bytes, mut block) = (Vec::new(), vec![0; 64 * 1024]);
        while let Ok(read @ 1..) = stdout.read(&mut block) {
            if answered.status.is_some() {
                answered.body.extend_from_slice(&block[..read]);
            } else {
                bytes.extend_from_slice(&block[..read]);
                answered.take(&bytes);
            }
            if seen(&answered.body).is_break() {
                answered.end = End::Left;
                break;
            }
        }
        drop(stdout);
    });
    let ended = started.0.wait().expect("a child of ours");
    let declared = answered.values("content-length").first().and_then(|it| it.parse().ok());
    let is_whole = ended.success() && declared.is_none_or(|it: usize| it == answered.body.len());
    if answered.end != End::Left && answered.status.is_some() && (is_whole || ask.method == "HEAD")
    {
        answered.end = End::Whole;
    }
    answered
}

impl Answered {
    /// Reads the head and what has come of the body, as a server that is strict.
    fn take(&mut self, bytes: &[u8]) {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return };
        let head: String = bytes[..end].iter().copied().map(char::from).collect();
        for line in head.split("\r\n") {
            let (name, value) = line.split_once(": ").expect("a field");
            if name == "Status" {
                let (status, _) = value.split_once(' ').expect("a status and its reason");
                self.status = Some(status.parse().expect("a number"));
            } else {
                self.fields.push((name.to_owned(), value.to_owned()));
            }
        }
        assert!(self.status.is_some(), "no status in {head}");
        self.body = bytes[end + 4..].to_vec();
    }
}

/// What a server tells of a request. The path is not split: the program sits at the root.
fn variables(ask: &Ask<'_>) -> Vec<(String, String)> {
    let query = ask.target.split_once('?').map_or("", |(_, query)| query);
    let mut variables: Vec<(String, String)> = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", ask.method),
        ("REQUEST_URI", ask.target),
        ("QUERY_STRING", query),
        ("SCRIPT_NAME", ""),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", HOST),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", HOST),
        ("PATH", "/usr/bin:/bin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in ask.fields {
        let name = match name.to_ascii_uppercase().replace('-', "_") {
            name if name == "CONTENT_TYPE" => name,
            name => format!("HTTP_{name}"),
        };
        match variables.iter_mut().find(|(known, _)| *known == name) {
            // A variable is there once.
            Some((_, before)) if name == "HTTP_COOKIE" => *before += &format!("; {value}"),
            Some((_, before)) if name != "HTTP_HOST" => *before += &format!(", {value}"),
            Some((_, before)) => (*value).clone_into(before),
            None => variables.push((name, (*value).to_owned())),
        }
    }
    match (ask.body.declared(), ask.body) {
        (Some(length), _) => variables.push(("CONTENT_LENGTH".to_owned(), length.to_string())),
        (None, Payload::None) => {}
        // As Apache has it: the chunks are undone, and nobody knows the length.
        (None, _) => variables.push(("HTTP_TRANSFER_ENCODING".to_owned(), "chunked".to_owned())),
    }
    variables
}

impl Drop for Started {
    fn drop(&mut self) {
        // Both fail only for a child that has been reaped already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
