//! The same in a closure: `move` is missing.

use dsgi::{Environ, StartResponse};

fn app(
    environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<impl Iterator<Item = String>> {
    start_response("200 OK", &[])?;
    Ok((0..3).map(|n| format!("{n} {}\n", &environ["PATH_INFO"])))
}

dsgi::app!(app);

fn main() {}
