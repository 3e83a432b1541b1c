//! A body may move from thread to thread between two blocks.

use std::rc::Rc;

use dsgi::{Environ, StartResponse};

struct Greetings {
    text: Rc<str>,
}

impl Iterator for Greetings {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        Some(self.text.to_string())
    }
}

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Greetings> {
    start_response("200 OK", &[])?;
    Ok(Greetings { text: "hello\n".into() })
}

dsgi::app!(app);

fn main() {}
