//! One generation of an application: a started library, or code that is linked in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dsgi::abi::app::{self, untext};
use dsgi::export::Linked;

use super::application::Application;
use super::artifact::Artifact;
use super::inspect;
use super::library::Library;

/// A started application with everything it needs to stay callable.
pub(crate) struct Generation {
    number: u64,
    name: String,
    flavour: Flavour,
    // Drop order: the application, then its code, then the file the code was mapped from.
    application: Application,
    _library: Option<Library>,
    _artifact: Option<Artifact>,
}

/// Where calls of an application run. The order is from the least to the most blocking, and a stack
/// runs as its most blocking member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flavour {
    /// On the core, answering at once.
    NonBlocking,
    /// On the core, answering later.
    Async,
    /// On a pool of threads.
    Blocking,
}

impl Flavour {
    /// What a descriptor says.
    pub(crate) const fn of(flavour: inspect::Flavour) -> Self {
        match flavour {
            inspect::Flavour::NonBlocking => Self::NonBlocking,
            inspect::Flavour::Async => Self::Async,
            inspect::Flavour::Blocking => Self::Blocking,
        }
    }

    /// From the number in a descriptor; an unknown one is the one that is always safe.
    pub(crate) const fn from_raw(flavour: u32) -> Self {
        match flavour {
            app::flavour::NON_BLOCKING => Self::NonBlocking,
            app::flavour::ASYNC => Self::Async,
            _ => Self::Blocking,
        }
    }
}

impl Generation {
    /// The number for the next generation of this process.
    pub(crate) fn next_number() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Of a library that was opened and started.
    pub(crate) fn loaded(
        number: u64,
        name: String,
        flavour: Flavour,
        application: Application,
        (library, artifact): (Library, Artifact),
    ) -> Self {
        crate::log::name(number, &name);
        let (_library, _artifact) = (Some(library), Some(artifact));
        Self { number, name, flavour, application, _library, _artifact }
    }

    /// Of a library in the child of a probe: its calls run on the calling thread.
    pub(crate) fn probed(name: String, application: Application) -> Self {
        let (number, flavour) = (1, Flavour::NonBlocking);
        crate::log::name(number, &name);
        Self { number, name, flavour, application, _library: None, _artifact: None }
    }

    /// Of an application that is linked into this program.
    pub(crate) fn linked(linked: &Linked) -> Option<Self> {
        let number = Self::next_number();
        let name = untext(&linked.descriptor.name);
        crate::log::name(number, &name);
        let flavour = Flavour::from_raw(linked.descriptor.flavour);
        let application = Application::linked(linked)?;
        Some(Self { number, name, flavour, application, _library: None, _artifact: None })
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(crate) const fn application(&self) -> &Application {
        &self.application
    }

    /// Tells the application that no new requests will come.
    pub(crate) fn drain(&self, deadline: Duration) {
        self.application.drain(deadline);
    }

    /// Tells the application that nothing is at work any more.
    pub(crate) fn shutdown(&self) {
        self.application.shutdown();
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({} #{})", self.name, self.number)
    }
}
