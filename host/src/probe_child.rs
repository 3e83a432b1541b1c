//! The child of a probe: goes as far with a library as it was told, and reports each step.
//!
//! Its standard output belongs to the report; what the library prints goes to standard error. It
//! ends without running anything that the library has left behind.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use dsgi::abi::grown::{previous, purpose};
use dsgi::export::link;
use dsgi::{Environ, StartResponse};
use http_body::Body;

use crate::invoke::answer::Wanted;
use crate::invoke::blocking;
use crate::invoke::body::ReplyBody;
use crate::invoke::exchange::{Mounted, begin};
use crate::invoke::place::Unpark;
use crate::lease::{Lease, Stack};
use crate::limits::Limits;
use crate::message::Origin;
use crate::platform;
use crate::platform::process::Report;
use crate::plugin::application::Start;
use crate::plugin::generation::Generation;
use crate::plugin::inspect::Kind;
use crate::plugin::library::{Layout, Library};
use crate::plugin::probe::{Depth, Line, Refusal, Step, Task};
use crate::plugin::unload::Owner;
use crate::tenure::{DebugHeaders, Tenure};

/// Runs the probe that standard input describes, and ends the process.
pub(crate) fn run() -> ! {
    // Who rotates log files may ask for it by the program's name, which is the child's too.
    platform::outlive_rotation();
    let code = match probe() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    };
    platform::end(code)
}

fn probe() -> io::Result<()> {
    // What this program opens does not get here; what whoever started it left open would.
    platform::close_inherited();
    // When the host dies, nobody would end a library that hangs.
    platform::process::end_with_parent()?;
    let mut report = Report::take()?;
    let task: Task = serde_json::from_reader(io::stdin().lock())?;
    // It may have died before that was said.
    if !platform::process::is_child_of(task.parent) {
        platform::end(1);
    }
    let line = match go(&task, &mut report)? {
        Ok(layout) => Line::Passed(layout),
        Err(refusal) => Line::Refused(refusal),
    };
    tell(&mut report, &line)
}

/// Goes as far as the task says; an inner error is the library's.
fn go(task: &Task, report: &mut Report) -> io::Result<Result<Layout, Refusal>> {
    tell(report, &Line::At(Step::Open))?;
    let owner = Owner { app: task.name.clone(), generation: 1 };
    let library = match Library::open(&task.file, owner) {
        Ok(library) => library,
        Err(error) => return Ok(Err(error.into())),
    };
    if task.depth == Depth::Open {
        return unmap(library, report).map(|()| Ok(Layout::Declared));
    }
    tell(report, &Line::At(Step::Layout))?;
    let layout = match library.prove().and_then(|layout| library.table().map(|_| layout)) {
        Ok(layout) => layout,
        Err(error) => return Ok(Err(error.into())),
    };
    if task.depth == Depth::Layout {
        return unmap(library, report).map(|()| Ok(layout));
    }
    tell(report, &Line::At(Step::Init))?;
    let (name, config) = (&*task.name, &*task.config);
    // Entries that the library writes in `init` come before there is a generation.
    crate::log::name(1, name);
    let start =
        Start { name, config, generation: 1, purpose: purpose::PROBE, previous: previous::NONE };
    let application = match library.start(start) {
        Ok(application) => application,
        Err(error) => return Ok(Err(error.into())),
    };
    let generation = Generation::probed(name.to_owned(), task.kind, application);
    let generation = Arc::new(generation);
    if let Depth::Request(path) = &task.depth {
        tell(report, &Line::At(Step::Request))?;
        if let Err(text) = request(path, &generation)? {
            return Ok(Err(text.into()));
        }
    }
    tell(report, &Line::At(Step::Shutdown))?;
    // The same end as in the serving process, so that what is wrong with it shows here.
    generation.drain(Duration::ZERO);
    generation.shutdown();
    drop(generation);
    unmap(library, report).map(|()| Ok(layout))
}

/// Takes the library away, where nothing keeps it: its destructors run here first. A damaged one
/// may pass everything else.
fn unmap(library: Library, report: &mut Report) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_millis(100);
    tell(report, &Line::At(Step::Unmap))?;
    // One that stays, for a thread of it that goes on, is no worse for that.
    let _ = library.close(Instant::now() + PATIENCE);
    Ok(())
}

fn tell(report: &mut Report, line: &Line) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    report.line(&line)
}

/// Asks for a path and reads the whole answer; a status below 500 passes.
fn request(path: &str, generation: &Arc<Generation>) -> io::Result<Result<(), String>> {
    let head = http::Request::get(path).header(http::header::HOST, "probe").body(());
    let Ok(head) = head else {
        return Ok(Err(format!("the path `{path}` that its descriptor names is none")));
    };
    let limits = Arc::new(Limits::default());
    let open = |generation| Tenure::open(generation, DebugHeaders::Hidden, &limits);
    let tried = open(Arc::clone(generation))?;
    let stack = match generation.kind() {
        Kind::Application => Stack::new(&tried, &[]),
        Kind::Layer => {
            let inside = Generation::linked(&link(inside)).ok_or(io::ErrorKind::Unsupported)?;
            Stack::new(&open(Arc::new(inside))?, &[tried])
        }
    };
    let origin = Arc::new(Origin::http(None, None));
    let mounted =
        Mounted { lease: Lease::share(&stack, 0), script_name: "".into(), script_length: 0 };
    let failed = |why: &str| Ok(Err(format!("GET {path} failed: {why}")));
    let exchange = begin!(head).exchange(|()| None, mounted, origin);
    match blocking::call(exchange, Wanted::All) {
        Err(error) => failed(&error.message),
        Ok(response) if response.status().is_server_error() => {
            failed(&format!("it answered {}", response.status()))
        }
        Ok(response) => match read(response.into_body()) {
            Ok(()) => Ok(Ok(())),
            Err(error) => failed(&error),
        },
    }
}

/// What a layer finds inside.
async fn inside(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["inside\n"])
}

fn read(mut body: ReplyBody) -> Result<(), String> {
    let waker = Unpark::this_thread();
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Pending => thread::park(),
            Poll::Ready(None) => return Ok(()),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => return Err(error.to_string()),
        }
    }
}
