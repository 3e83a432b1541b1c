//! An application that keeps the numbers it is told in memory, and hands them over: `POST /7`
//! writes 7 once the request's body has ended, `GET /` lists what is written. A test makes other
//! versions by another character at the end of a mark.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use dsgi::{Body, Error, Handover, StartResponse, State};

static VERSION: [u8; 23] = *b"which version this is:a";
/// The last byte is the number of the format.
static FORMAT: [u8; 21] = *b"format of its state:1";

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    export: Fault,
    /// Of a snapshot, and of a last state.
    import: Fault,
    merge: Fault,
    /// A file: what hangs, hangs until it exists.
    release: PathBuf,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    #[default]
    None,
    Error,
    Panic,
    Hang,
    /// More than the host takes.
    Huge,
}

pub(crate) struct Ledger {
    written: Mutex<BTreeSet<u32>>,
    config: Config,
}

impl Ledger {
    pub(crate) fn new(config: Config) -> Self {
        // Two versions are two files.
        black_box(&VERSION);
        Self { written: Mutex::default(), config }
    }

    pub(crate) fn answer(&self, path: &str, start_response: &StartResponse) -> dsgi::Result<Body> {
        let body = match path {
            "" | "/" => self.lines(),
            "/panic" => panic!("as it was told"),
            number => {
                self.lock().insert(number[1..].parse()?);
                String::from("written\n")
            }
        };
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        Ok(Body::from(body))
    }

    /// Nothing is no state.
    pub(crate) fn export(&self) -> dsgi::Result<Option<State>> {
        self.fail(self.config.export)?;
        let lines = match self.config.export {
            Fault::Huge => "1\n".repeat(40 * 1024 * 1024),
            _ => self.lines(),
        };
        // Nobody may listen any more.
        let _ = std::io::stderr().write_all(b"app: exported\n");
        let format = u32::from(black_box(&FORMAT)[FORMAT.len() - 1] - b'0');
        Ok((!lines.is_empty()).then(|| State::new(format, lines)))
    }

    pub(crate) fn import(&self, state: &State, handover: Handover) -> dsgi::Result<()> {
        self.fail(match handover {
            Handover::Snapshot => self.config.import,
            Handover::Final => self.config.merge,
        })?;
        if state.format() != u32::from(black_box(&FORMAT)[FORMAT.len() - 1] - b'0') {
            return Err(Error::new(format!("format {} is not known", state.format())));
        }
        let numbers = std::str::from_utf8(state.bytes())?.lines().map(str::parse);
        let numbers: Vec<u32> = numbers.collect::<Result<_, _>>()?;
        self.lock().extend(numbers);
        Ok(())
    }

    fn fail(&self, fault: Fault) -> dsgi::Result<()> {
        match fault {
            Fault::None | Fault::Huge => Ok(()),
            Fault::Error => Err(Error::new("the ledger is locked")),
            Fault::Panic => panic!("no ledger"),
            Fault::Hang => {
                while !self.config.release.exists() {
                    sleep(Duration::from_millis(1));
                }
                Ok(())
            }
        }
    }

    fn lines(&self) -> String {
        self.lock().iter().map(|number| format!("{number}\n")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
