//! The CGI gateway (RFC 3875): one request, from variables and a stream, to another stream.
//!
//! The thread is a core for that one request, and writes where it is: nobody else waits for it.
//! The body is read on a thread of its own, and never beyond its length, for what follows is not
//! ours.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::reply::{self, Begun, Extent, Opening, Part, Unsaid};
use crate::duty::Duty;
use crate::invoke::place::Unpark;
use crate::invoke::upload::Feed;
use crate::limits::Limits;
use crate::message::Origin;

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// A block that is copied, so that it leaves with the head.
const SHORT_BYTES: usize = 16 * 1024;

/// A body that may be under way still when the response is whole.
#[derive(Debug)]
pub(crate) struct Reading(Receiver<Infallible>);

impl Reading {
    /// Waits until all of it was read, or for so long. Apache gives a program one socket for both
    /// ways, and one that is closed over bytes that nobody has read takes the response back.
    pub(crate) fn wait(self, most: Duration) {
        // Nothing is ever sent: the channel closes when the body has ended.
        let _ = self.0.recv_timeout(most);
    }
}

/// Answers the request that variables describe.
///
/// # Errors
/// When `write` fails, or the application fails within its body.
pub(crate) async fn serve(
    variables: Vec<(Bytes, Bytes)>,
    input: impl Read + Send + 'static,
    limits: &Limits,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Reading> {
    let in_hand = Arc::new(Duty::of_front()).begin();
    let begun = reply::begin(variables, Unsaid::UntilItsEnd, &Origin::cgi(), None, limits, in_hand);
    let Begun { mut reply, feed, extent } = begun;
    let (ended, reading) = mpsc::channel();
    if let Some(feed) = feed {
        let most = match extent {
            Extent::Bytes(length) => length,
            Extent::UntilItsEnd => u64::MAX,
        };
        let window = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        thread::Builder::new().name(String::from("body")).spawn(move || {
            read(input, most, window, &feed);
            drop(ended);
        })?;
    }
    // A head leaves together with what is there at once.
    let mut head = BytesMut::new();
    loop {
        let part = match poll_fn(|context| Poll::Ready(reply.poll(context))).await {
            Poll::Ready(part) => part,
            Poll::Pending => {
                send(&mut head, &mut write)?;
                poll_fn(|context| reply.poll(context)).await
            }
        };
        match part.map_err(io::Error::other)? {
            Part::Head(parts) => reply::write_head(&mut head, Opening::Status, &parts),
            Part::Data(data) if !head.is_empty() && data.remaining() <= SHORT_BYTES => {
                head.extend_from_slice(data.chunk());
                send(&mut head, &mut write)?;
            }
            Part::Data(data) => {
                send(&mut head, &mut write)?;
                write(data.chunk())?;
            }
            Part::End => {
                send(&mut head, &mut write)?;
                return Ok(Reading(reading));
            }
        }
    }
}

/// Writes what waits, if something does.
fn send(waits: &mut BytesMut, write: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    if waits.is_empty() { Ok(()) } else { write(&waits.split()) }
}

/// Reads a body as it comes, whether somebody takes it or not: Apache reads nothing of a response
/// before it has given all of the body away, so that both would wait for good.
fn read(input: impl Read, most: u64, window: usize, feed: &Feed) {
    let mut input = input.take(most);
    let waker = Unpark::this_thread();
    let context = Context::from_waker(&waker);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        while feed.poll_room(&context, window).is_pending() {
            thread::park();
        }
        match input.read(&mut block) {
            Ok(0) if input.limit() == 0 || most == u64::MAX => return feed.finish(),
            Ok(0) => return,
            Ok(read) => feed.push(Bytes::copy_from_slice(&block[..read])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
