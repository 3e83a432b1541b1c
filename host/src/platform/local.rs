//! Sockets of the machine's own, for clients: a name in the file system, with an owner and a mode.
//!
//! A connection of theirs is given as one of TCP: reading, writing and waiting are the same to the
//! system, and so the gateways have one kind of stream. Where there are none, none can be bound.
#![allow(unsafe_code, reason = "takes descriptors that were handed over by their numbers")]

use std::net::TcpListener;

pub(crate) use self::system::{Local, activated, bind, name, set_nonblocking, standard_input};

/// A socket that listens already: made by whoever calls this program, or started it.
#[derive(Debug)]
pub struct Incoming(pub(crate) Listening);

/// What kind it is.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    #[cfg_attr(
        any(not(unix), dsgi_portable),
        allow(dead_code, reason = "there are none, so that none is handed over")
    )]
    Local(Local),
}

impl From<TcpListener> for Incoming {
    fn from(listener: TcpListener) -> Self {
        Self(Listening::Tcp(listener))
    }
}

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::fs;
    use std::io;
    use std::net::TcpListener;
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use rustix::fs::{Gid, Mode, Uid, chmod, chown};
    use rustix::io::fcntl_dupfd_cloexec;
    use rustix::net::sockopt::socket_acceptconn;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, getsockname};
    use rustix::net::{bind as bind_socket, listen, socket_with};

    use super::{Incoming, Listening};

    /// Connections that may wait to be accepted, as for TCP.
    const BACKLOG: i32 = 1024;

    pub(crate) type Local = UnixListener;

    /// Makes a socket with these permission bits, of this owner: `user`, `user:group` or `:group`,
    /// by names or numbers. Nobody can connect before it has both.
    pub(crate) fn bind(path: &Path, mode: Option<u32>, owner: Option<&str>) -> io::Result<Local> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind_socket(&socket, &SocketAddrUnix::new(path)?)?;
        let made = settle(path, mode, owner).and_then(|()| Ok(listen(&socket, BACKLOG)?));
        if let Err(error) = made {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(socket.into())
    }

    impl From<UnixListener> for Incoming {
        fn from(listener: UnixListener) -> Self {
            Self(Listening::Local(listener))
        }
    }

    /// Waits for nothing from now on.
    pub(crate) fn set_nonblocking(listener: &Local) -> io::Result<()> {
        listener.set_nonblocking(true)
    }

    /// The path that it was made at.
    pub(crate) fn name(listener: &Local) -> String {
        let address = listener.local_addr().ok();
        let path = address.as_ref().and_then(|address| address.as_pathname());
        path.map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// Standard input, where that is a socket that listens, as spawn-fcgi gives it.
    pub(crate) fn standard_input() -> Option<Incoming> {
        let input = rustix::stdio::stdin();
        if !socket_acceptconn(input).is_ok_and(|listens| listens) {
            return None;
        }
        of_descriptor(fcntl_dupfd_cloexec(input, 3).ok()?)
    }

    /// The sockets that the system's manager has opened for this process, each with its name. For
    /// the very start, and once: they are this function's.
    pub(crate) fn activated() -> Vec<(String, Incoming)> {
        let number = |name| std::env::var(name).ok()?.parse::<i32>().ok();
        let own = number("LISTEN_PID").and_then(|pid| u32::try_from(pid).ok());
        if own != Some(std::process::id()) {
            return Vec::new();
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let descriptors = FIRST..FIRST.saturating_add(number("LISTEN_FDS").unwrap_or(0).min(1024));
        let sockets = descriptors.filter_map(|descriptor| {
            let name = names.next().unwrap_or_default();
            // SAFETY: by the variables' word it is open, and nobody else's.
            let given = unsafe { OwnedFd::from_raw_fd(descriptor) };
            // The programs that this one starts do not get them.
            let own = fcntl_dupfd_cloexec(&given, FIRST).ok()?;
            if !socket_acceptconn(&own).is_ok_and(|listens| listens) {
                return None;
            }
            Some((name, of_descriptor(own)?))
        });
        sockets.collect()
    }

    /// The first descriptor that a manager hands over.
    const FIRST: i32 = 3;

    fn of_descriptor(socket: OwnedFd) -> Option<Incoming> {
        match getsockname(socket.as_fd()).ok()?.address_family() {
            AddressFamily::UNIX => Some(UnixListener::from(socket).into()),
            AddressFamily::INET | AddressFamily::INET6 => Some(TcpListener::from(socket).into()),
            _ => None,
        }
    }

    fn settle(path: &Path, mode: Option<u32>, owner: Option<&str>) -> io::Result<()> {
        if let Some(owner) = owner {
            let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
            let user = number(user, "/etc/passwd")?.map(Uid::from_raw);
            chown(path, user, number(group, "/etc/group")?.map(Gid::from_raw))?;
        }
        if let Some(mode) = mode {
            chmod(path, Mode::from_raw_mode(mode))?;
        }
        Ok(())
    }

    /// The number of a user or a group, from the file that lists them.
    fn number(name: &str, list: &str) -> io::Result<Option<u32>> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Ok(number) = name.parse() {
            return Ok(Some(number));
        }
        let text = fs::read_to_string(list)?;
        let mut rows = text.lines().map(|line| line.split(':'));
        let found = rows.find_map(|mut row| {
            (row.next() == Some(name)).then(|| row.nth(1)).flatten()?.parse().ok()
        });
        let unknown = || io::Error::other(format!("`{name}` is not listed in {list}"));
        found.map(Some).ok_or_else(unknown)
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::convert::Infallible;
    use std::io;
    use std::path::Path;

    /// There is none.
    pub(crate) type Local = Infallible;

    pub(crate) fn bind(_: &Path, _: Option<u32>, _: Option<&str>) -> io::Result<Local> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn set_nonblocking(listener: &Local) -> io::Result<()> {
        match *listener {}
    }

    pub(crate) fn name(listener: &Local) -> String {
        match *listener {}
    }

    /// Nobody hands sockets over.
    pub(crate) fn standard_input() -> Option<super::Incoming> {
        None
    }

    pub(crate) fn activated() -> Vec<(String, super::Incoming)> {
        Vec::new()
    }
}
