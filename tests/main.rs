//! The integration tests: one binary, so that they link once. They drive the real `host` over
//! real sockets with real libraries.
//!
//! Each module holds what its comment says; what several of them need stands in `harness`.

// Children, clients and libraries that the tests share.
mod harness;
// HTTP/1.1, HTTP/1.0 and HTTP/2 as clients speak them.
mod http;
// Library files with some bytes changed: refused in one line, or serving the right bytes.
mod mutations;
// What the README tells a newcomer to type.
mod readme;
// Rules about the source itself: floors, lengths, words, where unsafe code may stand.
mod tidy;
