//! Signals that ask this process for something.

pub(crate) use self::system::{Again, End};

/// One that asks for the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    pub(crate) name: &'static str,
    pub(crate) number: i32,
}

/// What this process can be asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// HUP: everything is to be read again.
    Reload,
    /// USR1: log files were moved away.
    Rotate,
}

const INT: Signal = Signal { name: "INT", number: 2 };

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::io;

    use tokio::signal::unix::{SignalKind, signal};

    use super::{INT, Signal, Wish};

    const TERM: Signal = Signal { name: "TERM", number: 15 };

    /// TERM and INT.
    #[derive(Debug)]
    pub(crate) struct End {
        term: tokio::signal::unix::Signal,
        int: tokio::signal::unix::Signal,
    }

    impl End {
        /// From now on none is missed. Within a runtime.
        pub(crate) fn heed() -> io::Result<Self> {
            let (term, int) = (SignalKind::terminate(), SignalKind::interrupt());
            Ok(Self { term: signal(term)?, int: signal(int)? })
        }

        pub(crate) async fn next(&mut self) -> io::Result<Signal> {
            Ok(tokio::select! {
                _ = self.term.recv() => TERM,
                _ = self.int.recv() => INT,
            })
        }
    }

    /// The signal of one wish.
    #[derive(Debug)]
    pub(crate) struct Again(tokio::signal::unix::Signal);

    impl Again {
        /// From now on it does not end the process. Within a runtime.
        pub(crate) fn heed(wish: Wish) -> io::Result<Self> {
            let kind = match wish {
                Wish::Reload => SignalKind::hangup(),
                Wish::Rotate => SignalKind::user_defined1(),
            };
            signal(kind).map(Self)
        }

        /// None when there will be no further one.
        pub(crate) async fn next(&mut self) -> Option<()> {
            self.0.recv().await
        }
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::fmt;
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::{INT, Signal, Wish};

    /// Ctrl-C at the terminal.
    pub(crate) struct End(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

    impl End {
        pub(crate) fn heed() -> io::Result<Self> {
            let mut next = Box::pin(tokio::signal::ctrl_c());
            // The first poll is what makes the system heed it.
            if let Poll::Ready(heard) = next.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                heard?;
            }
            Ok(Self(next))
        }

        pub(crate) async fn next(&mut self) -> io::Result<Signal> {
            self.0.as_mut().await?;
            *self = Self::heed()?;
            Ok(INT)
        }
    }

    impl fmt::Debug for End {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("End")
        }
    }

    /// Nobody can ask for that.
    #[derive(Debug)]
    pub(crate) struct Again;

    impl Again {
        pub(crate) fn heed(_: Wish) -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> Option<()> {
            None
        }
    }
}
