//! A client of HTTP/2 with prior knowledge, of which a test sees every step: a request is sent,
//! its head arrives, its blocks are read one by one, or the stream is given up.
//!
//! It works only while it is asked for something; between two calls it reads nothing.

use super::DEADLINE;
use super::client::Response;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use hyper::body::{Body, Incoming, SizeHint};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A connection with any number of streams.
#[derive(Debug)]
pub(crate) struct Http2 {
    runtime: Runtime,
    requests: SendRequest<Parts>,
    end: JoinHandle<hyper::Result<()>>,
}

/// The body of a request: what there is, and what follows it.
#[derive(Debug)]
struct Parts {
    frames: VecDeque<Frame<Bytes>>,
    length: Length,
}

/// What is said of the length of a body before it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Length {
    Declared,
    Open,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Sent(JoinHandle<hyper::Result<http::Response<Incoming>>>);

impl Http2 {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (requests, end) = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("small writes go out at once");
            let (requests, connection) = Builder::new(TokioExecutor::new())
                .handshake(TokioIo::new(stream))
                .await
                .expect("an HTTP/2 connection");
            (requests, tokio::spawn(connection))
        });
        Self { runtime, requests, end }
    }

    /// Sends `GET path`.
    pub(crate) fn get(&mut self, path: &str) -> Sent {
        self.send(Request::get(format!("http://a.example{path}")).body(String::new()))
    }

    /// Sends and receives until something is seen elsewhere.
    pub(crate) fn until(&self, what: &str, seen: impl Fn() -> bool) {
        let seen = async {
            while !seen() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, seen).await });
        waited.unwrap_or_else(|_| panic!("not seen: {what}"));
    }

    pub(crate) fn send(&mut self, request: http::Result<Request<String>>) -> Sent {
        let request = request.expect("a request");
        self.begin(request.map(|text| Parts::of(&text, None)))
    }

    /// Sends `POST path` with fields behind its body.
    pub(crate) fn send_trailers(
        &mut self,
        path: &str,
        body: &str,
        fields: &[(&'static str, &'static str)],
    ) -> Sent {
        let fields = fields.iter().map(|&(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, http::HeaderValue::from_static(value))
        });
        let parts = Parts::of(body, Some(fields.collect()));
        let request = Request::post(format!("http://a.example{path}")).body(parts);
        self.begin(request.expect("a request"))
    }

    /// Sends a request whose body is these blocks.
    pub(crate) fn send_blocks(&mut self, request: Request<Vec<Vec<u8>>>, length: Length) -> Sent {
        self.begin(request.map(|blocks| {
            let frames = blocks.into_iter().map(|block| Frame::data(Bytes::from(block)));
            Parts { frames: frames.collect(), length }
        }))
    }

    fn begin(&mut self, request: Request<Parts>) -> Sent {
        let answer = self.requests.send_request(request);
        Sent(self.runtime.spawn(answer))
    }

    /// The head of the answer; an error if the stream or the connection ended instead.
    pub(crate) fn head(&self, sent: Sent) -> hyper::Result<http::Response<Incoming>> {
        self.wait(sent.0).expect("the task of a request")
    }

    /// The next block that is not empty; `None` at the end.
    pub(crate) fn block(&self, body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
        loop {
            let frame = self.frame(body)?;
            match frame.map(|frame| frame.into_data().unwrap_or_default()) {
                Ok(data) if data.is_empty() => {}
                block => return Some(block),
            }
        }
    }

    fn frame(&self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        self.wait(poll_fn(|context| Pin::new(&mut *body).poll_frame(context)))
    }

    /// The whole answer.
    pub(crate) fn response(&self, sent: Sent) -> hyper::Result<Response> {
        let (head, mut incoming) = self.head(sent)?.into_parts();
        let (mut body, mut behind) = (Vec::new(), http::HeaderMap::new());
        while let Some(frame) = self.frame(&mut incoming) {
            match frame?.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => behind = frame.into_trailers().unwrap_or_default(),
            }
        }
        let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), text(value.as_bytes()))
        };
        let headers = head.headers.iter().map(field).collect();
        let trailers = behind.iter().map(field).collect();
        Ok(Response { status: head.status.as_u16(), headers, body, trailers })
    }

    /// Waits until the host has closed the connection.
    pub(crate) fn wait_for_end(&mut self) -> hyper::Result<()> {
        let runtime = &self.runtime;
        let end = runtime.block_on(async { tokio::time::timeout(DEADLINE, &mut self.end).await });
        end.expect("the host closes the connection").expect("the task of a connection")
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        let work = async { tokio::time::timeout(DEADLINE, work).await };
        self.runtime.block_on(work).expect("the host answers in time")
    }
}

impl Parts {
    fn of(text: &str, trailers: Option<http::HeaderMap>) -> Self {
        let data = (!text.is_empty()).then(|| Frame::data(Bytes::from(text.to_owned())));
        let frames = data.into_iter().chain(trailers.map(Frame::trailers)).collect();
        Self { frames, length: Length::Declared }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.frames.pop_front().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    /// Known, so that it is declared, where no trailers follow.
    fn size_hint(&self) -> SizeHint {
        match self.frames.iter().map(Frame::data_ref).collect::<Option<Vec<_>>>() {
            Some(blocks) if self.length == Length::Declared => {
                SizeHint::with_exact(blocks.iter().map(|it| it.len() as u64).sum())
            }
            _ => SizeHint::default(),
        }
    }
}
