//! Two libraries of one process, with a copy of SQLite each, keep sessions in one file.

use super::{KEY, Visitor};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample};
use crate::harness::operated::Operated;
use tempfile::TempDir;

/// The locks that SQLite takes on a file are the process's, so that a copy does not see another
/// one's: without more than these, what one has just kept is gone when the other one looks.
#[test]
fn they_see_what_the_other_one_has_kept() {
    const VISITORS: usize = 40;
    let folder = TempDir::new().unwrap();
    let store = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let mut text = format!("[apps.visitor]\npath = {:?}\n", fault_app("visitor"));
    for name in ["one", "two"] {
        text += &format!(
            "[layers.{name}]\npath = {:?}\n[layers.{name}.config]\nstore = {store:?}\n\
             keys = [{KEY:?}]\n[[mount]]\npath = \"/{name}\"\nstack = [{name:?}]\n\
             app = \"visitor\"\n",
            sample("session")
        );
    }
    let config = folder.path().join("host.toml");
    std::fs::write(&config, text).unwrap();
    let host = Operated::start(Launch::new().arg("--config").arg(&config));
    std::thread::scope(|scope| {
        for (at, other) in [("/one", "/two"), ("/two", "/one"), ("/one", "/two"), ("/two", "/one")]
        {
            let host = &host;
            scope.spawn(move || {
                for number in (0..VISITORS).map(|number| number.to_string()) {
                    let mut visitor = Visitor::default();
                    for place in [at, other, at] {
                        let set = visitor.ask(host, &format!("{place}/set?{number}"));
                        assert_eq!((set.status, set.text()), (200, &*number), "{place}");
                    }
                    let got = visitor.ask(host, &format!("{other}/get"));
                    assert_eq!((got.status, got.text()), (200, &*number), "{other}");
                }
            });
        }
    });
}
