//! A connection that an application takes over, between its response and its first byte.

use dsgi::bridge::body::Stream;
use dsgi::bridge::duplex::Duplex;
use dsgi::bridge::upgrade::{Upgrade, Upgraded};

use super::answer::Wanted;
use super::place;
use crate::lease::{Counted, Lease};

/// What the connection of a request goes on as.
#[derive(Debug)]
pub(crate) struct Switched {
    // Drop order: the library's upgrade before the lease on its code.
    upgrade: Upgrade,
    lease: Lease,
    protocol: Protocol,
    /// The request, which is in hand until the connection has ended.
    counted: Option<Counted>,
}

/// What is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    WebSocket,
    Other,
}

/// A connection that was handed over, and who is told its end.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) upgraded: Upgraded,
    pub(crate) end: Option<Stream>,
    pub(crate) lease: Lease,
    pub(crate) counted: Option<Counted>,
}

impl Switched {
    /// What comes of an upgrade, where the request has asked for one.
    pub(super) fn new(upgrade: Upgrade, lease: Lease, wanted: Wanted) -> Option<Box<Self>> {
        let protocol = match wanted {
            Wanted::All | Wanted::Head => return None,
            Wanted::WebSocket => Protocol::WebSocket,
            Wanted::Upgrade => Protocol::Other,
        };
        Some(Box::new(Self { upgrade, lease, protocol, counted: None }))
    }

    /// Keeps the request counted that it came of.
    pub(super) fn count(&mut self, counted: Option<Counted>) {
        self.counted = counted;
    }

    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Hands the connection over.
    pub(crate) fn start(self, duplex: Duplex) -> Running {
        let Self { mut upgrade, lease, counted, .. } = self;
        let end = upgrade.take_end();
        let upgraded = inside(&lease, || upgrade.start(duplex));
        Running { upgraded, end, lease, counted }
    }
}

/// Runs code of a stack's outermost member where the watchdog can see it.
pub(crate) fn inside<T>(lease: &Lease, code: impl FnOnce() -> T) -> T {
    place::inside(lease.runs(), code)
}
