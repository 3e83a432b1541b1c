//! The request's body, and the error log.

use super::Kept::{Held, Impossible};
use super::Shown::{Mistake, Type};
use super::rules;

rules! {
    Reading;

    /// The body of the request can be read by bytes, by lines and by blocks: `environ.input()`
    /// gives `Read`, `BufRead` and blocks that were not copied.
    COMPLETE = 11, "input-complete", Host, Impossible(Type("the_input_reads_bytes_and_lines"));

    /// The error log takes writes and is flushed: `environ.errors()` gives `Write`.
    ERRORS_COMPLETE = 12, "errors-complete", Host, Impossible(Type("the_error_log_takes_bytes"));

    /// Reading is told how much is wanted, by the room it is lent.
    READ_ARGUMENT = 43, "input-read-argument", App,
        Impossible(Type("the_input_reads_bytes_and_lines"));

    /// Reading gives bytes, at most as many as there was room for.
    READ_BYTES = 44, "input-read-bytes", Host, Impossible(Type("the_input_reads_bytes_and_lines"));

    /// Reading a line takes one argument: where to put it.
    LINE_ARGUMENT = 45, "input-line-argument", App,
        Impossible(Type("the_input_reads_bytes_and_lines"));

    /// A line is bytes.
    LINE_BYTES = 46, "input-line-bytes", Host, Impossible(Type("the_input_reads_bytes_and_lines"));

    /// Reading all lines takes no arguments.
    LINES_ARGUMENT = 47, "input-lines-argument", App,
        Impossible(Type("the_input_reads_bytes_and_lines"));

    /// Reading all lines gives them one after the other.
    LINES_LIST = 48, "input-lines-list", Host, Impossible(Type("the_input_reads_bytes_and_lines"));

    /// Each of them is bytes.
    LINES_BYTES = 49, "input-lines-bytes", Host,
        Impossible(Type("the_input_reads_bytes_and_lines"));

    /// An application does not close the input.
    NOT_CLOSED = 50, "input-not-closed", App, Impossible(Mistake("closing"));

    /// The error log is given bytes, and each line of them is one entry.
    ERRORS_BYTES = 51, "errors-bytes", App, Impossible(Type("the_error_log_takes_bytes"));

    /// An application does not close the error log.
    ERRORS_NOT_CLOSED = 52, "errors-not-closed", App, Impossible(Mistake("closing"));

    /// The end of the input is the end of the request's body, whatever the connection does; no
    /// read waits beyond it.
    END = 84, "input-end", Host,
        Held("tests/http.rs: a_connection_stays_open_between_requests");

    /// The input has one owner: the first who reads has it, also across layers, and another one is
    /// told so. A layer that needs it for itself gives the inside a body of its own.
    ONE_OWNER = 85, "input-one-owner", Host,
        Held("plugin-api/tests/shape/layers.rs: the_request_body_has_one_owner");

    /// A client that asks first whether to send a body is told to continue when somebody reads.
    CONTINUE = 86, "input-continue", Host,
        Held("tests/http.rs: a_client_that_asks_first_is_told_to_continue");

    /// A body that is larger than the host allows ends with an error that becomes a 413.
    LIMIT = 87, "input-limit", Host, Held("tests/limits.rs: a_body_has_16_mib");
}
