//! What the models are made of: stacks of a layer and an application, requests, and what holds
//! them.

use std::sync;
use std::time::{Duration, Instant};

use crate::cores::Cores;
use crate::explore::Problems;
use crate::invoke::exchange::Mounted;
use crate::lease::{Counted, DebugHeaders, Lease, Stack};
use crate::limits::Limits;
use crate::plugin::generation::{Generation, Image};
use crate::site::{self, Found, Place, Plan};
use crate::switch::Switch;
use crate::sync::Arc;
use crate::sync::mpsc::{self, Receiver};
use crate::sync::thread::JoinHandle;

/// The members of a stack, whatever becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Members([sync::Arc<Image>; 2]);

impl Members {
    /// Both were given up by exactly one side, and have ended.
    pub(crate) fn expect_gone(&self) {
        self.0.iter().for_each(|image| image.expect_gone());
    }

    pub(crate) fn expect_alive(&self) {
        self.0.iter().for_each(|image| image.expect_alive());
    }

    pub(crate) fn layer(&self) -> &Image {
        &self.0[0]
    }

    pub(crate) fn application(&self) -> &Image {
        &self.0[1]
    }

    pub(crate) fn problems(&self) -> Problems {
        self.0.iter().flat_map(|image| image.problems()).collect()
    }
}

/// A stack of a layer and an application, both of this generation.
pub(crate) fn stack(generation: u64) -> (Arc<Stack>, Members) {
    let members = [Generation::new(generation), Generation::new(generation)];
    let images = Members(members.each_ref().map(|member| sync::Arc::clone(member.image())));
    (of(members.into()), images)
}

/// A stack of an application without layers.
pub(crate) fn alone(generation: u64) -> (Arc<Stack>, sync::Arc<Image>) {
    let application = Generation::new(generation);
    let image = sync::Arc::clone(application.image());
    (of(vec![application]), image)
}

fn of(members: Vec<Generation>) -> Arc<Stack> {
    let members = members.into_iter().map(Arc::new).collect();
    Stack::new(members, DebugHeaders::Hidden, &Arc::new(Limits::default())).unwrap()
}

/// A host that serves one application at its root, on so many cores.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) switch: Arc<Switch>,
    cores: Option<Arc<Cores>>,
    threads: Vec<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn start(stack: Arc<Stack>, cores: usize) -> Self {
        let mut plan = Plan::default();
        plan.mount("/", "app", Place::Serving(stack)).unwrap();
        let switch = Arc::new(Switch::new(plan));
        let mut threads = Vec::new();
        let cores = switch.serve(|plan| {
            let (cores, started) = Cores::start(plan, cores);
            threads = started;
            Ok::<_, ()>(Arc::new(cores))
        });
        Self { switch, cores: cores.ok(), threads }
    }

    /// Asks a core; what it has found comes later, none where nothing serves.
    pub(crate) fn ask(&self) -> Receiver<Option<Exchange>> {
        let (answer, answered) = mpsc::channel();
        let cores = self.cores.as_ref().unwrap();
        cores.first().spawn(async move { drop(answer.send(Exchange::dispatch())) });
        answered
    }

    /// Has a core do nothing else until this closes.
    pub(crate) fn hold(&self, held: Receiver<()>) {
        let cores = self.cores.as_ref().unwrap();
        cores.first().spawn(async move {
            held.recv().unwrap_err();
        });
    }

    /// In the order of the host's own end.
    pub(crate) fn end(mut self) -> Vec<Arc<Stack>> {
        let told = self.switch.end();
        drop(self.cores.take());
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
        self.switch.clear();
        told
    }
}

/// There is time enough.
pub(crate) fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// There is no time to wait.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A request that was dispatched, until its response has ended.
#[derive(Debug)]
pub(crate) struct Exchange {
    mounted: Mounted,
    counted: Counted,
    generation: u64,
}

impl Exchange {
    /// As the host does, on a core; none if nothing serves.
    fn dispatch() -> Option<Self> {
        site::current(|site| {
            let Found::Mount(mount) = site.find("/") else { return None };
            let (mounted, counted) = (mount.share(), mount.lease.count());
            let generation = call(&mounted.lease, 0);
            Some(Self { mounted, counted, generation })
        })
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn lease(&self) -> &Lease {
        &self.mounted.lease
    }

    /// What its layer calls, wherever that is: it is of the same generation.
    pub(crate) fn call_inner(&self) {
        let lease = self.counted.lease();
        if call(lease, 1) != self.generation {
            lease.member(1).unwrap().image().problem("an exchange has met two generations");
        }
    }
}

/// Calls a member of a stack; its generation.
pub(crate) fn call(lease: &Lease, depth: usize) -> u64 {
    let member = lease.member(depth).unwrap();
    member.image().call();
    member.number()
}
