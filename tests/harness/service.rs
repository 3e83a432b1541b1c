//! Programs that keep data for an application, as instances of a test's own: in a folder of their
//! own, on a unix socket in it, ended by their id, also when the test fails.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

/// A program that runs. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    /// What ends it, as a name of a signal.
    signal: &'static str,
    log: PathBuf,
}

impl Service {
    /// Starts a program, which writes what it says to `log`, and returns once it answers.
    pub(crate) fn start(
        mut command: Command,
        signal: &'static str,
        log: PathBuf,
        answers: impl Fn() -> bool,
    ) -> Self {
        let file = std::fs::File::create(&log).expect("a file for what it says");
        let both = file.try_clone().expect("a second descriptor");
        command.stdin(Stdio::null()).stdout(file).stderr(both);
        let child = command.spawn().expect("the program starts");
        let mut service = Self { child, signal, log };
        let until = Instant::now() + DEADLINE;
        while !answers() {
            let ended = service.child.try_wait().expect("a child of ours");
            assert!(ended.is_none() && Instant::now() < until, "it does not answer: {service:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        service
    }

    /// Everything that it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Ends the program, and returns once it has ended.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let id = self.child.id().to_string();
            let told = Command::new("kill").args(["-s", self.signal, &id]).status();
            if !told.is_ok_and(|status| status.success()) {
                // Fails only for a child that has ended by itself.
                let _ = self.child.kill();
            }
        }
        // Fails only for a child that has been reaped already.
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}---", self.log.display(), self.said());
        }
    }
}

/// A program in the search path, or in one of these folders.
pub(crate) fn program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = folders.iter().cloned().chain(std::env::split_paths(&path));
    found.map(|folder| folder.join(name)).find(|file| file.is_file())
}
