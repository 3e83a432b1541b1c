//! This process: its end, what it inherited, its own file, its standard output.
#![allow(unsafe_code, reason = "calls of the C library that std does not offer")]

use std::io;
use std::path::PathBuf;

/// Ends the process now, without running what libraries have registered for its end: their code
/// may be gone. Elsewhere than on Unix none is ever gone.
pub(crate) fn end(code: i32) -> ! {
    #[cfg(all(unix, not(dsgi_portable)))]
    // SAFETY: ends the process; nothing runs after it.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(any(not(unix), dsgi_portable))]
    #[allow(clippy::exit, reason = "std knows no other end with a code")]
    std::process::exit(code)
}

/// The release of glibc that runs this process, such as `2.36`; none where there is another C
/// library.
pub(crate) fn glibc_version() -> Option<&'static str> {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(dsgi_portable)))]
    {
        // SAFETY: it takes nothing.
        let version = unsafe { libc::gnu_get_libc_version() };
        // SAFETY: a string that is part of the C library.
        unsafe { std::ffi::CStr::from_ptr(version) }.to_str().ok()
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu", not(dsgi_portable))))]
    None
}

/// Closes every descriptor but the three standard ones: for a child at its very start, before it
/// has any of its own.
pub(crate) fn close_inherited() {
    #[cfg(all(target_os = "linux", not(dsgi_portable)))]
    // SAFETY: nothing of this process has opened a descriptor yet. An older kernel refuses, and
    // leaves what the parent's parent has left open.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
    }
}

/// Takes a variable out of what this process was started with: for its very start, before it has
/// any other thread.
pub(crate) fn forget_variable(name: &str) {
    // SAFETY: nobody else is there to look at the environment.
    unsafe { std::env::remove_var(name) };
}

/// From now on a file that may not grow any further is an error of its writer, as a full disk is,
/// and not the end of the process.
pub(crate) fn ignore_file_limits() {
    #[cfg(all(unix, not(dsgi_portable)))]
    // SAFETY: sets no function.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// From now on USR1, which is meant for log files, does not end the process, whatever it does: also
/// a portable host, and the child of a probe. Programs that it starts are not told to ignore it.
pub(crate) fn outlive_rotation() {
    #[cfg(unix)]
    {
        extern "C" fn pass(_: libc::c_int) {}
        // SAFETY: sets a function that does nothing.
        unsafe { libc::signal(libc::SIGUSR1, pass as *const () as libc::sighandler_t) };
    }
}

/// From now on this process ends with its parent, where the system can see to it.
pub(crate) fn end_with_parent() -> io::Result<()> {
    #[cfg(all(target_os = "linux", not(dsgi_portable)))]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    Ok(())
}

/// Whether that process is there, and has started this one.
pub(crate) fn is_child_of(parent: u32) -> bool {
    #[cfg(all(unix, not(dsgi_portable)))]
    return std::os::unix::process::parent_id() == parent;
    // Nobody ends with its parent there.
    #[cfg(any(not(unix), dsgi_portable))]
    return parent > 0;
}

/// This program's own file. When it was replaced on disk its old name leads nowhere, and the link
/// in `/proc` still leads to what runs; otherwise the name is better, because tools that stand
/// between a program and the system, such as valgrind, know it.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    let named = std::env::current_exe()?;
    let replaced = cfg!(all(target_os = "linux", not(dsgi_portable))) && !named.exists();
    Ok(if replaced { PathBuf::from("/proc/self/exe") } else { named })
}

pub(crate) use self::report::{Report, standard_input};

#[cfg(all(unix, not(dsgi_portable)))]
mod report {
    use std::fs::File;
    use std::io::{self, Write};

    use rustix::io::fcntl_dupfd_cloexec;
    use rustix::stdio::{dup2_stdout, stderr, stdin, stdout};

    /// Standard input as this process was given it. What std has reads more than it is asked for.
    pub(crate) fn standard_input() -> io::Result<File> {
        Ok(File::from(fcntl_dupfd_cloexec(stdin(), 3)?))
    }

    /// Standard output as this program's own: what else is printed goes to standard error.
    #[derive(Debug)]
    pub(crate) struct Report(File);

    impl Report {
        /// Takes standard output away from everybody else in this process.
        pub(crate) fn take() -> io::Result<Self> {
            let own = File::from(fcntl_dupfd_cloexec(stdout(), 3)?);
            dup2_stdout(stderr())?;
            Ok(Self(own))
        }

        /// Writes a line, which ends with its newline.
        pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
            self.0.write_all(line)
        }

        /// Writes bytes as they are.
        pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.write_all(bytes)
        }
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod report {
    use std::io::{self, Stdin, Write};

    /// Standard input with a buffer, which nobody shares there.
    pub(crate) fn standard_input() -> io::Result<Stdin> {
        Ok(io::stdin())
    }

    /// Standard output, shared with whatever else is printed.
    #[derive(Debug)]
    pub(crate) struct Report;

    impl Report {
        pub(crate) fn take() -> io::Result<Self> {
            Ok(Self)
        }

        /// On a line of its own, whatever was printed before; who reads it passes over the rest.
        pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
            let mut output = io::stdout().lock();
            output.write_all(b"\n")?;
            output.write_all(line)?;
            output.flush()
        }

        pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut output = io::stdout().lock();
            output.write_all(bytes)?;
            output.flush()
        }
    }
}
