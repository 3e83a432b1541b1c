//! Reading and writing a socket once, without what lies in between.
#![allow(unsafe_code, reason = "reads into memory that was not written yet")]

use std::io;

use bytes::BytesMut;

pub(crate) use self::files::{SENDS_FILES, send_ahead, send_file};
pub(crate) use self::system::{Socket, end_sending, receive, send};

/// Reads what is there behind what was read before, where that has room; how much it was, and
/// whether there was room for more.
pub(crate) fn fill(stream: &impl Socket, into: &mut BytesMut) -> io::Result<(usize, bool)> {
    let room = into.spare_capacity_mut();
    let most = room.len();
    let received = receive(stream, room)?;
    // SAFETY: the system has written that many bytes.
    unsafe { into.set_len(into.len() + received) };
    Ok((received, received < most))
}

#[cfg(all(target_os = "linux", not(dsgi_portable)))]
mod files {
    use std::fs::File;
    use std::io::{self, IoSlice};

    use rustix::fs::sendfile;
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    use tokio::net::TcpStream;

    /// Whether the system sends files by itself.
    pub(crate) const SENDS_FILES: bool = true;

    /// Writes what a part of a file follows at once.
    pub(crate) fn send_ahead(stream: &TcpStream, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        Ok(sendmsg(stream, bytes, &mut SendAncillaryBuffer::default(), flags)?)
    }

    /// Has the system send bytes of a file from `offset` on; none at its end.
    pub(crate) fn send_file(
        stream: &TcpStream,
        file: &File,
        mut offset: u64,
        most: usize,
    ) -> io::Result<usize> {
        Ok(sendfile(stream, file, Some(&mut offset), most)?)
    }
}

#[cfg(any(not(target_os = "linux"), dsgi_portable))]
mod files {
    use std::fs::File;
    use std::io::{self, IoSlice};

    use tokio::net::TcpStream;

    /// Files are read.
    pub(crate) const SENDS_FILES: bool = false;

    pub(crate) fn send_ahead(stream: &TcpStream, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        super::send(stream, bytes)
    }

    pub(crate) fn send_file(_: &TcpStream, _: &File, _: u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::io::{self, IoSlice};
    use std::mem::MaybeUninit;
    use std::os::fd::AsFd;

    use rustix::io::Errno;
    use rustix::net::{Shutdown, shutdown};
    use tokio::net::TcpStream;

    /// A socket that nobody waits for, whether a runtime knows it or not.
    pub(crate) trait Socket: AsFd {}

    impl<S: AsFd> Socket for S {}

    /// Says that nothing follows.
    pub(crate) fn end_sending(stream: &TcpStream) -> io::Result<()> {
        Ok(shutdown(stream, Shutdown::Write)?)
    }

    /// Reads what is there into memory that may not have been written yet; so many bytes were.
    #[inline]
    pub(crate) fn receive(stream: &impl Socket, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        match rustix::io::read(stream, room) {
            Ok((read, _)) => Ok(read.len()),
            Err(error) => Err(refused(error)),
        }
    }

    /// Writes as much as there is room for.
    #[inline]
    pub(crate) fn send(stream: &impl Socket, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        rustix::io::writev(stream, bytes).map_err(refused)
    }

    /// In a place of its own, so that nobody prepares for it.
    #[cold]
    #[inline(never)]
    fn refused(error: Errno) -> io::Error {
        error.into()
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::io::{self, IoSlice, Read, Write};
    use std::mem::MaybeUninit;

    use tokio::net::TcpStream;

    /// A socket that nobody waits for, whether a runtime knows it or not.
    pub(crate) trait Socket {
        fn try_read(&self, room: &mut [u8]) -> io::Result<usize>;
        fn try_write(&self, bytes: &[IoSlice<'_>]) -> io::Result<usize>;
    }

    impl Socket for TcpStream {
        fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
            Self::try_read(self, room)
        }

        fn try_write(&self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
            self.try_write_vectored(bytes)
        }
    }

    impl Socket for std::net::TcpStream {
        fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
            Read::read(&mut &*self, room)
        }

        fn try_write(&self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
            Write::write_vectored(&mut &*self, bytes)
        }
    }

    /// It is told at the end only.
    pub(crate) fn end_sending(_: &TcpStream) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Through memory of its own, which was written.
    pub(crate) fn receive(stream: &impl Socket, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let mut bytes = [0; 8192];
        let most = room.len().min(bytes.len());
        let read = stream.try_read(&mut bytes[..most])?;
        room[..read].write_copy_of_slice(&bytes[..read]);
        Ok(read)
    }

    pub(crate) fn send(stream: &impl Socket, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        stream.try_write(bytes)
    }
}
