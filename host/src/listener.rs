//! Sockets that accept connections and hand each to the core with the fewest.

mod arrived;
mod listen;
mod socket;
mod web_servers;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use self::arrived::{Kind, hand_over};
pub(crate) use self::listen::{Address, Listen, NoAddress, Preface, Protocol};
use self::socket::Socket;
use self::web_servers::WebServers;
use crate::clock::{Deadline, TICK};
use crate::cores::Cores;
use crate::forwarded::Trusted;
use crate::limits::Limits;
use crate::platform::door::Door;
use crate::platform::local::{self, Incoming};
use crate::socket_file::SocketFile;

/// How long accepting pauses when it fails for want of descriptors or memory: a spinning acceptor
/// would take the core from those who could free some.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Connections that are accepted before the first of them is served.
const AT_ONCE: usize = 64;

/// A bound socket, and what is spoken there.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    protocol: Protocol,
    preface: Preface,
    trusted: Option<Arc<Trusted>>,
    web_servers: WebServers,
}

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is not one.
    #[error("`{0}` is not an address of the form ip:port or unix:/path")]
    Address(String),
    /// Another process has it, or it is not of this machine.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// The address as it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A Unix socket cannot be made there.
    #[error("cannot listen on `unix:{}`", path.display())]
    Unix {
        /// The path as it was given.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The environment names who may connect, and not by an address.
    #[error("`FCGI_WEB_SERVER_ADDRS` names `{0}`, which is no address")]
    WebServers(String),
}

impl ListenError {
    /// What the user can do.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some(String::from(
                    "stop the process that has it, or choose another port: \
                     `--listen 127.0.0.1:0` takes a free one",
                ))
            }
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(String::from("ports below 1024 belong to root"))
            }
            Self::Bind { .. } | Self::Unix { .. } => None,
            Self::Address(_) => Some(String::from("--listen 127.0.0.1:8080")),
            Self::WebServers(_) => Some(String::from(
                "it is a list such as `127.0.0.1,10.0.0.2`; without it every one may connect",
            )),
        }
    }
}

impl Listener {
    /// Binds what a user has asked for.
    pub(crate) fn bind(listen: &Listen) -> Result<Self, ListenError> {
        let Listen { protocol, preface, .. } = *listen;
        let trusted = listen.trusted.clone();
        let web_servers = WebServers::of(protocol)?;
        Ok(Self { socket: Socket::bind(listen)?, protocol, preface, trusted, web_servers })
    }

    /// What listens already speaks this from now on.
    pub(crate) fn taken(incoming: Incoming, protocol: Protocol) -> io::Result<Self> {
        let (preface, trusted) = (Preface::None, None);
        let web_servers = WebServers::of(protocol).map_err(io::Error::other)?;
        Ok(Self { socket: Socket::taken(incoming)?, protocol, preface, trusted, web_servers })
    }

    /// What whoever started this process has handed over: standard input speaks FastCGI, and the
    /// sockets of a manager what they are called, or HTTP.
    pub(crate) fn handed_over() -> io::Result<Vec<Self>> {
        let input = local::standard_input().map(|input| (Protocol::FastCgi, input));
        let activated = local::activated()
            .into_iter()
            .map(|(name, incoming)| (name.parse().unwrap_or(Protocol::Http), incoming));
        let all = activated.chain(input);
        all.map(|(protocol, incoming)| Self::taken(incoming, protocol)).collect()
    }

    /// Whether standard input is a socket that listens.
    pub(crate) fn is_handed_over() -> bool {
        local::standard_input().is_some()
    }

    /// The address it really has, of TCP.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.socket.address()
    }

    /// Protocol and address, as people write them.
    pub(crate) fn shown(&self) -> String {
        format!("{}://{}", self.protocol.name(), self.socket.shown())
    }

    /// Opens it to connections.
    pub(crate) fn open(self, limits: &Arc<Limits>) -> Opened {
        let Self { socket, protocol, preface, trusted, web_servers } = self;
        let ((door, file), limits) = (socket.open(), Arc::clone(limits));
        let kind = Kind { protocol, preface, trusted, web_servers, limits };
        Opened { door, kind: Arc::new(kind), _file: file }
    }
}

/// A listener that accepts.
#[derive(Debug)]
pub(crate) struct Opened {
    door: Door,
    kind: Arc<Kind>,
    _file: Option<SocketFile>,
}

impl Opened {
    /// Accepts on a core, to which it belongs: most of what it accepts it need not hand on.
    pub(crate) fn on_core(
        &self,
        number: usize,
        cores: &Arc<Cores>,
    ) -> io::Result<impl Future<Output = io::Result<()>> + Send + use<>> {
        let (door, kind, cores) = (self.door.again()?, Arc::clone(&self.kind), Arc::clone(cores));
        Ok(async move {
            let (door, mut come) = (door.watch()?, Vec::new());
            loop {
                cores.room(kind.limits.connections).await;
                let wanted = || kind.limits.connections.saturating_sub(cores.connections());
                let accepted = door.next(|| wanted().min(AT_ONCE), &mut come).await;
                let many = come.len() == AT_ONCE;
                hand_over(come.drain(..), &kind, &cores, number);
                match accepted {
                    // The core serves those first.
                    Ok(()) if many => yield_now().await,
                    Ok(()) => {}
                    Err(error) if is_of_the_client(&error) => {}
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        let mut pause = Deadline::new(BACK_OFF);
                        poll_fn(|context| pause.poll(context)).await;
                    }
                }
            }
        })
    }

    /// Accepts now and then what has not been accepted, until it is dropped: an application may
    /// hold the core. Errors are that one's to tell.
    pub(crate) async fn stand_in(self, cores: Arc<Cores>) -> io::Result<()> {
        let mut come = Vec::new();
        loop {
            sleep(TICK).await;
            while cores.connections() + come.len() < self.kind.limits.connections
                && self.door.look(&mut come).is_ok()
            {}
            hand_over(come.drain(..), &self.kind, &cores, 0);
        }
    }
}

/// The client left before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
