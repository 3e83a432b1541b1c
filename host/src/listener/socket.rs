//! A socket that accepts: of TCP, or of the machine's own with its name in the file system.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};

use super::ListenError;
use super::listen::{Address, Listen};
use crate::platform::door::{Door, leave_at_once};
use crate::platform::local::{self, Incoming, Listening, Local};
use crate::socket_file::SocketFile;

/// A bound socket. Dropping it removes its name.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(StdListener),
    /// Whoever has made it removes its name, if that is not us.
    Local(Local, Option<SocketFile>),
}

impl Socket {
    pub(super) fn bind(listen: &Listen) -> Result<Self, ListenError> {
        match &listen.address {
            Address::Tcp(address) => {
                let bind = |source| ListenError::Bind { address: address.clone(), source };
                let resolved: Vec<SocketAddr> = address
                    .to_socket_addrs()
                    .map_err(|_| ListenError::Address(address.clone()))?
                    .collect();
                let socket = StdListener::bind(&*resolved).map_err(bind)?;
                socket.set_nonblocking(true).map_err(bind)?;
                leave_at_once(&socket).map_err(bind)?;
                Ok(Self::Tcp(socket))
            }
            Address::Unix(path) => {
                let make = |path: &_| local::bind(path, listen.mode, listen.owner.as_deref());
                let (socket, file) = SocketFile::make(path, make).map_err(|source| {
                    ListenError::Unix { path: path.clone(), source: source.into() }
                })?;
                Ok(Self::Local(socket, Some(file)))
            }
        }
    }

    /// One that listens already.
    pub(super) fn taken(incoming: Incoming) -> io::Result<Self> {
        match incoming.0 {
            Listening::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                leave_at_once(&socket)?;
                Ok(Self::Tcp(socket))
            }
            Listening::Local(socket) => {
                local::set_nonblocking(&socket)?;
                Ok(Self::Local(socket, None))
            }
        }
    }

    /// The address it really has, of TCP.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Local(..) => None,
        }
    }

    /// As people write it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Tcp(_) => self.address().map(|address| address.to_string()).unwrap_or_default(),
            Self::Local(_, Some(file)) => format!("unix:{}", file.path().display()),
            Self::Local(socket, None) => format!("unix:{}", local::name(socket)),
        }
    }

    /// Where connections come in; its name is there as long as the file.
    pub(super) fn open(self) -> (Door, Option<SocketFile>) {
        match self {
            Self::Tcp(socket) => (Door::tcp(socket), None),
            Self::Local(socket, file) => (Door::local(socket), file),
        }
    }
}
