//! A `Result` of the author's own: taken for an iterable, its `Err` would be an empty body.

use dsgi::{Environ, StartResponse};

#[derive(Debug)]
struct Closed;

fn app(_: Environ, start_response: StartResponse) -> Result<Vec<u8>, Closed> {
    start_response("200 OK", &[]).map_err(|_| Closed)?;
    Err(Closed)
}

dsgi::app!(app);

fn main() {}
