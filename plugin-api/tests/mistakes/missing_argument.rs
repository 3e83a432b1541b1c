//! `start_response` is the only way to give a status.

use dsgi::Environ;

fn app(_: Environ) -> dsgi::Result<[&'static str; 1]> {
    Ok(["hello\n"])
}

dsgi::app!(app);

fn main() {}
