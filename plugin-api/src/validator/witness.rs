//! Who is told what is broken within one exchange, and says so once for each rule.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Mode;
use crate::Error;
use crate::abi::app::kind;
use crate::abi::object::level;
use crate::bridge::exchange::{Handle, Text};
use crate::bridge::watched::{Misuse, Told};
use crate::export::report;
use crate::rules::{AFTER_CLOSE, Breach, Keeper, ONCE, ONE_USER, Severity};

/// The witness of one exchange.
#[derive(Debug)]
pub(super) struct Witness {
    mode: Mode,
    /// The exchange, as long as its response goes on.
    handle: Mutex<Option<Handle>>,
    outwards: String,
    inwards: String,
    /// Numbers of the rules that were told.
    told: Mutex<Vec<u16>>,
}

impl Witness {
    pub(super) fn new(mode: Mode, handle: &Handle) -> Self {
        let host = || format!("host {}", String::from_utf8_lossy(handle.text(Text::Software)));
        let outwards = handle.member(-1).map_or_else(host, named);
        let inwards = handle.member(1).map_or_else(|| String::from("application"), named);
        let (handle, told) = (Mutex::new(handle.duplicate()), Mutex::default());
        Self { mode, handle, outwards, inwards, told }
    }

    /// Tells what is broken; the error that stands for it where the validator enforces.
    pub(super) fn tell(&self, breaches: Vec<Breach>) -> Option<Error> {
        let mut refused = None;
        for breach in breaches {
            self.tell_once(&breach);
            let enforced =
                self.mode == Mode::Enforce && breach.rule.severity() == Some(Severity::Error);
            if enforced && refused.is_none() {
                let text = format!("refused by the validator: {}: {}", breach.rule.id, breach.saw);
                refused = Some(Error::new(text));
            }
        }
        refused
    }

    /// The response is over: the exchange is given up.
    pub(super) fn leave(&self) {
        let handle = lock(&self.handle).take();
        drop(handle);
    }

    fn tell_once(&self, breach: &Breach) {
        let mut told = lock(&self.told);
        if told.contains(&breach.rule.number) {
            return;
        }
        told.push(breach.rule.number);
        drop(told);
        let by = match breach.rule.keeper {
            Keeper::App => &self.inwards,
            Keeper::Host | Keeper::Layer => &self.outwards,
        };
        let line = line(breach, by.trim_end());
        let level = match breach.rule.severity() {
            Some(Severity::Warning) => level::WARN,
            Some(Severity::Error) | None => level::ERROR,
        };
        match &*lock(&self.handle) {
            Some(handle) => handle.log(level, &line),
            None => report(&line),
        }
    }
}

/// How a body was misused may come out after its end.
impl Told for std::sync::Arc<Witness> {
    fn misused(&self, misuse: Misuse) {
        let breach = match misuse {
            Misuse::ClosedTwice => Breach::of(&ONCE, "one more close"),
            Misuse::PolledAfterClose => Breach::of(&AFTER_CLOSE, "one more poll"),
            Misuse::TwoUsers => Breach::of(&ONE_USER, "two at once"),
        };
        self.tell_once(&breach);
    }
}

/// A member of the stack, as a line of the log calls it.
fn named((kind, name): (u32, String)) -> String {
    let kind = if kind == kind::LAYER { "layer" } else { "application" };
    format!("{kind} {name}")
}

/// The line of the log.
pub(super) fn line(breach: &Breach, by: &str) -> String {
    let (id, says) = (breach.rule.id, breach.rule.sentence());
    format!("validator: {id} broken by {by}: saw {}, the rule says \"{says}\"", breach.saw)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
