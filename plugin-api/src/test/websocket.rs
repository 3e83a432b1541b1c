//! A WebSocket of an application, as its client has it: RFC 6455, as little of it as tests need.

use super::connection::Connection;
use super::request::Request;
use crate::{Error, Result};

/// A WebSocket, as its client has it: [`Request::websocket`] gives one.
///
/// It answers pings, and puts messages together that came in several frames.
///
#[cfg_attr(feature = "tower", doc = "```")]
#[cfg_attr(not(feature = "tower"), doc = "```ignore")]
/// use axum::{Router, extract::ws::{Message, WebSocket, WebSocketUpgrade}, routing::any};
///
/// async fn echo(mut socket: WebSocket) {
///     while let Some(Ok(message)) = socket.recv().await {
///         if let Message::Text(_) = message {
///             drop(socket.send(message).await);
///         }
///     }
/// }
///
/// fn router() -> Router {
///     let upgraded = async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo);
///     Router::new().route("/echo", any(upgraded))
/// }
///
/// let app = dsgi::test::App::service(router, ())?;
/// let mut socket = app.request("GET", "/echo").websocket();
/// socket.send("tea");
/// assert_eq!(socket.receive()?, Some(dsgi::test::Message::Text("tea".into())));
/// socket.close(1000);
/// assert_eq!(socket.receive()?, Some(dsgi::test::Message::Close(Some(1000))));
/// assert_eq!(socket.receive()?, None);
/// # Ok::<(), dsgi::Error>(())
/// ```
///
/// Dropping it is leaving, without a word.
#[derive(Debug)]
pub struct WebSocket {
    connection: Connection,
    /// What was received and is no whole frame yet.
    received: Vec<u8>,
}

/// A message of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Nothing more follows, with the code that says why.
    Close(Option<u16>),
}

/// Kinds of frames.
mod kind {
    pub(super) const FURTHER: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const PING: u8 = 9;
    pub(super) const PONG: u8 = 10;
}

/// A frame's first byte says whether it is the last one of its message.
const LAST: u8 = 0x80;
/// Any will do: what it protects is not here.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// That of RFC 6455's example, which is as good as any.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

impl WebSocket {
    #[track_caller]
    pub(super) fn ask(request: Request<'_>) -> Self {
        let request = request
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", KEY);
        Self { connection: request.connect(), received: Vec::new() }
    }

    /// The first field of a name in the head of the response, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.connection.header(name)
    }

    /// Sends text.
    pub fn send(&mut self, text: &str) {
        self.send_frame(LAST | kind::TEXT, text.as_bytes());
    }

    /// Sends bytes.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.send_frame(LAST | kind::BINARY, bytes);
    }

    /// Says that nothing more follows, and why; what the application still sends is received.
    pub fn close(&mut self, code: u16) {
        self.send_frame(LAST | kind::CLOSE, &code.to_be_bytes());
    }

    /// The next message; waits until there is one. `None` once the connection has ended.
    ///
    /// # Errors
    /// When what was received is no WebSocket's.
    ///
    /// # Panics
    /// When the application waits for more than a minute.
    #[track_caller]
    pub fn receive(&mut self) -> Result<Option<Message>> {
        let (mut begun, mut message) = (kind::FURTHER, Vec::new());
        loop {
            let Some((first, payload)) = self.frame()? else { return Ok(None) };
            match first & 0x0f {
                kind::PING => self.send_frame(LAST | kind::PONG, &payload),
                kind::PONG => {}
                kind::CLOSE => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Ok(Some(Message::Close(code)));
                }
                kind => {
                    if (kind == kind::FURTHER) == (begun == kind::FURTHER) {
                        return Err(Error::new(format!("a frame of kind {kind} out of order")));
                    }
                    begun = begun.max(kind);
                    message.extend_from_slice(&payload);
                    if first & LAST != 0 {
                        return whole(begun, message).map(Some);
                    }
                }
            }
        }
    }

    /// Leaves without a word.
    pub fn leave(self) {
        self.connection.leave();
    }

    /// The first byte and the payload of the next frame.
    #[track_caller]
    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some((head, length)) = measured(&self.received)? {
                let frame: Vec<u8> = self.received.drain(..head + length).collect();
                return Ok(Some((frame[0], frame[head..].to_vec())));
            }
            match self.connection.receive() {
                Some(bytes) => self.received.extend_from_slice(&bytes),
                None if self.received.is_empty() => return Ok(None),
                None => return Err(Error::new("the connection has ended within a frame")),
            }
        }
    }

    fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(LAST | length as u8),
            length @ 126..=0xffff => {
                frame.push(LAST | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(LAST | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.connection.send(frame);
    }
}

/// Lengths of head and payload of a frame that is there as a whole.
fn measured(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let &[_, second, ref rest @ ..] = bytes else { return Ok(None) };
    if second & LAST != 0 {
        return Err(Error::new("a server has masked a frame"));
    }
    let (head, length) = match second {
        126 => (4, rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length)))),
        127 => (10, rest.first_chunk().map(|length| u64::from_be_bytes(*length))),
        length => (2, Some(u64::from(length))),
    };
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
        return Ok(None);
    };
    Ok((bytes.len() - head.min(bytes.len()) >= length && bytes.len() >= head)
        .then_some((head, length)))
}

fn whole(kind: u8, message: Vec<u8>) -> Result<Message> {
    match kind {
        kind::TEXT => Ok(Message::Text(String::from_utf8(message).map_err(Error::from)?)),
        kind::BINARY => Ok(Message::Binary(message)),
        other => Err(Error::new(format!("a frame of kind {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_measured_once_it_is_whole() {
        let cases: [(&[u8], _); 6] = [
            (&[], None),
            (&[0x81], None),
            (&[0x81, 2, b'a'], None),
            (&[0x81, 2, b'a', b'b', 0x81], Some((2, 2))),
            (&[0x81, 126, 0, 1], None),
            (&[0x81, 126, 0, 1, b'a'], Some((4, 1))),
        ];
        for (bytes, expected) in cases {
            assert_eq!(measured(bytes).unwrap(), expected, "{bytes:?}");
        }
        assert!(measured(&[0x81, 0x82]).is_err(), "masked");
    }
}
