//! A request of a test.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;

use super::answer::call;
use super::app::App;
use super::connection::Connection;
use super::exchange::{Course, Exchange};
use super::input::{Input, Part, Sending};
use super::response::{Carries, Response, Streaming};
use super::texts::Texts;
use super::websocket::WebSocket;
use crate::{Environ, Result, Value};

/// A request that is not sent yet.
///
/// ```
/// # use dsgi::{Environ, StartResponse};
/// use std::io::Read;
///
/// fn echo(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[Vec<u8>; 1]> {
///     let mut body = Vec::new();
///     environ.input().read_to_end(&mut body)?;
///     start_response("200 OK", &[("Content-Type", &environ["CONTENT_TYPE"])])?;
///     Ok([body])
/// }
///
/// let app = dsgi::test::App::new(echo);
/// let request = app.request("POST", "/").header("Content-Type", "text/plain").body("tea");
/// assert_eq!(request.send().text(), "tea");
/// ```
#[must_use = "a request does nothing before `send` or `start`"]
pub struct Request<'a> {
    app: &'a App,
    texts: Texts,
    parts: Vec<Part>,
    values: Vec<Give>,
}

/// Gives a value to an exchange.
type Give = Box<dyn FnOnce(&Environ) -> Result<()>>;

impl<'a> Request<'a> {
    pub(super) fn new(app: &'a App, texts: Texts) -> Self {
        Self { app, texts, parts: Vec::new(), values: Vec::new() }
    }

    /// Adds a header field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.texts.fields.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Has a body, whose length is declared.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.texts.length = Some(body.len() as u64);
        self.parts = vec![Part::Block(body)];
        let length = self.texts.length.unwrap_or_default().to_string();
        self.header("Content-Length", &length)
    }

    /// Has a body that arrives in these blocks, and whose length is not known before.
    pub fn blocks<B: Into<Vec<u8>>>(mut self, blocks: impl IntoIterator<Item = B>) -> Self {
        self.parts = blocks.into_iter().map(|block| Part::Block(block.into())).collect();
        self.header("Transfer-Encoding", "chunked")
    }

    /// Has a body of JSON.
    ///
    /// # Panics
    /// When the value cannot be JSON.
    #[track_caller]
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value)
            .unwrap_or_else(|error| panic!("this value cannot be JSON: {error}"));
        self.header("Content-Type", "application/json").body(body)
    }

    /// Has a body of form fields.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let encoded = fields.iter().map(|(name, value)| format!("{}={}", form(name), form(value)));
        let body = encoded.collect::<Vec<_>>().join("&");
        self.header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// Sends trailers behind the body.
    pub fn trailers(mut self, fields: &[(&str, &str)]) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_ascii_lowercase(), value.into());
        self.parts.push(Part::Trailers(fields.iter().map(owned).collect()));
        self
    }

    /// Goes when the body so far was read: whoever reads on is told so.
    pub fn cut(mut self) -> Self {
        self.parts.push(Part::Gone);
        self
    }

    /// Comes from this address.
    pub fn peer(mut self, peer: SocketAddr) -> Self {
        (self.texts.remote_address, self.texts.remote_port) = (peer.ip().to_string(), peer.port());
        self
    }

    /// Comes over TLS, which somebody in front has ended.
    pub fn https(mut self) -> Self {
        self.texts.scheme = String::from("https");
        self
    }

    /// Has a variable that a layer outside has set, or a front server tells.
    ///
    /// # Panics
    /// When such a variable cannot be set.
    #[track_caller]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        if let Err(why) = self.texts.set(name, Some(value.as_bytes())) {
            panic!("{why}");
        }
        self
    }

    /// Has a typed value that a layer outside has given.
    ///
    /// ```
    /// # use dsgi::{Environ, StartResponse, Text};
    /// dsgi::value! {
    ///     /// Who is logged in.
    ///     pub struct User {
    ///         /// Their name.
    ///         pub name: Text,
    ///     }
    /// }
    ///
    /// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    ///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
    ///     Ok([format!("hello {}", environ.value::<User>()?.name)])
    /// }
    ///
    /// let app = dsgi::test::App::new(app);
    /// let response = app.request("GET", "/").value(User { name: "ada".into() }).send();
    /// assert_eq!(response.text(), "hello ada");
    /// ```
    pub fn value<T: Value>(mut self, value: T) -> Self {
        self.values.push(Box::new(move |environ| environ.set_value(value)));
        self
    }

    /// Sends it and reads the whole response.
    ///
    /// # Panics
    /// When a rule of the specification is broken, unless the application is
    /// [lenient](App::lenient).
    #[track_caller]
    pub fn send(self) -> Response {
        self.start().finish()
    }

    /// Sends it and waits for the head of the response.
    ///
    /// # Panics
    /// When the application waits for more than a minute.
    #[track_caller]
    pub fn start(self) -> Streaming {
        let Self { app, texts, parts, values } = self;
        let carries = if texts.method == "HEAD" { Carries::Nothing } else { Carries::Body };
        let course = Arc::new(Course::default());
        let input = Input::new(Sending::stream(parts, &course.gone));
        let stack = app.stack();
        let exchange = Exchange::new(Arc::clone(&stack), Arc::clone(&course), texts, input);
        if !values.is_empty() {
            let outside = exchange.environ();
            for give in values {
                give(&outside).expect("an exchange that takes values");
            }
        }
        Streaming::new(call(&stack, &exchange), carries, course, app.breaches())
    }

    /// Sends it, and goes on as what the application has taken the connection over for.
    ///
    /// # Panics
    /// When it was not taken over, and when the application waits for more than a minute.
    #[track_caller]
    pub fn connect(self) -> Connection {
        match Connection::of(self.start()) {
            Ok(connection) => connection,
            Err(other) => {
                let other = other.finish();
                let (status, why) = (other.status(), other.error().unwrap_or("nothing failed"));
                panic!("the connection was not taken over: {status}, {why}")
            }
        }
    }

    /// Sends it as the opening of a WebSocket, whose fields need not be said.
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    #[track_caller]
    pub fn websocket(self) -> WebSocket {
        WebSocket::ask(self)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("texts", &self.texts).finish_non_exhaustive()
    }
}

/// A text as a part of a form.
fn form(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
