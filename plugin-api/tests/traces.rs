//! What a library tells by `tracing` and `log`, to a host whose filter changes while it is there,
//! as that of a program that has a log of its own.
//!
//! Subscriber and logger belong to the process, so this is a test program of its own, and one test.
#![cfg(feature = "tracing")]
#![allow(unsafe_code, reason = "the host's side of the table is played here")]

use std::ffi::c_void;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{Init, Instance, previous, purpose};
use dsgi::abi::leaf::Str;
use dsgi::abi::object::{HostTable, interest, level};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::abi::{ABI, answer};
use dsgi::export::{SyncType, table};
use dsgi::{Application, Body, Environ, Purpose, StartResponse};

/// The most verbose level that the host writes now.
static MOST: AtomicU32 = AtomicU32::new(level::INFO);
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// How often a field was written out.
static WRITTEN: AtomicU32 = AtomicU32::new(0);

struct Teller;

impl Application for Teller {
    type Config = ();

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        tell("from the constructor");
        Ok(Self)
    }

    fn call(&self, _: Environ, _: StartResponse) -> dsgi::Result<Body> {
        Ok(Body::empty())
    }
}

/// One place in the code, which is asked about again and again.
fn tell(when: &str) {
    let _span = tracing::info_span!("outer", when).entered();
    tracing::debug!(value = ?Costly, "told");
    log::debug!("recorded {when}");
}

struct Costly;

impl fmt::Debug for Costly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
        f.write_str("Costly")
    }
}

unsafe extern "C" fn log(generation: u64, level: u32, target: Str, text: Str) {
    // SAFETY: both are lent for this call.
    let [target, text] = unsafe { [target.bytes(), text.bytes()] }.map(String::from_utf8_lossy);
    LINES
        .lock()
        .expect("nobody panics with it")
        .push(format!("{generation} {level} {target}: {text}"));
}

unsafe extern "C" fn enabled(_: u64, level: u32, target: Str) -> u32 {
    // SAFETY: lent for this call.
    let target = unsafe { target.bytes() };
    match level {
        level::TRACE => interest::NEVER,
        level if level <= MOST.load(Ordering::Relaxed) && target != b"quiet" => interest::NOW,
        _ => interest::NOT_NOW,
    }
}

fn lines() -> Vec<String> {
    std::mem::take(&mut LINES.lock().expect("nobody panics with it"))
}

fn init(table: &AppTable) -> *mut c_void {
    let host = HostTable { log: Some(log), enabled: Some(enabled), ..HostTable::absent() };
    let init = Init {
        abi: ABI,
        purpose: purpose::SERVE,
        previous: previous::NONE,
        generation: 7,
        host: In::lend(&host),
        ..Init::absent()
    };
    let mut instance = Instance::absent();
    // SAFETY: both structs are lent.
    let answer =
        unsafe { table.init.expect("a mandatory slot")(In::lend(&init), Out::lend(&mut instance)) };
    assert_eq!(answer, answer::READY);
    instance.app
}

#[test]
fn a_filter_that_changes_is_asked_each_time() {
    MOST.store(level::DEBUG, Ordering::Relaxed);
    let table = table::<SyncType<Teller>>(std::ptr::null());
    let app = init(&table);
    let told = |when: &str| format!("7 4 traces: outer{{when=\"{when}\"}}: told value=Costly");
    // There is no logger yet: the constructor may bring its own.
    assert_eq!(lines(), [told("from the constructor")]);
    tell("now");
    assert_eq!(lines(), [told("now"), "7 4 traces: recorded now".to_owned()]);
    let written = WRITTEN.load(Ordering::Relaxed);

    MOST.store(level::INFO, Ordering::Relaxed);
    tell("not now");
    tracing::trace!(value = ?Costly, "never");
    assert_eq!((lines(), WRITTEN.load(Ordering::Relaxed)), (vec![], written));
    tracing::info!(target: "quiet", value = ?Costly, "not this");
    log::info!(target: "quiet", "nor this: {Costly:?}");
    assert_eq!((lines(), WRITTEN.load(Ordering::Relaxed)), (vec![], written));

    MOST.store(level::DEBUG, Ordering::Relaxed);
    tell("again");
    assert_eq!(lines(), [told("again"), "7 4 traces: recorded again".to_owned()]);

    // SAFETY: made above.
    unsafe { table.drop.expect("a slot")(app) };
    tell("after its end");
    assert_eq!((lines(), WRITTEN.load(Ordering::Relaxed)), (vec![], written + 1));
}
