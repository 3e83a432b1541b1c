//! The host behind front servers, which a test plays by hand.

mod cgi;
mod single;
mod sockets;
