//! Response bodies.

mod filtered;
mod layers;
mod source;

use std::fmt;
use std::fs::File;
use std::task::{Context, Poll, Waker};

pub use self::filtered::Filter;

use self::filtered::Trailed;
use self::source::Source;
use crate::bridge::body::{Pull, Pulled, Stream};
use crate::bridge::bytes::SharedBytes;
use crate::bridge::caught;
use crate::bridge::duplex::Duplex;
use crate::bridge::file::FileRange;
use crate::bridge::reply::ReplyBody;
use crate::bridge::upgrade::Upgrade;
use crate::export::report;
use crate::{Chunk, Outcome, Result};

/// A response body of any shape, for functions that return more than one kind.
///
/// ```
/// use dsgi::{Body, Environ, StartResponse};
///
/// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
///     if environ.get("QUERY_STRING") == Some("long") {
///         return Ok(Body::blocks((0..1_000).map(|n| format!("line {n}\n"))));
///     }
///     Ok(Body::from("short\n"))
/// }
/// ```
pub struct Body {
    source: Source,
    /// Who is told the end, where anybody is.
    ends: Option<Box<Ends>>,
}

type Closer = Box<dyn FnOnce(Outcome, u64) + Send>;

/// Who is told the end of a body.
#[derive(Default)]
struct Ends {
    closers: Vec<Closer>,
    /// Bodies from further in that give no blocks any more.
    inner: Vec<Stream>,
}

/// What an application may return: anything that can be iterated and gives blocks, or a [`Body`].
///
/// A body is iterated after the function has returned, and may move from thread to thread between
/// two blocks: what it needs is moved into it and is `Send`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response body",
    label = "expected an iterable of blocks, or `dsgi::Body`",
    note = "a block is `&'static str`, `String`, `&'static [u8]`, `Vec<u8>`, or a `Result` of one",
    note = "for a body of one block write `[block]` or `dsgi::Body::from(block)`"
)]
pub trait IntoBody {
    /// What the blocks come from while the response is under way.
    type Blocks;

    /// Begins the body: pulls up to the first block that is not empty.
    ///
    /// # Errors
    /// The error that stood in place of that block.
    fn begin(self) -> Result<Body>
    where
        Self::Blocks: Send + 'static;

    /// The same, but what may have to wait for further in is left to [`Body::hold`].
    #[doc(hidden)]
    fn begin_later(self) -> Result<Body>
    where
        Self: Sized,
        Self::Blocks: Send + 'static,
    {
        self.begin()
    }

    /// Begins the body as an answer gives it: a single block needs no [`Body`].
    #[doc(hidden)]
    #[inline]
    fn reply(self) -> Result<ReplyBody>
    where
        Self: Sized,
        Self::Blocks: Send + 'static,
    {
        self.begin().map(Body::into_reply)
    }
}

/// How an iterable begins.
enum Begun<I> {
    Empty,
    Whole(SharedBytes),
    More(SharedBytes, I),
}

/// Pulls up to the first block that is not empty.
#[inline]
fn first<I: Iterator<Item: Into<Chunk>>>(mut blocks: I) -> Result<Begun<I>> {
    loop {
        let Some(block) = blocks.next() else {
            return Ok(Begun::Empty);
        };
        let bytes = block.into().into_result()?;
        let last = blocks.size_hint().1 == Some(0);
        if last {
            return Ok(Begun::Whole(bytes));
        }
        if !bytes.is_empty() {
            return Ok(Begun::More(bytes, blocks));
        }
    }
}

// Otherwise the compiler explains why, for example, `i32` is no iterator.
#[diagnostic::do_not_recommend]
impl<I: IntoIterator<Item: Into<Chunk> + 'static>> IntoBody for I {
    type Blocks = I::IntoIter;

    fn begin(self) -> Result<Body>
    where
        I::IntoIter: Send + 'static,
    {
        Ok(match first(self.into_iter())? {
            Begun::Empty => Body::empty(),
            Begun::Whole(bytes) => Source::Whole(bytes).into(),
            Begun::More(bytes, blocks) => Body::more(bytes, blocks),
        })
    }

    #[inline]
    fn reply(self) -> Result<ReplyBody>
    where
        I::IntoIter: Send + 'static,
    {
        Ok(match first(self.into_iter())? {
            Begun::Empty => ReplyBody::Empty,
            Begun::Whole(bytes) => ReplyBody::Whole(bytes),
            Begun::More(bytes, blocks) => Body::more(bytes, blocks).into_reply(),
        })
    }
}

impl IntoBody for Body {
    type Blocks = ();

    fn begin(mut self) -> Result<Body> {
        match &self.source {
            Source::Blocks { .. } => self.source.begin_blocks()?,
            // It is asked again with a waker, when the head was sent.
            Source::Filtered(_) => match self.begin_filtered(None) {
                Poll::Ready(begun) => begun?,
                Poll::Pending => {}
            },
            Source::Empty | Source::Whole(_) | Source::Polled(_) | Source::File(_) => {}
            // What comes from further in has begun there.
            Source::Inner(_) | Source::Ahead { .. } | Source::Trailers(_) | Source::Upgrade(_) => {}
        }
        Ok(self)
    }

    fn begin_later(self) -> Result<Body> {
        if matches!(self.source, Source::Filtered(_)) { Ok(self) } else { self.begin() }
    }
}

impl Body {
    /// No bytes.
    ///
    /// ```
    /// let body = dsgi::Body::empty();
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Source::Empty.into()
    }

    /// Blocks from an iterator. Each is sent as soon as it is given, and the next one is asked for
    /// only when the client takes them.
    ///
    /// ```
    /// let body = dsgi::Body::blocks(["a", "b"].into_iter());
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn blocks<I>(blocks: I) -> Self
    where
        I: IntoIterator<Item: Into<Chunk> + 'static, IntoIter: Send + 'static>,
    {
        let rest = Box::new(blocks.into_iter().map(Into::into));
        Source::Blocks { first: None, rest }.into()
    }

    /// Blocks from a poll function, for async applications.
    ///
    /// ```
    /// use std::task::Poll;
    /// let mut left = 3;
    /// let body = dsgi::Body::poll_blocks(move |_| {
    ///     left -= 1;
    ///     Poll::Ready((left >= 0).then(|| "tick\n".into()))
    /// });
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn poll_blocks(
        poll: impl FnMut(&mut Context<'_>) -> Poll<Option<Chunk>> + Send + 'static,
    ) -> Self {
        Source::Polled(Box::new(poll)).into()
    }

    /// `length` bytes of an open file, from `offset` on. The host reads and sends them, without a
    /// thread of the application and without bytes passing through it; it closes the file, and says
    /// the Content-Length where the application does not. The file's own position is not used, so a
    /// file that is kept open can be sent again and again by its [`try_clone`](File::try_clone).
    ///
    /// A file that turns out shorter breaks the response off; the client notices. A layer that
    /// looks at the body is given blocks of the file.
    ///
    /// ```no_run
    /// use dsgi::{Body, Environ, StartResponse};
    /// use std::fs::File;
    ///
    /// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    ///     let film = File::open("film.webm")?;
    ///     let length = film.metadata()?.len();
    ///     start_response("200 OK", &[("Content-Type", "video/webm")])?;
    ///     Ok(Body::file(film, 0, length))
    /// }
    /// # dsgi::app!(app);
    /// ```
    #[must_use]
    pub fn file(file: File, offset: u64, length: u64) -> Self {
        if length == 0 {
            return Self::empty();
        }
        Source::File(FileRange { file, offset, length, end: None }).into()
    }

    /// Takes the connection over, behind the status 101: from then on it belongs to what `take`
    /// gives, which is polled until it is ready, and dropped when the connection is ended before,
    /// as when its version has left service and its drain timeout is over. It runs on a core of the
    /// host, so it waits only by `.await`, in applications of both forms.
    ///
    /// The host answers 502 instead where it cannot be done: the request has not asked for it by
    /// `Connection: upgrade` and `Upgrade`, has a body, or came over HTTP/2.
    ///
    /// ```
    /// use dsgi::{Body, Environ, StartResponse};
    ///
    /// /// Sends everything back in capitals.
    /// async fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    ///     if environ.get("HTTP_UPGRADE") != Some("shout") {
    ///         return Err(dsgi::Error::status(426, "there is only `Upgrade: shout` here"));
    ///     }
    ///     let fields = [("Connection", "upgrade"), ("Upgrade", "shout")];
    ///     start_response("101 Switching Protocols", &fields)?;
    ///     Ok(Body::upgrade(async |mut duplex| {
    ///         while let Some(block) = duplex.read().await? {
    ///             duplex.write(block.bytes().to_ascii_uppercase()).await?;
    ///         }
    ///         duplex.shutdown().await
    ///     }))
    /// }
    /// dsgi::app!(app);
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn upgrade<F, R>(take: F) -> Self
    where
        F: FnOnce(Duplex) -> R + Send + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        Source::Upgrade(Upgrade::of(take)).into()
    }

    /// The same body with fields behind it, asked for once the last block was taken: a checksum, or
    /// how it went. What the body has already stays before them.
    ///
    /// Over HTTP/2 they are always sent. Over HTTP/1.1 only those that the head names in a field
    /// `Trailer`, to a client that has said `TE: trailers`, and where the head declares no
    /// `Content-Length`. Fields that frame a message or belong to its head are left out.
    ///
    /// ```
    /// use dsgi::{Body, Environ, StartResponse};
    ///
    /// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    ///     start_response("200 OK", &[("Content-Type", "text/plain"), ("Trailer", "X-Rows")])?;
    ///     let rows = ["one\n", "two\n"];
    ///     Ok(Body::blocks(rows).with_trailers(move || [("X-Rows", rows.len().to_string())]))
    /// }
    /// # dsgi::app!(app);
    /// ```
    #[must_use]
    pub fn with_trailers<I, N, V>(self, trailers: impl FnOnce() -> I + Send + 'static) -> Self
    where
        I: IntoIterator<Item = (N, V)> + 'static,
        N: Into<String> + 'static,
        V: Into<Vec<u8>> + 'static,
    {
        self.filter(Trailed::new(trailers))
    }

    /// Calls `closer` once at the end of the request, whatever the end is, with the number of
    /// bytes that were handed to the transport. Several closers run in the order they were added,
    /// after the source of the blocks was dropped; a body from further in is told last. A body that
    /// is dropped instead of returned ends as failed.
    ///
    /// ```
    /// let body = dsgi::Body::from("hi").on_close(|outcome, sent| println!("{outcome:?} {sent}"));
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn on_close(mut self, closer: impl FnOnce(Outcome, u64) + Send + 'static) -> Self {
        self.ends.get_or_insert_default().closers.push(Box::new(closer));
        self
    }

    /// A first block, and whatever follows it.
    fn more<I>(first: SharedBytes, rest: I) -> Self
    where
        I: Iterator<Item: Into<Chunk> + 'static> + Send + 'static,
    {
        let rest = Box::new(rest.map(Into::into));
        Source::Blocks { first: Some(first.into()), rest }.into()
    }

    /// Whether it has no bytes, as far as that is known.
    #[cfg(feature = "tower")]
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.source, Source::Empty)
    }

    /// What the application inside has given.
    pub(crate) fn of_inner(body: ReplyBody) -> Self {
        Self::from(match body {
            ReplyBody::Empty => Source::Empty,
            ReplyBody::Whole(bytes) => Source::Whole(bytes),
            ReplyBody::Stream(stream) => Source::Inner(stream),
            ReplyBody::File(range) => Source::File(range),
            ReplyBody::Upgrade(upgrade) => Source::Upgrade(upgrade),
        })
    }

    pub(crate) fn into_reply(mut self) -> ReplyBody {
        if let Source::File(_) | Source::Upgrade(_) = &self.source {
            return self.into_host();
        }
        if self.ends.is_some() {
            return ReplyBody::Stream(Stream::of(self));
        }
        match std::mem::replace(&mut self.source, Source::Empty) {
            Source::Empty => ReplyBody::Empty,
            Source::Whole(bytes) => ReplyBody::Whole(bytes),
            Source::Inner(stream) => ReplyBody::Stream(stream),
            source => ReplyBody::Stream(Stream::of(Self::from(source))),
        }
    }

    /// A file or an upgrade passes on to the host; who is told of the end stays behind.
    #[cold]
    fn into_host(mut self) -> ReplyBody {
        match std::mem::replace(&mut self.source, Source::Empty) {
            Source::File(mut range) => {
                if let Some(ends) = &mut self.ends {
                    ends.inner.extend(range.end.take());
                    range.end = Some(Stream::of(self));
                }
                ReplyBody::File(range)
            }
            Source::Upgrade(mut upgrade) => {
                if let Some(ends) = &mut self.ends {
                    ends.inner.extend(upgrade.take_end());
                    upgrade.tell_end(Stream::of(self));
                }
                ReplyBody::Upgrade(upgrade)
            }
            source => Self::from(source).into_reply(),
        }
    }

    /// Ends the body. Each step is the author's code, and a panic in one keeps none of the others
    /// from running.
    fn end(&mut self, outcome: Outcome, bytes_sent: u64) {
        let mut source = std::mem::replace(&mut self.source, Source::Empty);
        let mut ends = self.ends.take().map(|ends| *ends).unwrap_or_default();
        ends.inner.extend(source.take_inner());
        guarded(|| drop(source));
        for closer in ends.closers {
            guarded(|| closer(outcome, bytes_sent));
        }
        for inner in ends.inner {
            inner.close(outcome, bytes_sent);
        }
    }
}

fn guarded(step: impl FnOnce()) {
    if let Err(panic) = caught(step) {
        report(&format!("panicked at the end of a body: {panic}"));
    }
}

impl Drop for Body {
    #[inline]
    fn drop(&mut self) {
        // Without anybody to tell, the source drops as any value does.
        if self.ends.is_some() {
            self.end(Outcome::Failed, 0);
        }
    }
}

impl Pull for Body {
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        self.source.pull(waker)
    }

    fn size_hint(&self) -> Option<(u64, u64)> {
        self.source.size_hint()
    }

    fn close(mut self: Box<Self>, outcome: Outcome, bytes_sent: u64) {
        self.end(outcome, bytes_sent);
    }
}

impl From<Source> for Body {
    #[inline]
    fn from(source: Source) -> Self {
        Self { source, ends: None }
    }
}

impl<T: Into<Chunk>> From<T> for Body {
    fn from(block: T) -> Self {
        match block.into().into_result() {
            Ok(bytes) => Source::Whole(bytes).into(),
            Err(error) => {
                let rest = Box::new(std::iter::once(Chunk::from(Err::<Chunk, _>(error))));
                Source::Blocks { first: None, rest }.into()
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closers = self.ends.as_ref().map_or(0, |ends| ends.closers.len());
        write!(f, "Body({}, {closers} closers)", self.source.name())
    }
}
