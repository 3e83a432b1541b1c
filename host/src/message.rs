//! What a gateway knows of a connection, and what it sends.

use std::net::SocketAddr;

use dsgi::abi::grown::head_flag;

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
    /// `http` or `https`, where the target does not say so itself.
    pub(crate) scheme: &'static str,
    /// What a front server calls itself, where the client names no host.
    pub(crate) server_name: Option<Box<str>>,
    /// How applications run here, as flags of a head.
    pub(crate) run: u32,
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
            run,
        }
    }

    /// The one request of a process that a front server has started for it.
    pub(crate) fn cgi() -> Self {
        let run = head_flag::MULTIPROCESS | head_flag::RUN_ONCE;
        Self { gateway: "cgi", run, ..Self::http(None, None) }
    }
}
