//! An exchange as a request of a service.

use std::mem::{self, ManuallyDrop};
use std::sync::Arc;

use http::{Extensions, Method, Request, Version};

use super::Body;
use super::exchange::Exchange;
use super::shape::{Seen, Shapes};
use super::target::Target;
use crate::Result;
use crate::bridge::exchange::{Handle, Text};

/// What a client may want beside an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// It names another protocol, or wants a tunnel.
    Upgrade,
}

/// What a service makes its requests with.
pub(super) struct Requests {
    shapes: Shapes,
    /// None, with room for what a framework adds: it would have to grow in each request.
    extensions: Extensions,
}

impl Requests {
    /// Nothing was received yet.
    pub(super) fn none() -> Self {
        Self { shapes: Shapes::none(), extensions: roomy() }
    }

    /// The request that an exchange is about.
    #[inline(always)]
    pub(super) fn of(&self, handle: Handle) -> Result<(Request<Body>, Wish)> {
        let handle = Arc::new(handle);
        let mut request = Request::new(Body::none());
        let target = Target::of(&handle)?;
        let fields = request.headers_mut();
        let (kept, seen) = self.shapes.lay(handle.numbered(), target.bytes(), fields)?;
        if let Some(body) = body(&handle, seen) {
            *request.body_mut() = body;
        }
        let method = handle.text(Text::Method);
        if method != b"GET" {
            *request.method_mut() = Method::from_bytes(method)?;
        }
        // What was there has no memory of its own: even finding that out costs something.
        put(request.uri_mut(), target.uri(&handle, kept)?);
        *request.version_mut() = version(handle.protocol());
        put(request.extensions_mut(), self.extensions.clone());
        request.extensions_mut().insert(Exchange::new(handle));
        let upgrade = seen.has(Seen::UPGRADE) || request.method() == Method::CONNECT;
        Ok((request, if upgrade { Wish::Upgrade } else { Wish::Nothing }))
    }
}

/// Puts a value where one is that holds nothing.
#[inline(always)]
fn put<T>(place: &mut T, value: T) {
    let _ = ManuallyDrop::new(mem::replace(place, value));
}

/// No extensions, with room for seven.
fn roomy() -> Extensions {
    let mut extensions = Extensions::new();
    // Different types, as which there are arrays at hand.
    extensions.insert([(); 1]);
    extensions.insert([(); 2]);
    extensions.insert([(); 3]);
    extensions.insert([(); 4]);
    extensions.clear();
    extensions
}

/// The body, where there is one: without a length and without chunks there is none.
#[inline(always)]
fn body(handle: &Arc<Handle>, seen: Seen) -> Option<Body> {
    let is_none = handle.protocol() < 20 && !seen.has(Seen::TRANSFER_ENCODING);
    let length = handle.content_length().or(is_none.then_some(0));
    (length != Some(0)).then(|| Body::new(Arc::clone(handle), length))
}

const fn version(protocol: u32) -> Version {
    match protocol {
        9 => Version::HTTP_09,
        10 => Version::HTTP_10,
        20 => Version::HTTP_2,
        30 => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}
