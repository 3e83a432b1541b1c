//! An application is not a layer.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[])?;
    Ok(["hello\n"])
}

dsgi::middleware!(app);

fn main() {}
