//! Where an operator reaches a host: a name in a folder, and who is at the other end.
//!
//! On Unix a socket of the file system, whose peer the system names. Elsewhere a port of this
//! machine: the file says which one, and holds a secret that only those know who can read it.
//! Invariant: nothing of a peer is obeyed before its user is known.

pub(crate) use self::system::{
    Door, Guest, Identity, LONGEST_PATH, Listener, Stream, bind, connect, identity, is_channel,
    user_of,
};

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::fs::{self, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::path::Path;

    use crate::platform::files;
    use crate::platform::rights::PRIVATE;

    /// What the system takes as a socket's path, without its last zero.
    pub(crate) const LONGEST_PATH: usize = 107;

    pub(crate) type Listener = std::os::unix::net::UnixListener;
    pub(crate) type Stream = std::os::unix::net::UnixStream;
    /// A connection on the side of the host.
    pub(crate) type Guest = tokio::net::UnixStream;
    /// What tells one channel from another of the same name.
    pub(crate) type Identity = (u64, u64);

    /// Where guests come in.
    #[derive(Debug)]
    pub(crate) struct Door(tokio::net::UnixListener);

    impl Door {
        /// Within a runtime.
        pub(crate) fn open(listener: Listener) -> io::Result<Self> {
            tokio::net::UnixListener::from_std(listener).map(Self)
        }

        pub(crate) async fn next(&self) -> io::Result<Guest> {
            self.0.accept().await.map(|(stream, _)| stream)
        }
    }

    /// Makes a channel that only this user can reach.
    pub(crate) fn bind(path: &Path) -> io::Result<Listener> {
        let listener = Listener::bind(path)?;
        // Between the two lines the folder or the check of the peer keeps others out.
        fs::set_permissions(path, Permissions::from_mode(PRIVATE))?;
        Ok(listener)
    }

    /// Refused where nobody listens any more.
    pub(crate) fn connect(path: &Path) -> io::Result<Stream> {
        Stream::connect(path)
    }

    pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
        fs::symlink_metadata(path).map(|found| files::identity(&found))
    }

    /// Whether what lies at a path is a channel, dead or alive.
    pub(crate) fn is_channel(_: &Path, found: &Metadata) -> bool {
        found.file_type().is_socket()
    }

    /// The user at the other end, when the system tells.
    pub(crate) async fn user_of(guest: &mut Guest) -> Option<u32> {
        guest.peer_cred().ok().map(|peer| peer.uid())
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::fs::{self, Metadata};
    use std::hash::{BuildHasher, RandomState};
    use std::io::{self, ErrorKind, Read, Write};
    use std::net::Ipv4Addr;
    use std::path::Path;
    use std::sync::OnceLock;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::platform::rights;

    /// Any path will do.
    pub(crate) const LONGEST_PATH: usize = usize::MAX;

    pub(crate) type Listener = std::net::TcpListener;
    pub(crate) type Stream = std::net::TcpStream;
    pub(crate) type Guest = tokio::net::TcpStream;
    pub(crate) type Identity = String;

    /// What the host says to one who knows the secret.
    const WELCOME: &[u8] = b"dsgi\n";
    const SECRET_LENGTH: usize = 32;
    /// How long either side waits for the other's word.
    const PATIENCE: Duration = Duration::from_secs(5);

    #[derive(Debug)]
    pub(crate) struct Door(tokio::net::TcpListener);

    impl Door {
        pub(crate) fn open(listener: Listener) -> io::Result<Self> {
            tokio::net::TcpListener::from_std(listener).map(Self)
        }

        pub(crate) async fn next(&self) -> io::Result<Guest> {
            self.0.accept().await.map(|(stream, _)| stream)
        }
    }

    /// This process's secret: two answers of a keyed hash whose key the system drew.
    fn secret() -> &'static str {
        static SECRET: OnceLock<String> = OnceLock::new();
        SECRET.get_or_init(|| {
            let state = RandomState::new();
            format!("{:016x}{:016x}", state.hash_one(1), state.hash_one(2))
        })
    }

    /// The file is put in place as a whole, by renaming.
    pub(crate) fn bind(path: &Path) -> io::Result<Listener> {
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
        writeln!(file, "dsgi {} {}", listener.local_addr()?.port(), secret())?;
        file.persist_noclobber(path)?;
        Ok(listener)
    }

    pub(crate) fn connect(path: &Path) -> io::Result<Stream> {
        let (port, secret) = parse(&fs::read_to_string(path)?).ok_or(ErrorKind::InvalidData)?;
        let mut stream = Stream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // As a line, so that another program that has the port now sees the end of it.
        stream.write_all(format!("{secret}\n").as_bytes())?;
        let mut welcome = [0; WELCOME.len()];
        let heard = stream.read_exact(&mut welcome);
        stream.set_read_timeout(None)?;
        match heard {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
            Ok(()) if welcome == WELCOME => Ok(stream),
            // The host has died, and its port is another program's now.
            _ => Err(ErrorKind::ConnectionRefused.into()),
        }
    }

    fn parse(text: &str) -> Option<(u16, String)> {
        let (port, secret) = text.strip_prefix("dsgi ")?.trim_end().split_once(' ')?;
        (secret.len() == SECRET_LENGTH).then_some((port.parse().ok()?, secret.to_owned()))
    }

    pub(crate) fn identity(path: &Path) -> io::Result<Identity> {
        fs::read_to_string(path)
    }

    pub(crate) fn is_channel(path: &Path, _: &Metadata) -> bool {
        fs::read_to_string(path).is_ok_and(|text| parse(&text).is_some())
    }

    /// This user, when it is one who could read the file.
    pub(crate) async fn user_of(guest: &mut Guest) -> Option<u32> {
        let mut word = [0; SECRET_LENGTH + 1];
        let heard = tokio::time::timeout(PATIENCE, guest.read_exact(&mut word)).await;
        heard.ok()?.ok()?;
        // All of it is looked at, so that the time it takes tells nothing.
        let expected = secret().bytes().chain([b'\n']);
        let differ = word.iter().zip(expected).fold(0, |sum, (one, two)| sum | (one ^ two));
        if differ != 0 {
            return None;
        }
        guest.write_all(WELCOME).await.ok()?;
        Some(rights::user())
    }
}
