//! The life of an application through its table: init, state from and for others, drain, resume,
//! shutdown, drop, and the host's log from the first to the last of them.
//!
//! The panic hook belongs to the process, so this is a test program of its own, and one test.
#![allow(unsafe_code, reason = "the host's side of the table is played here")]

use std::ffi::c_void;
use std::panic;
use std::sync::Mutex;
use std::time::Duration;

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{self, Init, Instance, handover, previous, purpose};
use dsgi::abi::leaf::{Bytes, Str};
use dsgi::abi::object::HostTable;
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::bytes::{SharedBytes, read_fault};
use dsgi::export::{AsyncType, SyncType, report, table};
use dsgi::{
    Application, AsyncApplication, Body, Environ, Error, Handover, Purpose, StartResponse, State,
};

/// What happened, in order: calls of the application, and lines of the host's log.
static EVENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn event(text: impl Into<String>) {
    EVENTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(text.into());
}

fn events() -> Vec<String> {
    std::mem::take(&mut EVENTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

#[derive(serde::Deserialize)]
struct Config {
    mood: String,
}

struct Shop {
    mood: String,
}

impl Shop {
    fn new(config: Config, purpose: Purpose) -> dsgi::Result<Self> {
        match config.mood.as_str() {
            "closed" => Err(Error::status(503, "closed for today")),
            "panic" => panic!("no shop"),
            _ => {
                event(format!("init {purpose:?} {:?}", dsgi::purpose()));
                Ok(Self { mood: config.mood })
            }
        }
    }

    fn step(&self, step: &str) {
        event(step);
        assert!(self.mood != "grim", "grim {step}");
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.step("drop");
    }
}

impl Application for Shop {
    type Config = Config;

    fn init(config: Config, purpose: Purpose) -> dsgi::Result<Self> {
        Self::new(config, purpose)
    }

    fn call(&self, _: Environ, _: StartResponse) -> dsgi::Result<Body> {
        Ok(Body::empty())
    }

    fn drain(&self, deadline: Duration) {
        self.step(&format!("drain {deadline:?}"));
    }

    fn resume(&self) {
        self.step("resume");
    }

    fn export_state(&self) -> dsgi::Result<Option<State>> {
        self.step("export");
        match self.mood.as_str() {
            "empty" => Ok(None),
            "locked" => Err(Error::new("the index is locked")),
            mood => Ok(Some(State::new(3, mood))),
        }
    }

    fn import_state(&self, state: &State, handover: Handover) -> dsgi::Result<()> {
        let text = std::str::from_utf8(state.bytes())?;
        self.step(&format!("import {} {text} {handover:?}", state.format()));
        if state.format() == 3 { Ok(()) } else { Err(Error::new("another format")) }
    }

    fn shutdown(&self) {
        self.step("shutdown");
    }
}

/// The same type by the other door.
struct Later(Shop);

impl AsyncApplication for Later {
    type Config = Config;

    fn init(config: Config, purpose: Purpose) -> dsgi::Result<Self> {
        Shop::new(config, purpose).map(Self)
    }

    async fn call(&self, _: Environ, _: StartResponse) -> dsgi::Result<Body> {
        Ok(Body::empty())
    }

    fn drain(&self, deadline: Duration) {
        self.0.drain(deadline);
    }

    fn resume(&self) {
        self.0.resume();
    }

    fn export_state(&self) -> dsgi::Result<Option<State>> {
        self.0.export_state()
    }

    fn import_state(&self, state: &State, handover: Handover) -> dsgi::Result<()> {
        self.0.import_state(state, handover)
    }

    fn shutdown(&self) {
        self.0.shutdown();
    }
}

unsafe extern "C" fn log(generation: u64, level: u32, target: Str, text: Str) {
    // SAFETY: both are lent for this call.
    let (target, text) = unsafe { (target.bytes(), text.bytes()) };
    let first = String::from_utf8_lossy(text).lines().next().unwrap_or_default().to_owned();
    // The place is where this file has a line, and changes with it.
    let text = match (first.split_once(" at "), first.split_once(": ")) {
        (Some((before, _)), Some((_, after))) => format!("{before} somewhere: {after}"),
        _ => first,
    };
    event(format!("log {generation} {level} {}: {text}", String::from_utf8_lossy(target)));
}

fn init(table: &AppTable, config: &str) -> Result<*mut c_void, (u16, String)> {
    let host = HostTable { log: Some(log), ..HostTable::absent() };
    let init = Init {
        abi: ABI,
        purpose: purpose::SERVE,
        previous: previous::RUNNING,
        generation: 3,
        config: Str::lend(config.as_bytes()),
        host: In::lend(&host),
        ..Init::absent()
    };
    let mut instance = Instance::absent();
    // SAFETY: both structs are lent.
    let answer =
        unsafe { table.init.expect("a mandatory slot")(In::lend(&init), Out::lend(&mut instance)) };
    match answer {
        answer::READY => Ok(instance.app),
        // SAFETY: ownership came with the answer.
        answer::ERROR => Err(told(unsafe { read_fault(instance.fault) })),
        other => panic!("the answer {other}"),
    }
}

/// What an application exports, as the host sees it.
fn export(table: &AppTable, app: *mut c_void) -> Result<(u32, String), String> {
    let mut state = grown::State { handover: handover::SNAPSHOT, ..grown::State::absent() };
    // SAFETY: the application lives, and the struct is lent.
    match unsafe { table.export_state.expect("a slot")(app, Out::lend(&mut state)) } {
        answer::READY => {
            // SAFETY: ownership came with the answer.
            let bytes = unsafe { SharedBytes::from_raw(state.bytes) };
            Ok((state.format, String::from_utf8_lossy(&bytes).into_owned()))
        }
        // SAFETY: ownership came with the answer.
        answer::ERROR => Err(unsafe { read_fault(state.fault) }.message),
        other => Err(format!("the answer {other}")),
    }
}

/// Lends an application the state of another one.
fn import(table: &AppTable, app: *mut c_void, format: u32, how: u32) -> Result<(), String> {
    let bytes = Bytes::constant(b"calm");
    let mut state = grown::State { format, handover: how, bytes, ..grown::State::absent() };
    // SAFETY: the application lives, and the struct is lent.
    match unsafe { table.import_state.expect("a slot")(app, Out::lend(&mut state)) } {
        answer::READY => Ok(()),
        // SAFETY: ownership came with the answer.
        answer::ERROR => Err(unsafe { read_fault(state.fault) }.message),
        other => Err(format!("the answer {other}")),
    }
}

fn hand_over(table: &AppTable) {
    let told = |result: &str| result.to_owned();
    let made = |mood: &str| init(table, &format!(r#"{{"mood": "{mood}"}}"#)).expect("it starts");
    for (mood, exported) in [
        ("calm", Ok((3, told("calm")))),
        ("empty", Err(format!("the answer {}", answer::UNSUPPORTED))),
        ("locked", Err(told("the index is locked"))),
        ("grim", Err(told("panicked: grim export"))),
    ] {
        let app = made(mood);
        events();
        assert_eq!(export(table, app), exported);
        let panics = ["export".to_owned(), "log 3 1 dsgi: panicked somewhere: grim export".into()];
        assert_eq!(events(), panics[..1 + usize::from(mood == "grim")]);
        let imported = import(table, app, 3, handover::SNAPSHOT);
        if mood == "grim" {
            assert_eq!(imported, Err(told("panicked: grim import 3 calm Snapshot")));
        } else {
            assert_eq!(imported, Ok(()));
            assert_eq!(import(table, app, 4, handover::FINAL), Err(told("another format")));
            assert_eq!(events(), ["import 3 calm Snapshot", "import 4 calm Final"]);
        }
        // SAFETY: just made.
        unsafe { table.drop.expect("a slot")(app) };
        events();
    }
}

fn live(table: &AppTable, mood: &str) -> Vec<String> {
    let app = init(table, &format!(r#"{{"mood": "{mood}"}}"#)).expect("it starts");
    // SAFETY: just made; given up by the last call.
    unsafe {
        table.drain.expect("a slot")(app, 1_500);
        table.resume.expect("a slot")(app);
        table.shutdown.expect("a slot")(app);
        table.drop.expect("a slot")(app);
    }
    report("after the end");
    events()
}

#[test]
fn an_application_lives_through_its_table() {
    let tables =
        [table::<SyncType<Shop>>(std::ptr::null()), table::<AsyncType<Later>>(std::ptr::null())];
    for table in tables {
        hand_over(&table);
        let begins = "init Serve(Running) Serve(Running)";
        let calm = [begins, "drain 1.5s", "resume", "shutdown", "drop"];
        assert_eq!(live(&table, "calm"), calm);

        // A panic in any step is told twice: with its place, and with the step; work goes on.
        let told = |step: &str, name: &str| {
            [
                step.to_owned(),
                format!("log 3 1 dsgi: panicked somewhere: grim {step}"),
                format!("log 3 1 dsgi: panicked in {name}: grim {step}"),
            ]
        };
        let mut grim = vec![begins.to_owned()];
        grim.extend(told("drain 1.5s", "drain"));
        grim.extend(told("resume", "resume"));
        grim.extend(told("shutdown", "shutdown"));
        grim.extend(told("drop", "drop"));
        assert_eq!(live(&table, "grim"), grim);

        let refused = |config: &str| init(&table, config).map(|_| ()).unwrap_err();
        assert_eq!(refused(r#"{"mood": "closed"}"#), (503, "closed for today".to_owned()));
        assert_eq!(refused("{}"), (500, "config: missing field `mood`".to_owned()));
        assert_eq!(events(), Vec::<String>::new());
        assert_eq!(refused(r#"{"mood": "panic"}"#), (500, "panicked: no shop".to_owned()));
        assert_eq!(events(), ["log 3 1 dsgi: panicked somewhere: no shop"]);
        // Nothing was made, so nothing of the library is left in the process.
        report("after a failed init");
        drop(panic::catch_unwind(|| panic!("nobody's")));
        assert_eq!(events(), Vec::<String>::new());
    }
}

fn told(failure: dsgi::bridge::bytes::Failure) -> (u16, String) {
    (failure.status, failure.message)
}
