//! An application that a probe asks for a page, so that a file damaged in the code that answers is
//! refused before it serves.

use dsgi::{Environ, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 2]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok([String::from("asked for "), format!("{}\n", &environ["PATH_INFO"])])
}

dsgi::app!(app, name = "probed", probe = "/");
