//! `start_response` gives nothing to write with: a body is an iterable.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 0]> {
    let write = start_response("200 OK", &[])?;
    write("hello\n");
    Ok([])
}

dsgi::app!(app);

fn main() {}
