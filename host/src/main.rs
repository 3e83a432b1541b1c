//! x
fn main() -> Result<(), dsgi_host::ServeError> {
    dsgi_host::make_server("localhost", 8000, app)?.serve_forever()
}
fn app(_: dsgi::Environ, start_response: dsgi::StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["linked in\n"])
}
