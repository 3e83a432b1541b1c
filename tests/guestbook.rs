//! The guestbook as a visitor uses it, in a real browser: application, session and database, each
//! of them a library, and the application replaced in between.

use crate::harness::browser::Browser;
use crate::harness::client::{get, request};
use crate::harness::host::Launch;
use crate::harness::libraries::{TemporaryLibrary, sample, versions};
use crate::harness::operated::Operated;
use crate::harness::postgres::Postgres;
use crate::harness::project;
use crate::harness::redis::Redis;
use crate::harness::skip::skip;
use std::time::Duration;
use tempfile::TempDir;

/// How long cargo may take for three libraries, where nothing of them is built.
const BUILD: Duration = Duration::from_secs(900);

/// A host that serves the guestbook at a mount, with these settings of its layers.
fn host(mount: &str, database: &str, sessions: &[&str]) -> Operated {
    let launch = Launch::new()
        .arg("--mount")
        .arg(format!("{mount}=guestbook={}", sample("guestbook").display()))
        .arg("--enable")
        .arg(format!("session={}", sample("session").display()))
        .arg("--enable")
        .arg(format!("connection-pool={}", sample("connection-pool").display()))
        .args(["--set", &format!("connection-pool.database={database}")]);
    Operated::start(
        sessions
            .iter()
            .fold(launch, |launch, set| launch.args(["--set", &format!("session.{set}")])),
    )
}

fn in_a_file(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("a.db").display())
}

/// Two versions, which a visitor can tell apart.
fn guestbooks() -> [TemporaryLibrary; 2] {
    versions(&sample("guestbook"), b"Nobody has signed yet.", b"Nobody has signed yet!")
}

fn sign(browser: &mut Browser, message: &str) {
    browser.type_into("input[name=message]", message);
    browser.click("#sign");
}

/// Signs, is still there after a swap of each of the three libraries, and leaves.
fn visit(browser: &mut Browser, host: &Operated, mount: &str) {
    let [_, other] = guestbooks();
    browser.open(&format!("http://{}{mount}", host.address()));
    assert!(browser.text().contains("Nobody has signed yet."), "{}", browser.text());
    browser.type_into("input[name=name]", "Ada <b>");
    browser.click("#login");
    assert_eq!(browser.evaluate("document.querySelector('#sign').textContent"), "Sign as Ada <b>");
    sign(browser, "1 < 2 & \"2\" > '1'");
    assert!(browser.text().contains("Ada <b>: 1 < 2 & \"2\" > '1'"), "{}", browser.text());

    host.deploy("guestbook", &other);
    for layer in ["session", "connection-pool"] {
        host.deploy(layer, &sample(layer));
    }
    browser.reload();
    assert_eq!(browser.evaluate("document.querySelector('#sign').textContent"), "Sign as Ada <b>");
    sign(browser, "after the swap");
    let text = browser.text();
    let places = ["after the swap", "1 < 2"].map(|message| text.find(message));
    assert!(places[0].is_some() && places[0] < places[1], "the newest first: {text}");

    browser.click("#logout");
    assert!(browser.text().contains("after the swap"), "what was signed stays");
    let login = browser.evaluate("document.querySelector('#login').textContent");
    assert_eq!(login, "Enter");
    let seen = browser.evaluate("document.cookie");
    assert_eq!(seen, "", "no script of a page sees the cookie");
}

#[test]
fn a_visitor_signs_and_stays_while_everything_is_replaced() {
    let Some(mut browser) = Browser::start() else {
        let name = "guestbook::a_visitor_signs_and_stays_while_everything_is_replaced";
        return skip(name, "chromium is not installed");
    };
    let folder = TempDir::new().unwrap();
    visit(&mut browser, &host("/", &in_a_file(&folder), &[]), "/");
}

#[test]
fn it_names_no_store_and_no_driver() {
    let name = "guestbook::it_names_no_store_and_no_driver";
    let Some(mut browser) = Browser::start() else {
        return skip(name, "chromium is not installed");
    };
    let Some(postgres) = Postgres::start() else {
        return skip(name, "postgresql is not installed");
    };
    let Some(redis) = Redis::start() else {
        return skip(name, "redis-server is not installed");
    };
    let store = format!("store={}", redis.address());
    let keys = "keys=[\"0123456789abcdef0123456789abcdef\"]";
    let host = host("/book", &postgres.address(), &[&store, keys, "form=encrypted"]);
    visit(&mut browser, &host, "/book");
    assert_eq!(postgres.ask("SELECT count(*) FROM guestbook"), ["2"]);
}

#[test]
fn one_line_builds_and_serves_it() {
    let folder = TempDir::new().unwrap();
    let database = format!("connection-pool.database={}", in_a_file(&folder));
    let launch = Launch::new()
        .arg("--config")
        .arg(project().join("sample-plugins/guestbook/host.toml"))
        .args(["--debug", "--set", &database]);
    let host = launch.deadline(BUILD).start();
    let page = get(host.address(), "/");
    assert!(page.text().contains("Nobody has signed yet."), "{page:?}");
    assert!(page.header("set-cookie").unwrap().starts_with("session="));
}

#[test]
fn a_form_of_another_site_is_refused() {
    let folder = TempDir::new().unwrap();
    let host = host("/", &in_a_file(&folder), &[]);
    let page = get(host.address(), "/");
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let (_, token) = page.text().split_once("name=\"token\" value=\"").unwrap();
    let (token, _) = token.split_once('"').unwrap();
    let post = |cookie: &str, form: &str| {
        let (host, length) = (host.address(), form.len());
        let raw = format!(
            "POST /login HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
        );
        request(host, raw).status
    };
    assert_eq!(post(&cookie, "name=Eve"), 403);
    assert_eq!(post(&cookie, "name=Eve&token=AAAAAAAAAAAAAAAAAAAAAA"), 403);
    assert_eq!(post("", &format!("name=Eve&token={token}")), 403, "of another session");
    assert_eq!(post(&cookie, &format!("name=&token={token}")), 400);
    assert_eq!(post(&cookie, &format!("name=Ada&token={token}")), 303);
    assert_eq!(post(&cookie, &format!("name=Ada&token={token}")), 403, "the session has moved on");
}
