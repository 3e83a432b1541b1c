//! An application of which only one version may run at a time, and that finds out when two do: each
//! locks the same file. Files of its folder, named after its version, make it misbehave; it writes
//! down there what it was told.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use dsgi::{Application, Body, Environ, Error, Purpose, StartResponse};

#[path = "../../two/src/app.rs"]
mod two;

#[derive(serde::Deserialize)]
struct Config {
    folder: PathBuf,
}

struct Alone {
    folder: PathBuf,
    /// Of the locked file; none when another one has it.
    lock: Option<File>,
}

impl Application for Alone {
    type Config = Config;

    fn init(Config { folder }: Config, purpose: Purpose) -> dsgi::Result<Self> {
        let mut alone = Self { folder, lock: None };
        alone.note(if purpose == Purpose::Probe { "probe" } else { "init" });
        match alone.asked("init").as_deref() {
            Some("error") => return Err(Error::new("the index is locked")),
            Some("panic") => panic!("no index"),
            Some("hang") => {
                alone.wait("init");
                return Err(Error::new("too late"));
            }
            Some("wait") => alone.wait("init"),
            _ => {}
        }
        if alone.asked("lock").is_some() {
            return Err(Error::new("no lock"));
        }
        let lock = File::create(alone.folder.join("lock"))?;
        if lock.try_lock().is_ok() {
            alone.lock = Some(lock);
        }
        alone.note(if alone.lock.is_some() { "begin" } else { "second" });
        if alone.asked("stay").is_some() {
            let file = alone.file("stay");
            let stay = move || {
                while file.exists() {
                    thread::sleep(PAUSE);
                }
            };
            thread::Builder::new().name(String::from("stays")).spawn(stay)?;
        }
        Ok(alone)
    }

    fn call(&self, mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        if self.lock.is_none() {
            return Err(Error::new("two at once"));
        }
        assert!(self.asked("panic").is_none(), "as asked for");
        let path = environ["PATH_INFO"].to_owned();
        if path == "/wait" {
            self.note("waits");
            self.wait("call");
        }
        let mut received = 0;
        while let Some(block) = environ.input().block()? {
            received += block.bytes().len();
        }
        two::answer(&path, received, &start_response)
    }

    fn drain(&self, _: Duration) {
        self.note("drain");
        self.wait("drain");
    }

    fn resume(&self) {
        self.note("resume");
    }

    fn shutdown(&self) {
        self.note("shutdown");
        self.wait("shutdown");
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // One that did not start has nothing to end.
        if self.lock.is_some() {
            self.note("end");
        }
    }
}

const PAUSE: Duration = Duration::from_millis(1);

impl Alone {
    fn file(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{what}-{}", char::from(two::version())))
    }

    /// What a test wants of this version.
    fn asked(&self, what: &str) -> Option<String> {
        fs::read_to_string(self.file(what)).ok()
    }

    /// Waits as long as a test wants it to.
    fn wait(&self, what: &str) {
        while self.file(what).exists() {
            thread::sleep(PAUSE);
        }
    }

    fn note(&self, what: &str) {
        let journal =
            OpenOptions::new().create(true).append(true).open(self.folder.join("journal"));
        let line = format!("{what} {}\n", char::from(two::version()));
        // A test that reads it misses the line.
        let _ = journal.and_then(|mut journal| journal.write_all(line.as_bytes()));
    }
}

dsgi::app!(type Alone, exclusive, name = "alone");
