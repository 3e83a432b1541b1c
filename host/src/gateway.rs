//! Gateways: from a protocol to dispatch and back.

pub(crate) mod http;
