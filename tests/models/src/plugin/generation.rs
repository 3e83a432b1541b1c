//! A started library that knows what is done with it, and when.

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{self, PoisonError};
use std::time::Duration;

use loom::sync::atomic;
use loom::sync::atomic::Ordering;

use super::artifact::Artifact;
use super::inspect::Kind;
use super::library::Library;
use crate::explore::Problems;
use crate::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flavour {
    AsInside,
    NonBlocking,
    Async,
    Blocking,
}

impl Flavour {
    pub(crate) const fn returns(self) -> bool {
        matches!(self, Self::NonBlocking | Self::Blocking)
    }
}

/// What is mapped of a library. Whoever has this has a pointer that keeps nothing alive, as
/// pointers are.
#[derive(Debug, Default)]
pub(crate) struct Image {
    /// Calls that have not returned; loom's, so that other threads come in between.
    calls: atomic::AtomicUsize,
    // Notes of the model, which no thread of the host could see.
    ends: AtomicUsize,
    unmapped: AtomicUsize,
    problems: sync::Mutex<Problems>,
}

impl Image {
    /// Something runs that lies in the library.
    pub(crate) fn call(&self) {
        self.calls.fetch_add(1, Ordering::AcqRel);
        if self.ends() > 0 {
            self.problem("it was called after its end");
        }
        self.calls.fetch_sub(1, Ordering::AcqRel);
    }

    /// Its application ends.
    pub(crate) fn end(&self) {
        // The newest value, as a plain load need not be.
        if self.calls.fetch_add(0, Ordering::AcqRel) > 0 {
            self.problem("it has ended during a call");
        }
        self.ends.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unmap(&self) {
        if self.ends() == 0 {
            self.problem("it was unmapped before its end");
        }
        self.unmapped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ends(&self) -> usize {
        self.ends.load(Ordering::Relaxed)
    }

    pub(crate) fn unmapped(&self) -> usize {
        self.unmapped.load(Ordering::Relaxed)
    }

    /// Whether exactly one side gave it up: it has ended once.
    pub(crate) fn expect_gone(&self) {
        let ends = self.ends();
        if ends != 1 {
            self.problem(&format!("it has ended {ends} times"));
        }
    }

    pub(crate) fn expect_alive(&self) {
        if self.ends() != 0 {
            self.problem("it has ended while it is in use");
        }
    }

    pub(crate) fn problem(&self, what: &str) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    }

    pub(crate) fn problems(&self) -> Problems {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) struct Generation {
    number: u64,
    image: sync::Arc<Image>,
    code: Option<Code>,
}

#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) library: Library,
    pub(crate) artifact: Arc<Artifact>,
    pub(crate) layout: (),
}

impl Generation {
    pub(crate) fn new(number: u64) -> Self {
        let image = sync::Arc::new(Image::default());
        let library = Library(sync::Arc::clone(&image));
        let code = Some(Code { library, artifact: Arc::default(), layout: () });
        Self { number, image, code }
    }

    pub(crate) const fn image(&self) -> &sync::Arc<Image> {
        &self.image
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn name(&self) -> &str {
        "app"
    }

    pub(crate) const fn kind(&self) -> Kind {
        Kind::Application
    }

    pub(crate) const fn flavour(&self) -> Flavour {
        Flavour::NonBlocking
    }

    pub(crate) const fn code(&self) -> Option<&Code> {
        self.code.as_ref()
    }

    pub(crate) fn drain(&self, _deadline: Duration) {
        self.image.call();
    }

    pub(crate) fn shutdown(&self) {
        self.image.call();
    }

    pub(crate) fn into_code(mut self) -> Option<Code> {
        self.code.take()
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.image.end();
        }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({})", self.number)
    }
}
