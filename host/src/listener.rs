//! Sockets that accept connections and hand each to the core with the fewest.

mod listen;
mod socket;
mod web_servers;

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

pub(crate) use self::listen::{Address, Listen, NoAddress, Preface, Protocol};
use self::socket::{Accepted, Socket};
use self::web_servers::WebServers;
use crate::cores::{Cores, Served};
use crate::duty::Duties;
use crate::forwarded::Trusted;
use crate::gateway::{fastcgi, front, http, proxied, scgi, uwsgi};
use crate::limits::Limits;
use crate::log::Sparing;
use crate::message::Origin;
use crate::platform::local::{self, Incoming};

/// How long accepting pauses when it fails for want of descriptors or memory: a spinning acceptor
/// would take the core from those who could free some.
const BACK_OFF: Duration = Duration::from_millis(50);

static STRANGERS: Sparing = Sparing::new();

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

    /// Accepts until it is dropped.
    pub(crate) async fn accept(self, cores: Arc<Cores>, limits: Arc<Limits>) -> io::Result<()> {
        let Self { socket, protocol, preface, trusted, web_servers } = self;
        let entrance = socket.open()?;
        loop {
            while cores.connections() >= limits.connections {
                sleep(BACK_OFF).await;
            }
            match entrance.next().await {
                Ok(Accepted { remote, .. }) if !web_servers.admit(remote) => {
                    let from = remote.map_or("a Unix socket".into(), |it| it.ip().to_string());
                    STRANGERS.warn(format_args!(
                        "a connection of FastCGI from {from} is closed: `{}` does not name it",
                        web_servers::VARIABLE
                    ));
                }
                Ok(Accepted { stream, remote, local }) => {
                    let (gateway, trusted) = (protocol.name(), trusted.clone());
                    let origin = Origin { gateway, trusted, ..Origin::http(remote, local) };
                    let Some((core, served)) = cores.least_loaded() else { continue };
                    let (duties, limits) = (Arc::clone(core.duties()), Arc::clone(&limits));
                    let arrived = Arrived { stream, origin, protocol, duties, limits, served };
                    match preface {
                        Preface::None => arrived.serve(core.runtime()),
                        Preface::Proxy => drop(core.runtime().spawn(arrived.serve_proxied())),
                    }
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(BACK_OFF).await;
                }
            }
        }
    }
}

/// A connection, and what it is served with.
struct Arrived {
    stream: TcpStream,
    origin: Origin,
    protocol: Protocol,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
    served: Served,
}

impl Arrived {
    /// Serves it on the core that it was given to.
    fn serve(self, core: &Handle) {
        let Self { stream, origin, protocol, duties, limits, served } = self;
        match protocol {
            Protocol::Http => core.spawn(http::serve(stream, origin, duties, limits, served)),
            Protocol::FastCgi => {
                core.spawn(front::serve(stream, origin, duties, limits, served, fastcgi::serve))
            }
            Protocol::Scgi => {
                core.spawn(front::serve(stream, origin, duties, limits, served, scgi::serve))
            }
            Protocol::Uwsgi => {
                core.spawn(front::serve(stream, origin, duties, limits, served, uwsgi::serve))
            }
        };
    }

    /// The same once it is known who is there.
    async fn serve_proxied(self) {
        let opened = proxied::open(self.stream, self.origin, Arc::clone(&self.duties)).await;
        if let Some((stream, origin)) = opened {
            Self { stream, origin, ..self }.serve(&Handle::current());
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
