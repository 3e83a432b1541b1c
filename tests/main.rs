//! The integration tests: one binary, so that they link once. They drive the real `host` over
//! real sockets with real libraries.
//!
//! Each module holds what its comment says; what several of them need stands in `harness`.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

// Applications of which one version runs at a time: their requests wait while one ends and the next
// one starts.
mod alone;
// What an author writes in a project of their own, by the README.
mod authors;
// Files that are no application, each refused in one line.
mod bad_files;
// Large blocks of a body that leave together.
mod blocks;
// An application in C, through the header.
mod c_app;
// The command line: its forms, its exit codes, and the commands that do not serve.
mod cli;
// The end of a request is told exactly once.
mod close;
// Applications of other compilers than the host's.
mod compilers;
// The config file: what it says, and what is refused.
mod config;
// The socket of an operator, and the verbs that ask over it.
mod control;
// A crate's folder in place of a library: how it is built, and why it is not.
mod crate_dir;
// Connections to databases, which a layer lends to applications.
mod databases;
// The verbs of an operator, done by a host that serves, and what becomes of bad versions.
mod deploys;
// Front servers' protocols, as bytes on a socket: CGI, SCGI, FastCGI, uwsgi.
mod doors;
// Bodies that are files.
mod files;
// Application, session and database together, as a visitor with a browser meets them.
mod guestbook;
// State that versions hand over to each other.
mod handover;
// Children, clients and libraries that the tests share.
mod harness;
// What keeps a version in memory that was replaced, and what does not.
mod held;
// HTTP/1.1, HTTP/1.0 and HTTP/2 as clients speak them.
mod http;
// Layers around applications, and what becomes of them while they serve.
mod layers;
// Every limit, reached.
mod limits;
// The same applications without a library.
mod linked;
// A library on its way into service: its child, its copy, its constructors and `init`.
mod load;
// Libraries that reach for what belongs to the whole process.
mod meddling;
// Where a request goes by its path, and what its application is told of it.
mod mounts;
// Library files with some bytes changed: refused in one line, or serving the right bytes.
mod mutations;
// A panic in an application is one 500, or one broken response.
mod panics;
// The threads of blocking applications.
mod pool;
// The host with every fallback in place of what Linux has.
mod portable;
// What the README tells a newcomer to type.
mod readme;
// HUP: files and config are read again, as one step or not at all.
mod reload;
// Layers and applications that come with the host.
mod shipped;
// Sessions of visitors, which a layer keeps for applications.
mod sessions;
// Layers around an application, from files.
mod sandwich;
// The end of the host.
mod shutdown;
// Versions of an application that replace each other while clients come and go.
mod swap;
// What a restart brings back.
mod state;
// Requests that could be read in two ways, or in none.
mod strict;
// Rules about the source itself: floors, lengths, words, where unsafe code may stand.
mod tidy;
// Fields behind bodies, both ways.
mod trailers;
// Answers to requests whose body is not read.
mod unread;
// Connections that applications take over.
mod upgrades;
// The validator finds who breaks a rule, and no client can tell that it is there.
mod validator;
// Applications of the frameworks: axum, and any tower service.
mod tower;
// An application that holds a core is named.
mod watchdog;
// Files and crates that change while their applications serve.
mod watch;
// What an application may not do to the wire.
mod wire;
