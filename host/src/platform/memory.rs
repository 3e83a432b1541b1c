//! Bytes that can be mapped as code: whether a folder's files can, and files without a folder.

pub(crate) use self::system::{Sealed, maps_code};

#[cfg(all(target_os = "linux", not(dsgi_portable)))]
mod system {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::{self, Write};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::path::{Path, PathBuf};
    use std::process;

    use rustix::fs::{MemfdFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, memfd_create};
    use rustix::io::Errno;

    /// An anonymous file that can be mapped as code, and never changed again.
    #[derive(Debug)]
    pub(crate) struct Sealed(OwnedFd);

    impl Sealed {
        pub(crate) fn write(name: &OsStr, bytes: &[u8]) -> io::Result<Self> {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            // Before Linux 6.3 the flag is unknown and every such file can be mapped as code.
            let fd = match memfd_create(name, flags | MemfdFlags::EXEC) {
                Err(Errno::INVAL) => memfd_create(name, flags)?,
                other => other?,
            };
            let mut file = File::from(fd);
            file.write_all(bytes)?;
            fcntl_add_seals(
                &file,
                SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
            )?;
            Ok(Self(file.into()))
        }

        /// The path under which this process and its children find it.
        pub(crate) fn path(&self) -> PathBuf {
            // Not `self`: a probe in a child process opens the same file.
            PathBuf::from(format!("/proc/{}/fd/{}", process::id(), self.0.as_raw_fd()))
        }
    }

    /// Whether files of a folder can be mapped as code.
    pub(crate) fn maps_code(folder: &Path) -> io::Result<bool> {
        Ok(allows_code(rustix::fs::statvfs(folder)?.f_flag))
    }

    fn allows_code(mount: StatVfsMountFlags) -> bool {
        !mount.contains(StatVfsMountFlags::NOEXEC)
    }

    #[test]
    fn a_mount_says_whether_its_files_are_code() {
        let (read_only, noexec) = (StatVfsMountFlags::RDONLY, StatVfsMountFlags::NOEXEC);
        assert!(!allows_code(read_only | noexec));
        assert!(allows_code(read_only));
    }
}

#[cfg(any(not(target_os = "linux"), dsgi_portable))]
mod system {
    use std::convert::Infallible;
    use std::ffi::OsStr;
    use std::io;
    use std::path::{Path, PathBuf};

    /// There are no files without a folder.
    #[derive(Debug)]
    pub(crate) struct Sealed(Infallible);

    impl Sealed {
        pub(crate) fn write(_: &OsStr, _: &[u8]) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn path(&self) -> PathBuf {
            match self.0 {}
        }
    }

    /// The linker says so when it is not.
    pub(crate) fn maps_code(_: &Path) -> io::Result<bool> {
        Ok(true)
    }
}
