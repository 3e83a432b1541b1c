//! Where connections of clients come in: a socket that accepts as many as are there, and makes
//! none of them known to the runtime that waits for them, which may not be what serves them.
#![allow(unsafe_code, reason = "waits for a descriptor that it owns")]

use std::net::{SocketAddr, TcpListener, TcpStream};

use super::local::Local;

pub(crate) use self::system::{Door, leave_at_once};

/// A connection that nobody waits for, of either kind: the system reads and writes both alike.
#[derive(Debug)]
pub(crate) struct Come {
    pub(crate) stream: TcpStream,
    /// Who is at its other end, where that has an address.
    pub(crate) remote: Option<SocketAddr>,
}

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::net::sockopt::set_tcp_nodelay;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Come, Local, TcpListener};

    /// A socket that listens, and does not wait.
    #[derive(Debug)]
    pub(crate) struct Door(OwnedFd);

    /// The same where a runtime waits for connections.
    #[derive(Debug)]
    pub(crate) struct Watched(AsyncFd<OwnedFd>);

    impl Door {
        /// Of TCP.
        pub(crate) fn tcp(listener: TcpListener) -> Self {
            Self(listener.into())
        }

        /// Of Unix.
        pub(crate) fn local(listener: Local) -> Self {
            Self(listener.into())
        }

        /// The same socket once more.
        pub(crate) fn again(&self) -> io::Result<Self> {
            self.0.try_clone().map(Self)
        }

        /// Puts a connection that is there to the others.
        pub(crate) fn look(&self, come: &mut Vec<Come>) -> io::Result<()> {
            come.push(accept(&self.0)?);
            Ok(())
        }

        /// On the thread of the runtime.
        pub(crate) fn watch(self) -> io::Result<Watched> {
            // SAFETY: it has the one descriptor, open, until it is dropped.
            let known = unsafe { AsyncFd::register_with_interest(self.0, Interest::READABLE) };
            Ok(Watched(known?))
        }
    }

    impl Watched {
        /// Waits for connections, and puts those that are there to the others, no more than are
        /// wanted then.
        pub(crate) async fn next(
            &self,
            wanted: impl FnOnce() -> usize,
            come: &mut Vec<Come>,
        ) -> io::Result<()> {
            let mut ready = self.0.readable().await?;
            let most = come.len() + wanted();
            while come.len() < most {
                match ready.try_io(|listener| accept(listener.get_ref())) {
                    Ok(accepted) => come.push(accepted?),
                    Err(_) => break,
                }
            }
            Ok(())
        }
    }

    /// From now on each small block leaves at once that is written to what comes in there: a
    /// connection has the options that its listener had when it was made.
    pub(crate) fn leave_at_once(listener: &TcpListener) -> io::Result<()> {
        Ok(set_tcp_nodelay(listener, true)?)
    }

    #[cfg(target_os = "linux")]
    fn accept(listener: impl AsFd) -> io::Result<Come> {
        use rustix::net::{SocketFlags, acceptfrom_with};
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (stream, remote) = acceptfrom_with(listener, flags)?;
        Ok(Come { stream: stream.into(), remote: remote.and_then(|it| it.try_into().ok()) })
    }

    #[cfg(not(target_os = "linux"))]
    fn accept(listener: impl AsFd) -> io::Result<Come> {
        use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
        let (stream, remote) = rustix::net::acceptfrom(listener)?;
        fcntl_setfd(&stream, FdFlags::CLOEXEC)?;
        ioctl_fionbio(&stream, true)?;
        Ok(Come { stream: stream.into(), remote: remote.and_then(|it| it.try_into().ok()) })
    }

    #[cfg(test)]
    mod tests {
        use std::io::Read;
        use std::net::TcpStream;

        use tokio::runtime::Builder;

        use super::*;

        #[test]
        fn all_that_are_there_come_together_and_leave_small_blocks_at_once() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            leave_at_once(&listener).unwrap();
            let address = listener.local_addr().unwrap();
            let runtime = Builder::new_current_thread().enable_io().build().unwrap();
            let clients = [(); 3].map(|()| TcpStream::connect(address).unwrap());
            let mut come = Vec::new();
            runtime.block_on(async {
                let door = Door::tcp(listener).watch().unwrap();
                door.next(|| 2, &mut come).await.unwrap();
                assert_eq!(come.len(), 2, "no more than was asked for");
                door.next(|| 2, &mut come).await.unwrap();
            });
            let ends = come.iter().map(|come| come.remote.unwrap());
            let known = clients.iter().map(|client| client.local_addr().unwrap());
            assert!(ends.eq(known), "one of them is missing");
            assert!(come.iter().all(|come| come.stream.nodelay().unwrap()));
            let nothing = (&come[0].stream).read(&mut [0]).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        }
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::io;

    use super::{Come, Local, TcpListener};

    /// A socket that listens, and does not wait.
    #[derive(Debug)]
    pub(crate) struct Door(TcpListener);

    /// The same where a runtime waits for connections, and knows each for a moment.
    #[derive(Debug)]
    pub(crate) struct Watched(tokio::net::TcpListener);

    impl Door {
        pub(crate) fn tcp(listener: TcpListener) -> Self {
            Self(listener)
        }

        /// There are none.
        pub(crate) fn local(listener: Local) -> Self {
            match listener {}
        }

        pub(crate) fn again(&self) -> io::Result<Self> {
            self.0.try_clone().map(Self)
        }

        pub(crate) fn look(&self, come: &mut Vec<Come>) -> io::Result<()> {
            let (stream, remote) = self.0.accept()?;
            stream.set_nonblocking(true)?;
            let _ = stream.set_nodelay(true);
            come.push(Come { stream, remote: Some(remote) });
            Ok(())
        }

        pub(crate) fn watch(self) -> io::Result<Watched> {
            tokio::net::TcpListener::from_std(self.0).map(Watched)
        }
    }

    /// Each is told by itself.
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    pub(crate) fn leave_at_once(_: &TcpListener) -> io::Result<()> {
        Ok(())
    }

    impl Watched {
        /// One at a time.
        pub(crate) async fn next(
            &self,
            _: impl FnOnce() -> usize,
            come: &mut Vec<Come>,
        ) -> io::Result<()> {
            let (stream, remote) = self.0.accept().await?;
            // One that cannot be set has no client any more, which shows soon enough.
            let _ = stream.set_nodelay(true);
            come.push(Come { stream: stream.into_std()?, remote: Some(remote) });
            Ok(())
        }
    }
}
