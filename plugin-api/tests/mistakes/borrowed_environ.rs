//! The body is iterated after the function has returned, so it must own what it reads.

use dsgi::{Environ, StartResponse};

fn app(
    environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<impl Iterator<Item = String>> {
    start_response("200 OK", &[])?;
    Ok(environ["PATH_INFO"].split('/').map(|part| format!("{part}\n")))
}

dsgi::app!(app);

fn main() {}
