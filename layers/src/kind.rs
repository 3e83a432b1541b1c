//! What is in this crate, by name: for a host that links it.

use dsgi::export::{Entry, Linked, Options, link_entry};
use dsgi::{Purpose, Result};

/// One layer or application of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called in `--enable NAME`.
    pub name: &'static str,
    /// Whether it stands around applications or is one.
    pub sort: Sort,
    make: fn(Options, &str, Purpose) -> Result<Linked>,
}

/// What a [`Kind`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A layer.
    Layer,
    /// An application.
    Application,
}

/// Everything that was compiled in, by name in order.
///
/// ```
/// let kinds: Vec<&str> = dsgi_layers::kinds().map(|kind| kind.name).collect();
/// assert!(kinds.is_sorted());
/// ```
pub fn kinds() -> impl Iterator<Item = Kind> {
    KINDS.iter().copied()
}

const KINDS: &[Kind] = &[
    #[cfg(feature = "access-log")]
    Kind::layer::<dsgi::export::LayerType<crate::AccessLog>>("access-log"),
    #[cfg(feature = "basic-auth")]
    Kind::layer::<dsgi::export::LayerType<crate::BasicAuth>>("basic-auth"),
    #[cfg(feature = "cors")]
    Kind::layer::<dsgi::export::LayerType<crate::Cors>>("cors"),
    #[cfg(feature = "gzip")]
    Kind::layer::<dsgi::export::LayerType<crate::Gzip>>("gzip"),
    #[cfg(feature = "rate-limit")]
    Kind::layer::<dsgi::export::LayerType<crate::RateLimit>>("rate-limit"),
    #[cfg(feature = "request-id")]
    Kind::layer::<dsgi::export::LayerType<crate::RequestId>>("request-id"),
    #[cfg(feature = "static")]
    Kind::application::<dsgi::export::SyncType<crate::StaticFiles>>("static"),
];

impl Kind {
    #[allow(dead_code, reason = "there are selections of features without a layer")]
    const fn layer<E: Entry>(name: &'static str) -> Self {
        Self { name, sort: Sort::Layer, make: link_entry::<E> }
    }

    #[allow(dead_code, reason = "there are selections of features without an application")]
    const fn application<E: Entry>(name: &'static str) -> Self {
        Self { name, sort: Sort::Application, make: link_entry::<E> }
    }

    /// Makes one from its config as JSON; empty for none.
    ///
    /// # Errors
    /// What the config lacks or has too much, or what `init` could not do.
    ///
    /// ```
    /// # #[cfg(feature = "cors")] {
    /// let cors = dsgi_layers::kinds().find(|kind| kind.name == "cors").unwrap();
    /// cors.make("{\"origins\": [\"https://a.example\"]}", dsgi::Purpose::Probe).unwrap();
    /// cors.make("{\"origin\": 1}", dsgi::Purpose::Probe).unwrap_err();
    /// # }
    /// ```
    pub fn make(self, config: &str, purpose: Purpose) -> Result<Linked> {
        let options = Options::of(self.name, env!("CARGO_PKG_VERSION"));
        let options = match self.sort {
            Sort::Layer => options.layer(),
            Sort::Application => options,
        };
        (self.make)(options, config, purpose)
    }
}
