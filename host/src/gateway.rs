//! Gateways: from a protocol to dispatch and back.

pub(crate) mod cgi;
pub(crate) mod fastcgi;
pub(crate) mod front;
pub(crate) mod http;
mod line;
pub(crate) mod proxied;
mod reply;
pub(crate) mod scgi;
mod single;
mod strict;
pub(crate) mod uwsgi;
pub(crate) mod variables;
