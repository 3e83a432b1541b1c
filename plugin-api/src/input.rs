//! The request body and the error log.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, BufRead, Read, Write};
use std::task::{Context, Poll, Waker};

use crate::abi::object::level;
use crate::bridge::body::{Failure, Frame};
use crate::bridge::bytes::SharedBytes;
use crate::bridge::exchange::Handle;
use crate::bridge::once::Once;
use crate::{Chunk, Error, Result};

/// The body of a request, pulled from the client as it is read.
///
/// It implements [`Read`] and [`BufRead`], and gives whole blocks without copying them:
/// [`Input::block`] waits, [`Input::next`] is for async applications. The end of input is the end
/// of the body, whatever the connection does. A body that is too large for the host ends with an
/// error that `?` turns into a 413.
///
/// ```
/// use dsgi::{Environ, StartResponse};
///
/// /// Sends the request's body back, block by block.
/// fn echo(mut environ: Environ, start_response: StartResponse)
///     -> dsgi::Result<impl Iterator<Item = dsgi::Result<dsgi::Chunk>>>
/// {
///     start_response("200 OK", &[("Content-Type", "application/octet-stream")])?;
///     Ok(std::iter::from_fn(move || environ.input().block().transpose()))
/// }
/// ```
#[derive(Debug)]
pub struct Input<'a> {
    handle: &'a mut Handle,
    unread: &'a mut Unread,
}

/// How far the request body was read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    state: State,
    /// Behind one pointer, for most requests have no body that is read in parts.
    rest: Once<Rest>,
}

/// What was received and not read yet, and what came behind the body.
#[derive(Debug, Default)]
struct Rest {
    block: Option<SharedBytes>,
    from: usize,
    behind: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Ended,
}

impl<'a> Input<'a> {
    pub(crate) const fn new(handle: &'a mut Handle, unread: &'a mut Unread) -> Self {
        Self { handle, unread }
    }

    /// The next block; `None` at the end. Waits for the client; in an application that declared
    /// itself non-blocking it fails instead when nothing is there yet.
    ///
    /// # Errors
    /// The client left, the body is too large, or the input belongs to someone else.
    pub fn block(&mut self) -> Result<Option<Chunk>> {
        match self.pull(None) {
            Poll::Ready(block) => block.map(|block| block.map(Chunk::from)),
            Poll::Pending => Err(Error::new("the input has nothing yet")),
        }
    }

    /// The next block; `None` at the end. For async applications.
    ///
    /// # Errors
    /// The client left, the body is too large, or the input belongs to someone else.
    ///
    /// ```
    /// # async fn example(mut environ: dsgi::Environ) -> dsgi::Result<()> {
    /// let mut length = 0;
    /// while let Some(block) = environ.input().next().await? {
    ///     length += block.bytes().len();
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn next(&mut self) -> Result<Option<Chunk>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next block; `None` at the end. For bodies that are polled, see
    /// [`Body::poll_blocks`](crate::Body::poll_blocks).
    ///
    /// # Errors
    /// The client left, the body is too large, or the input belongs to someone else.
    ///
    /// ```
    /// # async fn example(mut environ: dsgi::Environ) -> dsgi::Result<dsgi::Body> {
    /// Ok(dsgi::Body::poll_blocks(move |context| {
    ///     environ.input().poll_next(context).map(|next| next.transpose().map(Into::into))
    /// }))
    /// # }
    /// ```
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>>> {
        self.pull(Some(context.waker())).map(|next| next.map(|block| block.map(Chunk::from)))
    }

    /// The fields that came behind the body, with their names in lower case. There are none before
    /// the end of the body was read; most requests never have any.
    ///
    /// ```
    /// # use dsgi::{Environ, StartResponse};
    /// fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    ///     let mut input = environ.input();
    ///     while input.block()?.is_some() {}
    ///     let sum = input.trailers().find(|(name, _)| *name == "x-sum").map(|(_, sum)| sum);
    ///     let text = format!("{:?}\n", sum.map(String::from_utf8_lossy));
    ///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    ///     Ok([text])
    /// }
    /// # dsgi::app!(app);
    /// ```
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.unread.rest.get().map_or(&[][..], |rest| &rest.behind);
        fields.iter().map(|(name, value)| (&**name, &**value))
    }

    fn pull(&mut self, waker: Option<&Waker>) -> Poll<Result<Option<SharedBytes>>> {
        if let Some(block) = self.unread.take() {
            return Poll::Ready(Ok(Some(block)));
        }
        if self.unread.state == State::Ended {
            return Poll::Ready(Ok(None));
        }
        match self.handle.read(waker) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(Frame::Data(data)))) => Poll::Ready(Ok(Some(data))),
            Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                self.unread.state = State::Ended;
                self.unread.rest.get_mut_or_default().behind = fields;
                Poll::Ready(Ok(None))
            }
            Poll::Ready(None) => {
                self.unread.state = State::Ended;
                Poll::Ready(Ok(None))
            }
            Poll::Ready(Some(Err(failure))) => Poll::Ready(Err(Error::from_failure(failure))),
        }
    }
}

impl Unread {
    /// Whether everything that was received was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.get().is_none_or(|rest| rest.block.is_none())
    }

    pub(crate) fn take(&mut self) -> Option<SharedBytes> {
        let rest = self.rest.get_mut()?;
        let block = rest.block.take()?;
        match std::mem::take(&mut rest.from) {
            0 => Some(block),
            from if from < block.len() => Some(SharedBytes::from(block[from..].to_vec())),
            _ => None,
        }
    }

    fn bytes(&self) -> &[u8] {
        let Some(rest) = self.rest.get() else { return &[] };
        rest.block.as_ref().map_or(&[], |block| &block[rest.from.min(block.len())..])
    }

    /// Keeps a block, in place of one that was read.
    fn keep(&mut self, block: Option<SharedBytes>) {
        let rest = self.rest.get_mut_or_default();
        (rest.block, rest.from) = (block, 0);
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.unread.bytes().is_empty() {
            self.unread.keep(None);
            let pulled = match self.pull(None) {
                Poll::Ready(pulled) => pulled,
                Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
            };
            match pulled {
                Ok(Some(block)) => self.unread.keep(Some(block)),
                Ok(None) => return Ok(&[]),
                Err(error) => return Err(io::Error::other(InputError::from(error))),
            }
        }
        Ok(self.unread.bytes())
    }

    fn consume(&mut self, amount: usize) {
        if let Some(rest) = self.unread.rest.get_mut() {
            rest.from += amount;
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(into.len());
        into[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

/// A failed input as an error of std's, for whoever takes only those. `?` still finds the status
/// of it, also inside an [`io::Error`]. The body of a `tower` service fails with it, too.
///
/// ```
/// fn told(error: std::io::Error) -> String {
///     let input = error.get_ref().and_then(|inside| inside.downcast_ref::<dsgi::InputError>());
///     input.map_or_else(|| String::from("not the client"), ToString::to_string)
/// }
/// assert_eq!(told(std::io::Error::other("a disk")), "not the client");
/// ```
#[derive(Debug)]
pub struct InputError(pub(crate) Failure);

impl From<Error> for InputError {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for InputError {}

/// The error log of the host: each line written becomes one entry, with the application's name.
///
/// ```
/// use std::io::Write;
/// # fn example(environ: dsgi::Environ) -> dsgi::Result<()> {
/// writeln!(environ.errors(), "stock is low: {} left", 3)?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Errors<'a> {
    handle: &'a Handle,
    line: Vec<u8>,
}

impl<'a> Errors<'a> {
    pub(crate) const fn new(handle: &'a Handle) -> Self {
        Self { handle, line: Vec::new() }
    }
}

impl Write for Errors<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            self.handle.log(level::ERROR, &String::from_utf8_lossy(&line[..end]));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.handle.log(level::ERROR, &String::from_utf8_lossy(&line));
        }
        Ok(())
    }
}

impl Drop for Errors<'_> {
    fn drop(&mut self) {
        // Writing to memory and to the host's log cannot fail.
        let _ = self.flush();
    }
}
