//! Counts for as long as somebody listens, one line at a time.
//!
//! Any iterator is a body. Each block is sent the moment it is made, and the next one is asked for
//! only when the client takes them, so an endless body needs no memory. It ends when the client
//! leaves.

use std::thread::sleep;
use std::time::Duration;

use dsgi::{Environ, StartResponse};

/// Waiting is fine: an application is blocking unless it says otherwise, and has its own threads.
const PAUSE: Duration = Duration::from_millis(50);

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<impl Iterator<Item = String>> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    let count = |number: u64| {
        if number > 1 {
            sleep(PAUSE);
        }
        format!("{number}\n")
    };
    Ok((1..).map(count))
}

dsgi::app!(app, name = "stream");

#[test]
fn it_counts_until_the_client_leaves() {
    let app = dsgi::test::App::new(app);
    let mut response = app.request("GET", "/").start();
    for line in ["1\n", "2\n", "3\n"] {
        assert_eq!(response.next_block().unwrap().unwrap(), line.as_bytes());
    }
    response.leave();
}
