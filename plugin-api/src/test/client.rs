//! A client that keeps cookies.

use super::app::App;
use super::request::Request;
use super::response::Response;

/// A client that sends back the cookies it was given, as a browser does within one site.
///
/// ```
/// # use dsgi::{Environ, StartResponse};
/// fn visits(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
///     let seen = environ.get("HTTP_COOKIE").and_then(|cookie| cookie.strip_prefix("seen="));
///     let seen = seen.and_then(|seen| seen.parse().ok()).unwrap_or(0) + 1;
///     let cookie = format!("seen={seen}; HttpOnly");
///     start_response("200 OK", &[("Content-Type", "text/plain"), ("Set-Cookie", &cookie)])?;
///     Ok([seen.to_string()])
/// }
///
/// let app = dsgi::test::App::new(visits);
/// let mut client = app.client();
/// assert_eq!(client.get("/").text(), "1");
/// assert_eq!(client.get("/").text(), "2");
/// ```
#[derive(Debug)]
pub struct Client<'a> {
    app: &'a App,
    cookies: Vec<(String, String)>,
}

impl<'a> Client<'a> {
    pub(super) const fn new(app: &'a App) -> Self {
        Self { app, cookies: Vec::new() }
    }

    /// Asks for a path.
    ///
    /// # Panics
    /// As [`Request::send`].
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.send(self.app.request("GET", target))
    }

    /// Sends a form.
    ///
    /// # Panics
    /// As [`Request::send`].
    #[track_caller]
    pub fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Response {
        self.send(self.app.request("POST", target).form(fields))
    }

    /// Sends a request with the cookies, and keeps those of the response.
    ///
    /// # Panics
    /// As [`Request::send`].
    #[track_caller]
    pub fn send(&mut self, request: Request<'_>) -> Response {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let request = if cookies.is_empty() { request } else { request.header("Cookie", &cookies) };
        let response = request.send();
        for (name, value) in response.headers() {
            if name.eq_ignore_ascii_case("set-cookie") {
                self.keep(value);
            }
        }
        response
    }

    /// The value of a cookie that it has.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        self.cookies.retain(|(known, _)| known != name);
        // Other attributes say who may see it, which is everybody here.
        if !parts.any(|attribute| attribute.eq_ignore_ascii_case("Max-Age=0")) {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}
