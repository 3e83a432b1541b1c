//! The forms an author may choose, each turned into the same functions.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::abi::app::flavour;
use crate::abi::object;
use crate::body::IntoBody;
use crate::bridge::exchange::Handle;
use crate::bridge::future;
use crate::bridge::reply::Reply;
use crate::bridge::room::Asked;
use crate::bridge::started::{Shared, Started};
use crate::{
    Application, AsyncApplication, Body, Environ, Error, Handover, Purpose, Request, Result,
    StartResponse, State,
};

/// What a call came to.
#[derive(Debug)]
pub enum Called {
    /// The answer, or why there is none.
    Answered(Result<Reply>),
    /// It will answer later; owned.
    Later(*mut object::Future),
    /// What was asked for is filled in already, for this answer.
    Filled(u32),
}

/// One application as the table's functions see it.
pub trait Entry: 'static {
    /// What `init` makes.
    type App: Send + std::marker::Sync + 'static;
    /// One of [`flavour`].
    const FLAVOUR: u32;
    /// Whether it is asked for state; the table of one that is not has no functions for that.
    const STATEFUL: bool = false;

    /// Whether a request concerns it; one that does not goes on inwards untouched.
    #[inline(always)]
    fn concerns(_: &Self::App, _: &Request<'_>) -> bool {
        true
    }

    /// Makes the application from its config as JSON.
    ///
    /// # Errors
    /// Whatever the author's `init` says.
    fn init(config: &str, purpose: Purpose) -> Result<Self::App>;

    /// Answers one request.
    fn call(app: &Arc<Self::App>, handle: Handle, asked: Asked<'_>) -> Called;

    /// No new requests will come.
    fn drain(_: &Self::App, _: Duration) {}

    /// Requests will come again.
    fn resume(_: &Self::App) {}

    /// Nothing is at work any more.
    fn shutdown(_: &Self::App) {}

    /// What another version is to take over.
    ///
    /// # Errors
    /// Whatever the author's `export_state` says.
    fn export_state(_: &Self::App) -> Result<Option<State>> {
        Ok(None)
    }

    /// Takes over what another version has exported.
    ///
    /// # Errors
    /// Whatever the author's `import_state` says.
    fn import_state(_: &Self::App, _: &State, _: Handover) -> Result<()> {
        Err(Error::new("it takes no state over"))
    }
}

/// A function that is an application. `M` is its [`Form`], and is always inferred.
///
/// It is there for every [`Shape`] whose form can answer, so that the compiler first finds the
/// form and then says what is wrong inside of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a DSGI application",
    label = "expected `fn(Environ, StartResponse) -> dsgi::Result<body>`, sync or async",
    note = "both arguments are owned, so that the body may go on using them",
    note = "with `Inner` in front of them it is a layer, which `dsgi::middleware!` exports",
    note = "without `dsgi::Result` an error could not be told from an empty body; `?` turns any \
            error into `dsgi::Error`"
)]
pub trait Function<M>: Send + std::marker::Sync + 'static {
    /// One of [`flavour`].
    const FLAVOUR: u32;

    /// Answers one request.
    fn call(&self, handle: Handle, asked: Asked<'_>) -> Called;
}

impl<F, M> Function<M> for F
where
    F: Shape<M>,
    M: Form<Returned = F::Returned>,
{
    const FLAVOUR: u32 = M::FLAVOUR;

    #[inline]
    fn call(&self, handle: Handle, asked: Asked<'_>) -> Called {
        M::answer(handle, asked, |environ, start_response| self.given(environ, start_response))
    }
}

/// A function with the arguments of an application, that returns what form `M` returns.
pub trait Shape<M>: Send + std::marker::Sync + 'static {
    /// What the function returns.
    type Returned;

    /// Calls it.
    fn given(&self, environ: Environ, start_response: StartResponse) -> Self::Returned;
}

/// Form of a sync function.
#[derive(Debug)]
pub struct Sync<I>(PhantomData<fn() -> I>);

/// Form of an async function.
#[derive(Debug)]
pub struct Async<F, I>(PhantomData<fn() -> (F, I)>);

impl<F, I> Shape<Sync<I>> for F
where
    F: Fn(Environ, StartResponse) -> Result<I> + Send + std::marker::Sync + 'static,
{
    type Returned = Result<I>;

    #[inline]
    fn given(&self, environ: Environ, start_response: StartResponse) -> Result<I> {
        self(environ, start_response)
    }
}

impl<F, P, I> Shape<Async<P, I>> for F
where
    F: Fn(Environ, StartResponse) -> P + Send + std::marker::Sync + 'static,
    P: Future<Output = Result<I>>,
{
    type Returned = P;

    fn given(&self, environ: Environ, start_response: StartResponse) -> P {
        self(environ, start_response)
    }
}

/// How what a function returns becomes an answer.
pub trait Form {
    /// What the function returns.
    type Returned;
    /// One of [`flavour`].
    const FLAVOUR: u32;

    /// Answers one request.
    fn answer(
        handle: Handle,
        asked: Asked<'_>,
        app: impl FnOnce(Environ, StartResponse) -> Self::Returned,
    ) -> Called;
}

impl<I: IntoBody<Blocks: Send + 'static>> Form for Sync<I> {
    type Returned = Result<I>;

    const FLAVOUR: u32 = flavour::BLOCKING;

    #[inline]
    fn answer(
        handle: Handle,
        asked: Asked<'_>,
        app: impl FnOnce(Environ, StartResponse) -> Result<I>,
    ) -> Called {
        Called::Answered(answer(handle, asked, app))
    }
}

impl<P, I> Form for Async<P, I>
where
    P: Future<Output = Result<I>> + Send + 'static,
    I: IntoBody<Blocks: Send + 'static> + 'static,
{
    type Returned = P;

    const FLAVOUR: u32 = flavour::ASYNC;

    fn answer(
        handle: Handle,
        _: Asked<'_>,
        app: impl FnOnce(Environ, StartResponse) -> P,
    ) -> Called {
        let started = Started::new();
        let pending = app(Environ::new(handle), StartResponse::new(started.clone()));
        Called::Later(future::make(async move { reply(started, pending.await?.begin()?) }))
    }
}

/// What every type of an author does beside answering, by its own trait.
macro_rules! life {
    () => {
        const STATEFUL: bool = true;

        fn init(config: &str, purpose: Purpose) -> Result<Self::App> {
            Self::App::init($crate::export::read_config(config)?, purpose)
        }

        fn drain(app: &Self::App, deadline: Duration) {
            app.drain(deadline);
        }

        fn resume(app: &Self::App) {
            app.resume();
        }

        fn shutdown(app: &Self::App) {
            app.shutdown();
        }

        fn export_state(app: &Self::App) -> Result<Option<State>> {
            app.export_state()
        }

        fn import_state(app: &Self::App, state: &State, handover: Handover) -> Result<()> {
            app.import_state(state, handover)
        }
    };
}

pub(super) use life;

/// Entry of a type that implements [`Application`].
#[derive(Debug)]
pub struct SyncType<A>(PhantomData<A>);

impl<A: Application> Entry for SyncType<A> {
    type App = A;
    const FLAVOUR: u32 = A::FLAVOUR.into_raw();

    fn call(app: &Arc<A>, handle: Handle, asked: Asked<'_>) -> Called {
        Called::Answered(answer(handle, asked, |environ, start_response| {
            app.call(environ, start_response)
        }))
    }

    life!();
}

/// Entry of a type that implements [`AsyncApplication`].
#[derive(Debug)]
pub struct AsyncType<A>(PhantomData<A>);

impl<A: AsyncApplication> Entry for AsyncType<A> {
    type App = A;
    const FLAVOUR: u32 = flavour::ASYNC;

    fn call(app: &Arc<A>, handle: Handle, _: Asked<'_>) -> Called {
        let app = Arc::clone(app);
        let started = Started::new();
        let start_response = StartResponse::new(started.clone());
        Called::Later(future::make(async move {
            let body = app.call(Environ::new(handle), start_response).await?;
            reply(started, body.begin()?)
        }))
    }

    life!();
}

/// Entry of a function that is linked into a program.
#[derive(Debug)]
pub(super) struct Linkable<F, M>(PhantomData<(F, M)>);

impl<F: Function<M>, M: 'static> Entry for Linkable<F, M> {
    type App = F;
    const FLAVOUR: u32 = F::FLAVOUR;

    fn init(_: &str, _: Purpose) -> Result<F> {
        Err(Error::new("a linked-in application is made by its program"))
    }

    fn call(app: &Arc<F>, handle: Handle, asked: Asked<'_>) -> Called {
        Function::call(&**app, handle, asked)
    }
}

/// Reads a config; an empty one is also the unit type's.
pub(crate) fn read_config<C: DeserializeOwned>(config: &str) -> Result<C> {
    let empty = config.is_empty() || config == "{}";
    let config = if config.is_empty() { "{}" } else { config };
    match serde_json::from_str(config) {
        Ok(read) => Ok(read),
        Err(error) if empty => serde_json::from_str("null").map_err(|_| refused(&error)),
        Err(error) => Err(refused(&error)),
    }
}

/// Positions in the JSON mean nothing to an operator who wrote something else.
fn refused(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    Error::new(format!("config: {text}"))
}

#[inline]
fn answer<I: IntoBody<Blocks: Send + 'static>>(
    handle: Handle,
    asked: Asked<'_>,
    app: impl FnOnce(Environ, StartResponse) -> Result<I>,
) -> Result<Reply> {
    let (started, given) = Started::asked(asked);
    let iterable = app(Environ::new(handle), StartResponse::new(given))?;
    let body = iterable.reply()?;
    Ok(Reply { head: started.send()?, body })
}

#[inline]
pub(super) fn reply(started: Shared, body: Body) -> Result<Reply> {
    Ok(Reply { head: started.send()?, body: body.into_reply() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Typed {
        port: u16,
    }

    #[test]
    fn configs_are_read_or_refused_with_the_key() {
        assert_eq!(read_config::<Typed>(r#"{"port": 7}"#).unwrap(), Typed { port: 7 });
        assert!(read_config::<()>("{}").is_ok());
        assert!(read_config::<()>(r#"{"port": 7}"#).is_err(), "an unused config was taken");
        let missing = read_config::<Typed>("{}").unwrap_err();
        assert_eq!(missing.message(), "config: missing field `port`");
    }
}
