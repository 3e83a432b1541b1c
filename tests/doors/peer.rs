//! A front server played by hand, at whichever of the front servers' doors.

use crate::harness::doors::{Answer, First, Protocol, Wire};
use crate::harness::fastcgi::{self, Front};
use crate::harness::host::Host;

/// A door that fronts come in by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Door {
    FastCgi,
    One(Protocol),
}

/// A connection to one.
#[derive(Debug)]
pub(super) struct Peer {
    door: Door,
    pub(super) front: Front,
}

/// Arguments that open all of them, and HTTP behind them.
pub(super) const LISTEN: [&str; 8] = [
    "--listen",
    "fastcgi://127.0.0.1:0",
    "--listen",
    "scgi://127.0.0.1:0",
    "--listen",
    "uwsgi://127.0.0.1:0",
    "--listen",
    "127.0.0.1:0",
];

impl Door {
    pub(super) const ALL: [Self; 3] =
        [Self::FastCgi, Self::One(Protocol::Scgi), Self::One(Protocol::Uwsgi)];

    /// Where a host listens that was given `LISTEN`.
    pub(super) fn address(self, host: &Host) -> &str {
        let number = Self::ALL.iter().position(|door| *door == self).expect("one of them");
        &host.addresses()[number]
    }

    /// Variables and a body that may be shorter than they say.
    pub(super) fn request(self, variables: &[(String, String)], body: &[u8]) -> Vec<u8> {
        match self {
            Self::FastCgi => fastcgi::request(1, 0, variables, body),
            Self::One(protocol) => [protocol.head(variables), body.to_vec()].concat(),
        }
    }

    /// The same where the end of the body is still to come.
    pub(super) fn unended(self, variables: &[(String, String)], body: &[u8]) -> Vec<u8> {
        let mut bytes = self.request(variables, body);
        if self == Self::FastCgi {
            bytes.truncate(bytes.len() - fastcgi::record(fastcgi::STDIN, 1, b"").len());
        }
        bytes
    }

    pub(super) fn open(self, host: &Host) -> Peer {
        Peer { door: self, front: Front::open(self.address(host)) }
    }

    /// What is answered to a request on a connection of its own.
    pub(super) fn ask(self, host: &Host, variables: &[(String, String)], body: &[u8]) -> Answer {
        let mut peer = self.open(host);
        peer.send(&self.request(variables, body));
        peer.answer()
    }
}

impl Peer {
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.front.send(bytes);
    }

    pub(super) fn answer(&mut self) -> Answer {
        match self.door {
            Door::FastCgi => self.front.answer(1),
            Door::One(_) => self.wire().answer(),
        }
    }

    pub(super) fn wire(&mut self) -> &mut Wire {
        &mut self.front.wire
    }

    /// Waits for its end; whether it says nothing before.
    pub(super) fn ends_silently(&mut self) -> bool {
        self.wire().first(&mut [0]) == First::End
    }
}
