//! A host and its operator: the verbs of the command line, and the same over the control socket.

use super::host::{Host, Launch};
use super::{DEADLINE, eventually};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// A host whose control socket is known. It stands for its host.
#[derive(Debug)]
pub(crate) struct Operated {
    host: Host,
    folder: TempDir,
}

/// What a control socket answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

/// What a process has, to be compared with what it had.
#[derive(Debug, PartialEq)]
pub(crate) struct Possessions {
    /// Libraries of applications that are mapped.
    libraries: usize,
    /// By name, but for those that watch the window of a swap and end with it, and for those of
    /// an operator's wish, which end after its answer.
    threads: Vec<String>,
    descriptors: usize,
}

impl Operated {
    pub(crate) fn start(launch: Launch) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let control = folder.path().join("control");
        let launch = launch.env("DSGI_CONTROL_DIR", control).args(["--name", "one"]);
        Self { host: launch.start(), folder }
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// Its control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder().join("one.sock")
    }

    /// A verb of the command line, run to its end.
    pub(crate) fn verb(&self, words: &[impl AsRef<OsStr>]) -> Output {
        self.verb_in(Path::new("."), words)
    }

    /// The same, from another folder.
    pub(crate) fn verb_in(&self, folder: &Path, words: &[impl AsRef<OsStr>]) -> Output {
        let launch = Launch::new().env("DSGI_CONTROL_DIR", self.folder());
        launch.current_dir(folder).args(words).run()
    }

    /// A verb on a terminal, which shows what it says on standard output and error alike.
    pub(crate) fn on_a_terminal(&self, words: &str) -> Output {
        let command = format!("{} {words}", env!("CARGO_BIN_EXE_host"));
        let launch = Launch::program("script").env("DSGI_CONTROL_DIR", self.folder());
        launch.args(["-qec", &command, "/dev/null"]).run()
    }

    /// What a verb prints that succeeds.
    #[track_caller]
    pub(crate) fn said(&self, words: &[&str]) -> String {
        let output = self.verb(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Asks over the socket.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = self.send(method, path, "application/json", &body);
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let status = text.get(9..12).and_then(|digits| digits.parse().ok());
        let document = text.split_once("\r\n\r\n").map_or("", |(_, document)| document);
        Answer {
            status: status.unwrap_or_else(|| panic!("no status in {text:?}")),
            json: serde_json::from_str(document).unwrap_or_default(),
        }
    }

    /// Asks for a deploy, and gives what is said of it line by line; the last one is the answer.
    pub(crate) fn follow_deploy(
        &self,
        app: &str,
        file: &Path,
    ) -> impl Iterator<Item = Value> + use<> {
        let (path, body) =
            (format!("/v1/apps/{app}/deployments"), json!({ "file": file.to_str() }));
        let stream = self.send("POST", &path, "application/x-ndjson", &body.to_string());
        let lines = BufReader::new(stream).lines().map(|line| line.expect("the next line"));
        lines.filter_map(|line| serde_json::from_str(&line).ok())
    }

    fn send(&self, method: &str, path: &str, accept: &str, body: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.socket()).expect("the control socket");
        stream.set_read_timeout(Some(DEADLINE)).expect("a read deadline");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: host\r\nContent-Type: application/json\r\n\
             Accept: {accept}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("the host takes the bytes");
        stream
    }

    /// Asks for a deploy, whatever comes of it.
    pub(crate) fn try_deploy(&self, app: &str, file: &Path) -> Answer {
        let path = format!("/v1/apps/{app}/deployments");
        self.ask("POST", &path, &json!({ "file": file.to_str() }))
    }

    /// Deploys a file that is taken.
    #[track_caller]
    pub(crate) fn deploy(&self, app: &str, file: &Path) -> Value {
        let answer = self.try_deploy(app, file);
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// An application as its operator sees it.
    pub(crate) fn app(&self, app: &str) -> Value {
        let answer = self.ask("GET", &format!("/v1/apps/{app}"), &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// Waits until an application is as it should be.
    pub(crate) fn wait_for_app(&self, app: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || Some(self.app(app)).filter(|seen| is(seen)))
    }

    /// Everything that happens, from the start of the host on.
    pub(crate) fn events(&self) -> impl Iterator<Item = Value> + use<> {
        let lines = BufReader::new(self.send("GET", "/v1/events", "*/*", "")).lines();
        let lines = lines.map(|line| line.expect("the next line of the events"));
        lines.filter_map(|line| {
            let data = line.strip_prefix("data: ")?;
            Some(serde_json::from_str(data).expect("an event"))
        })
    }

    /// What happened to an application, up to and with the last of these kinds.
    pub(crate) fn kinds_until(&self, app: &str, last: &str) -> Vec<String> {
        let mut kinds = Vec::new();
        for event in self.events().filter(|event| event["app"] == app) {
            kinds.push(event["kind"].as_str().expect("a kind").to_owned());
            if event["kind"] == last {
                return kinds;
            }
        }
        panic!("no event {last} among {kinds:?}");
    }

    /// Waits until its process has no more than it had.
    pub(crate) fn wait_for_no_more_than(&self, before: &Possessions) {
        let what = format!("what the process had before: {before:?}");
        eventually(&what, || self.possessions().is_no_more_than(before).then_some(()));
    }

    /// What its process has.
    pub(crate) fn possessions(&self) -> Possessions {
        let process = PathBuf::from(format!("/proc/{}", self.host.pid()));
        let list = |folder| fs::read_dir(process.join(folder)).expect("a process");
        // A thread may end while it is looked at.
        let names =
            list("task").filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let names = names.map(|name| name.trim_end().to_owned());
        let mut threads: Vec<String> =
            names.filter(|name| name != "window" && name != "operator").collect();
        threads.sort_unstable();
        let maps = fs::read_to_string(process.join("maps")).expect("a process");
        let files = maps.lines().filter_map(|line| line.split_once('/')).map(|(_, file)| file);
        let of_the_system = |file: &str| file.starts_with("usr/") || file.starts_with("lib");
        let is_library = |file: &&str| file.contains(".so") && !of_the_system(file);
        let mut files: Vec<&str> = files.filter(is_library).collect();
        files.sort_unstable();
        files.dedup();
        Possessions { libraries: files.len(), threads, descriptors: list("fd").count() }
    }
}

impl Possessions {
    /// Whether nothing was added. What was asked before may have been ending when this was seen.
    fn is_no_more_than(&self, before: &Self) -> bool {
        self.libraries == before.libraries
            && self.threads.len() <= before.threads.len()
            && self.descriptors <= before.descriptors
    }
}

impl Deref for Operated {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for Operated {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}
