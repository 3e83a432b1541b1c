//! How a request ended.

use crate::abi::outcome;

/// How a request ended, as `close` is told.
///
/// ```
/// let body = dsgi::Body::from("hello").on_close(|outcome, bytes_sent| {
///     if outcome == dsgi::Outcome::ClientGone {
///         eprintln!("gone after {bytes_sent} bytes");
///     }
/// });
/// # drop(body);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole response was handed to the transport.
    Completed,
    /// The client left, or did not take the response in time.
    ClientGone,
    /// The application, a layer or the gateway failed.
    Failed,
}

impl Outcome {
    /// From the number that crosses the boundary; an unknown one is a failure.
    #[must_use]
    pub const fn from_raw(number: u32) -> Self {
        match number {
            outcome::COMPLETED => Self::Completed,
            outcome::CLIENT_GONE => Self::ClientGone,
            _ => Self::Failed,
        }
    }

    /// The number that crosses the boundary.
    #[must_use]
    pub const fn into_raw(self) -> u32 {
        match self {
            Self::Completed => outcome::COMPLETED,
            Self::ClientGone => outcome::CLIENT_GONE,
            Self::Failed => outcome::FAILED,
        }
    }
}
