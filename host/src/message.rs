//! What a gateway hands to dispatch, and what it gets back.

use std::net::SocketAddr;

use crate::invoke::exchange::input::Input;
use http::request::Parts;

use crate::invoke::body::ReplyBody;

/// A request as every gateway gives it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Parts,
    pub(crate) input: Input,
}

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
}

impl Origin {
    /// A connection over HTTP.
    pub(crate) fn http(remote: Option<SocketAddr>, local: Option<SocketAddr>) -> Self {
        let remote_address = remote.map(|remote| remote.ip().to_string()).unwrap_or_default();
        Self { gateway: "http", remote, local, remote_address }
    }
}
