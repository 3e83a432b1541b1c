//! One generation of an application: a started library, or code that is linked in.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use dsgi::abi::app::{self, untext};
use dsgi::export::Linked;

use super::alive::Running;
use super::application::Application;
use super::artifact::Artifact;
use super::inspect::{self, Kind};
use super::library::{Layout, Library};

/// A started application with everything it needs to stay callable.
pub(crate) struct Generation {
    number: u64,
    name: String,
    kind: Kind,
    flavour: Flavour,
    // Drop order: the application, then that it runs, then its code.
    application: Application,
    running: Option<Running>,
    code: Option<Code>,
    shut_down: Once,
}

/// The code of a generation that was loaded. Drop order: the code before the file it was mapped
/// from.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) library: Library,
    pub(crate) artifact: Arc<Artifact>,
    pub(crate) layout: Layout,
}

/// Where calls of an application run. The order is from the least to the most blocking, and a stack
/// runs as its most blocking member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flavour {
    /// Wherever what is inside runs: such a layer makes no difference to its stack.
    AsInside,
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
            inspect::Flavour::AsInside => Self::AsInside,
        }
    }

    /// Whether its calls come back with the answer of what is inside, which somebody waits for.
    pub(crate) const fn returns(self) -> bool {
        matches!(self, Self::NonBlocking | Self::Blocking)
    }

    /// From the number in a descriptor; an unknown one is the one that is always safe.
    pub(crate) const fn from_raw(flavour: u32) -> Self {
        match flavour {
            app::flavour::NON_BLOCKING => Self::NonBlocking,
            app::flavour::ASYNC => Self::Async,
            app::flavour::AS_INSIDE => Self::AsInside,
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
        (kind, flavour): (Kind, Flavour),
        application: Application,
        running: Running,
        code: Code,
    ) -> Self {
        crate::log::name(number, &name);
        let (running, code) = (Some(running), Some(code));
        let shut_down = Once::new();
        Self { number, name, kind, flavour, application, running, code, shut_down }
    }

    /// Of a library in the child of a probe: its calls run on the calling thread.
    pub(crate) fn probed(name: String, kind: Kind, application: Application) -> Self {
        let (number, flavour) = (1, Flavour::NonBlocking);
        crate::log::name(number, &name);
        let (running, code, shut_down) = (None, None, Once::new());
        Self { number, name, kind, flavour, application, running, code, shut_down }
    }

    /// Of what is part of this program and was started.
    pub(crate) fn of_program(
        number: u64,
        name: String,
        (kind, flavour): (Kind, Flavour),
        application: Application,
    ) -> Self {
        let (running, code, shut_down) = (None, None, Once::new());
        Self { number, name, kind, flavour, application, running, code, shut_down }
    }

    /// Of an application that is linked into this program.
    pub(crate) fn linked(linked: &Linked) -> Option<Self> {
        let (number, kind) = (Self::next_number(), Kind::Application);
        let name = untext(&linked.descriptor.name);
        crate::log::name(number, &name);
        let flavour = Flavour::from_raw(linked.descriptor.flavour);
        let application = Application::linked(linked)?;
        Some(Self::of_program(number, name, (kind, flavour), application))
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) const fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// What it was loaded from; none for code that is linked in.
    pub(crate) const fn code(&self) -> Option<&Code> {
        self.code.as_ref()
    }

    pub(crate) const fn application(&self) -> &Application {
        &self.application
    }

    /// Tells the application that no new requests will come.
    pub(crate) fn drain(&self, deadline: Duration) {
        self.application.drain(deadline);
    }

    /// Tells the application that requests will come again.
    pub(crate) fn resume(&self) {
        self.application.resume();
    }

    /// Drops the application; what is left is its code and the file that this was mapped from.
    pub(crate) fn into_code(self) -> Option<Code> {
        drop(self.application);
        drop(self.running);
        self.code
    }

    /// Tells the application, once, that nothing is at work any more.
    pub(crate) fn shutdown(&self) {
        self.shut_down.call_once(|| self.application.shutdown());
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({} #{})", self.name, self.number)
    }
}
