//! The integration tests: one binary, so that they link once. They drive the real `host` over
//! real sockets with real libraries.
//!
//! Each module holds what its comment says; what several of them need stands in `harness`.

// Files that are no application, each refused in one line.
mod bad_files;
// Children, clients and libraries that the tests share.
mod harness;
// HTTP/1.1, HTTP/1.0 and HTTP/2 as clients speak them.
mod http;
// A library on its way into service: its child, its copy, its constructors and `init`.
mod load;
// Where a request goes by its path, and what its application is told of it.
mod mounts;
// Library files with some bytes changed: refused in one line, or serving the right bytes.
mod mutations;
// What the README tells a newcomer to type.
mod readme;
// Requests that could be read in two ways, or in none.
mod strict;
// Rules about the source itself: floors, lengths, words, where unsafe code may stand.
mod tidy;
// What an application may not do to the wire.
mod wire;
