//! What a gateway knows of a connection, and what it sends.

use std::net::SocketAddr;

use crate::invoke::body::ReplyBody;

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
