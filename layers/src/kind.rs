//! What is in this crate, by name: for a host that links it.

use dsgi::export::{Entrance, Entry, entrance};

/// One layer or application of this crate.
#[derive(Debug)]
pub struct Kind {
    /// What it is called in `--enable NAME`.
    pub name: &'static str,
    /// Whether it stands around applications or is one.
    pub sort: Sort,
    /// The same functions as its library has.
    pub entrance: Entrance,
}

/// What a [`Kind`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A layer.
    Layer,
    /// An application.
    Application,
}

/// Everything that was compiled in, by name in order, and the validator of `dsgi`.
///
/// ```
/// let names = dsgi_layers::KINDS.iter().map(|kind| kind.name);
/// assert!(names.is_sorted());
/// assert!(dsgi_layers::KINDS.iter().all(|kind| kind.entrance.table.init.is_some()));
/// ```
pub static KINDS: &[Kind] = &[
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
    Kind::layer::<dsgi::validator::Validator>("validator"),
];

impl Kind {
    const fn layer<E: Entry>(name: &'static str) -> Self {
        Self { name, sort: Sort::Layer, entrance: entrance::<E>() }
    }

    #[allow(dead_code, reason = "there are selections of features without an application")]
    const fn application<E: Entry>(name: &'static str) -> Self {
        Self { name, sort: Sort::Application, entrance: entrance::<E>() }
    }
}
