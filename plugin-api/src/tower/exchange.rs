//! What a service can learn of its request beside the request itself.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use super::target;
use crate::bridge::exchange::{Handle, Text};
use crate::{Result, Value};

/// What the host knows of a request: it stands in the extensions of each.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use dsgi::tower::Exchange;
///
/// fn router() -> Router {
///     let show = |Extension(exchange): Extension<Exchange>| async move {
///         format!("{:?} asks at {}\n", exchange.peer(), exchange.mount())
///     };
///     Router::new().route("/", get(show))
/// }
/// ```
#[derive(Clone)]
pub struct Exchange(Arc<Handle>);

impl Exchange {
    pub(super) const fn new(handle: Arc<Handle>) -> Self {
        Self(handle)
    }

    /// Address of the client, or of whoever stands between it and the host.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        let address = std::str::from_utf8(self.0.text(Text::RemoteAddress)).ok()?;
        let address: IpAddr = address.parse().ok()?;
        let (_, port) = self.0.ports();
        Some(SocketAddr::new(address, u16::try_from(port).ok()?))
    }

    /// The path at which the application is mounted, decoded; empty at the root. The path of the
    /// request is without it.
    #[must_use]
    pub fn mount(&self) -> &str {
        std::str::from_utf8(self.0.text(Text::ScriptName)).unwrap_or_default()
    }

    /// The target of the request with the mount, as it was received.
    #[must_use]
    pub fn original_uri(&self) -> Uri {
        target::original(&self.0).unwrap_or_default()
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        std::str::from_utf8(self.0.text(Text::Scheme)).unwrap_or_default()
    }

    /// Number of the generation that answers, see [`generation`](crate::generation).
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation()
    }

    /// The newest value of a type that a layer has given to this request, as
    /// [`Environ::value`](crate::Environ::value). It lives as long as the exchange, which may be
    /// cloned and moved into a task.
    ///
    /// # Errors
    /// When no layer gives one, and when one gives another struct of that name.
    ///
    /// ```
    /// use axum::Extension;
    /// use dsgi::{Text, tower::Exchange};
    ///
    /// dsgi::value! {
    ///     /// Who is logged in, as a layer has found out.
    ///     pub struct User {
    ///         pub id: u64,
    ///         pub name: Text,
    ///     }
    /// }
    ///
    /// async fn greet(Extension(exchange): Extension<Exchange>) -> String {
    ///     match exchange.value::<User>() {
    ///         Ok(user) => format!("hello, {}\n", user.name),
    ///         Err(_) => String::from("hello, stranger\n"),
    ///     }
    /// }
    /// # let _: axum::routing::MethodRouter = axum::routing::get(greet);
    /// ```
    pub fn value<T: Value>(&self) -> Result<&T> {
        self.0.typed()
    }

    /// The exchange itself, for whoever calls further inwards.
    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }

    /// Whether the client left or the time is over: long work may stop.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange(generation {} at {:?})", self.generation(), self.mount())
    }
}

/// A layer that adds to the extensions of a request what `make` makes of its [`Exchange`]: for
/// extractors that look for a type of the framework's own.
///
/// ```
/// use axum::{Router, extract::{ConnectInfo, OriginalUri}, routing::get};
/// use std::net::{Ipv4Addr, SocketAddr};
///
/// async fn whoami(ConnectInfo(peer): ConnectInfo<SocketAddr>, OriginalUri(uri): OriginalUri)
///     -> String
/// {
///     format!("{peer} asks for {uri}\n")
/// }
///
/// fn router() -> Router {
///     let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
///     Router::new()
///         .route("/whoami", get(whoami))
///         .layer(dsgi::tower::extension(move |it| ConnectInfo(it.peer().unwrap_or(nobody))))
///         .layer(dsgi::tower::extension(|it| OriginalUri(it.original_uri())))
/// }
/// ```
pub const fn extension<F, T>(make: F) -> Extension<F>
where
    F: Fn(&Exchange) -> T,
{
    Extension(make)
}

/// The layer that [`extension`] makes.
#[derive(Clone, Copy, Debug)]
pub struct Extension<F>(F);

/// A service with [`Extension`] around it.
#[derive(Clone, Copy, Debug)]
pub struct Extended<S, F> {
    inner: S,
    make: F,
}

impl<S, F: Clone> Layer<S> for Extension<F> {
    type Service = Extended<S, F>;

    fn layer(&self, inner: S) -> Extended<S, F> {
        Extended { inner, make: self.0.clone() }
    }
}

impl<S, B, F, T> Service<Request<B>> for Extended<S, F>
where
    S: Service<Request<B>>,
    F: Fn(&Exchange) -> T,
    T: Clone + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(made) = request.extensions().get::<Exchange>().map(&self.make) {
            request.extensions_mut().insert(made);
        }
        self.inner.call(request)
    }
}
