//! Sockets that accept connections and hand each to the core with the fewest.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::cores::Cores;
use crate::gateway::http;
use crate::limits::Limits;
use crate::message::Origin;

/// How long accepting pauses when it fails for want of descriptors or memory: a spinning acceptor
/// would take the core from those who could free some.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: StdListener,
    address: SocketAddr,
}

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is not one.
    #[error("`{0}` is not an address of the form ip:port")]
    Address(String),
    /// Another process has it, or it is not of this machine.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// The address as it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
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
            Self::Bind { .. } => None,
            Self::Address(_) => Some(String::from("--listen 127.0.0.1:8080")),
        }
    }
}

impl Listener {
    /// Binds an address such as `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
    pub(crate) fn bind(address: &str) -> Result<Self, ListenError> {
        let bind = |source| ListenError::Bind { address: address.to_owned(), source };
        let resolved: Vec<SocketAddr> = address
            .to_socket_addrs()
            .map_err(|_| ListenError::Address(address.to_owned()))?
            .collect();
        let socket = StdListener::bind(&*resolved).map_err(bind)?;
        socket.set_nonblocking(true).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        Ok(Self { socket, address })
    }

    /// The address it really has.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until it is dropped.
    pub(crate) async fn accept(self, cores: Arc<Cores>, limits: Arc<Limits>) -> io::Result<()> {
        let socket = TcpListener::from_std(self.socket)?;
        loop {
            while cores.connections() >= limits.connections {
                sleep(BACK_OFF).await;
            }
            match socket.accept().await {
                Ok((stream, remote)) => hand_over(stream, remote, &cores, &limits),
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(BACK_OFF).await;
                }
            }
        }
    }
}

fn hand_over(stream: TcpStream, remote: SocketAddr, cores: &Cores, limits: &Arc<Limits>) {
    let local = stream.local_addr().ok();
    // The socket moves from this thread's reactor to the core's.
    let stream = stream.set_nodelay(true).and_then(|()| stream.into_std());
    let (Ok(stream), Some((core, served))) = (stream, cores.least_loaded()) else {
        return;
    };
    let duties = Arc::clone(core.duties());
    let limits = Arc::clone(limits);
    core.spawn(http::serve(stream, Origin::http(Some(remote), local), duties, limits, served));
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
