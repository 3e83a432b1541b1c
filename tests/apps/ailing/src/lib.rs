//! The hello with a fault: where it fails, and how, is a text in its bytes, which the bench
//! replaces in a copy of the file.
#![allow(unsafe_code, reason = "one of the faults is a write to nowhere")]

use std::hint::black_box;

use dsgi::{Application, Body, Environ, Error, Purpose, StartResponse};

static FAULT: [u8; 16] = *b"fault:none      ";

struct Ailing {
    call: Call,
}

/// What a call does.
enum Call {
    Answers,
    Panics,
    Crashes,
}

impl Application for Ailing {
    type Config = ();

    fn init((): (), purpose: Purpose) -> dsgi::Result<Self> {
        let call = match black_box(&FAULT).trim_ascii_end() {
            b"fault:init error" => return Err(Error::new("the index is locked")),
            b"fault:init crash" => crash(),
            b"fault:call panic" => Call::Panics,
            b"fault:call crash" => Call::Crashes,
            // What no probe can see, because it is another request or another place that fails.
            b"fault:late panic" if purpose != Purpose::Probe => Call::Panics,
            b"fault:late crash" if purpose != Purpose::Probe => Call::Crashes,
            _ => Call::Answers,
        };
        Ok(Self { call })
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        match self.call {
            Call::Answers => {}
            Call::Panics => panic!("the index is locked"),
            Call::Crashes => crash(),
        }
        start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
        Ok(Body::from("I'm a DSGI application.\n"))
    }
}

dsgi::app!(type Ailing, non_blocking, name = "ailing", probe = "/");

fn crash() -> ! {
    // SAFETY: none; nothing is mapped there, so the process ends here.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
    unreachable!("the process has ended")
}
