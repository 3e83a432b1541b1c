//! A layer that says which version of it a response has met: in the head when it is called, and
//! with each block of the body that goes by. A test makes the other versions out of the first, by
//! another letter at the end of the mark; the version `p` panics.

use std::hint::black_box;

use dsgi::{Body, Chunk, Environ, Inner, StartResponse};

/// The last byte is the version.
static MARK: [u8; 21] = *b"which layer this is:a";

/// Looked up in the library each time: after it is gone, this is a crash and not luck.
fn version() -> u8 {
    black_box(&MARK)[MARK.len() - 1]
}

fn around(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let met = version();
    assert_ne!(met, b'p', "on purpose");
    let text = char::from(met).to_string();
    let body = inner(environ, start_response.edit(move |head| head.set("X-Around", &text)))?;
    Ok(body.map(move |block: Chunk| {
        assert_eq!(version(), met, "a response has met two versions of its layer");
        block
    }))
}

dsgi::middleware!(around, name = "around");
