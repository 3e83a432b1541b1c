//! What shows that a rule cannot be broken: each function compiles only while that is so.
//!
//! They are no tests of their own, because a rule must name each: see `kept`.

use std::ffi::c_void;
use std::fmt;
use std::io::{BufRead, Read, Write};

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{Head, Reply};
use dsgi::abi::leaf::{Bytes, Keep, Str};
use dsgi::abi::object::Exchange;
use dsgi::abi::pointer::Out;
use dsgi::{Application, AsyncApplication, Environ, Errors, HeaderList, Input, StartResponse};

/// Name and function of each.
pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_call_has_one_form", a_call_has_one_form),
    ("the_environ_is_one_type", the_environ_is_one_type),
    ("texts_of_a_request_are_always_there", texts_of_a_request_are_always_there),
    ("values_of_the_environ_are_bytes", values_of_the_environ_are_bytes),
    ("the_version_is_a_number", the_version_is_a_number),
    ("a_length_is_a_number", a_length_is_a_number),
    ("the_input_reads_bytes_and_lines", the_input_reads_bytes_and_lines),
    ("the_error_log_takes_bytes", the_error_log_takes_bytes),
    ("a_head_is_replaced_because_of_an_error", a_head_is_replaced_because_of_an_error),
    ("a_status_is_a_number", a_status_is_a_number),
    ("what_is_owned_brings_its_release", what_is_owned_brings_its_release),
    ("an_application_is_shared_between_threads", an_application_is_shared_between_threads),
];

/// The one function of the boundary that answers a request.
type Call = unsafe extern "C" fn(*mut c_void, *mut Exchange, Out<Reply>) -> u32;

fn a_call_has_one_form() {
    fn call(table: &AppTable) -> Option<Call> {
        table.call
    }
    let _ = call;
}

fn the_environ_is_one_type() {
    /// What an author is given, whatever the form.
    fn given<A: Application>(app: &A) -> impl Fn(Environ, StartResponse) + '_ {
        |environ, start_response| drop(app.call(environ, start_response))
    }
    fn is_sized<T: Sized + Send + 'static>() {}
    is_sized::<Environ>();
    let _ = given::<Nothing>;
}

fn texts_of_a_request_are_always_there() {
    fn texts(head: &Head) -> [Str; 4] {
        [head.method, head.script_name, head.path_info, head.query]
    }
    let _ = texts;
}

fn values_of_the_environ_are_bytes() {
    fn value(environ: &Environ) -> Option<&[u8]> {
        environ.get_bytes("PATH_INFO")
    }
    let _ = value;
}

fn the_version_is_a_number() {
    const VERSION: u32 = dsgi::abi::ABI;
    let _ = VERSION;
}

fn a_length_is_a_number() {
    fn length(environ: &Environ) -> Option<u64> {
        environ.content_length()
    }
    let _ = length;
}

fn the_input_reads_bytes_and_lines() {
    fn reads<T: Read + BufRead>() {}
    reads::<Input<'_>>();
    fn blocks(input: &mut Input<'_>) -> dsgi::Result<Option<dsgi::Chunk>> {
        input.block()
    }
    let _ = blocks;
}

fn the_error_log_takes_bytes() {
    fn writes<T: Write>() {}
    writes::<Errors<'_>>();
}

fn a_head_is_replaced_because_of_an_error() {
    fn replace(
        start_response: &StartResponse,
        error: &dyn fmt::Display,
        status: &str,
        fields: HeaderList<'_>,
    ) -> dsgi::Result<()> {
        start_response.replace(error, status, fields)
    }
    let _ = replace;
}

fn a_status_is_a_number() {
    fn status(reply: &Reply) -> u32 {
        reply.status
    }
    let _ = status;
}

fn what_is_owned_brings_its_release() {
    fn bytes(bytes: &Bytes) -> Option<unsafe extern "C" fn(*mut c_void)> {
        bytes.release
    }
    fn keep(keep: &Keep) -> Option<unsafe extern "C" fn(*mut c_void)> {
        keep.release
    }
    let _ = (bytes, keep);
}

fn an_application_is_shared_between_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    fn sync_form<A: Application>() {
        is_shared::<A>();
    }
    fn async_form<A: AsyncApplication>() {
        is_shared::<A>();
    }
    let _ = (sync_form::<Nothing>, async_form::<Nothing>);
}

/// An application of every form.
struct Nothing;

impl Application for Nothing {
    type Config = ();

    fn init((): (), _: dsgi::Purpose) -> dsgi::Result<Self> {
        Ok(Self)
    }

    fn call(&self, _: Environ, _: StartResponse) -> dsgi::Result<dsgi::Body> {
        Ok(dsgi::Body::empty())
    }
}

impl AsyncApplication for Nothing {
    type Config = ();

    fn init((): (), _: dsgi::Purpose) -> dsgi::Result<Self> {
        Ok(Self)
    }

    async fn call(&self, _: Environ, _: StartResponse) -> dsgi::Result<dsgi::Body> {
        Ok(dsgi::Body::empty())
    }
}
