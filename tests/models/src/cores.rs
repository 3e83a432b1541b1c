//! Cores that do what they are given, one after the other, as the host's do between two requests.

#[path = "../../../host/src/cores/install.rs"]
mod install;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

pub(crate) use self::install::Held;
use crate::plan::Plan;
use crate::site::{self, Site};
use crate::sync::mpsc::{self, Sender};
use crate::sync::thread::{self, JoinHandle};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One core; its thread ends when this is dropped.
pub(crate) struct Core {
    runtime: Runtime,
}

/// Where its tasks run.
pub(crate) struct Runtime(Sender<Task>);

#[derive(Debug)]
pub(crate) struct Cores {
    cores: Vec<Core>,
}

impl Cores {
    pub(crate) fn start(plan: &Plan, count: usize) -> (Self, Vec<JoinHandle<()>>) {
        let started = (0..count).map(|number| Core::start(number, plan));
        let (cores, threads) = started.unzip();
        (Self { cores }, threads)
    }

    pub(crate) fn install(&self, plan: &Plan, until: Instant) -> Result<(), Held> {
        install::install(&self.cores, plan, until)
    }

    pub(crate) fn first(&self) -> &Core {
        &self.cores[0]
    }
}

impl Core {
    fn start(number: usize, plan: &Plan) -> (Self, JoinHandle<()>) {
        let (send, tasks) = mpsc::channel::<Task>();
        let site = plan.for_core(number);
        let thread = thread::spawn(move || {
            site::install(site);
            while let Ok(mut task) = tasks.recv() {
                let done = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert_eq!(done, Poll::Ready(()), "a task of a model waits for nothing");
            }
            site::install(Site::nothing());
        });
        (Self { runtime: Runtime(send) }, thread)
    }

    pub(crate) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}

impl Runtime {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.send(Box::pin(task)).unwrap_or_else(|_| panic!("a core is there"));
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Core")
    }
}
