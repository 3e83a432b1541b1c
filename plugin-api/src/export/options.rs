//! What an author says of an application beside its code.

use crate::abi::ABI;
use crate::abi::app::{Descriptor, flavour, kind, probe, text, trait_flag};

/// Options of an exported application or layer; each is an option of `dsgi::app!` and of
/// `dsgi::middleware!`.
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

    /// The options of a layer.
    #[must_use]
    pub const fn layer(mut self) -> Self {
        self.descriptor.kind = kind::LAYER;
        self
    }

    /// `name = "shop"`: the default name of the application in a host, instead of the package's.
    ///
    /// # Panics
    /// At compile time, for a name that is empty or longer than 64 bytes.
    #[must_use]
    pub const fn name(mut self, name: &str) -> Self {
        assert!(!name.is_empty() && name.len() <= 64, "a name has 1 to 64 bytes");
        self.descriptor.name = text(name);
        self
    }

    /// `non_blocking`: neither the function nor its body ever waits, so they may run on the core
    /// that received the request.
    ///
    /// # Panics
    /// At compile time, for an async application, which never blocks anyway.
    ///
    /// ```compile_fail,E0080
    /// # use dsgi::{Environ, StartResponse};
    /// async fn app(_: Environ, _: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    ///     Ok([""])
    /// }
    /// dsgi::app!(app, non_blocking);
    /// ```
    #[must_use]
    pub const fn non_blocking(mut self) -> Self {
        let waits = matches!(self.descriptor.flavour, flavour::BLOCKING | flavour::NON_BLOCKING);
        assert!(waits, "an async application never blocks");
        self.descriptor.flavour = flavour::NON_BLOCKING;
        self
    }

    /// `pinned`: the library is never unloaded.
    #[must_use]
    pub const fn pinned(mut self) -> Self {
        self.descriptor.flags |= trait_flag::PINNED;
        self
    }

    /// `exclusive`: two generations must not run at the same time. A probe then stops before
    /// `init`, unless `probe` names a path.
    #[must_use]
    pub const fn exclusive(mut self) -> Self {
        self.descriptor.flags |= trait_flag::EXCLUSIVE;
        if self.descriptor.probe != probe::REQUEST {
            self.descriptor.probe = probe::LAYOUT;
        }
        self
    }

    /// `probe = "/health"`: before a file is taken into service, a child process asks for this path
    /// and expects a status below 500.
    ///
    /// # Panics
    /// At compile time, for a path that does not begin with a slash or is longer than 128 bytes.
    #[must_use]
    pub const fn probe(mut self, path: &str) -> Self {
        let slash = matches!(path.as_bytes(), [b'/', ..]);
        assert!(
            slash && path.len() <= 128,
            "a path to probe begins with `/` and has at most 128 bytes"
        );
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_path_is_probed_even_where_two_generations_may_not_meet() {
        let options = Options::new(flavour::BLOCKING, "shop", "1", 1).exclusive();
        assert_eq!(options.descriptor().probe, probe::LAYOUT);
        assert_eq!(options.probe("/health").descriptor().probe, probe::REQUEST);
        assert_eq!(options.probe("/health").exclusive().descriptor().probe, probe::REQUEST);
    }
}
