//! A status is a line of text, fields are a list of pairs of texts.

use dsgi::{Environ, StartResponse};

fn number(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response(200, &[])?;
    Ok([""])
}

fn map(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    let length = String::from("7");
    start_response("200 OK", &[("Content-Length", length)])?;
    Ok([""])
}

fn missing(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK")?;
    Ok([""])
}

fn main() {
    let _ = (number, map, missing);
}
