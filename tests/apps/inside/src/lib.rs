//! What stands inside of layers: says what they have made of the request, and how it ended.

use std::io::Write as _;

use dsgi::{Body, Environ, Remote, StartResponse, Text};

dsgi::value! {
    name = "User";
    /// As layers give it.
    struct User { id: u64, name: Text, adds: Remote }
}

dsgi::value! {
    /// Called as one of a layer, and of the same fields.
    struct Visitor { id: u64 }
}

fn inside(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let mut input = String::new();
    while let Some(block) = environ.input().block()? {
        input.push_str(&String::from_utf8_lossy(block.bytes()));
    }
    let path = environ["PATH_INFO"].to_owned();
    assert!(!path.starts_with("/panic"), "inside");
    let first = match &*path {
        "/value" => {
            let user = environ.value::<User>()?;
            let sum = user.adds.call(b"2")?;
            format!("{} {} {}\n", user.id, user.name, String::from_utf8_lossy(&sum))
        }
        "/visitor" => format!("visitor {}\n", environ.value::<Visitor>()?.id),
        "/fails" => return Err(dsgi::Error::status(404, "not inside")),
        path => {
            let get = |key: &str| environ.get(key).unwrap_or("-").to_owned();
            let names = ["REQUEST_METHOD", "QUERY_STRING", "HTTP_X_USER", "HTTP_X_SECRET"];
            let told = names.map(get).join(" ");
            let layers = ["layer.outer", "layer.inner", "layer.length"].map(get).join(" ");
            format!("{path} {told} {layers} [{input}]\n")
        }
    };
    start_response("200 OK", &[("Content-Type", "text/plain"), ("X-Inside", "yes")])?;
    let last = std::iter::once(String::from("last\n"));
    let more =
        (0..).map(|_| "x".repeat(1 << 16)).take(if path == "/endless" { 1 << 20 } else { 0 });
    let blocks = std::iter::once(first).chain(more).chain(last);
    Ok(Body::blocks(blocks).on_close(|outcome, sent| {
        let line = format!("app: inside closed {outcome:?} {sent}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }))
}

dsgi::app!(inside);
