//! Fronts that ask for a password themselves say who has come.

use super::site::Site;
use crate::harness::asking::{Ask, Client, Payload};
use crate::harness::fronts::{APACHE, Front, Kind, NGINX, installed, printed};
use crate::harness::skip::skip;
use std::ops::ControlFlow;

/// The configurations of the document that ask for one.
pub(super) const PRINTED: [(&str, &Kind); 2] = [("apache-login", &APACHE), ("nginx-login", &NGINX)];

/// The other doors of Apache, below the password.
const APACHE_DOORS: &str = "Listen 127.0.0.1:8000
<VirtualHost 127.0.0.1:8000>
    ScriptAlias \"/environ/cgi\" \"/srv/shop/shop.cgi\"
    ProxyPass \"/environ/scgi\" \"scgi://127.0.0.1:9001/\"
    ProxyPass \"/environ/uwsgi\" \"uwsgi://127.0.0.1:9002/\"
    <Location \"/\">
        AuthType Basic
        AuthName \"shop\"
        AuthUserFile \"/srv/shop/users\"
        Require valid-user
    </Location>
</VirtualHost>
";

/// `ada:engine`, as `htpasswd -s` writes it and as a client sends it.
const USERS: &str = "ada:{SHA}xkAzZy9cqYTf6WKQlnGWHoAS8MU=\n";
const ADA: (&str, &str) = ("Authorization", "Basic YWRhOmVuZ2luZQ==");

/// What a client calls its fields to be taken for somebody else.
const EVIL: [(&str, &str); 3] =
    [("Remote-User", "evil"), ("REMOTE_USER", "evil"), ("Auth-Type", "none")];

#[test]
fn a_front_says_who_has_come() {
    let site = Site::open(&[]);
    site.stage().write("users", USERS);
    for (name, kind) in PRINTED {
        if let Some(front) = started(&site, kind, &printed::configuration(name)) {
            let environ = who_has_come(&front, "/environ", name);
            assert_eq!(lines(&environ, "shop.currency"), ["EUR"], "{name}: {environ}");
        }
    }
    if let Some(front) = started(&site, &APACHE, APACHE_DOORS) {
        for target in ["/environ/cgi", "/environ/scgi", "/environ/uwsgi"] {
            who_has_come(&front, target, target);
        }
    }
}

fn started(site: &Site, kind: &Kind, text: &str) -> Option<Front> {
    if installed(kind.program).is_none() {
        skip(NAME, &format!("{} is not installed", kind.program));
        return None;
    }
    Some(Front::with(kind, text, &site.places()))
}

const NAME: &str = "doors::table::logins::a_front_says_who_has_come";

/// Asks without a password and with one, and gives what the application has seen.
fn who_has_come(front: &Front, target: &str, what: &str) -> String {
    let ask = |fields: &[(&str, &str)]| {
        let ask = Ask { method: "GET", target, fields, body: Payload::None };
        let answered = Client::Http(front.address()).ask(&ask, &mut |_| ControlFlow::Continue(()));
        (answered.status, String::from_utf8_lossy(&answered.body).into_owned())
    };
    assert_eq!(ask(&EVIL).0, Some(401), "{what}: {}", front.log());
    let (status, environ) = ask(&[&EVIL[..], &[ADA]].concat());
    assert_eq!(status, Some(200), "{what}: {environ}\n{}", front.log());
    for (name, value) in
        [("REMOTE_USER", "ada"), ("AUTH_TYPE", "Basic"), ("HTTP_REMOTE_USER", "evil")]
    {
        assert_eq!(lines(&environ, name), [value], "{what}, {name}: {environ}");
    }
    environ
}

fn lines<'a>(environ: &'a str, name: &str) -> Vec<&'a str> {
    let rows = environ.lines().filter_map(|line| line.split_once('='));
    rows.filter(|(known, _)| *known == name).map(|(_, value)| value).collect()
}
