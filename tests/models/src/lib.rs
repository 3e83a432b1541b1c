//! Where threads of the host meet, tried in every order that the memory model allows.
//!
//! The files that are named by their path are the host's own, which it ships: only what they take
//! from `sync` is loom's here. Their neighbours, which meet no other thread, are small stand-ins.
//! loom runs a model again and again, each time in another order, up to a number of forced changes
//! of thread (`explore::explore`); it finds what is never woken, and memory that is used without
//! an order. Each model has a control beside it that breaks a rule, and must be caught.
#![cfg(test)]
#![allow(dead_code, reason = "the models use a part of what the host's files offer")]

// Which hosts a mount is for; the models name none.
#[path = "../../../host/src/authority.rs"]
mod authority;
// Who is told that the time of a stack is over; no thread of a model listens.
#[path = "../../../host/src/farewell.rs"]
mod farewell;
// A stack, its shares and leases.
#[path = "../../../host/src/lease.rs"]
mod lease;
// Who watches the panics of a tenure.
#[path = "../../../host/src/panics.rs"]
mod panics;
// What stands at each name, and the stacks that are made of it.
#[path = "../../../host/src/plan.rs"]
mod plan;
// What stands where, and each core's copy of it.
#[path = "../../../host/src/site.rs"]
#[allow(unreachable_pub, reason = "a part of it is the host's public interface")]
mod site;
// One generation's time in service, which stacks share.
#[path = "../../../host/src/tenure.rs"]
mod tenure;
// One change at a time, which every core takes.
#[path = "../../../host/src/switch.rs"]
mod switch;

// Cores that run what they are given, with the host's way of giving them new mounts.
mod cores;
// Libraries that know whether they are used after their end, with the host's janitor.
mod plugin;
// The host's turns, and deploys that take them.
mod slot;
// loom's threads, under the names that the host's files use.
mod sync;
// The host's errands of a watched file.
mod watch;

// How many orders are tried.
mod explore;
// Requests, and what they hold.
mod world;

// A client that leaves while a library works for it.
mod leaving;
// The end of everything, and of what a janitor has.
mod ending;
// Swaps against each other, against a drain and the end of the host.
mod swapping;
// Panics, and who waits for them.
mod watching;

/// Of the host's exchanges: what they have of a mount.
mod invoke {
    pub(crate) mod exchange {
        use crate::lease::Lease;
        use crate::sync::Arc;

        #[derive(Debug)]
        pub(crate) struct Mounted {
            pub(crate) lease: Lease,
            pub(crate) script_name: Arc<str>,
            pub(crate) script_length: usize,
        }
    }
}

/// The host's log, which knows no names here.
mod log {
    pub(crate) const fn forget(_: u64) {}
}

/// All mounts of the models are at the root.
mod path {
    use std::borrow::Cow;

    pub(crate) fn decode(path: &str) -> Cow<'_, [u8]> {
        Cow::Borrowed(path.as_bytes())
    }

    pub(crate) fn mount_length(_path: &str, _mount: &str) -> Option<usize> {
        None
    }
}

/// No application of the models has to be alone.
mod gate {
    #[derive(Debug)]
    pub(crate) struct Gate;

    pub(crate) fn call() {}
}

mod limits {
    #[derive(Debug, Default)]
    pub(crate) struct Limits {
        pub(crate) pool_threads: usize,
        pub(crate) pool_queue: usize,
    }
}

/// No application of the models blocks.
mod pool {
    use std::time::Instant;

    #[derive(Debug)]
    pub(crate) struct Pool;

    #[derive(Debug)]
    pub(crate) struct Busy;

    impl Pool {
        pub(crate) fn start(_name: &str, _threads: usize, _queue: usize) -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn quiet(&self, _until: Instant) -> Result<(), Busy> {
            Ok(())
        }
    }
}
