//! The callback that takes status and header fields.

use super::Kept::{Enforced, Held, Impossible};
use super::Severity::Error;
use super::Shown::{Mistake, Type};
use super::rules;

rules! {
    Starting;

    /// `start_response` takes a status line and a list of fields.
    ARGUMENTS = 19, "start-arguments", App, Impossible(Mistake("start_response_types"));

    /// It takes them by position.
    NO_NAMES = 20, "start-no-names", App, Impossible(Mistake("start_response_types"));

    /// A head that was not sent yet is changed because of an error, which is part of the call:
    /// `start_response.replace(&error, status, fields)`.
    ERROR_ARGUMENT = 38, "start-error-argument", App,
        Impossible(Type("a_head_is_replaced_because_of_an_error"));

    /// There is no `write`: what a body is made of is bytes that its iterable gives.
    WRITE_BYTES = 41, "start-write-bytes", App, Impossible(Mistake("no_write"));

    /// `start_response` gives nothing back but whether it was taken.
    WRITE_OBJECT = 42, "start-write-object", Host, Impossible(Mistake("no_write"));

    /// `start_response` is called before the body gives its first block that is not empty.
    BEFORE_BODY = 55, "start-before-body", App, Enforced(Error);

    /// `start_response` is called once. A second call fails and changes nothing: a head is replaced
    /// only because of an error.
    ONE_CALL = 57, "start-once", App, Enforced(Error);

    /// The head is held back until the first block that is not empty, or the end of the body, so
    /// that an error before can still replace it.
    HELD = 58, "start-held", Host, Held("plugin-api/tests/shape/sync_form.rs: \
        an_error_in_place_of_the_first_block_comes_before_the_start");

    /// Once the head was sent, `start_response` and `replace` fail.
    NOT_AFTER_SENT = 88, "start-not-after-sent", App, Enforced(Error);
}
