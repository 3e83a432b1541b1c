//! Where the host listens beside ports: sockets with a name, an owner and a mode.

use crate::harness::doors::{Protocol, Wire, get};
use crate::harness::fastcgi::{Front, request};
use crate::harness::host::Launch;
use crate::harness::libraries::sample;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

fn config(folder: &Path, keys: &str) -> std::path::PathBuf {
    let file = folder.join("host.toml");
    let text = format!(
        "[[listen]]\nbind = \"unix:{}\"\nprotocol = \"scgi\"\n{keys}\n\
         [apps.hello]\npath = \"{}\"\n[[mount]]\npath = \"/\"\napp = \"hello\"\n",
        folder.join("app.sock").display(),
        sample("hello").display()
    );
    fs::write(&file, text).unwrap();
    file
}

/// Without `--listen` among the arguments the harness adds one, in place of those of a file.
fn said(launch: Launch) -> String {
    let output = launch.run();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_socket_is_taken_over_from_the_dead_only_and_goes_with_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    drop(UnixListener::bind(&path).unwrap());
    let listen = format!("scgi://unix:{}", path.display());
    let launch = || Launch::new().arg("--load").arg(sample("hello")).args(["--listen", &listen]);
    let mut host = launch().start();
    let mut wire = Wire::open(&host.addresses()[0]);
    wire.send(&Protocol::Scgi.head(&get("/")));
    assert_eq!(wire.answer().status, 200);
    let second = launch().run();
    assert_eq!(second.status.code(), Some(69));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("another process listens on the socket"), "{text}");
    host.terminate();
    assert!(host.wait().success());
    assert!(!path.exists(), "it stays");
    fs::write(&path, "mine").unwrap();
    assert!(said(launch()).contains("is no socket"));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn a_socket_has_an_owner_and_a_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let own = fs::metadata(folder.path()).unwrap();
    for mode in [0o600, 0o666] {
        let owner = format!("{}:{}", own.uid(), own.gid());
        let file = config(folder.path(), &format!("mode = \"{mode:o}\"\nowner = \"{owner}\""));
        let host = Launch::new().arg("--config").arg(file).start_with_its_own_listeners(1);
        let found = fs::metadata(&path).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode);
        assert_eq!((found.uid(), found.gid()), (own.uid(), own.gid()));
        drop(host);
    }
    for (keys, why) in [
        ("owner = \"nobody-of-this-name\"", "`nobody-of-this-name` is not listed"),
        ("mode = \"888\"", "`888` is not a mode"),
        ("mode = \"0\"\nbind2 = 1", "bind2"),
    ] {
        let launch = Launch::new().arg("--config").arg(config(folder.path(), keys));
        let text = said(launch);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn standard_input_that_listens_speaks_fastcgi() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let script = folder.path().join("app.cgi");
    fs::write(&script, format!("#!/usr/bin/host cgi\n{}\n", sample("hello").display())).unwrap();
    let unix = || OwnedFd::from(UnixListener::bind(&path).unwrap());
    let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let load = || Launch::new().arg("--load").arg(sample("hello"));
    for launch in [
        load().stdin(tcp()),
        load().stdin(unix()),
        // A script that spawn-fcgi starts in place of a server.
        Launch::new().bare().arg("cgi").arg(&script).stdin(tcp()),
    ] {
        let host = launch.start_with_its_own_listeners(1);
        assert!(host.addresses()[0].starts_with("fastcgi://"), "{:?}", host.addresses());
        let mut front = Front::open(&host.addresses()[0]);
        front.send(&request(1, 0, &get("/"), b""));
        assert_eq!(front.answer(1).status, 200);
        assert_eq!(host.addresses().len(), 1, "and nothing else");
    }
    assert!(path.exists(), "it belongs to whoever has made it");
}

#[test]
fn sockets_of_a_manager_speak_what_they_are_called() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let start = |pid: &str| {
        let shell = "exec 3<&0 4<&0 </dev/null; export LISTEN_PID=PLACE LISTEN_FDS=2 \
                     LISTEN_FDNAMES=scgi:web; exec \"$0\" \"$@\"";
        Launch::program("sh")
            .args(["-c", &shell.replace("PLACE", pid), env!("CARGO_BIN_EXE_host"), "--load"])
            .arg(sample("hello"))
            .stdin(OwnedFd::from(socket.try_clone().unwrap()))
    };
    let host = start("$$").start_with_its_own_listeners(2);
    assert_eq!(host.addresses(), [format!("scgi://{address}"), format!("http://{address}")]);
    drop(host);
    // What is meant for another process is not this one's.
    let host = start("1").args(["--listen", "scgi://127.0.0.1:0"]).start();
    assert_ne!(host.addresses(), [format!("scgi://{address}")]);
    let mut wire = Wire::open(&host.addresses()[0]);
    wire.send(&Protocol::Scgi.head(&get("/")));
    assert_eq!(wire.answer().status, 200);
}

#[test]
fn the_environment_says_which_web_servers_may_connect() {
    let folder = tempfile::tempdir().unwrap();
    let unix = format!("fastcgi://unix:{}", folder.path().join("app.sock").display());
    let launch = |list: &str| {
        let launch = Launch::new().arg("--load").arg(sample("hello"));
        launch.env("FCGI_WEB_SERVER_ADDRS", list)
    };
    let status = |address: &str| {
        let mut front = Front::open(address);
        // It may be closed before it has taken that.
        let _ = front.wire.write_all(&request(1, 0, &get("/"), b""));
        let (bytes, _) = front.wire.rest();
        if bytes.is_empty() { "closed" } else { "answered" }
    };
    let doors = ["fastcgi://127.0.0.1:0", &unix, "scgi://127.0.0.1:0"];
    for (list, expected) in [
        ("192.0.2.1,198.51.100.7", ["closed", "closed"]),
        ("192.0.2.1, 127.0.0.1", ["answered", "closed"]),
        ("", ["answered", "answered"]),
    ] {
        let host = launch(list).args(doors.map(|door| ["--listen", door]).concat()).start();
        assert_eq!([0, 1].map(|door| status(&host.addresses()[door])), expected, "{list}");
        if expected[0] == "closed" {
            host.wait_for_log("a connection of FastCGI from 127.0.0.1 is closed");
        }
        // It is about FastCGI only.
        let mut wire = Wire::open(&host.addresses()[2]);
        wire.send(&Protocol::Scgi.head(&get("/")));
        assert_eq!(wire.answer().status, 200, "{list}");
    }
    let socket = OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let host = launch("192.0.2.1").stdin(socket).start_with_its_own_listeners(1);
    assert_eq!(status(&host.addresses()[0]), "closed", "as spawn-fcgi hands it over");
    let refused = launch("localhost").args(["--listen", "fastcgi://127.0.0.1:0"]).run();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78), "{text}");
    assert!(text.contains("names `localhost`, which is no address"), "{text}");
}
