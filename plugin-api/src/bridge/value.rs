//! Typed values that layers give to whoever is further in.
//!
//! A value crosses from one library to another as a pointer to a struct of C, so both sides must
//! mean the same struct by a name: its layout goes along as a text, made at compile time, and is
//! compared before anything is read.

mod layout;

use std::ffi::c_void;
use std::fmt;
use std::ops::Deref;

#[doc(hidden)]
pub use self::layout::Layout;
use super::bytes::SharedBytes;
use super::caught;
use super::exchange::Handle;
use super::remote::Remote;
use crate::abi::answer;
use crate::abi::grown;
use crate::abi::leaf::{Bytes, Keep, Str};
use crate::abi::object::ExchangeTable;
use crate::abi::pointer::{Growable, In, Out};
use crate::{Environ, Error, Result, slot};

/// A type of values, declared by [`value!`](crate::value).
///
/// # Safety
/// `repr(C)`, and [`Value::LAYOUT`] tells every field, with type, offset and size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of values",
    label = "it crosses no library",
    note = "`dsgi::value! {{ pub struct Name {{ pub field: u64 }} }}` declares one"
)]
pub unsafe trait Value: Send + Sync + Sized + 'static {
    /// Name of the type: `shop::User` for the struct `User` of the crate `shop`, or what its
    /// declaration says.
    const NAME: &'static str;
    /// Its fields.
    const LAYOUT: &'static str;
}

/// A type that a field of a value may have: integers, `f64`, [`Text`] and [`Remote`].
///
/// # Safety
/// It is the same in every library: plain C.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a value",
    label = "a value has fields of plain C",
    note = "integers, `f64`, `dsgi::Text` and `dsgi::Remote` can cross from one library to another"
)]
pub unsafe trait Field: Send + Sync + 'static {
    /// Name of the type in a layout.
    const NAME: &'static str;
}

macro_rules! fields {
    ($($field:ident),*) => {
        $(
            // SAFETY: plain C.
            unsafe impl Field for $field {
                const NAME: &'static str = stringify!($field);
            }
        )*
    };
}
fields!(u8, u16, u32, u64, i8, i16, i32, i64, f64, Text, Remote);

/// Declares a type of values: a struct that a layer gives to whoever is further in, in another
/// library.
///
/// Both libraries use the crate that declares it, by whose name and its own it is found: a `User`
/// of another crate is another value. Fields are integers, `f64`, [`Text`](crate::Text), which may
/// be empty, and [`Remote`](crate::Remote). The layout goes along: one that differs is an error
/// that names both, not a crash.
///
/// ```
/// use dsgi::{Body, Environ, Inner, StartResponse, Text};
///
/// dsgi::value! {
///     /// Who is logged in.
///     pub struct User {
///         /// Number of the account.
///         pub id: u64,
///         /// Empty for a guest.
///         pub name: Text,
///     }
/// }
///
/// fn login(inner: Inner, environ: Environ, start_response: StartResponse)
///     -> dsgi::Result<Body>
/// {
///     environ.set_value(User { id: 7, name: Text::from("ada") })?;
///     inner(environ, start_response)
/// }
///
/// fn greet(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
///     let user = environ.value::<User>()?;
///     start_response("200 OK", &[])?;
///     Ok([format!("hello, {}\n", user.name)])
/// }
/// # let _ = dsgi::export::link_layer(login);
/// # let _ = dsgi::export::link(greet);
/// ```
///
/// Crates that have none in common, and libraries in other languages, declare it alike under a name
/// that they agree on. It stands for itself: nothing is put in front of it.
///
/// ```
/// use dsgi::Value;
///
/// dsgi::value! {
///     name = "example.org/User";
///     /// Who is logged in.
///     pub struct User {
///         /// Number of the account.
///         pub id: u64,
///     }
/// }
/// assert_eq!((User::NAME, User::LAYOUT), ("example.org/User", "id: u64 at 0; 8"));
/// ```
#[macro_export]
macro_rules! value {
    (name = $shared:literal; $($declared:tt)*) => {
        $crate::value! { @named ($shared) $($declared)* }
    };
    (
        @named ($($shared:literal)?)
        $(#[$about:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_about:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
        }
    ) => {
        $(#[$about])*
        #[repr(C)]
        #[derive(Debug)]
        $vis struct $name {
            $($(#[$field_about])* $field_vis $field: $type),*
        }

        const _: () = {
            const LAYOUT: $crate::bridge::value::Layout =
                $crate::bridge::value::Layout::new()
                $(.field::<$type>(stringify!($field), ::core::mem::offset_of!($name, $field)))*
                .end(::core::mem::size_of::<$name>());
            #[allow(dead_code, reason = "a name that is given stands for itself")]
            const NAME: $crate::bridge::value::Layout =
                $crate::bridge::value::Layout::name(::core::module_path!(), stringify!($name));

            #[allow(unsafe_code, reason = "declared as C just now, with every field")]
            // SAFETY: as above.
            unsafe impl $crate::Value for $name {
                const NAME: &'static str = $crate::value!(@either $($shared)? NAME.text());
                const LAYOUT: &'static str = LAYOUT.text();
            }
        };
    };
    (@either $shared:literal $own:expr) => { $shared };
    (@either $own:expr) => { $own };
    ($($declared:tt)*) => { $crate::value! { @named () $($declared)* } };
}

impl Environ {
    /// Gives a value to whoever is further in, and asks by [`Environ::value`]. Of several of one
    /// type the newest is given. It is dropped when the request is over, on any thread.
    ///
    /// # Errors
    /// When the host takes no values.
    pub fn set_value<T: Value>(&self, value: T) -> Result<()> {
        let pointer = Box::into_raw(Box::new(value));
        let keep = Keep { owner: pointer.cast(), release: Some(release::<T>) };
        let (name, layout) = (Str::lend(T::NAME.as_bytes()), Str::lend(T::LAYOUT.as_bytes()));
        let pointer = pointer.cast_const().cast();
        let value = grown::Value { name, layout, pointer, keep, ..Growable::absent() };
        if self.handle().set_value(&value) == answer::READY {
            return Ok(());
        }
        // SAFETY: refused, so it is still ours.
        unsafe { keep.free() };
        Err(Error::new("this host takes no values of layers"))
    }

    /// The newest value of a type that a layer has given.
    ///
    /// # Errors
    /// When no layer gives one, and when one gives another struct of that name.
    pub fn value<T: Value>(&self) -> Result<&T> {
        self.handle().typed()
    }
}

impl Handle {
    /// The newest value of a type, see [`Environ::value`].
    pub(crate) fn typed<T: Value>(&self) -> Result<&T> {
        let mut value = grown::Value::absent();
        if self.value(T::NAME, &mut value) != answer::READY || value.pointer.is_null() {
            let text = format!("no layer gives a value `{}` to this request", T::NAME);
            return Err(Error::new(text));
        }
        // SAFETY: lent by the host until the handle is released.
        let layout = unsafe { value.layout.bytes() };
        if layout != T::LAYOUT.as_bytes() {
            return Err(Error::new(format!(
                "the value `{}` of a layer is another struct than this library knows: it is \
                 `{}`, and `{}` is expected; build both with the same declaration",
                T::NAME,
                String::from_utf8_lossy(layout),
                T::LAYOUT,
            )));
        }
        // SAFETY: of that very layout, as just compared; lent until the handle is released, which
        // is borrowed, and shared by all who ask.
        Ok(unsafe { &*value.pointer.cast::<T>() })
    }

    /// Adds a value; the host's answer.
    fn set_value(&self, value: &grown::Value) -> u32 {
        self.with(|exchange| {
            // SAFETY: owned and alive; the struct is lent, and what it points to passes on `READY`.
            unsafe {
                slot!(ExchangeTable, exchange, set_value)
                    .map_or(answer::UNSUPPORTED, |set| set(exchange, In::lend(value)))
            }
        })
    }

    /// Asks for the newest value of a name; the host's answer.
    fn value(&self, name: &str, value: &mut grown::Value) -> u32 {
        self.with(|exchange| {
            let name = Str::lend(name.as_bytes());
            // SAFETY: owned and alive; name and struct are lent.
            unsafe {
                slot!(ExchangeTable, exchange, value)
                    .map_or(answer::UNSUPPORTED, |get| get(exchange, name, Out::lend(value)))
            }
        })
    }
}

unsafe extern "C" fn release<T>(owner: *mut c_void) {
    // SAFETY: made by `set_value`, released once.
    let value = unsafe { Box::from_raw(owner.cast::<T>()) };
    if let Err(panic) = caught(|| drop(value)) {
        crate::export::report(&format!("panicked while a value was dropped: {panic}"));
    }
}

/// A text in a [`value!`](crate::value), freed by whoever made it.
///
/// ```
/// let name = dsgi::Text::from("ada");
/// assert_eq!((name.as_str(), name.len()), ("ada", 3));
/// assert!(dsgi::Text::default().is_empty());
/// ```
#[repr(transparent)]
pub struct Text(SharedBytes);

impl Text {
    /// The text; what is not UTF-8, as another language may make it, is empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same as bytes, as they came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Default for Text {
    fn default() -> Self {
        // SAFETY: nothing is there to be freed.
        Self(unsafe { SharedBytes::from_raw(Bytes::EMPTY) })
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(SharedBytes::from(text.into_bytes()))
    }
}

impl Clone for Text {
    fn clone(&self) -> Self {
        Self(SharedBytes::from(self.0.to_vec()))
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::value! {
        /// One field of each kind.
        struct Sample {
            small: u8,
            id: u64,
            name: Text,
            rate: f64,
            store: Remote,
        }
    }

    mod elsewhere {
        crate::value! {
            name = "Nil";
            /// Under a name of its own.
            pub(super) struct Nothing {}
        }
    }

    #[test]
    fn a_layout_tells_every_field() {
        assert_eq!(
            (Sample::NAME, Sample::LAYOUT),
            (
                "dsgi::Sample",
                "small: u8 at 0, id: u64 at 8, name: Text at 16 (32), rate: f64 at 48, \
                 store: Remote at 56 (8); 64"
            )
        );
        assert_eq!((elsewhere::Nothing::NAME, elsewhere::Nothing::LAYOUT), ("Nil", "0"));
    }
}
