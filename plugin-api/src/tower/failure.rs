//! Errors of services and of this crate, each as the other's.

use std::error::Error as StdError;
use std::fmt;

use crate::Error;
use crate::input::InputError;

/// What services and bodies fail with.
pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// An [`Error`] as one of std's. It keeps its status on the way through a service.
struct Wrapped(Error);

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(Wrapped(error))
    }
}

/// What tower's `LoadShed` says where it takes no more; its type is not ours to name.
const OVERLOADED: &str = "service overloaded";

/// The error of a service as the client and the log are told of it.
pub(super) fn of(error: BoxError) -> Error {
    let error = match error.downcast::<Wrapped>() {
        Ok(wrapped) => return wrapped.0,
        Err(error) => error,
    };
    match error.downcast::<InputError>() {
        Ok(input) => Error::from(*input),
        Err(error) => {
            let text = text(&*error);
            if text == OVERLOADED { Error::status(503, text) } else { Error::new(text) }
        }
    }
}

/// The error of a service that is not ready, and will not be.
pub(super) fn not_ready(error: BoxError) -> Error {
    Error::status(503, of(error).message())
}

/// An error and its causes.
pub(super) fn text(error: &dyn StdError) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    let mut last = text.clone();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Many errors only wrap another one, and say the same.
        if said != last {
            text = format!("{text}: {said}");
        }
        (last, source) = (said, cause.source());
    }
    text
}

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Wrapped {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_the_way_through_a_service() {
        let error = of(BoxError::from(Error::status(413, "too much")));
        assert_eq!((error.status_code(), error.message()), (413, "too much"));
        let error = of(BoxError::from(InputError::from(Error::status(408, "too slow"))));
        assert_eq!((error.status_code(), error.message()), (408, "too slow"));
        let error = of("it broke".into());
        assert_eq!((error.status_code(), error.message()), (500, "it broke"));
    }

    #[test]
    fn causes_are_told() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no number")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let cause = "x".parse::<u8>().unwrap_err();
        assert_eq!(
            of(Box::new(Outer(cause))).message(),
            "no number: invalid digit found in string"
        );
    }
}
