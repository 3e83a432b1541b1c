//! An application that panics while it is opened, before anybody can catch it.
#![allow(unsafe_code, reason = "a constructor is a function in a section of its own")]

use dsgi::{Environ, StartResponse};

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    panic!("the index is locked");
}

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["never seen\n"])
}

dsgi::app!(app, name = "constructor");
