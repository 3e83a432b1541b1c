//! The future of an async application may be polled by any thread.

use std::rc::Rc;

use dsgi::{Environ, StartResponse};

async fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    let shared = Rc::new(());
    std::future::ready(()).await;
    drop(shared);
    start_response("200 OK", &[])?;
    Ok(["hello\n"])
}

dsgi::app!(app);

fn main() {}
