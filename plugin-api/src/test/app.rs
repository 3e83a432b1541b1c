//! An application with what stands around it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::client::Client;
use super::request::Request;
use super::response::Response;
use super::stack::{Member, Stack};
use super::texts::Texts;
use crate::export::{
    AsyncLayerType, AsyncType, Entry, Function, LayerFunction, LayerType, SyncType, link,
    link_layer,
};
#[cfg(feature = "tower")]
use crate::tower::{Constructor, HttpService, Made, kind, link_service};
use crate::validator::Validator;
use crate::{Application, AsyncApplication, AsyncMiddleware, Error, Middleware, Result};

/// An application that is tried, for any number of requests.
///
/// ```
/// use dsgi::{Application, Environ, Purpose, StartResponse};
///
/// struct Greeter(String);
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Config {
///     greeting: String,
/// }
///
/// impl Application for Greeter {
///     type Config = Config;
///
///     fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self(config.greeting))
///     }
///
///     fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<dsgi::Body> {
///         start_response("200 OK", &[("Content-Type", "text/plain")])?;
///         Ok(self.0.clone().into())
///     }
/// }
///
/// let config = Config { greeting: String::from("hi") };
/// let app = dsgi::test::App::start::<Greeter>(&config)?;
/// assert_eq!(app.get("/").text(), "hi");
/// # Ok::<(), dsgi::Error>(())
/// ```
///
/// When the last of it is dropped, the application is told to drain and to shut down.
pub struct App {
    layers: Vec<Arc<Member>>,
    app: Arc<Member>,
    mount: String,
    breaches: Breaches,
}

/// What becomes of rules that were broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaches {
    /// The test fails.
    Fail,
    /// The response tells them.
    Told,
}

impl App {
    /// A function that is an application, sync or async.
    pub fn new<F: Function<M>, M: 'static>(function: F) -> Self {
        Self::of(Member::linked(TRIED, link(function)))
    }

    /// A type that is an application, made from its config: what [`Serialize`] makes an object of,
    /// or `()` where there is nothing to say.
    ///
    /// # Errors
    /// When the config is not the application's, and whatever its `init` says.
    pub fn start<A: Application>(config: impl Serialize) -> Result<Self> {
        Self::enter::<SyncType<A>>(config)
    }

    /// The same for the async form.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_async<A: AsyncApplication>(config: impl Serialize) -> Result<Self> {
        Self::enter::<AsyncType<A>>(config)
    }

    /// A tower service, from the constructor that [`service!`](crate::service) is given and its
    /// config.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// fn router() -> Router {
    ///     Router::new().route("/tea", get(|| async { "a pot of tea" }))
    /// }
    ///
    /// let app = dsgi::test::App::service(router, ())?;
    /// assert_eq!(app.get("/tea").text(), "a pot of tea");
    /// assert_eq!(app.get("/coffee").status(), 404);
    /// # Ok::<(), dsgi::Error>(())
    /// ```
    ///
    /// # Errors
    /// The constructor's, and those of its config.
    #[cfg(feature = "tower")]
    pub fn service<F, A, M>(constructor: F, config: impl Serialize) -> Result<Self>
    where
        F: Constructor<A, Returned: Made<kind::Service, M, Product: HttpService>>,
    {
        Ok(Self::of(Member::linked(TRIED, link_service(constructor, &json(config)?)?)))
    }

    /// What an export macro has made.
    #[doc(hidden)]
    pub fn enter<E: Entry>(config: impl Serialize) -> Result<Self> {
        Ok(Self::of(Member::start::<E>(TRIED, &json(config)?)?))
    }

    fn of(app: Member) -> Self {
        let (layers, mount) = (Vec::new(), String::new());
        Self { layers, app: Arc::new(app), mount, breaches: Breaches::Fail }
    }

    /// Puts a function that is a layer around it, inside of those that were put there before, as
    /// the host's `--enable` does.
    ///
    /// ```
    /// # use dsgi::{Body, Environ, Inner, StartResponse};
    /// # fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    /// #     start_response("200 OK", &[("Content-Type", "text/plain")])?;
    /// #     Ok(["tea"])
    /// # }
    /// fn server(inner: Inner, environ: Environ, start_response: StartResponse)
    ///     -> dsgi::Result<Body>
    /// {
    ///     inner(environ, start_response.edit(|head| head.set("Server", "mine")))
    /// }
    ///
    /// let app = dsgi::test::App::new(app).enable(server);
    /// assert_eq!(app.get("/").header("server"), Some("mine"));
    /// ```
    #[must_use]
    pub fn enable<F: LayerFunction<M>, M: 'static>(self, layer: F) -> Self {
        self.around(Member::linked(TRIED, link_layer(layer)))
    }

    /// Puts a type that is a layer around it, made from its config.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn enable_type<L: Middleware>(self, config: impl Serialize) -> Result<Self> {
        self.enable_entry::<LayerType<L>>(config)
    }

    /// The same for the async form.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn enable_async_type<L: AsyncMiddleware>(self, config: impl Serialize) -> Result<Self> {
        self.enable_entry::<AsyncLayerType<L>>(config)
    }

    /// What an export macro has made.
    #[doc(hidden)]
    pub fn enable_entry<E: Entry>(self, config: impl Serialize) -> Result<Self> {
        Ok(self.around(Member::start::<E>(TRIED, &json(config)?)?))
    }

    fn around(mut self, layer: Member) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Mounts it below a path: `/shop` makes that `SCRIPT_NAME`, and targets begin with it.
    ///
    /// # Panics
    /// When the path does not begin with a slash, or ends with one.
    #[must_use]
    #[track_caller]
    pub fn mount(mut self, path: &str) -> Self {
        assert!(path.starts_with('/') && !path.ends_with('/'), "{path} is no path of a mount");
        path.clone_into(&mut self.mount);
        self
    }

    /// Rules that are broken fail no test any more; [`Response::broken`] tells them.
    ///
    /// ```
    /// # use dsgi::{Environ, StartResponse};
    /// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    ///     start_response("200 OK", &[("Content-Type", "text/plain"), ("Status", "200")])?;
    ///     Ok(["tea"])
    /// }
    ///
    /// let response = dsgi::test::App::new(app).lenient().get("/");
    /// assert!(response.broken()[0].contains("field-no-status"));
    /// ```
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.breaches = Breaches::Told;
        self
    }

    /// Asks for a path.
    ///
    /// # Panics
    /// As [`Request::send`].
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target).send()
    }

    /// A request of this method for a target, with its query, as a client sends it.
    ///
    /// # Panics
    /// When the target does not begin with a slash or lies elsewhere than the mount, and when it
    /// has a broken escape.
    #[track_caller]
    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request::new(self, Texts::new(method, &self.mount, target))
    }

    /// A client that keeps cookies.
    #[must_use]
    pub const fn client(&self) -> Client<'_> {
        Client::new(self)
    }

    /// Hands its state over to another one, as a deploy does to the version that follows.
    ///
    /// # Errors
    /// When it gives no state, and whatever `export_state` and `import_state` say.
    pub fn hand_over(&self, next: &Self) -> Result<()> {
        let state = self.app.export_state()?;
        next.app.import_state(&state.ok_or_else(|| Error::new("it gives no state"))?)
    }

    /// What a request goes through: the validator looks from the outside, and also right around
    /// the application where layers stand between.
    pub(super) fn stack(&self) -> Arc<Stack> {
        let validator = || {
            Member::start::<Validator>("validator", "{}").expect("the validator takes this config")
        };
        let mut members = vec![Arc::new(validator())];
        if !self.layers.is_empty() {
            members.extend(self.layers.iter().map(Arc::clone));
            members.push(Arc::new(validator()));
        }
        members.push(Arc::clone(&self.app));
        Arc::new(Stack(members))
    }

    pub(super) const fn breaches(&self) -> Breaches {
        self.breaches
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

/// As the lines of broken rules call whoever is tried.
const TRIED: &str = "under test";

/// A config as it crosses the boundary.
fn json(config: impl Serialize) -> Result<String> {
    let config = serde_json::to_string(&config).map_err(Error::from)?;
    Ok(if config == "null" { String::from("{}") } else { config })
}
