//! An application whose `init` does what its config says, so that one library shows every way in
//! which a start can fail: `--set init.fault=panic`.
#![allow(unsafe_code, reason = "one of the faults is a write to nowhere")]

use std::process;
use std::thread;

use dsgi::{Application, Body, Environ, Error, Purpose, StartResponse};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    fault: Option<Fault>,
    /// Where the fault shows: in the probe and then in the serving process, or only there.
    #[serde(default)]
    place: Place,
    /// What `error` says, and what a started application answers.
    #[serde(default)]
    text: String,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    Error,
    Panic,
    Abort,
    Crash,
    Exit,
    Hang,
}

#[derive(Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    #[default]
    Everywhere,
    Serve,
}

struct App {
    text: String,
}

impl Application for App {
    type Config = Config;

    fn init(config: Config, purpose: Purpose) -> dsgi::Result<Self> {
        let shows = config.place == Place::Everywhere || purpose != Purpose::Probe;
        match config.fault.filter(|_| shows) {
            Some(fault) => Err(fail(fault, config.text)),
            None => Ok(Self { text: config.text }),
        }
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
        Ok(Body::from(self.text.clone()))
    }
}

dsgi::app!(type App, name = "init");

fn fail(fault: Fault, text: String) -> Error {
    match fault {
        Fault::Error => Error::new(text),
        Fault::Panic => panic!("{text}"),
        Fault::Abort => process::abort(),
        // SAFETY: none; nothing is mapped there, so the process ends here.
        Fault::Crash => unsafe {
            std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
            Error::new("still here")
        },
        #[allow(clippy::exit, reason = "this is the fault")]
        Fault::Exit => process::exit(3),
        Fault::Hang => loop {
            thread::park();
        },
    }
}
