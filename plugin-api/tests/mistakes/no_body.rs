//! A response without bytes has an empty body, not none.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<()> {
    start_response("204 No Content", &[])?;
    Ok(())
}

dsgi::app!(app);

fn main() {}
