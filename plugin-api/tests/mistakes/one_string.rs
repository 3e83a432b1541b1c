//! A text is one block, not a list of blocks: `[text]` or `Body::from(text)`.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<String> {
    start_response("200 OK", &[])?;
    Ok(String::from("hello\n"))
}

dsgi::app!(app);

fn main() {}
