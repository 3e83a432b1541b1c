//! Bodies that nobody sends, and whose applications are still told their end.

use std::sync::Weak;

use dsgi::Outcome;
use dsgi::bridge::body::Stream;
use dsgi::bridge::reply::ReplyBody as Given;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;

use crate::invoke::answer::Wanted;
use crate::invoke::pipe::Pipe;
use crate::invoke::switched::inside;
use crate::lease::Lease;

/// Closes a body that the client does not get, as to a HEAD, which is still told the length
/// where it is known.
pub(in crate::invoke) fn unwanted(given: Given, headers: &mut HeaderMap, wanted: Wanted) {
    let length = match given {
        Given::Empty | Given::Upgrade(_) => None,
        Given::Whole(bytes) => Some(bytes.len() as u64),
        Given::Stream(stream) => {
            let hint = stream.size_hint();
            stream.close(Outcome::Completed, 0);
            hint.filter(|(least, most)| least == most).map(|(least, _)| least)
        }
        Given::File(range) => {
            if let Some(end) = range.end {
                end.close(Outcome::Completed, 0);
            }
            Some(range.length)
        }
    };
    if wanted == Wanted::Head
        && let Some(length) = length
    {
        headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
}

/// Closes a stream that nobody pulls, where its application may wait.
pub(in crate::invoke) fn close(stream: Stream, lease: Lease, outcome: Outcome, sent: u64) {
    if lease.pool().is_some() {
        Pipe::new(stream, lease, Weak::new()).finish(outcome, sent);
    } else {
        inside(&lease, || stream.close(outcome, sent));
    }
}
