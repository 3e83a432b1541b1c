//! Connections that a load balancer hands on: it says first who is at their ends, and the protocol
//! begins behind that.
//!
//! The header is taken off before a gateway sees the connection, and exactly that: what follows
//! stays in the socket. Invariant: without a header nothing is served.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::duty::{Duties, Duty, Verdict};
use crate::limits::PROXY_HEADER_BYTES;
use crate::log::Sparing;
use crate::message::Origin;
use crate::wire::proxy::{self, Ends};

/// Bytes that are looked at at once: more than nearly every header has.
const LOOK_BYTES: usize = 256;

static FAULTS: Sparing = Sparing::new();

/// Takes the header off, and gives the connection with who is at its ends; none where it is not to
/// be served. The header has as long as any other head.
pub(crate) async fn open(
    stream: std::net::TcpStream,
    origin: Origin,
    duties: Arc<Duties>,
) -> Option<(std::net::TcpStream, Origin)> {
    let mut stream = TcpStream::from_std(stream).ok()?;
    let duty = Arc::new(Duty::of_front());
    poll_fn(|context| {
        duties.watch(&duty, context.waker().clone());
        Poll::Ready(())
    })
    .await;
    let said = {
        let mut header = pin!(header(&mut stream, &duty));
        poll_fn(|context| match duty.verdict() {
            Verdict::Serve => header.as_mut().poll(context).map(Some),
            Verdict::Finish | Verdict::End => Poll::Ready(None),
        })
        .await?
    };
    match said {
        Ok(ends) => Some((stream.into_std().ok()?, seen(ends, origin))),
        Err(Broken::Gone) => None,
        Err(Broken::Fault(why)) => {
            let who = &origin.remote_address;
            let gateway = origin.gateway;
            FAULTS
                .warn(format_args!("a connection of {who:?} is not served over {gateway}: {why}"));
            None
        }
    }
}

/// Why there is no header.
enum Broken {
    Gone,
    Fault(proxy::Fault),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// What has come is looked at first, and only what belongs to the header is read.
async fn header(stream: &mut TcpStream, duty: &Duty) -> Result<Ends, Broken> {
    let (mut come, mut look) = (BytesMut::new(), [0; LOOK_BYTES]);
    loop {
        let seen = stream.peek(&mut look).await?;
        if seen == 0 {
            return Err(Broken::Gone);
        }
        let before = come.len();
        come.extend_from_slice(&look[..seen]);
        let held = come.len();
        let ends = proxy::header(&mut come, PROXY_HEADER_BYTES).map_err(Broken::Fault)?;
        // Whole: what is left behind it was only looked at.
        let header = if ends.is_some() { held - come.len() } else { held };
        stream.read_exact(&mut look[..header - before]).await?;
        duty.read();
        if let Some(ends) = ends {
            return Ok(ends);
        }
    }
}

/// The origin of a connection of which this was said.
fn seen(ends: Ends, origin: Origin) -> Origin {
    let (remote, local) = match ends {
        Ends::OfTheConnection => return origin,
        Ends::Addresses { remote, local } => (Some(remote), Some(local)),
        Ends::Local => (None, None),
    };
    let remote_address = remote.map(|remote| remote.ip().to_string()).unwrap_or_default();
    Origin { remote, local, remote_address, ..origin }
}
