//! A connection that an application has taken over, as its client has it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::exchange::lock;
use super::response::{Response, Streaming};
use super::stack::wait;
use crate::bridge::body::Stream;
use crate::bridge::bytes::{Failure, SharedBytes};
use crate::bridge::duplex::{Duplex, Wire};
use crate::bridge::upgrade::Upgraded;
use crate::{Error, Outcome, Result};

/// A connection that an application has taken over by [`Body::upgrade`](crate::Body::upgrade), or
/// a service by hyper's `OnUpgrade`, as its client has it: [`Request::connect`] gives one.
///
/// What the application does on the thread that polls it is done while this waits, or sends.
///
/// ```
/// use dsgi::{Body, Duplex, Environ, StartResponse};
///
/// async fn shout(mut duplex: Duplex) -> dsgi::Result<()> {
///     while let Some(block) = duplex.read().await? {
///         duplex.write(block.bytes().to_ascii_uppercase()).await?;
///     }
///     duplex.shutdown().await
/// }
///
/// async fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///     let fields = [("Connection", "upgrade"), ("Upgrade", "shout")];
///     start_response("101 Switching Protocols", &fields)?;
///     Ok(Body::upgrade(shout))
/// }
///
/// let app = dsgi::test::App::new(app);
/// let request = app.request("GET", "/").header("Connection", "upgrade");
/// let request = request.header("Upgrade", "shout");
/// let mut connection = request.connect();
/// assert_eq!(connection.header("upgrade"), Some("shout"));
/// connection.send("tea");
/// assert_eq!(connection.receive(), Some(b"TEA".to_vec()));
/// connection.shutdown();
/// assert_eq!(connection.receive(), None);
/// connection.finish()?;
/// # Ok::<(), dsgi::Error>(())
/// ```
///
/// Dropping it is leaving.
///
/// [`Request::connect`]: super::Request::connect
pub struct Connection {
    line: Arc<Mutex<Line>>,
    taken: Taken,
    /// Is told how it has ended.
    end: Option<Stream>,
    received: u64,
    head: Streaming,
}

/// What the application does with it.
enum Taken {
    /// It goes on.
    Goes(Upgraded),
    Over(Option<Failure>),
}

/// Both directions.
#[derive(Default)]
struct Line {
    client: Client,
    outwards: Outwards,
    /// Bytes of either direction that nobody has taken yet.
    sent: Vec<u8>,
    written: Vec<u8>,
    /// The application waits for bytes, or for room.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What the client still does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Client {
    #[default]
    Sends,
    /// It has ended its direction.
    Listens,
    Gone,
}

/// The direction to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outwards {
    #[default]
    Open,
    Ended,
}

/// Bytes that the application may write before its client takes any.
const ROOM: usize = 64 * 1024;

impl Connection {
    /// Takes the connection of a response that is one; gives the response back where it is none.
    pub(super) fn of(mut head: Streaming) -> Result<Self, Box<Streaming>> {
        let Some(mut upgrade) = head.take_upgrade() else { return Err(Box::new(head)) };
        let line = Arc::new(Mutex::new(Line::default()));
        let end = upgrade.take_end();
        let taken = Taken::Goes(upgrade.start(Duplex::of(Far(Arc::clone(&line)))));
        Ok(Self { line, taken, end, received: 0, head })
    }

    /// The first field of a name in the head of the response, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Sends bytes, whether the application reads them or not.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.change(|line| line.sent.extend_from_slice(bytes.as_ref()));
    }

    /// Sends nothing more; the application may still answer.
    pub fn shutdown(&mut self) {
        self.change(|line| line.client = Client::Listens);
    }

    /// What the application has sent, as much as there is; waits until there is some. `None` once
    /// it sends nothing more.
    ///
    /// # Panics
    /// When it waits for more than a minute.
    #[track_caller]
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let received = wait(|waker| {
            let over = self.taken.poll(waker).is_ready();
            let mut line = lock(&self.line);
            if line.written.is_empty() {
                return (over || line.outwards == Outwards::Ended).then_some(None);
            }
            let bytes = std::mem::take(&mut line.written);
            let writer = line.writer.take();
            drop(line);
            writer.into_iter().for_each(Waker::wake);
            Some(Some(bytes))
        });
        self.received += received.as_ref().map_or(0, |bytes| bytes.len() as u64);
        received
    }

    /// Waits until the application has done with the connection, and reads what is left.
    ///
    /// # Errors
    /// What it failed with.
    ///
    /// # Panics
    /// When it waits for more than a minute, and when a rule of the specification was broken, as
    /// [`Streaming::finish`].
    #[track_caller]
    pub fn finish(mut self) -> Result<Response> {
        while self.receive().is_some() {}
        wait(|waker| self.taken.poll(waker).is_ready().then_some(()));
        let failure = self.taken.failure();
        self.close(failure.as_ref().map_or(Outcome::Completed, |_| Outcome::Failed));
        let response = self.head.over();
        match failure {
            None => Ok(response),
            Some(failure) => Err(Error::from_failure(failure)),
        }
    }

    /// Leaves, as a client that is gone: nothing more is read or written.
    pub fn leave(mut self) {
        self.close(Outcome::ClientGone);
    }

    /// Changes the line for the application, and lets it go on.
    fn change(&mut self, change: impl FnOnce(&mut Line)) {
        let mut line = lock(&self.line);
        change(&mut line);
        let reader = line.reader.take();
        drop(line);
        reader.into_iter().for_each(Waker::wake);
        let _ = self.taken.poll(Waker::noop());
    }

    fn close(&mut self, outcome: Outcome) {
        let mut line = lock(&self.line);
        line.client = Client::Gone;
        let waiting = [line.reader.take(), line.writer.take()];
        drop(line);
        waiting.into_iter().flatten().for_each(Waker::wake);
        self.taken = Taken::Over(None);
        if let Some(end) = self.end.take() {
            end.close(outcome, self.received);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close(Outcome::ClientGone);
    }
}

impl Taken {
    /// Goes on; ready once it is over.
    fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if let Self::Goes(upgraded) = self {
            let Poll::Ready(over) = upgraded.poll(waker) else { return Poll::Pending };
            *self = Self::Over(over.err());
        }
        Poll::Ready(())
    }

    /// What it failed with, if it is over.
    const fn failure(&mut self) -> Option<Failure> {
        match self {
            Self::Over(failure) => failure.take(),
            Self::Goes(_) => None,
        }
    }
}

/// The end of the application.
struct Far(Arc<Mutex<Line>>);

fn gone() -> Failure {
    Failure::new(0, "the connection is gone")
}

impl Wire for Far {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<SharedBytes>, Failure>> {
        let mut line = lock(&self.0);
        if line.client == Client::Gone {
            return Poll::Ready(Err(gone()));
        }
        if line.sent.is_empty() && line.client == Client::Sends {
            line.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let bytes = std::mem::take(&mut line.sent);
        Poll::Ready(Ok((!bytes.is_empty()).then(|| SharedBytes::from(bytes))))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Failure>> {
        let mut line = lock(&self.0);
        if line.client == Client::Gone || line.outwards == Outwards::Ended {
            return Poll::Ready(Err(gone()));
        }
        let taken = bytes.len().min(ROOM - line.written.len());
        if taken == 0 && !bytes.is_empty() {
            line.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        line.written.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(if lock(&self.0).client == Client::Gone { Err(gone()) } else { Ok(()) })
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        lock(&self.0).outwards = Outwards::Ended;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({} bytes received)", self.received)
    }
}
