//! The host behind front servers, which a test plays by hand.

mod attacks;
mod beside;
mod cgi;
mod fastcgi;
mod forwarded;
mod limits;
mod oracle;
mod others;
mod peer;
mod program;
mod proxied;
mod queries;
mod single;
mod sockets;
mod swaps;
mod table;
