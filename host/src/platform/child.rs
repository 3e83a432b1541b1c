//! A child that may be ended at any moment, with whatever it has started where the system can.
//!
//! Invariant: it is reaped by its owner alone, after everything that was started with it was told
//! to end, so that its number is its own until then.

pub(crate) use self::system::{Family, signal_of};

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::io;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
    use std::thread;

    use rustix::io::Errno;
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

    /// A child and its process group.
    #[derive(Debug)]
    pub(crate) struct Family {
        child: Child,
        pub(crate) stdin: Option<ChildStdin>,
        pub(crate) stdout: Option<ChildStdout>,
        pub(crate) stderr: Option<ChildStderr>,
    }

    impl Family {
        /// Starts it.
        pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
            let mut child = command.process_group(0).spawn()?;
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            let stderr = child.stderr.take();
            Ok(Self { child, stdin, stdout, stderr })
        }

        fn pid(&self) -> Pid {
            Pid::from_child(&self.child)
        }

        /// Calls `tell`, on a thread of its own, when the child has ended; leaves it to be reaped.
        pub(crate) fn at_end(&self, tell: impl FnOnce() + Send + 'static) {
            let pid = self.pid();
            thread::spawn(move || {
                let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                while matches!(waitid(WaitId::Pid(pid), ended), Err(Errno::INTR)) {}
                tell();
            });
        }

        /// Ends the child, and whatever has not left its group.
        pub(crate) fn end(&self) {
            // It may be gone already.
            let _ = kill_process_group(self.pid(), Signal::KILL);
        }

        /// Waits for the child's end.
        pub(crate) fn reap(mut self) -> io::Result<ExitStatus> {
            self.child.wait()
        }
    }

    /// The signal that has ended a process.
    pub(crate) fn signal_of(status: ExitStatus) -> Option<String> {
        const KNOWN: [(Signal, &str); 8] = [
            (Signal::ABORT, "SIGABRT"),
            (Signal::BUS, "SIGBUS"),
            (Signal::FPE, "SIGFPE"),
            (Signal::ILL, "SIGILL"),
            (Signal::KILL, "SIGKILL"),
            (Signal::SEGV, "SIGSEGV"),
            (Signal::SYS, "SIGSYS"),
            (Signal::TRAP, "SIGTRAP"),
        ];
        let number = status.signal()?;
        let known = KNOWN.iter().find(|(signal, _)| signal.as_raw() == number);
        Some(known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned()))
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::io;
    use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::thread;
    use std::time::Duration;

    /// A child alone: what it starts is not known.
    #[derive(Debug)]
    pub(crate) struct Family {
        child: Arc<Mutex<Child>>,
        pub(crate) stdin: Option<ChildStdin>,
        pub(crate) stdout: Option<ChildStdout>,
        pub(crate) stderr: Option<ChildStderr>,
    }

    impl Family {
        pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
            let mut child = command.spawn()?;
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            let stderr = child.stderr.take();
            Ok(Self { child: Arc::new(Mutex::new(child)), stdin, stdout, stderr })
        }

        /// Looks again and again: std waits for a child only where nobody else can end it.
        pub(crate) fn at_end(&self, tell: impl FnOnce() + Send + 'static) {
            const LOOK: Duration = Duration::from_millis(5);
            let child = Arc::clone(&self.child);
            thread::spawn(move || {
                while matches!(lock(&child).try_wait(), Ok(None)) {
                    thread::sleep(LOOK);
                }
                tell();
            });
        }

        pub(crate) fn end(&self) {
            // It may be gone already.
            let _ = lock(&self.child).kill();
        }

        pub(crate) fn reap(self) -> io::Result<ExitStatus> {
            lock(&self.child).wait()
        }
    }

    fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
        child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn signal_of(_: ExitStatus) -> Option<String> {
        None
    }
}
