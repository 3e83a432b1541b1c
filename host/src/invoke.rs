//! One call of an application: the exchange it is given, the answer it gives, the body it sends.
//!
//! `exchange` is the request as the boundary sees it; `call` calls; `answer` turns what came back
//! into a response; `body` sends it, and `file` what is a file; `blocking` does the same on a
//! thread of a pool.

pub(crate) mod answer;
pub(crate) mod blocking;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod data;
mod endless;
pub(crate) mod exchange;
pub(crate) mod fields;
mod file;
mod heads;
pub(crate) mod later;
pub(crate) mod pipe;
pub(crate) mod place;
pub(crate) mod switched;
mod trailers;
pub(crate) mod upload;
