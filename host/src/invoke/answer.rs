//! From what an application filled in to a response that may go on the wire.
//!
//! Every rule that protects the client from a wrong application is kept here or in the body, for
//! all gateways: names and values are checked, hop-by-hop fields are dropped, and a response that
//! must not have a body gets none.
#![allow(unsafe_code, reason = "reads what an application filled in")]

use dsgi::abi::grown::{Reply, body_kind};
use dsgi::abi::leaf::rows;
use dsgi::bridge::bytes::{Failure, SharedBytes};
use dsgi::bridge::reply::{ReplyBody as Given, take_body};
use dsgi::bridge::upgrade::Upgrade;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, StatusCode};

use super::body;
use super::endless::End;
use super::exchange::spare;
use super::fields::{self, Class, Seen};
use super::heads::{Head, Lengths};
use super::switched;
use crate::lease::Lease;
use crate::message::Response;

/// That a response was filled in, or why not.
pub(crate) type Answered = Result<(), Failed>;

/// Why an application gave no response that can be sent.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What the client is told.
    pub(crate) status: StatusCode,
    /// What the log is told.
    pub(crate) message: String,
    /// Generation of the library that panicked, 0 when none did.
    pub(crate) generation: u64,
}

/// What the client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Head and body.
    All,
    /// The head only, as for HEAD.
    Head,
    /// The same as all, or its connection for another protocol.
    Upgrade,
    /// The same, and the other protocol is WebSocket.
    WebSocket,
}

impl Wanted {
    #[inline]
    pub(crate) fn by(method: &Method) -> Self {
        if method == Method::HEAD { Self::Head } else { Self::All }
    }
}

impl Failed {
    /// A 500.
    #[cold]
    pub(crate) fn new(message: impl Into<String>) -> Self {
        let (status, message) = (StatusCode::INTERNAL_SERVER_ERROR, message.into());
        Self { status, message, generation: 0 }
    }

    /// A status that the application chose; anything but an error is a 500.
    #[cold]
    pub(crate) fn said(failure: Failure) -> Self {
        let Failure { status, message, generation } = failure;
        let error = (400..=599).contains(&status).then(|| StatusCode::from_u16(status).ok());
        let status = error.flatten().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, message, generation }
    }

    /// An answer that must not reach the client.
    #[cold]
    fn refused(message: String) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, message, generation: 0 }
    }
}

/// Fills a response in from a filled reply.
///
/// # Safety
/// `reply` was filled for the answer `READY` by a member of the lease's stack, and nothing was
/// taken from it yet.
#[inline(always)]
pub(super) unsafe fn fill(
    reply: &Reply,
    lease: &Lease,
    wanted: Wanted,
    response: &mut Response,
) -> Answered {
    // SAFETY: the rows live until `keep` is released, which is after they were copied; the body
    // is taken once.
    let (length, body) = unsafe {
        let length = head(reply, response);
        reply.keep.free();
        if reply.body_kind == body_kind::WHOLE
            && reply.upgrade.is_null()
            && wanted == Wanted::All
            && has_body(response.status())
        {
            // The usual way, without a step in between.
            let bytes = SharedBytes::from_raw(reply.whole);
            response.body_mut().give_whole(bytes, length?, lease);
            return Ok(());
        }
        (length, take_body(reply))
    };
    // A refused head must still close the body, so the body was taken first.
    let length = length?;
    let Some(body) = body else {
        return Err(Failed::refused(String::from(
            "its body is of a kind that this host does not know, or a file that is not open",
        )));
    };
    if let Given::Upgrade(upgrade) = body {
        return switch(upgrade, lease, wanted, response);
    }
    if wanted == Wanted::Head || !has_body(response.status()) {
        body::unwanted(body, response.headers_mut(), wanted);
        if response.status() == StatusCode::NO_CONTENT {
            // RFC 9110 8.6: not even a length of zero.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
    } else {
        let end = match &body {
            Given::Stream(_) => End::of(response.headers()),
            _ => End::Broken,
        };
        response.body_mut().give(body, length, lease, end);
    }
    Ok(())
}

/// The connection is to be taken over.
#[cold]
fn switch(upgrade: Upgrade, lease: &Lease, wanted: Wanted, response: &mut Response) -> Answered {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        switched::inside(lease, || drop(upgrade));
        let status = response.status().as_u16();
        return Err(Failed::refused(format!("an upgrade comes with the status 101, not {status}")));
    }
    if response.body_mut().give_upgrade(upgrade, lease, wanted) {
        return Ok(());
    }
    Err(Failed::refused(String::from(
        "it takes the connection over, and the request has not asked for that: over HTTP/1.1, \
         without a body, by `Connection: upgrade` and `Upgrade`",
    )))
}

#[inline]
fn has_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Fills in status and fields, and reads the length that the application declares.
///
/// # Safety
/// The rows of `reply` are valid.
#[inline(always)]
unsafe fn head(reply: &Reply, response: &mut Response) -> Result<Option<u64>, Failed> {
    *response.status_mut() = u16::try_from(reply.status)
        .ok()
        .filter(|status| (200..=999).contains(status))
        .and_then(|status| StatusCode::from_u16(status).ok())
        .map_or_else(|| switching(reply), Ok)?;
    spare::headers(response.headers_mut());
    // SAFETY: the caller's promise.
    let whole = unsafe { laid_out(reply, response.status()) };
    if whole.as_ref().is_some_and(|head| head.recall(response.headers_mut())) {
        return Ok(None);
    }
    let (mut class, mut seen) = (Class::Plain, Seen::Before);
    // SAFETY: as above.
    for row in unsafe { rows(reply.headers, reply.header_count, reply.header_stride) } {
        // SAFETY: as above.
        let (name, value) = unsafe { (row.name.bytes(), row.value.bytes()) };
        let field = fields::append(response.headers_mut(), name, value).map_err(Failed::refused)?;
        (class, seen) = (class.max(field.class), seen.max(field.seen));
    }
    // SAFETY: lives as long as the rows.
    let reason = unsafe { reply.reason.bytes() };
    // Nearly always, and told without looking a text up.
    let usual = reason == b"OK" && response.status() == StatusCode::OK;
    if !reason.is_empty() && !usual {
        set_reason(response, reason)?;
    } else if let Some(head) = whole
        && class == Class::Plain
        && seen == Seen::Before
    {
        head.remember(response.headers());
    }
    if class == Class::Plain { Ok(None) } else { settle(response, class) }
}

/// The one status below 200 that an answer may have, beside what makes it right.
#[cold]
fn switching(reply: &Reply) -> Result<StatusCode, Failed> {
    match reply.status {
        101 if !reply.upgrade.is_null() => Ok(StatusCode::SWITCHING_PROTOCOLS),
        101 => Err(Failed::refused(String::from("the status 101 comes without an upgrade"))),
        status => Err(wrong_status(status)),
    }
}

/// The head as one text, where its parts lie one behind the other.
///
/// # Safety
/// As for [`head`].
#[inline(always)]
unsafe fn laid_out(
    reply: &Reply,
    status: StatusCode,
) -> Option<Head<'_, impl ExactSizeIterator<Item = Lengths> + Clone>> {
    // SAFETY: the caller's promise.
    let rows = unsafe { rows(reply.headers, reply.header_count, reply.header_stride) };
    let first = reply.reason.ptr;
    let mut length = reply.reason.len;
    for row in rows.clone() {
        for part in [row.name, row.value] {
            if part.ptr != first.wrapping_add(length) {
                return None;
            }
            length += part.len;
        }
    }
    if first.is_null() {
        return None;
    }
    // SAFETY: every part is valid by the caller's promise, and each begins where the last one
    // ended.
    let text = unsafe { std::slice::from_raw_parts(first, length) };
    Some(Head { status, text, lengths: rows.map(|row| (row.name.len, row.value.len)) })
}

#[cold]
fn wrong_status(status: u32) -> Failed {
    Failed::refused(format!("the status {status} is not 200 to 999"))
}

/// A reason phrase is sent only where it is not the usual one.
#[cold]
fn set_reason(response: &mut Response, reason: &[u8]) -> Result<(), Failed> {
    let status = response.status();
    if status.canonical_reason().is_some_and(|usual| usual.as_bytes() == reason) {
        return Ok(());
    }
    let reason = hyper::ext::ReasonPhrase::try_from(reason)
        .map_err(|_| Failed::refused(String::from("the reason phrase has control characters")))?;
    response.extensions_mut().insert(reason);
    Ok(())
}

/// Drops hop-by-hop fields and reads the declared length.
#[cold]
fn settle(response: &mut Response, class: Class) -> Result<Option<u64>, Failed> {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        fields::strip_all_but_upgrade(headers);
        headers.remove(CONTENT_LENGTH);
        return Ok(None);
    }
    if class == Class::HopByHop {
        fields::strip_hop_by_hop(headers);
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(HeaderValue::as_bytes);
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    let conflict = lengths.any(|length| length != first);
    let length = std::str::from_utf8(first)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|_| !conflict)
        .ok_or_else(|| Failed::refused(String::from("its Content-Length is not one number")))?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(Some(length))
}
