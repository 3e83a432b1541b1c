//! The forms of layers, each turned into the same functions as an application.

use std::future::Future;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use super::form::{Called, Entry, life, reply};
use super::{Linked, Options, Plain, panics, table};
use crate::abi::app::flavour;
use crate::body::IntoBody;
use crate::bridge::exchange::Handle;
use crate::bridge::future;
use crate::bridge::reply::Reply;
use crate::bridge::room::Asked;
use crate::bridge::started::Started;
use crate::{
    AsyncInner, AsyncMiddleware, Environ, Error, Handover, Inner, Middleware, Purpose, Request,
    Result, StartResponse, State,
};

/// Exports the layer of this library.
///
/// ```
/// # mod function {
/// use dsgi::{Body, Environ, Inner, StartResponse};
///
/// fn server(inner: Inner, environ: Environ, start_response: StartResponse)
///     -> dsgi::Result<Body>
/// {
///     inner(environ, start_response.edit(|head| head.set("Server", "mine")))
/// }
/// dsgi::middleware!(server);
/// # }
/// # fn main() {}
/// ```
///
/// | form | what |
/// |---|---|
/// | `middleware!(function)` | `fn(Inner, Environ, StartResponse) -> dsgi::Result<body>` |
/// | `middleware!(function)` | the same as an `async fn`, with `AsyncInner` |
/// | `middleware!(type T)` | a type that implements [`Middleware`](crate::Middleware) |
/// | `middleware!(async type T)` | one that implements [`AsyncMiddleware`] |
/// | `middleware!(tower function)` | makes a `tower::Layer`; needs the feature `tower` |
///
/// [`AsyncMiddleware`]: crate::AsyncMiddleware
///
/// Options follow behind commas, as those of [`app!`](crate::app).
#[macro_export]
macro_rules! middleware {
    (tower $make:path $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        $crate::__served!(
            $crate::tower::serve_layer,
            $make,
            [layer $(, $option $($value)?)*]
        );
    };
    (type $layer:ty $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        $crate::__export!($crate::export::LayerType<$layer>, [layer $(, $option $($value)?)*]);
    };
    (async type $layer:ty $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        $crate::__export!(
            $crate::export::AsyncLayerType<$layer>,
            [layer $(, $option $($value)?)*]
        );
    };
    ($layer:path $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        const _: () = {
            const FUNCTION: $crate::export::Plain = $crate::export::plain_layer(&$layer);

            $crate::__plain!(FUNCTION);
            $crate::__export!(Exported, [layer $(, $option $($value)?)*]);
        };
    };
}

/// A function that is a layer. `M` is its [`LayerForm`], and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a DSGI layer",
    label = "expected `fn(Inner, Environ, StartResponse) -> dsgi::Result<body>`, or an async \
             function with `AsyncInner`",
    note = "all arguments are owned, so that the body may go on using them",
    note = "without `Inner` it is an application, which `dsgi::app!` exports"
)]
pub trait LayerFunction<M>: Send + Sync + 'static {
    /// One of [`flavour`].
    const FLAVOUR: u32;

    /// Answers one request.
    fn call(&self, handle: Handle, asked: Asked<'_>) -> Called;
}

impl<F, M> LayerFunction<M> for F
where
    F: LayerShape<M>,
    M: LayerForm<Returned = F::Returned>,
{
    const FLAVOUR: u32 = M::FLAVOUR;

    #[inline]
    fn call(&self, handle: Handle, asked: Asked<'_>) -> Called {
        M::answer(handle, asked, |environ, start_response| self.given(environ, start_response))
    }
}

/// A function with the arguments of a layer, that returns what form `M` returns.
pub trait LayerShape<M>: Send + Sync + 'static {
    /// What the function returns.
    type Returned;

    /// Calls it.
    fn given(&self, environ: Environ, start_response: StartResponse) -> Self::Returned;
}

/// Form of a sync layer.
#[derive(Debug)]
pub struct Around<I>(PhantomData<fn() -> I>);

/// Form of an async layer.
#[derive(Debug)]
pub struct AsyncAround<F, I>(PhantomData<fn() -> (F, I)>);

impl<F, I> LayerShape<Around<I>> for F
where
    F: Fn(Inner, Environ, StartResponse) -> Result<I> + Send + Sync + 'static,
{
    type Returned = Result<I>;

    #[inline]
    fn given(&self, environ: Environ, start_response: StartResponse) -> Result<I> {
        self(Inner::new(), environ, start_response)
    }
}

impl<F, P, I> LayerShape<AsyncAround<P, I>> for F
where
    F: Fn(AsyncInner, Environ, StartResponse) -> P + Send + Sync + 'static,
    P: Future<Output = Result<I>>,
{
    type Returned = P;

    fn given(&self, environ: Environ, start_response: StartResponse) -> P {
        self(AsyncInner::new(), environ, start_response)
    }
}

/// How what a layer returns becomes an answer.
pub trait LayerForm {
    /// What the function returns.
    type Returned;
    /// One of [`flavour`].
    const FLAVOUR: u32;

    /// Answers one request.
    fn answer(
        handle: Handle,
        asked: Asked<'_>,
        layer: impl FnOnce(Environ, StartResponse) -> Self::Returned,
    ) -> Called;
}

impl<I: IntoBody<Blocks: Send + 'static>> LayerForm for Around<I> {
    type Returned = Result<I>;

    const FLAVOUR: u32 = flavour::BLOCKING;

    #[inline]
    fn answer(
        handle: Handle,
        asked: Asked<'_>,
        layer: impl FnOnce(Environ, StartResponse) -> Result<I>,
    ) -> Called {
        Called::Answered(answer(handle, asked, layer))
    }
}

impl<P, I> LayerForm for AsyncAround<P, I>
where
    P: Future<Output = Result<I>> + Send + 'static,
    I: IntoBody<Blocks: Send + 'static> + 'static,
{
    type Returned = P;

    const FLAVOUR: u32 = flavour::ASYNC;

    fn answer(
        handle: Handle,
        _: Asked<'_>,
        layer: impl FnOnce(Environ, StartResponse) -> P,
    ) -> Called {
        let started = Started::new();
        let pending = layer(Environ::new(handle), StartResponse::new(started.clone()));
        Called::Later(future::make(async move {
            let body = pending.await?.begin_later()?;
            reply(started, body.hold().await?)
        }))
    }
}

#[inline]
fn answer<I: IntoBody<Blocks: Send + 'static>>(
    handle: Handle,
    asked: Asked<'_>,
    layer: impl FnOnce(Environ, StartResponse) -> Result<I>,
) -> Result<Reply> {
    let (started, given) = Started::asked_around(asked);
    let iterable = layer(Environ::new(handle), StartResponse::new(given))?;
    let body = iterable.reply()?;
    Ok(Reply { head: started.send()?, body })
}

/// What the export macro needs of a function that is a layer.
///
/// # Panics
/// At compile time, for a value that is not just code.
pub const fn plain_layer<F: LayerFunction<M>, M>(_: &'static F) -> Plain {
    assert!(size_of::<F>() == 0, "an exported layer is a function, not a value");
    Plain { flavour: F::FLAVOUR, call: call_plain::<F, M> }
}

fn call_plain<F: LayerFunction<M>, M>(handle: Handle, asked: Asked<'_>) -> Called {
    // SAFETY: of size zero and shared for ever, as `plain_layer` has seen.
    let function = unsafe { NonNull::<F>::dangling().as_ref() };
    function.call(handle, asked)
}

/// The same functions as in a library, around a layer of this program.
///
/// ```
/// # use dsgi::{Body, Environ, Inner, StartResponse};
/// fn layer(inner: Inner, environ: Environ, start_response: StartResponse)
///     -> dsgi::Result<Body>
/// {
///     inner(environ, start_response)
/// }
/// let linked = dsgi::export::link_layer(layer);
/// # let _ = linked;
/// ```
pub fn link_layer<F: LayerFunction<M>, M: 'static>(function: F) -> Linked {
    let options = Options::new(F::FLAVOUR, "linked", env!("CARGO_PKG_VERSION"), panics()).layer();
    Linked {
        table: table::<Linkable<F, M>>(std::ptr::null()),
        descriptor: options.descriptor(),
        app: Arc::into_raw(Arc::new(function)).cast_mut().cast(),
    }
}

/// Entry of a layer that is linked into a program.
struct Linkable<F, M>(PhantomData<(F, M)>);

impl<F: LayerFunction<M>, M: 'static> Entry for Linkable<F, M> {
    type App = F;
    const FLAVOUR: u32 = F::FLAVOUR;

    fn init(_: &str, _: Purpose) -> Result<F> {
        Err(Error::new("a linked-in layer is made by its program"))
    }

    fn call(app: &Arc<F>, handle: Handle, asked: Asked<'_>) -> Called {
        LayerFunction::call(&**app, handle, asked)
    }
}

/// Entry of a type that implements [`Middleware`].
#[derive(Debug)]
pub struct LayerType<L>(PhantomData<L>);

/// Entry of a type that implements [`AsyncMiddleware`].
#[derive(Debug)]
pub struct AsyncLayerType<L>(PhantomData<L>);

impl<L: Middleware> Entry for LayerType<L> {
    type App = L;
    const FLAVOUR: u32 = L::FLAVOUR.into_raw();

    fn call(layer: &Arc<L>, handle: Handle, asked: Asked<'_>) -> Called {
        Called::Answered(answer(handle, asked, |environ, start_response| {
            layer.call(Inner::new(), environ, start_response)
        }))
    }

    #[inline]
    fn concerns(layer: &L, request: &Request<'_>) -> bool {
        layer.concerns(request)
    }

    life!();
}

impl<L: AsyncMiddleware> Entry for AsyncLayerType<L> {
    type App = L;
    const FLAVOUR: u32 = flavour::ASYNC;

    fn call(layer: &Arc<L>, handle: Handle, _: Asked<'_>) -> Called {
        let layer = Arc::clone(layer);
        let started = Started::new();
        let start_response = StartResponse::new(started.clone());
        Called::Later(future::make(async move {
            let body = layer.call(AsyncInner::new(), Environ::new(handle), start_response).await?;
            reply(started, body.begin_later()?.hold().await?)
        }))
    }

    #[inline]
    fn concerns(layer: &L, request: &Request<'_>) -> bool {
        layer.concerns(request)
    }

    life!();
}
