//! The control socket of a real host, and the verbs that ask over it.

use crate::harness::client::{Connection, get};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::c_app;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use crate::harness::project;
use crate::harness::refusal::{refused, refuses};
use crate::harness::skip::skip;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder of control sockets, and hosts and verbs that use it.
struct House(TempDir);

impl House {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("control")
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.sock"))
    }

    fn launch(&self) -> Launch {
        Launch::new().env("DSGI_CONTROL_DIR", self.folder())
    }

    fn host(&self, name: &str, library: &Path) -> Host {
        self.launch().args(["--name", name, "--load"]).arg(library).start()
    }

    fn verb(&self, words: &[&str]) -> Output {
        self.launch().args(words).run()
    }

    fn said(&self, words: &[&str]) -> String {
        let output = self.verb(words);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn curl(socket: &Path) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--unix-socket"]).arg(socket).stdin(Stdio::null());
    curl
}

#[test]
fn ps_shows_every_host_of_this_user() {
    let house = House::new();
    refused(&house.verb(&["ps"]), 69)
        .says(["no host is running", "control"])
        .helps(["host --load"]);
    let library = c_app(&["NAME \"shop\""]);
    let first = house.host("first", &library);
    let bad = c_app(&["NAME \"bad\"", "FAULT \"the index is locked\""]);
    let mounts = [format!("/a/b={}", library.display()), format!("/bad={}", bad.display())];
    let second = house.launch().args(["--mount", &mounts[0], "--mount", &mounts[1]]).start();
    let port = second.address().port().to_string();

    let text = house.said(&["ps"]);
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..6], ["HOST", "APP", "KIND", "MOUNTS", "STATE", "VERSION"], "{text}");
    let find = |host: &str, app: &str| {
        lines.iter().find(|line| line[..2] == [host, app]).unwrap_or_else(|| panic!("{text}"))
    };
    assert_eq!(find("first", "shop")[2..7], ["app", "/", "serving", "1.2.3", "1"]);
    assert_eq!(find(&port, "shop")[3..5], ["/a/b", "serving"]);
    assert_eq!(find(&port, "bad")[3..5], ["/bad", "failed"]);
    assert!(text.contains("    failed: ") && text.contains("the index is locked"), "{text}");

    let json: serde_json::Value =
        serde_json::from_str(&house.said(&["ps", "--json", "--name", "first"])).unwrap();
    assert_eq!(json[0]["host"]["listeners"][0], format!("http://{}", first.address()));
    assert_eq!(json[0]["apps"][0]["current"]["version"], "1.2.3");
    assert_eq!(json.as_array().unwrap().len(), 1);

    // Which of them is not clear.
    let refusal = refused(&house.verb(&["events"]), 2);
    refusal.says(["several hosts", "first", &*port]).helps(["--name "]);
    refused(&house.verb(&["ps", "--name", "third"]), 69).says(["third.sock"]).helps(["host ps"]);
}

#[test]
fn the_socket_is_private_and_goes_with_its_host() {
    let house = House::new();
    let library = c_app(&[]);
    let mut host = house.host("one", &library);
    let socket = house.socket("one");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&house.folder()), mode(&socket)), (0o700, 0o600));

    // A second host of that name does not start, and leaves the first alone.
    let launch = house.launch().args(["--name", "one", "--load"]).arg(&library);
    let refusal = refuses(launch, 69);
    refusal.says(["another host listens", "one.sock"]).helps(["--name"]);
    assert!(house.said(&["ps"]).contains("serving"));
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn what_a_killed_host_has_left_is_no_host() {
    let house = House::new();
    let library = c_app(&[]);
    let host = house.host("killed", &library);
    drop(host);
    let socket = house.socket("killed");
    assert!(socket.exists(), "it was not killed");
    let host = house.host("killed", &library);
    assert!(house.said(&["ps"]).contains("killed"));
    drop(host);
    // One that nobody takes over is cleared up by whoever looks.
    refused(&house.verb(&["ps"]), 69).says(["no host is running"]);
    assert!(!socket.exists());
}

#[test]
fn a_place_that_is_not_private_is_refused() {
    let house = House::new();
    let library = c_app(&[]);
    fs::create_dir(house.folder()).unwrap();
    fs::set_permissions(house.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    let load = |launch: Launch| launch.arg("--load").arg(&library);
    let named = load(house.launch().args(["--name", "one"]));
    refuses(named, 69).says(["open to other users", "777"]).helps(["--control SOCKET"]);
    // Nobody has asked for that place: the host serves without.
    let host = load(house.launch()).start();
    assert!(host.wait_for_log("`host ps` cannot reach").contains("WARN"));
    assert_eq!(get(host.address(), "/").status, 200);

    let own = house.0.path().join("own/c.sock");
    let own = own.to_str().unwrap();
    let _host = load(house.launch().args(["--control", own])).start();
    assert!(house.said(&["ps", "--control", own]).contains("serving"));
    let wrong = load(house.launch().args(["--name", "a/b"]));
    refuses(wrong, 2).says(["`--name a/b`"]).helps(["--name shop"]);
}

#[test]
fn events_are_followed_to_the_end() {
    let house = House::new();
    let launch = house.launch().bare().args(["--name", "one", "--load"]);
    let mut host = launch.arg(&*c_app(&["NAME \"shop\""])).start();
    let mut follower = follow(&house);
    // A follower is a connection that the host has answered.
    let mut first = [0; 1];
    follower.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    let output = follower.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = format!("{{{}", String::from_utf8(output.stdout).unwrap());
    let kinds: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    // Its application may be gone before its socket is.
    assert_eq!(kinds[..3], ["deployed", "started", "shutdown"], "{text}");
}

/// A killed host says no goodbye: its follower looks for it once more.
#[test]
fn who_follows_a_killed_host_is_told() {
    let house = House::new();
    let host = house.host("one", &c_app(&[]));
    let mut follower = follow(&house);
    let mut first = [0; 1];
    follower.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(host);
    let output = follower.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no host can be reached at"));
}

fn follow(house: &House) -> Child {
    Command::new(env!("CARGO_BIN_EXE_host"))
        .args(["events", "--json"])
        .env("DSGI_CONTROL_DIR", house.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A balancer is told that the host ends while what is in hand is still finished.
#[test]
fn readiness_ends_before_the_host_does() {
    let house = House::new();
    let socket = house.0.path().join("c.sock");
    let arguments = ["--drain-timeout", "1h", "--control", socket.to_str().unwrap()];
    let mut host = Misbehaving::start_with(Flavour::Pool, arguments);
    let ready = || {
        let output = curl(&socket).arg("http://host/readyz").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ready(), "ok\n");
    let mut in_hand = Connection::open(host.address());
    in_hand.send("GET /wait/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    host.terminate();
    host.wait_for_log("app: told to drain");
    assert_eq!(ready(), "[-] host: shutting down\nnot ready\n");
    host.release();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    assert_eq!(host.wait().code(), Some(0));
    assert!(!socket.exists());
}

/// Another user cannot even enter the folder; here the file modes let them, and they are refused
/// by name.
#[test]
fn another_user_is_refused() {
    let name = "control::another_user_is_refused";
    if !rustix::process::geteuid().is_root() {
        return skip(name, "only root can be another user");
    }
    let house = House::new();
    let host = house.host("one", &c_app(&[]));
    let socket = house.socket("one");
    for (path, mode) in [(house.0.path(), 0o755), (&house.folder(), 0o755), (&socket, 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-sS", "--unix-socket"])
        .arg(&socket)
        .args(["-H", "Connection: close", "http://host/v1/status"])
        .output()
        .unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.contains("/problems/foreign-user"), "{output:?}");
    host.wait_for_log("refused user 65534");
    assert!(house.said(&["ps"]).contains("serving"), "the control fails");
}

/// A socket of somebody who never answers does not keep `ps` from the others.
#[test]
fn a_host_that_is_silent_is_named() {
    let house = House::new();
    let _host = house.host("one", &c_app(&[]));
    let _silent = UnixListener::bind(house.socket("silent")).unwrap();
    let output = house.verb(&["ps"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("serving"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("silent.sock` gave no answer"));
}

/// Everything in `docs/control.md` that begins with `$` does what stands there.
#[test]
fn the_examples_of_the_page_work() {
    let house = House::new();
    let library = c_app(&["NAME \"hello\""]);
    let new = c_app(&["NAME \"hello\"", "TEXT \"new\\n\""]);
    let _host = house.host("one", &library);
    let socket = house.socket("one");
    let page = fs::read_to_string(project().join("docs/control.md")).unwrap();
    let commands: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert_eq!(commands.len(), 10, "{commands:?}");
    for command in commands {
        let words = command.replace("SOCKET", socket.to_str().unwrap());
        let words = words.replace("/srv/new.so", new.to_str().unwrap());
        // A stream has no end: what has come within a second is looked at.
        let endless = command.contains("/v1/events");
        let limit = if endless { " --max-time 1" } else { " --max-time 60" };
        let output = Command::new("sh")
            .args(["-c", &format!("{words} -sS{limit} -w '%{{stderr}}%{{http_code}}'")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("200"), "{command}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        if command.contains("Last-Event-ID") {
            assert!(text.contains("/2\nevent") && !text.contains("/1\nevent"), "{text}");
        }
    }
}
