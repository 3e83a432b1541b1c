//! What the models are made of: a layer and an application, requests, and what holds them.

use std::collections::BTreeMap;
use std::sync;
use std::time::{Duration, Instant};

use crate::cores::Cores;
use crate::explore::Problems;
use crate::invoke::exchange::Mounted;
use crate::lease::{Counted, Lease};
use crate::limits::Limits;
use crate::plan::{Mount, Place, Plan};
use crate::plugin::generation::{Generation, Image};
use crate::site::{self, Found};
use crate::switch::{Changed, Ended, Switch};
use crate::sync::Arc;
use crate::sync::mpsc::{self, Receiver};
use crate::sync::thread::JoinHandle;
use crate::tenure::{DebugHeaders, Tenure};

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

/// What stands at the root, by the names `layer` and `app`.
#[derive(Clone, Debug)]
pub(crate) enum Around {
    Nothing(Arc<Tenure>),
    /// A layer, and the application.
    Layer(Arc<Tenure>, Arc<Tenure>),
}

/// A layer and an application, both of this generation.
pub(crate) fn pair(generation: u64) -> (Around, Members) {
    let [(layer, outer), (app, inner)] = [alone(generation), alone(generation)];
    (Around::Layer(layer, app), Members([outer, inner]))
}

/// An application without layers.
pub(crate) fn alone(generation: u64) -> (Arc<Tenure>, sync::Arc<Image>) {
    let generation = Generation::new(generation);
    let (image, limits) = (sync::Arc::clone(generation.image()), Arc::new(Limits::default()));
    let tenure = Tenure::open(Arc::new(generation), DebugHeaders::Hidden, &limits);
    (tenure.unwrap(), image)
}

impl Around {
    pub(crate) const fn application(&self) -> &Arc<Tenure> {
        match self {
            Self::Nothing(app) | Self::Layer(_, app) => app,
        }
    }

    fn layers(&self) -> Vec<String> {
        match self {
            Self::Nothing(_) => Vec::new(),
            Self::Layer(..) => vec![String::from("layer")],
        }
    }

    fn places(self) -> BTreeMap<String, Place> {
        let place = |(name, tenure)| (String::from(name), Place::Serving(tenure));
        match self {
            Self::Nothing(app) => BTreeMap::from([("app", app)].map(place)),
            Self::Layer(layer, app) => BTreeMap::from([("layer", layer), ("app", app)].map(place)),
        }
    }

    /// Puts this at the root, whatever stood there.
    pub(crate) fn put(self, plan: &mut Plan) {
        let (path, layers, app) = (String::new(), self.layers(), String::from("app"));
        plan.rearrange(vec![Mount { host: None, path, layers, app }], self.places()).unwrap();
    }
}

/// Swaps both members at once.
pub(crate) fn swap(switch: &Switch, new: Around) -> Result<Changed, Ended> {
    switch.change(|plan| new.put(plan), later()).map(|((), changed)| changed)
}

/// A host that serves one application at its root, on so many cores.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) switch: Arc<Switch>,
    cores: Option<Arc<Cores>>,
    threads: Vec<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn start(first: Around, cores: usize) -> Self {
        let mut plan = Plan::default();
        first.put(&mut plan);
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
        cores.first().runtime().spawn(async move { drop(answer.send(Exchange::dispatch())) });
        answered
    }

    /// Has a core do nothing else until this closes.
    pub(crate) fn hold(&self, held: Receiver<()>) {
        let cores = self.cores.as_ref().unwrap();
        cores.first().runtime().spawn(async move {
            held.recv().unwrap_err();
        });
    }

    /// In the order of the host's own end.
    pub(crate) fn end(mut self) -> Vec<Arc<Tenure>> {
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
            let Found::Mount(mount) = site.find(|| None, "/") else { return None };
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
        if self.inner() != self.generation {
            let inner = self.counted.lease().member(1).unwrap();
            inner.image().problem("an exchange has met two generations");
        }
    }

    /// The generation that its layer finds inside.
    pub(crate) fn inner(&self) -> u64 {
        call(self.counted.lease(), 1)
    }
}

/// Calls a member of a stack; its generation.
pub(crate) fn call(lease: &Lease, depth: usize) -> u64 {
    let member = lease.member(depth).unwrap();
    member.image().call();
    member.number()
}
