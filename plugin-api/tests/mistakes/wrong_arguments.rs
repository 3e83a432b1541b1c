//! The environ is owned, so that it can be moved into the body.

use dsgi::{Environ, StartResponse};

fn borrowing(_: &Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[])?;
    Ok(["hello\n"])
}

dsgi::app!(borrowing);

fn main() {}
