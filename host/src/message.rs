//! What a gateway knows of a connection, and what it sends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dsgi::abi::grown::head_flag;

use crate::forwarded::Trusted;
use crate::invoke::body::ReplyBody;
use crate::limits::ERRORS_BYTES;
use crate::wire::Variables;

/// A response as every gateway sends it.
pub(crate) type Response = http::Response<ReplyBody>;

/// What is known of a connection before its first request.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Gateway that received it.
    pub(crate) gateway: &'static str,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    /// `remote` without its port, as text.
    pub(crate) remote_address: String,
    /// `http` or `https`, where the target does not say so itself.
    pub(crate) scheme: &'static str,
    /// What a front server calls itself, where the client names no host.
    pub(crate) server_name: Option<Box<str>>,
    /// What it tells beside that and beside the fields; over HTTP there is no such thing.
    pub(crate) variables: Variables,
    /// How applications run here, as flags of a head.
    pub(crate) run: u32,
    /// Whose fields are believed about who the client is.
    pub(crate) trusted: Option<Arc<Trusted>>,
    /// Who is told what an application writes to its errors, beside the log.
    pub(crate) errors: Option<Arc<Errors>>,
}

/// What an application has written to its errors, for a front server that has a log too.
#[derive(Debug, Default)]
pub(crate) struct Errors(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    text: Vec<u8>,
    waker: Option<Waker>,
}

impl Errors {
    /// Keeps a line for the front; what it does not take in time is in the host's own log.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut untold = self.lock();
        if untold.text.len() + line.len() > ERRORS_BYTES {
            return;
        }
        untold.text.extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            untold.text.push(b'\n');
        }
        let waker = untold.waker.take();
        drop(untold);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready with what was written since.
    pub(crate) fn poll_take(&self, context: &Context<'_>) -> Poll<Bytes> {
        let mut untold = self.lock();
        if untold.text.is_empty() {
            untold.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut untold.text).into())
    }

    fn lock(&self) -> MutexGuard<'_, Untold> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin {
    /// A connection over HTTP.
    pub(crate) fn http(remote: Option<SocketAddr>, local: Option<SocketAddr>) -> Self {
        let remote_address = remote.map(|remote| remote.ip().to_string()).unwrap_or_default();
        let run = head_flag::MULTITHREAD;
        Self {
            gateway: "http",
            remote,
            local,
            remote_address,
            scheme: "http",
            server_name: None,
            variables: Variables::new(),
            run,
            trusted: None,
            errors: None,
        }
    }

    /// The one request of a process that a front server has started for it.
    pub(crate) fn cgi() -> Self {
        let run = head_flag::MULTIPROCESS | head_flag::RUN_ONCE;
        Self { gateway: "cgi", run, ..Self::http(None, None) }
    }
}
