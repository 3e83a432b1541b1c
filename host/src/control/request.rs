//! What a request asks for, checked before anything is done.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::body::{Body, PROBLEM, response};
use crate::operator::Problem;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Live,
    Ready,
    Status,
    Apps,
    App(String),
    Deploy(String),
    Rollback(String),
    Drain(String),
    Events,
}

/// A request that is refused before it is granted or not.
#[derive(Debug)]
pub(super) struct Rejected {
    problem: Problem,
    /// The methods that would do.
    allow: Option<&'static str>,
}

/// How an answer that takes its time is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One document at the end, with its status.
    Whole,
    /// Lines as they come.
    Lines,
}

impl Asked {
    /// What a request asks for; a foreign page in a browser asks for nothing.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, Rejected> {
        let foreign = |name: &HeaderName| request.headers().contains_key(name);
        // A program on this machine never sends them; a page that reaches the socket through some
        // proxy always does.
        if foreign(&ORIGIN) || foreign(&HeaderName::from_static("sec-fetch-site")) {
            let detail = "a request of a web page is not taken";
            return Err(reject("web-page", "Forbidden", StatusCode::FORBIDDEN, detail));
        }
        let path = request.uri().path();
        let asked = Self::at(path).ok_or_else(|| {
            let detail = format!("nothing is at `{path}`");
            let mut rejected = reject("unknown-path", "Not found", StatusCode::NOT_FOUND, detail);
            rejected.problem.help = Some(String::from("begin with GET /v1/status or /v1/apps"));
            rejected
        })?;
        let allow = match asked {
            Self::Deploy(_) | Self::Rollback(_) | Self::Drain(_) => "POST",
            _ => "GET, HEAD",
        };
        let method = request.method();
        if allow.split(", ").any(|one| one == method.as_str()) {
            return Ok(asked);
        }
        let detail = format!("`{path}` takes {allow}, not {method}");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let rejected = reject("wrong-method", "Method not allowed", status, detail);
        Err(Rejected { allow: Some(allow), ..rejected })
    }

    fn at(path: &str) -> Option<Self> {
        let app = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Into::into);
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        Some(match *segments.as_slice() {
            ["livez"] => Self::Live,
            ["readyz"] => Self::Ready,
            ["v1", "status"] => Self::Status,
            ["v1", "events"] => Self::Events,
            ["v1", "apps"] => Self::Apps,
            ["v1", "apps", name] if !name.is_empty() => Self::App(app(name)?),
            ["v1", "apps", name, "deployments"] => Self::Deploy(app(name)?),
            ["v1", "apps", name, "rollback"] => Self::Rollback(app(name)?),
            ["v1", "apps", name, "drain"] => Self::Drain(app(name)?),
            _ => return None,
        })
    }
}

impl Form {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("application/x-ndjson") { Self::Lines } else { Self::Whole }
    }
}

/// A body of JSON; an empty one is what `T` makes of `{}`.
pub(super) async fn json<T: DeserializeOwned>(
    request: Request<Incoming>,
    (most, patience): (usize, Duration),
) -> Result<T, Rejected> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let is_json = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_nothing = kind.is_none() && body.is_end_stream();
    if !is_json && !is_nothing {
        let detail = match kind {
            Some(kind) => format!("the body is `{kind}`, and must be `application/json`"),
            None => String::from("the body has no type, and must be `application/json`"),
        };
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(reject("wrong-type", "Unsupported media type", status, detail));
    }
    let bytes = timeout(patience, read(body, most)).await.map_err(|_| {
        let detail = format!("the body did not arrive within {patience:?}");
        reject("slow-request", "Request timeout", StatusCode::REQUEST_TIMEOUT, detail)
    })??;
    let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
    serde_json::from_slice(bytes).map_err(|error| bad_request(&error.to_string()))
}

/// A body that says what cannot be.
pub(super) fn bad_request(detail: &str) -> Rejected {
    reject("bad-request", "Bad request", StatusCode::BAD_REQUEST, detail)
}

async fn read(mut body: Incoming, most: usize) -> Result<Bytes, Rejected> {
    let too_large = || {
        let detail = format!("a body has at most {most} bytes");
        reject("too-large", "Content too large", StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    loop {
        let frame =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context));
        match frame.await {
            None => return Ok(bytes.freeze()),
            Some(Err(error)) => return Err(bad_request(&error.to_string())),
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                if bytes.len() + data.len() > most {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}

pub(super) fn reject(
    kind: &str,
    title: &str,
    status: StatusCode,
    detail: impl Into<String>,
) -> Rejected {
    Problem::new(kind, title, status, detail.into()).into()
}

impl From<Problem> for Rejected {
    fn from(problem: Problem) -> Self {
        Self { problem, allow: None }
    }
}

impl From<Rejected> for Response<Body> {
    fn from(Rejected { problem, allow }: Rejected) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or_default();
        let mut response = response(status, PROBLEM, Body::json(&problem));
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, http::HeaderValue::from_static(allow));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn asked(method: Method, path: &str) -> Result<Asked, u16> {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        Asked::of(&request).map_err(|rejected| rejected.problem.status)
    }

    #[test]
    fn paths_and_methods() {
        let shop = || String::from("shop");
        assert_eq!(asked(Method::GET, "/v1/apps"), Ok(Asked::Apps));
        assert_eq!(asked(Method::HEAD, "/v1/apps/shop"), Ok(Asked::App(shop())));
        assert_eq!(asked(Method::GET, "/v1/apps/a%2Fb"), Ok(Asked::App(String::from("a/b"))));
        assert_eq!(asked(Method::POST, "/v1/apps/shop/drain"), Ok(Asked::Drain(shop())));
        assert_eq!(asked(Method::GET, "/readyz?verbose"), Ok(Asked::Ready));
        for path in ["/", "/v1", "/v1/apps/", "/v1/apps/shop/", "/v2/apps", "/v1/apps/%ff"] {
            assert_eq!(asked(Method::GET, path), Err(404), "{path}");
        }
        assert_eq!(asked(Method::GET, "/v1/apps/shop/drain"), Err(405));
        assert_eq!(asked(Method::DELETE, "/v1/apps/shop"), Err(405));
    }
}
