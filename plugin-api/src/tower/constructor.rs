//! The functions that make a service or a layer, in each of their shapes.

use std::error::Error as StdError;
use std::future::Future;
use std::marker::PhantomData;

use http::Request;
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use super::failure::{self, BoxError};
use super::runtime::Runtime;
use super::{Body, InnerService};
use crate::export::{no_config, read_config};
use crate::{Error, Purpose, Result};

/// A function that makes what a library exports. `M` is its arguments, and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no service",
    label = "expected a function that makes one",
    note = "it takes nothing, a config, a `dsgi::Purpose`, or both in this order",
    note = "a config is a type that implements `serde::Deserialize`"
)]
pub trait Constructor<M> {
    /// What it returns.
    type Returned;

    /// Calls it.
    ///
    /// # Errors
    /// When the config does not fit.
    fn construct(self, config: &str, purpose: Purpose) -> Result<Self::Returned>;
}

impl<F: FnOnce() -> R, R> Constructor<fn() -> R> for F {
    type Returned = R;

    fn construct(self, config: &str, _: Purpose) -> Result<R> {
        no_config(config)?;
        Ok(self())
    }
}

impl<F: FnOnce(A) -> R, A: Given, R> Constructor<fn(A) -> R> for F {
    type Returned = R;

    fn construct(self, config: &str, purpose: Purpose) -> Result<R> {
        Ok(self(A::given(config, purpose)?))
    }
}

impl<F, C, R> Constructor<fn(C, Purpose) -> R> for F
where
    F: FnOnce(C, Purpose) -> R,
    C: DeserializeOwned,
{
    type Returned = R;

    fn construct(self, config: &str, purpose: Purpose) -> Result<R> {
        Ok(self(read_config(config)?, purpose))
    }
}

/// The one argument of a constructor: a config, or why it is called.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to a constructor",
    label = "neither a config nor `dsgi::Purpose`",
    note = "a config is a type that implements `serde::Deserialize`"
)]
pub trait Given: Sized {
    /// What the constructor is given.
    ///
    /// # Errors
    /// When the config does not fit.
    fn given(config: &str, purpose: Purpose) -> Result<Self>;
}

impl Given for Purpose {
    fn given(config: &str, purpose: Purpose) -> Result<Self> {
        no_config(config)?;
        Ok(purpose)
    }
}

impl<C: DeserializeOwned> Given for C {
    fn given(config: &str, _: Purpose) -> Result<Self> {
        read_config(config)
    }
}

/// What a constructor is to make.
pub mod kind {
    /// An application.
    #[derive(Debug)]
    pub struct Service;

    /// A layer around one.
    #[derive(Debug)]
    pub struct Layer;
}

/// What a constructor returns on the way to what it makes. `K` is a [`kind`], `M` is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a service nor a layer",
    label = "expected a `tower::Service<http::Request<dsgi::tower::Body>>`, or for a layer a \
             `tower::Layer<dsgi::tower::InnerService>`",
    note = "a constructor may also return a `Result` with one, and may be `async`",
    note = "an `axum::Router` is a service as soon as it has its state: `.with_state(..)`"
)]
pub trait Made<K, M> {
    /// What is made in the end.
    type Product;

    /// Waits for it.
    ///
    /// # Errors
    /// The constructor's.
    fn finish(self, runtime: &Runtime) -> Result<Self::Product>;
}

/// It is the service itself.
#[derive(Debug)]
pub struct Plain;

/// A result, whose error can be boxed.
#[derive(Debug)]
pub struct Fallible;

/// A result, whose error is boxed already.
#[derive(Debug)]
pub struct Boxed;

/// One of these, later.
#[derive(Debug)]
pub struct Later<M>(PhantomData<M>);

impl<S: Service<Request<Body>>> Made<kind::Service, Plain> for S {
    type Product = S;

    fn finish(self, _: &Runtime) -> Result<S> {
        Ok(self)
    }
}

impl<L: Layer<InnerService>> Made<kind::Layer, Plain> for L {
    type Product = L::Service;

    fn finish(self, _: &Runtime) -> Result<L::Service> {
        Ok(self.layer(InnerService::new()))
    }
}

impl<K, P, E> Made<K, Fallible> for Result<P, E>
where
    P: Made<K, Plain>,
    E: Into<BoxError>,
{
    type Product = P::Product;

    fn finish(self, runtime: &Runtime) -> Result<P::Product> {
        self.map_err(|error| failure::of(error.into()))?.finish(runtime)
    }
}

impl<K, P> Made<K, Boxed> for Result<P, Box<dyn StdError>>
where
    P: Made<K, Plain>,
{
    type Product = P::Product;

    fn finish(self, runtime: &Runtime) -> Result<P::Product> {
        self.map_err(|error| Error::new(failure::text(&*error)))?.finish(runtime)
    }
}

impl<K, F, M> Made<K, Later<M>> for F
where
    F: Future<Output: Made<K, M>>,
{
    type Product = <F::Output as Made<K, M>>::Product;

    fn finish(self, runtime: &Runtime) -> Result<Self::Product> {
        runtime.block_on(self).finish(runtime)
    }
}
