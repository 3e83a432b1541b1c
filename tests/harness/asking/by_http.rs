//! Over HTTP/1.1, on a bare socket.

use super::{Answered, Ask, End, HOST, Payload, Seen};
use crate::harness::client::Connection;
use std::io::{Error, Result};
use std::net::SocketAddr;

/// How an answer says where it ends.
enum Framing {
    Chunks,
    Length(usize),
    Connection,
}

pub(super) fn ask(address: SocketAddr, ask: &Ask<'_>, seen: Seen<'_>) -> Answered {
    let mut connection = Connection::open(address);
    let mut answered = Answered::none();
    if connection.try_send(head(ask)).is_err() {
        return answered;
    }
    if let Payload::Expected(_) = ask.body {
        let Ok(first) = connection.head() else { return answered };
        if first.status >= 200 {
            // It does not want the body.
            (answered.status, answered.fields, answered.end) =
                (Some(first.status), first.headers, End::Whole);
            return answered;
        }
        answered.interim = Some(first.status);
    }
    let mut sending = connection.second();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for block in ask.body.blocks() {
                let sent = match ask.body.is_chunked() {
                    true => sending
                        .try_send(format!("{:x}\r\n", block.len()))
                        .and_then(|()| sending.try_send(&block))
                        .and_then(|()| sending.try_send("\r\n")),
                    false => sending.try_send(&block),
                };
                // Who does not want the rest has answered already, or closes.
                if sent.is_err() {
                    return;
                }
            }
            if ask.body.is_chunked() {
                let _ = sending.try_send("0\r\n\r\n");
            }
        });
        let read = read(&mut connection, ask, &mut answered, seen);
        answered.end = read.unwrap_or(End::Broken);
        // Whoever still sends is told.
        connection.close();
    });
    answered
}

fn head(ask: &Ask<'_>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", ask.method, ask.target);
    if !ask.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += &format!("Host: {HOST}\r\n");
    }
    for (name, value) in ask.fields {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(length) = ask.body.declared() {
        head += &format!("Content-Length: {length}\r\n");
    }
    if ask.body.is_chunked() {
        head += "Transfer-Encoding: chunked\r\n";
    }
    if let Payload::Expected(_) = ask.body {
        head += "Expect: 100-continue\r\n";
    }
    (head + "\r\n").into_bytes()
}

fn read(
    connection: &mut Connection,
    ask: &Ask<'_>,
    answered: &mut Answered,
    seen: Seen<'_>,
) -> Result<End> {
    let mut head = connection.head()?;
    while head.status < 200 {
        answered.interim = Some(head.status);
        head = connection.head()?;
    }
    (answered.status, answered.fields) = (Some(head.status), head.headers.clone());
    let framing = match (head.header("transfer-encoding"), head.header("content-length")) {
        _ if ask.method == "HEAD" || [204, 304].contains(&head.status) => {
            return after_the_end(connection, ask, answered);
        }
        (Some(_), _) => Framing::Chunks,
        (None, Some(length)) => Framing::Length(length.parse().map_err(Error::other)?),
        (None, None) => Framing::Connection,
    };
    loop {
        let block = match framing {
            Framing::Chunks => connection.chunk()?.unwrap_or_default(),
            Framing::Length(length) => match length - answered.body.len() {
                0 => Vec::new(),
                left => connection.at_most(left)?,
            },
            Framing::Connection => connection.some()?,
        };
        if block.is_empty() {
            let end = matches!(framing, Framing::Connection);
            return if end { Ok(End::Whole) } else { after_the_end(connection, ask, answered) };
        }
        answered.body.extend(block);
        if seen(&answered.body).is_break() {
            return Ok(End::Left);
        }
    }
}

/// Nothing may follow that would be taken for the next answer. What does is kept behind the body.
fn after_the_end(
    connection: &mut Connection,
    ask: &Ask<'_>,
    answered: &mut Answered,
) -> Result<End> {
    if ask.fields.iter().any(|(name, value)| (*name, *value) == ("Connection", "close")) {
        let rest = connection.rest()?;
        let rest = rest.strip_prefix(b"\r\n").unwrap_or(&rest);
        answered.body.extend(rest);
    }
    Ok(End::Whole)
}
