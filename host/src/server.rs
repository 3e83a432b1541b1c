//! The whole: sockets, cores and applications, from the first connection to the last.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsgi::export::{Function, link};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cores::Cores;
use crate::duty::Verdict;
use crate::limits::{CUT_TIMEOUT, Limits};
use crate::listener::{Address, Listen, ListenError, Listener, Protocol};
use crate::plan::{Mount, Place, Plan};
use crate::plugin::generation::Generation;
use crate::plugin::retire;
use crate::plugin::unload::purge;
use crate::shutdown::{self, Asked};
use crate::site::MountError;
use crate::switch::Switch;
use crate::tenure::{DebugHeaders, Tenure};
use crate::{clock, watchdog};

/// A server that has its sockets and its applications, and accepts connections once it is told to
/// serve.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    listeners: Vec<Listener>,
    switch: Arc<Switch>,
    limits: Arc<Limits>,
}

/// Why a server could not be made or could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A listener could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Two applications at one place.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The system refused threads or descriptors.
    #[error("the system refused what a server needs")]
    System(#[from] io::Error),
    /// A table without mandatory functions.
    #[error("the linked-in application has no functions to call")]
    Application,
}

/// A server for an application of this program, as in `wsgiref.simple_server`.
///
/// The application goes through the same table of functions as one in a library.
///
/// # Errors
/// When the address cannot be had, or the system refuses threads.
///
/// ```no_run
/// use dsgi::{Environ, StartResponse};
///
/// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(["linked in\n"])
/// }
///
/// fn main() -> Result<(), dsgi_host::ServeError> {
///     dsgi_host::make_server("localhost", 8000, app)?.serve_forever()
/// }
/// ```
pub fn make_server<F, M>(host: &str, port: u16, app: F) -> Result<Server, ServeError>
where
    F: Function<M>,
    M: 'static,
{
    make_server_with(Limits::default(), host, port, app)
}

/// [`make_server`] with limits of one's own.
///
/// # Errors
/// As [`make_server`].
pub fn make_server_with<F, M>(
    limits: Limits,
    host: &str,
    port: u16,
    app: F,
) -> Result<Server, ServeError>
where
    F: Function<M>,
    M: 'static,
{
    let address = Address::Tcp(format!("{host}:{port}"));
    let listener = Listener::bind(&Listen::new(Protocol::Http, address))?;
    Server::linked(limits, listener, app)
}

impl Server {
    /// An application of this program, at the root.
    pub(crate) fn linked<F, M>(
        limits: Limits,
        listener: Listener,
        app: F,
    ) -> Result<Self, ServeError>
    where
        F: Function<M>,
        M: 'static,
    {
        let limits = Arc::new(limits);
        let generation = Generation::linked(&link(app)).ok_or(ServeError::Application)?;
        let mut plan = Plan::default();
        let tenure = Tenure::open(Arc::new(generation), DebugHeaders::Hidden, &limits)?;
        let name = tenure.name().to_owned();
        let root = Mount { host: None, path: String::new(), layers: Vec::new(), app: name.clone() };
        plan.rearrange(vec![root], BTreeMap::from([(name, Place::Serving(tenure))]))?;
        Self::new(vec![listener], Arc::new(Switch::new(plan)), limits)
    }

    /// From parts that were made before.
    pub(crate) fn new(
        listeners: Vec<Listener>,
        switch: Arc<Switch>,
        limits: Arc<Limits>,
    ) -> Result<Self, ServeError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, listeners, switch, limits })
    }

    /// The addresses of TCP that it listens on, with the real port where 0 was asked for.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().filter_map(Listener::address)
    }

    /// Where it listens, each with what is spoken there.
    pub(crate) fn shown(&self) -> impl Iterator<Item = String> + '_ {
        self.listeners.iter().map(Listener::shown)
    }

    /// Serves until the process is told to end by TERM or INT, and finishes what is in hand.
    ///
    /// # Errors
    /// When the system refuses threads or sockets.
    pub fn serve_forever(self) -> Result<(), ServeError> {
        let asked = self.asked_to_end()?;
        self.serve_until(asked)
    }

    /// Ready when TERM or INT asks the process to end; they are heeded from this call on.
    pub(crate) fn asked_to_end(&self) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
        let _runtime = self.runtime.enter();
        shutdown::signal()
    }

    /// Serves until `shutdown` is ready, and finishes what is in hand within the drain timeout.
    ///
    /// # Errors
    /// When the system refuses threads or sockets.
    pub fn serve_until<T>(
        self,
        shutdown: impl Future<Output = io::Result<T>>,
    ) -> Result<(), ServeError> {
        let Self { runtime, listeners, switch, limits } = self;
        let mut threads = None;
        let cores = switch.serve(|plan| {
            let (cores, started) = Cores::start(plan, &limits)?;
            threads = Some(started);
            Ok::<_, io::Error>(Arc::new(cores))
        })?;
        watchdog::start(cores.pulses())?;
        let ticking = Arc::downgrade(&cores);
        clock::start(move || match ticking.upgrade() {
            Some(cores) => {
                cores.tick();
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        })?;
        let tasks = runtime.handle().clone();
        let mailbox = purge::enrol(move || drop(tasks.spawn(async { purge::run_pending() })));
        let (ended, until) = runtime.block_on(async {
            let mut accepting = JoinSet::new();
            let ended = match accept(listeners, &cores, &limits, &mut accepting) {
                Err(error) => Err(error),
                Ok(()) => tokio::select! {
                    asked = shutdown => asked.map(drop),
                    Some(failed) = accepting.join_next() => {
                        failed.map_err(io::Error::other).flatten()
                    }
                },
            };
            // A core that an application holds stops later.
            let _ = timeout(CUT_TIMEOUT, accepting.shutdown()).await;
            let until = Instant::now() + limits.drain_timeout;
            drain(&cores, &switch.end(), until, limits.goodbye_timeout).await;
            (ended, until)
        });
        // Nothing is run here any more.
        drop(mailbox);
        drop(cores);
        if let Some(threads) = threads {
            threads.ended(until);
        }
        // Nothing leads to the applications any more but the plan; one whose end hangs is left.
        shutdown::within(until, move || {
            // A version that replaces another one is on its way, and ends like any other.
            switch.all_open(until);
            switch.clear();
            retire::ended(until);
        });
        Ok(ended?)
    }
}

/// Has the listeners accept, each on a core of its own as far as there are some.
fn accept(
    listeners: Vec<Listener>,
    cores: &Arc<Cores>,
    limits: &Arc<Limits>,
    accepting: &mut JoinSet<io::Result<()>>,
) -> io::Result<()> {
    for (listener, (number, core)) in
        listeners.into_iter().zip(cores.runtimes().enumerate().cycle())
    {
        let opened = listener.open(limits);
        accepting.spawn_on(opened.on_core(number, cores)?, core);
        accepting.spawn(opened.stand_in(Arc::clone(cores)));
    }
    Ok(())
}

/// Finishes what is in hand. Connections take nothing new from the first moment on; applications
/// are told at the same time, for one may have to end its bodies.
async fn drain(cores: &Cores, tenures: &[Arc<Tenure>], until: Instant, goodbye: Duration) {
    let left = || until.saturating_duration_since(Instant::now());
    cores.judge_all(Verdict::Finish);
    let finish = async {
        if timeout(left(), cores.empty()).await.is_ok() {
            return until;
        }
        let told: usize = tenures.iter().map(|tenure| tenure.farewell(tenure.moves())).sum();
        if told > 0 {
            tracing::warn!(
                "{told} without an end of their own were ended: the drain timeout is over"
            );
            // They say goodbye.
            if timeout(goodbye, cores.empty()).await.is_ok() {
                return Instant::now() + CUT_TIMEOUT;
            }
        }
        let cut = cores.connections();
        tracing::warn!("{cut} connections were cut: the drain timeout is over");
        cores.judge_all(Verdict::End);
        // Their bodies are closed before anybody is told that nothing is at work.
        let closed = Instant::now() + CUT_TIMEOUT;
        let _ = timeout(CUT_TIMEOUT, cores.empty()).await;
        closed
    };
    let ((), until) = tokio::join!(shutdown::apps(tenures, Asked::Drain, until), finish);
    shutdown::apps(tenures, Asked::Shutdown, until).await;
}
