//! A request as [`Middleware::concerns`](crate::Middleware::concerns) sees it.

use std::fmt;

use crate::bridge::exchange::Text;
use crate::bridge::glance::Glance;

/// What a layer may look at before it decides whether a request concerns it: a view that copies
/// nothing.
///
/// ```
/// use dsgi::{Body, Environ, Inner, Middleware, Purpose, Request, StartResponse};
///
/// struct Robots;
///
/// impl Middleware for Robots {
///     type Config = ();
///
///     fn init((): (), _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self)
///     }
///
///     fn concerns(&self, request: &Request<'_>) -> bool {
///         request.path() == b"/robots.txt"
///     }
///
///     fn call(&self, _: Inner, _: Environ, start_response: StartResponse)
///         -> dsgi::Result<Body>
///     {
///         start_response("200 OK", &[("Content-Type", "text/plain")])?;
///         Ok(Body::from("User-agent: *\nDisallow: /\n"))
///     }
/// }
/// dsgi::middleware!(type Robots);
/// # fn main() {}
/// ```
pub struct Request<'a>(Glance<'a>);

impl<'a> Request<'a> {
    #[inline]
    pub(crate) const fn new(glance: Glance<'a>) -> Self {
        Self(glance)
    }

    /// `GET`, `POST`, ... as received.
    #[must_use]
    pub fn method(&self) -> &'a [u8] {
        self.0.text(Text::Method)
    }

    /// The rest of the path behind the mount, percent-decoded: `PATH_INFO`.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.0.text(Text::PathInfo)
    }

    /// What follows the first `?`, not decoded.
    #[must_use]
    pub fn query(&self) -> &'a [u8] {
        self.0.text(Text::Query)
    }

    /// The first value of a header field. The name is compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|it| it.1)
    }

    /// Header fields: lower-case names and values, in the order received.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.headers()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        write!(f, "Request({} {})", text(self.method()), text(self.path()))
    }
}
