//! What the export macros expand to: one table of functions for every form an author may choose.
//!
//! Nothing here is called by hand. Every function that a host calls catches unwinds; a panic is
//! an answer like any other, and its text and place go to the host's log.
#![allow(unsafe_code, reason = "the functions a host calls take the boundary's raw pointers")]

mod form;
mod layer;
mod log;
mod options;
mod thunk;
#[cfg(feature = "tracing")]
mod traces;

use std::ffi::c_void;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

pub(crate) use self::form::read_config;
pub use self::form::{Async, AsyncType, Called, Entry, Form, Function, Shape, Sync, SyncType};
pub use self::layer::{
    Around, AsyncAround, AsyncLayerType, LayerForm, LayerFunction, LayerShape, LayerType,
    link_layer, plain_layer,
};
pub use self::log::report;
pub use self::options::Options;
pub use self::thunk::table;
use crate::abi::app::{AppTable, Descriptor, panic_mode};
use crate::bridge::exchange::Handle;
use crate::bridge::room::Asked;

/// Exports the application of this library.
///
/// ```
/// # mod function {
/// # use dsgi::{Environ, StartResponse};
/// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(["I'm a DSGI application.\n"])
/// }
/// dsgi::app!(app);
/// # }
/// # fn main() {}
/// ```
///
/// | form | what |
/// |---|---|
/// | `app!(function)` | `fn(Environ, StartResponse) -> dsgi::Result<body>`, sync or async |
/// | `app!(type T)` | a type that implements [`Application`](crate::Application) |
/// | `app!(async type T)` | a type that implements [`AsyncApplication`](crate::AsyncApplication) |
///
/// Options follow behind commas: `non_blocking`, `pinned`, `exclusive`, `name = "shop"`,
/// `probe = "/health"`; see [`Options`].
#[macro_export]
macro_rules! app {
    (type $app:ty $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        $crate::__export!($crate::export::SyncType<$app>, [$($option $($value)?),*]);
    };
    (async type $app:ty $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        $crate::__export!($crate::export::AsyncType<$app>, [$($option $($value)?),*]);
    };
    ($app:path $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        const _: () = {
            const FUNCTION: $crate::export::Plain = $crate::export::plain(&$app);

            $crate::__plain!(FUNCTION);
            $crate::__export!(Exported, [$($option $($value)?),*]);
        };
    };
}

/// The entry of a function.
#[macro_export]
#[doc(hidden)]
macro_rules! __plain {
    ($function:ident) => {
        #[derive(Debug)]
        struct Exported;

        impl $crate::export::Entry for Exported {
            type App = ();
            const FLAVOUR: u32 = $function.flavour;

            fn init(config: &str, _: $crate::Purpose) -> $crate::Result<()> {
                $crate::export::no_config(config)
            }

            fn call(
                _: &::std::sync::Arc<()>,
                handle: $crate::bridge::exchange::Handle,
                asked: $crate::bridge::room::Asked<'_>,
            ) -> $crate::export::Called {
                ($function.call)(handle, asked)
            }
        }
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! __export {
    ($entry:ty, [$($option:ident $($value:expr)?),*]) => {
        const _: () = {
            const ENTRANCE: $crate::export::Entrance = $crate::export::entrance::<$entry>();

            const OPTIONS: $crate::export::Options = $crate::export::Options::new(
                ENTRANCE.flavour,
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                if cfg!(panic = "unwind") {
                    $crate::abi::app::panic_mode::UNWIND
                } else {
                    $crate::abi::app::panic_mode::ABORT
                },
            )$(.$option($($value)?))*;

            #[used]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".note.dsgi"))]
            static NOTE: $crate::abi::app::Note =
                $crate::abi::app::Note::new(OPTIONS.descriptor());

            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals, reason = "the name is part of the boundary")]
            static dsgi_app_v1: $crate::abi::app::AppTable =
                $crate::abi::app::AppTable { descriptor: &NOTE.descriptor, ..ENTRANCE.table };

            $crate::__layout_proof!();
        };
    };
}

/// The layout proof as a library exports it, under the name that abi_stable looks for; nothing
/// without the feature.
#[cfg(feature = "layout-proof")]
#[macro_export]
#[doc(hidden)]
macro_rules! __layout_proof {
    () => {
        #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
        static LAYOUT_PROOF: $crate::export::LibHeader = $crate::abi::proof::header();
    };
}

#[cfg(feature = "layout-proof")]
#[doc(hidden)]
pub use abi_stable::library::LibHeader;

#[cfg(not(feature = "layout-proof"))]
#[macro_export]
#[doc(hidden)]
macro_rules! __layout_proof {
    () => {};
}

/// An application that is linked into a program instead of loaded.
pub struct Linked {
    /// Its functions.
    pub table: AppTable,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Their first argument, owned: to be given to `drop` once.
    pub app: *mut c_void,
}

// SAFETY: `app` is an `Arc` of a type that is `Send + Sync`.
unsafe impl Send for Linked {}

/// The same functions as in a library, around a function of this program.
///
/// ```
/// # use dsgi::{Environ, StartResponse};
/// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
///     start_response("200 OK", &[])?;
///     Ok(["linked in\n"])
/// }
/// let linked = dsgi::export::link(app);
/// # let _ = linked;
/// ```
pub fn link<F: Function<M>, M: 'static>(function: F) -> Linked {
    linked::<form::Linkable<F, M>>(function)
}

/// An application that its program has made.
pub(crate) fn linked<E: Entry>(app: E::App) -> Linked {
    let options = Options::new(E::FLAVOUR, "linked", env!("CARGO_PKG_VERSION"), panics());
    Linked {
        table: table::<E>(std::ptr::null()),
        descriptor: options.descriptor(),
        app: Arc::into_raw(Arc::new(app)).cast_mut().cast(),
    }
}

const fn panics() -> u32 {
    if cfg!(panic = "unwind") { panic_mode::UNWIND } else { panic_mode::ABORT }
}

/// What the export macro needs of a function. It asks for everything at once, so that the
/// compiler says only once what is wrong with the function.
#[derive(Debug)]
pub struct Plain {
    /// One of [`flavour`](crate::abi::app::flavour).
    pub flavour: u32,
    /// Answers one request.
    pub call: fn(Handle, Asked<'_>) -> Called,
}

/// Takes a function, not a closure that has captured something.
///
/// # Panics
/// At compile time, for a value that is not just code.
pub const fn plain<F: Function<M>, M>(_: &'static F) -> Plain {
    assert!(size_of::<F>() == 0, "an exported application is a function, not a value");
    Plain { flavour: F::FLAVOUR, call: call_plain::<F, M> }
}

fn call_plain<F: Function<M>, M>(handle: Handle, asked: Asked<'_>) -> Called {
    // SAFETY: of size zero and shared for ever, as `plain` has seen; such a value lies everywhere.
    let function = unsafe { NonNull::<F>::dangling().as_ref() };
    function.call(handle, asked)
}

/// What the export macro needs of an entry, all at once as well.
#[derive(Debug)]
pub struct Entrance {
    /// One of [`flavour`](crate::abi::app::flavour).
    pub flavour: u32,
    /// The functions, still without a descriptor.
    pub table: AppTable,
}

/// The functions of an entry.
#[must_use]
pub const fn entrance<E: Entry>() -> Entrance {
    Entrance { flavour: E::FLAVOUR, table: table::<E>(std::ptr::null()) }
}

/// Refuses a config for an application that takes none.
///
/// # Errors
/// When the config holds anything.
pub fn no_config(config: &str) -> crate::Result<()> {
    read_config::<()>(config)
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked").field("app", &self.app).finish_non_exhaustive()
    }
}
