//! Sockets of the machine's own, for clients: a name in the file system, with an owner and a mode.
//!
//! A connection of theirs is given as one of TCP: reading, writing and waiting are the same to the
//! system, and so the gateways have one kind of stream. Where there are none, none can be bound.

pub(crate) use self::system::{Door, Local, bind};

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::fs;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use rustix::fs::{Gid, Mode, Uid, chmod, chown};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    use rustix::net::{bind as bind_socket, listen, socket_with};

    /// Connections that may wait to be accepted, as for TCP.
    const BACKLOG: i32 = 1024;

    pub(crate) type Local = UnixListener;

    /// Where connections come in.
    #[derive(Debug)]
    pub(crate) struct Door(tokio::net::UnixListener);

    impl Door {
        /// Within a runtime.
        pub(crate) fn open(listener: Local) -> io::Result<Self> {
            tokio::net::UnixListener::from_std(listener).map(Self)
        }

        pub(crate) async fn next(&self) -> io::Result<std::net::TcpStream> {
            let (stream, _) = self.0.accept().await?;
            Ok(OwnedFd::from(stream.into_std()?).into())
        }
    }

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

    #[derive(Debug)]
    pub(crate) struct Door(Infallible);

    impl Door {
        pub(crate) fn open(listener: Local) -> io::Result<Self> {
            Ok(Self(listener))
        }

        pub(crate) async fn next(&self) -> io::Result<std::net::TcpStream> {
            match self.0 {}
        }
    }

    pub(crate) fn bind(_: &Path, _: Option<u32>, _: Option<&str>) -> io::Result<Local> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
