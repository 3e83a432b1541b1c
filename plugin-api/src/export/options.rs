//! What an author says of an application beside its code.

use crate::abi::ABI;
use crate::abi::app::{Descriptor, flavour, kind, probe, text, trait_flag};

/// Options of an exported application; each is an option of `dsgi::app!`.
///
/// ```
/// # use dsgi::{Environ, StartResponse};
/// # fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
/// #     start_response("200 OK", &[])?;
/// #     Ok([""])
/// # }
/// dsgi::app!(app, non_blocking, name = "shop", probe = "/health");
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    descriptor: Descriptor,
}

impl Options {
    /// The options of a package, before the author's.
    #[must_use]
    pub const fn new(flavour: u32, name: &str, version: &str, panic: u32) -> Self {
        Self {
            descriptor: Descriptor {
                size: size_of::<Descriptor>() as u32,
                abi: ABI,
                flavour,
                kind: kind::APPLICATION,
                panic,
                flags: 0,
                probe: probe::INIT,
                reserved: 0,
                name: text(name),
                version: text(version),
                compiler: text(env!("DSGI_COMPILER")),
                kit: text(concat!("dsgi ", env!("CARGO_PKG_VERSION"))),
                probe_path: [0; 128],
            },
        }
    }

    /// `name = "shop"`: the default name of the application in a host, instead of the package's.
    #[must_use]
    pub const fn name(mut self, name: &str) -> Self {
        self.descriptor.name = text(name);
        self
    }

    /// `non_blocking`: neither the function nor its body ever waits, so they may run on the core
    /// that received the request.
    ///
    /// # Panics
    /// At compile time, for an async application, which never blocks anyway.
    #[must_use]
    pub const fn non_blocking(mut self) -> Self {
        assert!(self.descriptor.flavour != flavour::ASYNC, "an async application never blocks");
        self.descriptor.flavour = flavour::NON_BLOCKING;
        self
    }

    /// `pinned`: the library is never unloaded.
    #[must_use]
    pub const fn pinned(mut self) -> Self {
        self.descriptor.flags |= trait_flag::PINNED;
        self
    }

    /// `exclusive`: two generations must not run at the same time. A probe then stops before `init`.
    #[must_use]
    pub const fn exclusive(mut self) -> Self {
        self.descriptor.flags |= trait_flag::EXCLUSIVE;
        self.descriptor.probe = probe::LAYOUT;
        self
    }

    /// `probe = "/health"`: before a file is taken into service, a child process asks for this path
    /// and expects a status below 500.
    #[must_use]
    pub const fn probe(mut self, path: &str) -> Self {
        self.descriptor.probe = probe::REQUEST;
        self.descriptor.probe_path = text(path);
        self
    }

    /// What the library says of itself.
    #[must_use]
    pub const fn descriptor(self) -> Descriptor {
        self.descriptor
    }
}
