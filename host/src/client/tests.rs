//! The verbs against a real control socket, behind which an operator does as it is told.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{deploy, drain, events, ps, rollback};
use crate::cli::{Deploy, OneApp, Reach};
use crate::control::{Control, Place, Socket};
use crate::failure::Failure;
use crate::operator::fake::Fake;
use crate::operator::{Kind, Operator, Refused};

/// Runs a verb against an operator.
fn with<T>(fake: Fake, verb: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.sock");
    let socket = Socket::bind(&Place::At(path.clone())).unwrap();
    let _control = Control::start(socket, Arc::new(fake) as Arc<dyn Operator>).unwrap();
    verb(&path)
}

fn reach(socket: &Path) -> Reach {
    Reach { control: Some(socket.to_path_buf()), name: None, json: false }
}

fn typed(socket: &Path, app: &str, wait: &str) -> Deploy {
    let (app, file) = (app.to_owned(), PathBuf::from("x.so"));
    Deploy { app, file, wait: wait == "--wait", force: false, reach: reach(socket) }
}

/// The exit code, and what is printed or said.
fn ended(verb: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> (String, String) {
    let mut out = Vec::new();
    match verb(&mut out) {
        Ok(()) => (String::from("0"), String::from_utf8(out).unwrap()),
        Err(failure) => {
            let code = format!("{:?}", failure.code());
            let digits = code.chars().filter(char::is_ascii_digit).collect();
            (digits, failure.one_line())
        }
    }
}

#[test]
fn each_end_of_a_deploy_has_its_exit_code() {
    let text = || String::from("`x.so` is no library");
    let refuses = |refused| Fake { refuses: Some(refused), ..Fake::default() };
    for (fake, code, says) in [
        (Fake::default(), "0", "shop: the crash window is over"),
        (refuses(Refused::File { text: text(), help: Some(text()) }), "65", "(help: `x.so`"),
        (refuses(Refused::TimedOut { text: text(), help: None }), "4", "is no library"),
        (refuses(Refused::Superseded { app: text() }), "1", "a later deploy"),
        (refuses(Refused::ShuttingDown), "1", "shutting down"),
        (Fake { rolls_back: Some("5 panics"), ..Fake::default() }, "3", "rolled back: 5 panics"),
        (Fake { panics: Some("on purpose"), ..Fake::default() }, "1", "ended before its answer"),
    ] {
        let (ended, said) =
            with(fake, |socket| ended(|out| deploy(&typed(socket, "shop", "--wait"), out)));
        assert_eq!((&*ended, said.contains(says)), (code, true), "{said}");
    }
    // Without --wait nobody asks how it went on.
    let fake = Fake { rolls_back: Some("5 panics"), ..Fake::default() };
    assert_eq!(with(fake, |socket| ended(|out| deploy(&typed(socket, "shop", ""), out))).0, "0");
    let (code, said) =
        with(Fake::default(), |socket| ended(|out| deploy(&typed(socket, "a/b", ""), out)));
    assert_eq!(code, "1");
    assert!(said.contains("`a/b`") && said.contains("(help: there are: shop"), "{said}");
}

#[test]
fn the_other_verbs() {
    let app = |socket: &Path| OneApp { app: String::from("shop"), reach: reach(socket) };
    let say = |verb: &dyn Fn(&Path, &mut dyn Write) -> Result<(), Failure>| {
        with(Fake::default(), |socket| ended(|out| verb(socket, out)))
    };
    let (code, said) = say(&|socket, out| rollback(&app(socket), out));
    assert!(code == "0" && said.starts_with("shop: 1.3.0 (0123456789ab, "), "{said}");
    let (code, said) = say(&|socket, out| drain(&app(socket), out));
    assert_eq!((&*code, &*said), ("0", "shop: draining, 0 in flight\n"));
    let (code, said) = say(&|socket, out| ps(&reach(socket), out));
    assert!(code == "0" && said.contains("    failed: init failed\n"), "{said}");
    let json =
        |socket: &Path| OneApp { reach: Reach { json: true, ..reach(socket) }, ..app(socket) };
    let (_, said) = say(&|socket, out| rollback(&json(socket), out));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["deployed"]["new"]["generation"], 4);

    let fake = Fake {
        refuses: Some(Refused::NoPrevious { app: String::from("shop") }),
        ..Fake::default()
    };
    let (code, said) = with(fake, |socket| ended(|out| rollback(&app(socket), out)));
    assert!(code == "1" && said.contains("no previous version"), "{said}");
    let (code, said) = ended(|out| ps(&reach(Path::new("/nowhere/c.sock")), out));
    assert!(code == "69" && said.contains("no host can be reached at"), "{said}");
}

#[test]
fn following_ends_with_the_host() {
    let fake = Fake::default();
    let stream = fake.events.clone();
    stream.publish(None, Kind::Shutdown, "the end", []);
    stream.close();
    assert_eq!(with(fake, |socket| ended(|out| events(&reach(socket), out))).0, "0");
    // Without a word it is taken up again, and then it is a failure.
    let fake = Fake::default();
    fake.events.close();
    let (code, said) = with(fake, |socket| ended(|out| events(&reach(socket), out)));
    assert!(code == "1" && said.contains("gave no answer"), "{said}");
}

#[test]
fn what_is_no_host_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answers = ["220 mail.example.org ESMTP\r\n", "HTTP/1.0 200 OK\r\n\r\n{\"name\":7}"];
    let serve = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    for says in ["it begins with `220 mail", "cannot be read: "] {
        let (code, said) = ended(|out| ps(&reach(&path), out));
        assert!(code == "1" && said.contains(says), "{said}");
    }
    serve.join().unwrap();
}
