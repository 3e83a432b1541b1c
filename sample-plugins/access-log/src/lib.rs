//! A line for each response, once it is over: to standard output, or to a file that is rotated by
//! renaming it.
//!
//! The work is [`dsgi_layers::AccessLog`]'s: it edits the head to see the status, and adds a closer
//! to the body, which is told the bytes. The same is linked into the host: `--enable access-log`.

dsgi::middleware!(type dsgi_layers::AccessLog, name = "access-log");
