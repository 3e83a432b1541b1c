//! One request for each process: `host cgi FILE` under any CGI server, and [`run`] for a program
//! of one's own.
//!
//! Nothing of a host that serves is here: no copy of the library, no child that tries it, no state,
//! no socket. Invariant: what a client may write, which is its target and its fields, never decides
//! which file is opened; a server may hand a query over as arguments (RFC 3875 4.4).

mod asked;
mod in_place;
mod script;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::ControlFlow;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsgi::export::{Function, link};
use tokio::runtime::Builder;

pub(crate) use self::asked::{Asked, asked};
use self::in_place::InPlace;
pub(crate) use self::script::{ScriptError, library_of};
use crate::failure::Failure;
use crate::gateway::cgi;
use crate::invoke::place;
use crate::limits::Limits;
use crate::plan::{Mount, Place, Plan};
use crate::platform::process::{Report, forget_variable, standard_input};
use crate::plugin::generation::Generation;
use crate::pool::desk::Desk;
use crate::server::ServeError;
use crate::tenure::{DebugHeaders, Tenure};
use crate::{clock, path, platform, shutdown, site};

/// Answers the one request that a CGI server has started this process for, as in
/// `wsgiref.handlers.CGIHandler`.
///
/// Whatever else the program prints goes to standard error from now on. Call it first: where
/// threads run already, `HTTP_PROXY` stays among the variables of the process, which a client can
/// set and other code may believe (the application does not see it).
///
/// # Errors
/// When the system refuses a thread or takes no output, or the application fails within its body.
///
/// ```no_run
/// use dsgi::{Environ, StartResponse};
///
/// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(["one request\n"])
/// }
///
/// fn main() -> Result<(), dsgi_host::ServeError> {
///     dsgi_host::cgi::run(app)
/// }
/// ```
pub fn run<F, M>(app: F) -> Result<(), ServeError>
where
    F: Function<M>,
    M: 'static,
{
    let output = Report::take()?;
    let limits = Arc::new(one_request(Limits::default()));
    let generation = Generation::linked(&link(app)).ok_or(ServeError::Application)?;
    let tenure = Tenure::open(Arc::new(generation), DebugHeaders::Hidden, &limits)?;
    let (name, variables) = (tenure.name().to_owned(), variables());
    let mount = Mount { host: None, path: mount_of(&variables), layers: Vec::new(), app: name };
    let places = BTreeMap::from([(mount.app.clone(), Place::Serving(Arc::clone(&tenure)))]);
    let mut plan = Plan::default();
    plan.rearrange(vec![mount], places)?;
    serve(&plan, &[tenure], variables, &limits, output)
}

/// The program as a CGI script: answers, and ends the process.
pub(crate) fn run_program(asked: &Asked) -> ExitCode {
    forget_variable("HTTP_PROXY");
    let failure = match Report::take() {
        Ok(output) => match program(asked, output) {
            Ok(()) => platform::end(0),
            Err(failure) => failure,
        },
        Err(error) => error.into(),
    };
    eprintln!("{failure}");
    failure.code()
}

fn program(asked: &Asked, mut output: Report) -> Result<(), Failure> {
    let variables = variables();
    let started = in_place::start(asked, || mount_of(&variables));
    let InPlace { plan, tenures, limits } = match started {
        Ok(started) => started,
        Err(failure) => {
            output.bytes(NOT_STARTED.as_bytes())?;
            return Err(failure);
        }
    };
    Ok(serve(&plan, &tenures, variables, &limits, output)?)
}

/// What a client is told where nothing answers; the error log is told why.
const NOT_STARTED: &str = "Status: 500 Internal Server Error\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\n500 Internal Server Error\n";

/// Answers, and lets the applications end. This thread is a core from now on.
fn serve(
    plan: &Plan,
    tenures: &[Arc<Tenure>],
    variables: Vec<(Bytes, Bytes)>,
    limits: &Arc<Limits>,
    mut output: Report,
) -> Result<(), ServeError> {
    site::install(plan.for_core(0));
    let _pulse = place::become_core();
    let runtime = Builder::new_current_thread().build()?;
    runtime.spawn(Desk::open());
    let input = standard_input()?;
    let write = |bytes: &[u8]| output.bytes(bytes);
    let served = runtime.block_on(ticking(cgi::serve(variables, input, limits, write)));
    // The server has all of it, and need not wait for the end of the application.
    drop(output);
    let (tenures, until) = (tenures.to_vec(), Instant::now() + limits.drain_timeout);
    shutdown::within(until, move || {
        // The body is closed by a thread of a pool. Who does not come to rest is not told either.
        let quiet = |tenure: &&Arc<Tenure>| tenure.quiet(until).is_ok();
        for tenure in tenures.iter().take_while(quiet) {
            tenure.generation().drain(Duration::ZERO);
            tenure.generation().shutdown();
        }
    });
    served?.wait(limits.goodbye_timeout);
    Ok(())
}

/// Starts the clock once something is waited for: most applications are done before.
async fn ticking<T>(serving: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let mut serving = pin!(serving);
    if let Poll::Ready(served) =
        poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await
    {
        return served;
    }
    clock::start(|| ControlFlow::Continue(()))?;
    serving.await
}

/// The environment, as bytes.
fn variables() -> Vec<(Bytes, Bytes)> {
    let bytes = |text: std::ffi::OsString| Bytes::from(text.into_encoded_bytes());
    std::env::vars_os().map(|(name, value)| (bytes(name), bytes(value))).collect()
}

/// Where the server has put the program, if the target that the client named leads there: another
/// target was rewritten, and then the application is at the root of what the client sees.
fn mount_of(variables: &[(Bytes, Bytes)]) -> String {
    let find = |wanted: &str| {
        // The last one counts, as for the request: nginx repeats what its `include` says as well.
        let found = variables.iter().rfind(|(name, _)| *name == *wanted.as_bytes());
        found.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default()
    };
    let script = find("SCRIPT_NAME").trim_end_matches('/');
    let target = match find("REQUEST_URI") {
        "" => return script.to_owned(),
        target => target.split('?').next().unwrap_or_default(),
    };
    let leads_there = path::mount_length(target, script).is_some();
    if leads_there { script.to_owned() } else { String::new() }
}

/// No more threads than one request can use.
fn one_request(limits: Limits) -> Limits {
    Limits { pool_threads: 1, ..limits }
}
