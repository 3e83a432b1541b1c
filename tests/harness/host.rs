//! The real `host` binary as a child: started on a free port, watched, ended, and made to show
//! its output when a test fails.

use super::DEADLINE;
use super::output::{Captured, Missed};
use super::validated::Validated;
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions};
use rustix::process::{getrlimit, kill_process, prlimit, waitid};
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A host about to be started.
#[derive(Debug)]
pub(crate) struct Launch {
    command: Command,
    arguments: Vec<OsString>,
    deadline: Duration,
    validated: Validated,
    folder: TempDir,
}

/// A host that listens. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Host {
    running: Running,
    addresses: Vec<String>,
}

/// Runs a command of the host that ends by itself, as `check` does.
pub(crate) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    Launch::new().args(arguments).run()
}

impl Launch {
    /// The binary that cargo built for these tests. Its temporary files lie in a folder of its
    /// own, removed with it; variables of this process that would configure it are taken away.
    pub(crate) fn new() -> Self {
        Self::program(env!("CARGO_BIN_EXE_host"))
    }

    /// Another program that becomes the host, as `cargo run` does.
    pub(crate) fn program(program: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DSGI_") || name == "GATEWAY_INTERFACE" {
                command.env_remove(name);
            }
        }
        command
            .env("TMPDIR", folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("DSGI_CONTROL_DIR", folder.path().join("control"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (arguments, validated) = (Vec::new(), Validated::Breaking(&[]));
        Self { command, arguments, deadline: DEADLINE, validated, folder }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|one| one.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it a file or a socket as its standard input.
    pub(crate) fn stdin(mut self, input: impl Into<Stdio>) -> Self {
        self.command.stdin(input);
        self
    }

    /// For a host that first builds a crate: it may take longer than the usual deadline.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Without the validator, which else stands around all that is served: for a test of what is
    /// there without it (lists of layers, what a start says, one exact instruction or byte more of
    /// memory), and of applications so broken that nobody answers for what the validator sees.
    pub(crate) fn bare(mut self) -> Self {
        self.validated = Validated::Bare;
        self
    }

    /// What is served breaks these rules, by their ids, and the validator tells of each of them.
    /// A host that breaks another one, or not all of them, fails its test.
    pub(crate) fn breaking(mut self, rules: &'static [&'static str]) -> Self {
        self.validated = Validated::Breaking(rules);
        self
    }

    /// Starts the host and returns once each listener has printed its line. Without `--listen`
    /// among the arguments it listens on a free port of 127.0.0.1.
    pub(crate) fn start(self) -> Host {
        match self.listen() {
            (running, Ok(addresses)) => Host { running, addresses },
            (running, Err(missed)) => running.fail(&format!("not listening: {missed:?}")),
        }
    }

    /// The same for a host that may refuse: what it said when it ends instead.
    pub(crate) fn start_or_end(self) -> Result<Host, Output> {
        match self.listen() {
            (running, Ok(addresses)) => Ok(Host { running, addresses }),
            (mut running, Err(Missed::Ended)) => Err(running.output()),
            (running, Err(missed)) => running.fail(&format!("not listening: {missed:?}")),
        }
    }

    /// The same for a host that is told elsewhere where to listen, at so many places.
    pub(crate) fn start_with_its_own_listeners(mut self, listeners: usize) -> Host {
        self.arguments = self.validated.around(self.arguments);
        match self.spawn_and_wait(listeners) {
            (running, Ok(addresses)) => Host { running, addresses },
            (running, Err(missed)) => running.fail(&format!("not listening: {missed:?}")),
        }
    }

    fn listen(mut self) -> (Running, Result<Vec<String>, Missed>) {
        self.arguments = self.validated.around(self.arguments);
        let is_listen =
            |one: &OsString| one.to_string_lossy().split('=').next() == Some("--listen");
        let listeners = match self.arguments.iter().filter(|one| is_listen(one)).count() {
            0 => {
                self.arguments.extend(["--listen", "127.0.0.1:0"].map(OsString::from));
                1
            }
            given => given,
        };
        self.spawn_and_wait(listeners)
    }

    fn spawn_and_wait(self, listeners: usize) -> (Running, Result<Vec<String>, Missed>) {
        let running = self.spawn();
        let addresses = running.stdout.wait_for(running.deadline, |lines| {
            let said = lines.iter().filter_map(|line| line.strip_prefix("listening on "));
            let said: Vec<String> = said.map(ToOwned::to_owned).collect();
            (said.len() >= listeners).then_some(said)
        });
        (running, addresses)
    }

    /// Runs the host to its end and returns what it said.
    pub(crate) fn run(self) -> Output {
        self.bare().spawn().output()
    }

    fn spawn(mut self) -> Running {
        self.command.args(&self.arguments);
        let mut child = self.command.spawn().expect("the host binary starts");
        Running {
            stdout: Captured::from_pipe(child.stdout.take().expect("a pipe")),
            stderr: Captured::from_pipe(child.stderr.take().expect("a pipe")),
            exit: watch_exit(&child),
            child,
            deadline: self.deadline,
            arguments: self.arguments,
            validated: self.validated,
            _folder: self.folder,
        }
    }
}

impl Host {
    /// Starts a host with these arguments: `Host::start(["--load", "app.so"])`.
    pub(crate) fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Launch::new().args(arguments).start()
    }

    /// Where the first listener is.
    pub(crate) fn address(&self) -> SocketAddr {
        let said = &self.addresses[0];
        let bare = said.split_once("://").map_or(said.as_str(), |(_, address)| address);
        bare.parse().unwrap_or_else(|_| self.running.fail(&format!("`{said}` is no address")))
    }

    /// What each listener printed after `listening on `, in order.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// Everything on standard error so far.
    pub(crate) fn log(&self) -> String {
        self.running.stderr.text()
    }

    /// Everything on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.running.stdout.text()
    }

    /// Waits until a line of standard error contains `text`, and returns that line.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        self.wait_for_logs(text, 1).remove(0)
    }

    /// Waits until `count` lines of standard error contain `text`.
    pub(crate) fn wait_for_logs(&self, text: &str, count: usize) -> Vec<String> {
        let found = self.running.stderr.wait_for(self.running.deadline, |lines| {
            let with_text = lines.iter().filter(|line| line.contains(text));
            let with_text: Vec<String> = with_text.map(|&line| line.to_owned()).collect();
            (with_text.len() >= count).then_some(with_text)
        });
        found.unwrap_or_else(|missed| {
            self.running.fail(&format!("{count} log lines with `{text}`: {missed:?}"))
        })
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGINT.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.running.pid(), signal).expect("the host is there to be signalled");
    }

    /// Limits what its process may have; without a number as far as this process may.
    pub(crate) fn limit(&self, resource: Resource, most: Option<u64>) {
        let maximum = getrlimit(resource).maximum;
        let limits = Rlimit { current: most.or(maximum), maximum };
        prlimit(Some(self.running.pid()), resource, limits).expect("a process of our own");
    }

    /// Waits until the host has ended and all of its output is read.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.running.wait()
    }
}

/// A started host. It is reaped here only, so that its id is its own until then.
#[derive(Debug)]
struct Running {
    child: Child,
    stdout: Captured,
    stderr: Captured,
    exit: Captured,
    deadline: Duration,
    arguments: Vec<OsString>,
    validated: Validated,
    _folder: TempDir,
}

impl Running {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn wait(&mut self) -> ExitStatus {
        if self.exit.wait_for_end(self.deadline) == Err(Missed::TimedOut) {
            self.fail("still running");
        }
        for pipe in [&self.stdout, &self.stderr] {
            if pipe.wait_for_end(self.deadline).is_err() {
                self.fail("ended, but a process that it left behind holds its output open");
            }
        }
        self.child.wait().expect("a child that has ended")
    }

    /// Waits until it has ended, and gives all it said.
    fn output(&mut self) -> Output {
        let status = self.wait();
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(|pipe| pipe.text().into_bytes());
        Output { status, stdout, stderr }
    }

    fn fail(&self, what: &str) -> ! {
        // The drop that follows shows what the host said.
        panic!("host {:?}: {what}", self.arguments)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a child that has been reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it left behind may hold its output open: then what has come must do.
        let _ = self.stderr.wait_for_end(Duration::from_secs(5));
        let (out, err) = (self.stdout.text(), self.stderr.text());
        let shown =
            || format!("host {:?}\n--- stdout\n{out}\n--- stderr\n{err}\n---", self.arguments);
        if std::thread::panicking() {
            eprintln!("{}", shown());
        } else if let Some(wrong) = self.validated.wrong_with(&err) {
            panic!("{wrong}\n{}", shown());
        }
    }
}

/// A pipe that ends with the child. The waiting thread leaves the child to be reaped by its owner.
fn watch_exit(child: &Child) -> Captured {
    let (read, write) = std::io::pipe().expect("a pipe");
    let pid = Pid::from_child(child);
    std::thread::spawn(move || {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
        drop(write);
    });
    Captured::from_pipe(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_run_to_its_end() {
        let output = run(["--help"]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("--load"));
    }

    #[test]
    fn a_host_that_ends_instead_of_listening_fails_the_test() {
        let failed = std::panic::catch_unwind(|| Host::start(["--no-such-option"]));
        let said = failed.expect_err("it did not start").downcast::<String>();
        assert!(said.expect("a formatted panic").contains("not listening: Ended"));
    }
}
