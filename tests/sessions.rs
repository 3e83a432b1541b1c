//! Sessions, kept by a layer around an application: what a visitor has of them, and what becomes of
//! them when the layer, the host or the store comes and goes.

// Two copies of one database.
mod copies;
// What stays of a session, and of the layer, after swaps and restarts.
mod lasting;
// Sessions that outlive their requests in tasks of the application.
mod moved;

use crate::harness::client::{Response, request};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample};
use crate::harness::operated::Operated;

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A host with the layer around an application that does with its session what the path says.
fn launch(set: &[&str]) -> Launch {
    let app = format!("visitor={}", fault_app("visitor").display());
    let layer = format!("session={}", sample("session").display());
    let launch = Launch::new().args(["--load", &app, "--enable", &layer]);
    set.iter().fold(launch, |launch, set| launch.args(["--set", &format!("session.{set}")]))
}

fn host(set: &[&str]) -> Operated {
    Operated::start(launch(set))
}

/// Somebody with a browser, as far as cookies go.
#[derive(Clone, Default)]
struct Visitor {
    cookie: Option<String>,
}

impl Visitor {
    fn ask(&mut self, host: &Operated, target: &str) -> Response {
        let cookie = self.cookie.as_ref().map(|value| format!("Cookie: a=b; session={value}\r\n"));
        let cookie = cookie.unwrap_or_default();
        let raw = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{cookie}\r\n");
        let response = request(host.address(), raw);
        self.take(&response);
        response
    }

    /// Does with its cookie what a response says.
    fn take(&mut self, response: &Response) {
        if let Some(given) = response.header("set-cookie") {
            let (pair, _) = given.split_once(';').expect("attributes");
            let value = pair.strip_prefix("session=").expect("the session's cookie");
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
    }

    /// What is kept for it.
    #[track_caller]
    fn has(&mut self, host: &Operated) -> String {
        let response = self.ask(host, "/get");
        assert_eq!(response.status, 200, "{response:?}");
        response.text().to_owned()
    }

    fn with(host: &Operated, value: &str) -> Self {
        let mut visitor = Self::default();
        assert_eq!(visitor.ask(host, &format!("/set?{value}")).text(), value);
        visitor
    }
}

#[test]
fn visitors_have_what_was_kept_for_them() {
    let host = host(&[]);
    let (mut ada, mut bob) = (Visitor::with(&host, "ada"), Visitor::with(&host, "bob"));
    assert_eq!([ada.has(&host), bob.has(&host)], ["ada", "bob"]);
    assert_eq!(Visitor::default().has(&host), "nothing");
    ada.ask(&host, "/remove");
    assert_eq!([ada.has(&host), bob.has(&host)], ["nothing", "bob"]);
}

#[test]
fn the_cookie_is_careful() {
    let host = host(&[]);
    let mut visitor = Visitor::default();
    let given = visitor.ask(&host, "/set?a").header("set-cookie").unwrap().to_owned();
    let (_, attributes) = given.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=1209600; HttpOnly; Secure; SameSite=Lax");
    let again = visitor.ask(&host, "/get");
    assert_eq!((again.header("set-cookie"), again.header("vary")), (None, Some("Cookie")));
}

#[test]
fn a_response_without_a_session_is_the_same_for_all() {
    let host = host(&[]);
    let mut visitor = Visitor::with(&host, "a");
    let response = visitor.ask(&host, "/nothing");
    assert_eq!((response.header("set-cookie"), response.header("vary")), (None, None));
    let stranger = Visitor::default().ask(&host, "/get");
    assert_eq!(stranger.header("set-cookie"), None, "nothing is kept of it");
}

#[test]
fn a_login_has_a_name_that_nobody_knew_before() {
    let host = host(&[]);
    let mut visitor = Visitor::with(&host, "a");
    let mut foisted = visitor.clone();
    visitor.ask(&host, "/regenerate");
    assert_ne!(visitor.cookie, foisted.cookie);
    assert_eq!([visitor.has(&host), foisted.has(&host)], ["a", "nothing"]);
}

#[test]
fn a_logout_ends_the_session_for_every_copy_of_its_cookie() {
    let host = host(&[]);
    let mut visitor = Visitor::with(&host, "a");
    let mut copy = visitor.clone();
    let response = visitor.ask(&host, "/destroy");
    assert!(response.header("set-cookie").unwrap().starts_with("session=; Path=/; Max-Age=0;"));
    assert_eq!([visitor.has(&host), copy.has(&host)], ["nothing", "nothing"]);
}

#[test]
fn a_request_that_fails_keeps_nothing() {
    let host = host(&[]);
    let mut visitor = Visitor::with(&host, "a");
    assert_eq!(visitor.ask(&host, "/fail").status, 500);
    assert_eq!(visitor.has(&host), "a");
}

#[test]
fn what_is_set_after_the_head_is_refused() {
    let host = host(&[]);
    let mut visitor = Visitor::with(&host, "a");
    let said = visitor.ask(&host, "/late").text().to_owned();
    assert!(said.starts_with("begun: the session was saved with the head"), "{said}");
    assert_eq!(visitor.has(&host), "a");
}

#[test]
fn a_cookie_that_is_not_ours_is_a_new_session_and_a_line() {
    for form in ["signed", "encrypted"] {
        let host = host(&[&format!("form={form}")]);
        let visitor = Visitor::with(&host, "a");
        let mut forged = visitor.clone();
        let mut bytes = forged.cookie.take().unwrap().into_bytes();
        bytes[3] = if bytes[3] == b'A' { b'B' } else { b'A' };
        forged.cookie = String::from_utf8(bytes).ok();
        let response = forged.clone().ask(&host, "/get");
        assert_eq!(response.text(), "nothing", "{form}");
        assert!(response.header("set-cookie").unwrap().starts_with("session=; "), "it is taken");
        forged.clone().ask(&host, "/nothing");
        host.wait_for_log("a cookie `session` was not marked by a key of ours: ");
        host.wait_for_log("(2 so far)");
        assert_eq!(visitor.clone().has(&host), "a");
    }
}

#[test]
fn a_config_that_cannot_be_meant_is_refused() {
    let refused = launch(&["store=sqlite:a.db"]).run();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("keys: needed where sessions outlive the host"), "{said}");
}
