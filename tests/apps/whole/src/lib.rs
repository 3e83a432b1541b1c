//! An application that gives back all that it was given: every key of the environ with its value,
//! sorted, an empty line, and the body.

use dsgi::{Environ, StartResponse};

async fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[Vec<u8>; 1]> {
    let line = |(key, value): (&str, &[u8])| format!("{key}={}\n", value.escape_ascii());
    let mut lines: Vec<String> = environ.iter().map(line).collect();
    lines.sort();
    let mut whole = lines.concat().into_bytes();
    whole.push(b'\n');
    while let Some(block) = environ.input().next().await? {
        whole.extend_from_slice(block.bytes());
    }
    start_response("200 OK", &[("Content-Type", "application/octet-stream")])?;
    Ok([whole])
}

dsgi::app!(app, name = "whole");
