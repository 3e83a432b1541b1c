//! The body without a `Result` around it: an error would have no way out.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Vec<&'static str> {
    start_response("200 OK", &[]).ok();
    vec!["hello\n"]
}

dsgi::app!(app);

fn main() {}
