//! The integration tests: one binary, so that they link once. They drive the real `host` over
//! real sockets with real libraries.
//!
//! Each module holds what its comment says; what several of them need stands in `harness`.

// Children, clients and libraries that the tests share.
mod harness;
// Library files with some bytes changed: refused in one line, or serving the right bytes.
mod mutations;
// Rules about the source itself: floors, lengths, words, where unsafe code may stand.
mod tidy;
