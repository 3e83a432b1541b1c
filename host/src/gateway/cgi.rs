//! The CGI gateway (RFC 3875): one request, from variables and a stream, to another stream.
//!
//! The thread is a core for that one request, and writes where it is: nobody else waits for it.
//! The body is read on a thread of its own, and never beyond its length, for what follows is not
//! ours.

use std::future::poll_fn;
use std::io::{self, Read};
use std::sync::Arc;
use std::task::Context;
use std::thread;

use bytes::{Buf, Bytes, BytesMut};

use super::reply::{self, Begun, Extent, Part, Unsaid};
use crate::duty::Duty;
use crate::invoke::place::Unpark;
use crate::invoke::upload::Feed;
use crate::limits::{Limits, UPLOAD_WINDOW};
use crate::message::Origin;

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// Answers the request that variables describe.
///
/// # Errors
/// When `write` fails, or the application fails within its body.
pub(crate) async fn serve(
    variables: Vec<(Bytes, Bytes)>,
    input: impl Read + Send + 'static,
    limits: &Limits,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let in_hand = Arc::new(Duty::of_front()).begin();
    let begun = reply::begin(variables, Unsaid::UntilItsEnd, &Origin::cgi(), None, limits, in_hand);
    let Begun { mut reply, feed, extent } = begun;
    if let Some(feed) = feed {
        let most = match extent {
            Extent::Bytes(length) => length,
            Extent::UntilItsEnd => u64::MAX,
        };
        thread::Builder::new().name(String::from("body")).spawn(move || {
            read(input, most, &feed);
        })?;
    }
    loop {
        match poll_fn(|context| reply.poll(context)).await.map_err(io::Error::other)? {
            Part::Head(head) => {
                let mut bytes = BytesMut::new();
                reply::write_head(&mut bytes, b"Status: ", &head);
                write(&bytes)?;
            }
            Part::Data(data) => write(data.chunk())?,
            Part::End => return Ok(()),
        }
    }
}

/// Reads a body as somebody takes it.
fn read(input: impl Read, most: u64, feed: &Feed) {
    let mut input = input.take(most);
    let waker = Unpark::this_thread();
    let context = Context::from_waker(&waker);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        while feed.poll_room(&context, UPLOAD_WINDOW).is_pending() {
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
