//! The smallest application.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["I'm a DSGI application.\n"])
}

dsgi::app!(app, name = "hello");

#[test]
fn it_says_what_it_is() {
    let response = dsgi::test::get(app, "/");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(response.text(), "I'm a DSGI application.\n");
}
