//! Reading and writing a socket once, without what lies in between.

pub(crate) use self::system::{receive, send};

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::io::{self, IoSlice};
    use std::mem::MaybeUninit;

    use tokio::net::TcpStream;

    /// Reads what is there into memory that may not have been written yet; so many bytes were.
    #[inline]
    pub(crate) fn receive(stream: &TcpStream, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        Ok(rustix::io::read(stream, room)?.0.len())
    }

    /// Writes as much as there is room for.
    #[inline]
    pub(crate) fn send(stream: &TcpStream, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(stream, bytes)?)
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::io::{self, IoSlice};
    use std::mem::MaybeUninit;

    use tokio::net::TcpStream;

    /// Through memory of its own, which was written.
    pub(crate) fn receive(stream: &TcpStream, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let mut bytes = [0; 8192];
        let most = room.len().min(bytes.len());
        let read = stream.try_read(&mut bytes[..most])?;
        room[..read].write_copy_of_slice(&bytes[..read]);
        Ok(read)
    }

    pub(crate) fn send(stream: &TcpStream, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        stream.try_write_vectored(bytes)
    }
}
