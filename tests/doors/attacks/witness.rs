//! A client of every door that asks all the time, and must be served whatever others do.

use crate::doors::peer::Door;
use crate::harness::client;
use crate::harness::doors::get;
use crate::harness::host::Host;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is seen of the neighbours of an attack.
#[derive(Debug, Default)]
pub(super) struct Witness {
    over: AtomicBool,
    served: AtomicU64,
}

impl Witness {
    /// Runs an attack beside one who asks, at least once at each door within it.
    pub(super) fn beside(host: &Host, attack: impl FnOnce()) {
        let witness = Self::default();
        std::thread::scope(|scope| {
            let asks = scope.spawn(|| witness.ask(host));
            let ended = Over(&witness);
            attack();
            drop(ended);
            asks.join().expect("the neighbours are served");
        });
        assert!(witness.served.load(Ordering::Relaxed) >= 4, "{witness:?}");
    }

    fn ask(&self, host: &Host) {
        loop {
            for door in Door::ALL {
                assert_eq!(door.ask(host, &get("/environ"), b"").status, 200, "{door:?}");
                self.served.fetch_add(1, Ordering::Relaxed);
            }
            assert_eq!(client::get(http(host), "/environ").status, 200);
            self.served.fetch_add(1, Ordering::Relaxed);
            if self.over.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// Tells the witness when it is dropped, also when the attack has failed.
struct Over<'a>(&'a Witness);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Where it speaks HTTP.
pub(super) fn http(host: &Host) -> SocketAddr {
    let said = host.addresses().last().expect("a listener");
    said.strip_prefix("http://").and_then(|it| it.parse().ok()).expect("an address")
}
