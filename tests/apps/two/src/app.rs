//! An application that says in every byte of its responses which version of it made them. A test
//! makes the second version out of the first, by another letter at the end of the mark.

use std::hint::black_box;
use std::iter::from_fn;

use dsgi::{Body, Chunk, Environ, StartResponse};

/// The last byte is the version.
static MARK: [u8; 23] = *b"which version this is:a";

/// Looked up in the library each time: after it is gone, this is a crash and not luck.
pub(crate) fn version() -> u8 {
    black_box(&MARK)[MARK.len() - 1]
}

/// The answer to a path below the mount, when so many bytes were received.
pub(crate) fn answer(
    path: &str,
    received: usize,
    start_response: &StartResponse,
) -> dsgi::Result<Body> {
    let (version_text, received) = (char::from(version()).to_string(), received.to_string());
    start_response(
        "200 OK",
        &[("Content-Type", "text/plain"), ("X-Version", &version_text), ("X-Received", &received)],
    )?;
    if path == "/stream" {
        let mut left = 64;
        return Ok(Body::blocks(from_fn(move || {
            left -= 1;
            (left >= 0).then(|| Chunk::from(vec![version(); 4096]))
        })));
    }
    Ok(Body::from(vec![version(); 64]))
}

/// The sync form.
#[allow(dead_code, reason = "the async form has one of its own")]
pub(crate) fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let mut received = 0;
    while let Some(block) = environ.input().block()? {
        received += block.bytes().len();
    }
    answer(&environ["PATH_INFO"], received, &start_response)
}
