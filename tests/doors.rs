//! The host behind front servers, which a test plays by hand.

mod cgi;
mod fastcgi;
mod forwarded;
mod oracle;
mod proxied;
mod limits;
mod others;
mod peer;
mod queries;
mod single;
mod sockets;
mod swaps;
mod table;
