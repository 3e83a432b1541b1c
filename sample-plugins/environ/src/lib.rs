//! Shows the request as an application sees it: every key of the environ with its value, sorted.
//!
//! The environ looks like a dictionary; `iter` gives all of it, `environ["KEY"]` one value. It
//! waits for nothing, so it says `non_blocking` and runs on the core that received the request.

use dsgi::{Environ, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    let line = |(key, value): (&str, &[u8])| format!("{key}={}\n", value.escape_ascii());
    let mut lines: Vec<String> = environ.iter().map(line).collect();
    lines.sort();
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok([lines.concat()])
}

dsgi::app!(app, non_blocking, name = "environ");

#[test]
fn every_key_has_a_line() {
    let app = dsgi::test::App::new(app).mount("/shop");
    let text = app.request("GET", "/shop/tea?new").header("X-Pot", "blue").send().text().to_owned();
    for line in ["SCRIPT_NAME=/shop", "PATH_INFO=/tea", "QUERY_STRING=new", "HTTP_X_POT=blue"] {
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
}
