//! Gateways: from a protocol to dispatch and back.

pub(crate) mod cgi;
pub(crate) mod http;
mod reply;
mod strict;
mod variables;
