//! The call itself: what goes in, and what comes back.

use super::Kept::{Enforced, Held, Impossible};
use super::Severity::{Error, Warning};
use super::Shown::Type;
use super::rules;

rules! {
    Calls;

    /// An application is called with two things: the exchange, which is the request, and a place
    /// for the answer. An author sees them as `environ` and `start_response`, both owned.
    ARGUMENTS = 1, "call-arguments", Host, Impossible(Type("a_call_has_one_form"));

    /// Nothing else is passed, and nothing by name.
    NO_NAMES = 2, "call-no-names", Host, Impossible(Type("a_call_has_one_form"));

    /// A call answers `READY` with a reply, `PENDING` with a future, or `ERROR` with a fault.
    ANSWER = 80, "call-answer", App, Enforced(Error);

    /// The status of a fault is 400 to 599, or 0 where none suits.
    FAULT_STATUS = 81, "call-fault-status", App, Enforced(Warning);

    /// An application does not panic. One that does all the same is answered for by a 500, or its
    /// response is broken off where it has begun.
    PANIC = 82, "call-no-panic", App, Enforced(Error);

    /// Nothing unwinds across the boundary: a panic is caught in the library that raised it, and
    /// crosses as a fault.
    UNWINDING = 66, "call-no-unwinding", App,
        Held("plugin-api/tests/shape/layers.rs: errors_and_panics_pass_through_a_layer");

    /// A future is not polled again once it has answered. It is dropped then, and dropping one
    /// that has not answered cancels the call.
    FUTURE_OVER = 83, "call-future-over", Host, super::Kept::Checked(Error);
}
