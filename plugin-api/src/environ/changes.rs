//! What a layer changes of a request before it hands it on inwards.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::Environ;
use crate::bridge::body::{Frame, Pull, Pulled, Stream};
use crate::bridge::bytes::SharedBytes;
use crate::bridge::exchange::{Derivation, Handle};
use crate::input::{Input, Unread};
use crate::{Body, Error, Outcome, Result};

/// What was changed, each name once.
#[derive(Debug, Default)]
pub(super) struct Changes {
    rows: Vec<(String, Option<Vec<u8>>)>,
    input: NewInput,
}

/// The request body that is handed on.
#[derive(Debug, Default)]
enum NewInput {
    /// What is left of the client's.
    #[default]
    Client,
    /// It was read whole.
    Read(Arc<SharedBytes>),
    /// Another one; the lock lets an environ be shared.
    Replaced(Mutex<Body>),
}

impl Environ {
    /// Sets a key for this environ and for every application further in.
    ///
    /// `REQUEST_METHOD`, `SCRIPT_NAME`, `PATH_INFO` and `QUERY_STRING` change what is asked for,
    /// `HTTP_*` a header field, and any other name is a variable.
    ///
    /// ```
    /// # fn example(mut environ: dsgi::Environ) {
    /// environ.set("shop.currency", "EUR");
    /// assert_eq!(&environ["shop.currency"], "EUR");
    /// # }
    /// ```
    ///
    /// A layer that leads to applications of its own moves what it has taken of the path, as
    /// `shift_path_info` of Python's wsgiref does:
    ///
    /// ```
    /// # fn example(mut environ: dsgi::Environ) {
    /// let rest = environ["PATH_INFO"].strip_prefix("/shop").map(str::to_owned);
    /// if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
    ///     let mount = format!("{}/shop", &environ["SCRIPT_NAME"]);
    ///     environ.set("SCRIPT_NAME", mount);
    ///     environ.set("PATH_INFO", rest);
    /// }
    /// # }
    /// ```
    ///
    /// There is no function for it, because mounts are the host's. They differ from wsgiref's
    /// shifts in three ways. A mount ends where its own path ends, so that `/` stays the
    /// application's (`SCRIPT_NAME` never ends with a slash), where wsgiref moves an empty segment.
    /// Empty segments are kept as they were sent, where wsgiref drops them: `//y` below `/a/b` is
    /// no `/a/b/y`. And `.` and `..` are refused with a 400 before a layer sees them, where wsgiref
    /// follows them: a path that can be read in two ways leads around the rules of a front server.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.changes().change(name.into(), Some(value.into()));
    }

    /// Takes a header field or a variable away, for this environ and for every application further
    /// in.
    ///
    /// ```
    /// # fn example(mut environ: dsgi::Environ) {
    /// environ.remove("HTTP_X_USER");
    /// assert_eq!(environ.get("HTTP_X_USER"), None);
    /// # }
    /// ```
    pub fn remove(&mut self, name: impl Into<String>) {
        self.changes().change(name.into(), None);
    }

    /// Hands another request body on inwards, in place of the client's. `CONTENT_LENGTH` follows
    /// it, where its length is known, and is absent else.
    ///
    /// ```
    /// # fn example(mut environ: dsgi::Environ) {
    /// environ.replace_input(dsgi::Body::from("{}"));
    /// assert_eq!(environ.content_length(), Some(2));
    /// # }
    /// ```
    pub fn replace_input(&mut self, body: Body) {
        let length = body.size_hint().filter(|(least, most)| least == most);
        let length = length.map(|(length, _)| length.to_string().into_bytes());
        let changes = self.changes();
        changes.change(String::from("CONTENT_LENGTH"), length);
        changes.input = NewInput::Replaced(Mutex::new(body));
    }

    /// Reads what is left of the request body, at most so many bytes, and keeps it: the
    /// application inside reads it again. Waits for the client, as [`Input::block`].
    ///
    /// # Errors
    /// A 413 when there is more; whatever [`Input::block`] says.
    ///
    /// ```
    /// # use dsgi::{Body, Environ, Inner, StartResponse};
    /// fn verify(inner: Inner, mut environ: Environ, start_response: StartResponse)
    ///     -> dsgi::Result<Body>
    /// {
    ///     let length = environ.read_input(1_000_000)?.len();
    ///     environ.set("verify.length", length.to_string());
    ///     inner(environ, start_response)
    /// }
    /// # dsgi::middleware!(verify);
    /// # fn main() {}
    /// ```
    pub fn read_input(&mut self, limit: usize) -> Result<&[u8]> {
        let mut read = Vec::new();
        while let Some(block) = self.unkept()?.map_or(Ok(None), |mut input| input.block())? {
            take_in(&mut read, block.bytes(), limit)?;
        }
        Ok(self.keep(read))
    }

    /// The same for async layers.
    ///
    /// # Errors
    /// As for [`Environ::read_input`].
    ///
    /// ```
    /// # async fn example(mut environ: dsgi::Environ) -> dsgi::Result<()> {
    /// let length = environ.read_input_async(1_000_000).await?.len();
    /// # let _ = length; Ok(()) }
    /// ```
    pub async fn read_input_async(&mut self, limit: usize) -> Result<&[u8]> {
        let mut read = Vec::new();
        while let Some(mut input) = self.unkept()? {
            let Some(block) = input.next().await? else { break };
            take_in(&mut read, block.bytes(), limit)?;
        }
        Ok(self.keep(read))
    }

    /// The client's body, if it was not read whole before.
    fn unkept(&mut self) -> Result<Option<Input<'_>>> {
        match self.changes.get().map(|changes| &changes.input) {
            None | Some(NewInput::Client) => Ok(Some(self.input())),
            Some(NewInput::Read(_)) => Ok(None),
            Some(NewInput::Replaced(_)) => Err(Error::new("the request body was replaced")),
        }
    }

    fn keep(&mut self, read: Vec<u8>) -> &[u8] {
        let input = &mut self.changes().input;
        if !matches!(input, NewInput::Read(_)) {
            *input = NewInput::Read(Arc::new(SharedBytes::from(read)));
        }
        match input {
            NewInput::Read(bytes) => bytes,
            NewInput::Client | NewInput::Replaced(_) => &[],
        }
    }

    /// A second environ of the same request, with what was set so far: to call what is further in
    /// more than once. The client's body goes to whoever reads it first, one that was read whole
    /// to both; one that was replaced stays with this environ.
    ///
    /// # Errors
    /// When the host gives no second handle.
    ///
    /// ```
    /// # use dsgi::{Body, Environ, Inner, StartResponse};
    /// # fn layer(inner: Inner, environ: Environ, start_response: StartResponse)
    /// #     -> dsgi::Result<Body> {
    /// let again = environ.duplicate()?;
    /// if inner.respond(environ)?.head.status() < 500 {
    ///     start_response("204 No Content", &[])?;
    ///     return Ok(Body::empty());
    /// }
    /// inner(again, start_response)
    /// # }
    /// ```
    pub fn duplicate(&self) -> Result<Self> {
        let handle = self.handle.duplicate();
        let handle = handle.ok_or_else(|| Error::new("this host gives no second handle"))?;
        let mut second = Self::new(handle);
        if let Some(changes) = self.changes.get() {
            *second.changes() = changes.again();
        }
        Ok(second)
    }

    /// The handle with everything that was changed, for the next application inwards.
    ///
    /// # Errors
    /// When the host refuses a value that was set.
    pub fn into_handle(self) -> Result<Handle> {
        let Self { handle, unread, changes, .. } = self;
        if changes.get().is_none() && unread.is_empty() {
            return Ok(handle);
        }
        let Changes { rows, input } = changes.into_inner().unwrap_or_default();
        let variables = rows.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
        let (handle, input) = match input {
            NewInput::Replaced(body) => {
                let body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
                (handle, Some(Stream::of(body)))
            }
            NewInput::Read(bytes) => (handle, Some(Stream::of(Body::from(shared(bytes))))),
            NewInput::Client if unread.is_empty() => (handle, None),
            NewInput::Client => {
                let second = handle.duplicate();
                let second =
                    second.ok_or_else(|| Error::new("this host gives no second handle"))?;
                (second, Some(Stream::of(Left { unread, handle })))
            }
        };
        handle.derive(Derivation { variables, input }).map_err(Error::from_failure)
    }

    fn changes(&mut self) -> &mut Changes {
        self.changes.get_mut_or_default()
    }
}

impl Changes {
    fn change(&mut self, name: String, value: Option<Vec<u8>>) {
        match self.rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.rows.push((name, value)),
        }
    }

    /// The value that a name has now, if it was changed: none once it was removed.
    pub(super) fn of(&self, key: &str) -> Option<Option<&[u8]>> {
        let changed = self.rows.iter().find(|(name, _)| name == key);
        changed.map(|(_, value)| value.as_deref())
    }

    /// What has a value now.
    pub(super) fn set(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.rows.iter().filter_map(|(name, value)| Some((&**name, value.as_deref()?)))
    }

    fn again(&self) -> Self {
        let input = match &self.input {
            NewInput::Read(bytes) => NewInput::Read(Arc::clone(bytes)),
            NewInput::Client | NewInput::Replaced(_) => NewInput::Client,
        };
        Self { rows: self.rows.clone(), input }
    }
}

fn take_in(read: &mut Vec<u8>, block: &[u8], limit: usize) -> Result<()> {
    if block.len() > limit.saturating_sub(read.len()) {
        let text = format!("the request body is larger than the {limit} bytes a layer reads");
        return Err(Error::status(413, text));
    }
    read.extend_from_slice(block);
    Ok(())
}

/// Bytes that several handles share.
fn shared(bytes: Arc<SharedBytes>) -> SharedBytes {
    struct Shared(Arc<SharedBytes>);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    SharedBytes::from_owner(Shared(bytes))
}

/// What a layer has received and not read, and what the client still sends.
struct Left {
    unread: Unread,
    handle: Handle,
}

impl Pull for Left {
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        match self.unread.take() {
            Some(block) => Poll::Ready(Some(Ok(Frame::Data(block)))),
            None => self.handle.read(waker),
        }
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {}
}
