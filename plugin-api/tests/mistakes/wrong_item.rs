//! Numbers are no blocks.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Vec<i32>> {
    start_response("200 OK", &[])?;
    Ok(vec![1, 2, 3])
}

dsgi::app!(app);

fn main() {}
