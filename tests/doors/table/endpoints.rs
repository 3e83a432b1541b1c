//! Where every row is put to: doors of ours, and front servers before them as the document
//! configures them.

use super::logins;
use super::site::{self, Site};
use crate::harness::asking::{Client, Program};
use crate::harness::fronts::{self, Front, Kind, installed, printed};
use crate::harness::service::Service;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A column of the table.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// For a front it is the name of its configuration in the document.
    pub(super) name: &'static str,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Http,
    Http2,
    /// The script, started as a server does.
    Cgi,
    Front(&'static Kind),
    /// A front, and the program that starts the script for it.
    Fcgiwrap(&'static Kind),
    /// A client of FastCGI that has its request from its own environment, as a CGI program has.
    FcgiClient,
}

/// An endpoint that can be asked, and is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) client: Client,
    front: Option<Front>,
    _behind: Option<Service>,
}

const fn front(name: &'static str, kind: &'static Kind) -> Endpoint {
    Endpoint { name, way: Way::Front(kind) }
}

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint { name: "http", way: Way::Http },
    Endpoint { name: "http2", way: Way::Http2 },
    Endpoint { name: "cgi", way: Way::Cgi },
    front("nginx-http", &fronts::NGINX),
    Endpoint { name: "nginx-fcgiwrap", way: Way::Fcgiwrap(&fronts::NGINX) },
    front("nginx-fastcgi", &fronts::NGINX),
    front("nginx-scgi", &fronts::NGINX),
    front("nginx-uwsgi", &fronts::NGINX),
    front("apache-cgi", &fronts::APACHE),
    front("apache-fastcgi", &fronts::APACHE),
    front("apache-scgi", &fronts::APACHE),
    front("apache-uwsgi", &fronts::APACHE),
    front("lighttpd-cgi", &fronts::LIGHTTPD),
    front("lighttpd-fastcgi", &fronts::LIGHTTPD),
    front("lighttpd-scgi", &fronts::LIGHTTPD),
    front("haproxy-fastcgi", &fronts::HAPROXY),
    front("h2o-fastcgi", &fronts::H2O),
    front("caddy-fastcgi", &fronts::CADDY),
    Endpoint { name: "fcgi-client", way: Way::FcgiClient },
];

impl Endpoint {
    /// What is not here that it needs.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let needed: &[&'static str] = match self.way {
            Way::Http | Way::Http2 | Way::Cgi => &[],
            Way::Front(kind) => &[kind.program],
            Way::Fcgiwrap(kind) => &[kind.program, "fcgiwrap"],
            Way::FcgiClient => &["cgi-fcgi"],
        };
        needed.iter().copied().find(|program| installed(program).is_none())
    }

    pub(super) fn start(&self, site: &Site) -> Running {
        let http = || site.door("127.0.0.1:8080").parse().expect("an address");
        let places = site.places();
        let (client, front, behind) = match self.way {
            Way::Http => (Client::Http(http()), None, None),
            Way::Http2 => (Client::Http2(http()), None, None),
            Way::Cgi => (Client::Cgi(self.program(site, site.script(), Vec::new())), None, None),
            Way::FcgiClient => {
                let file = installed("cgi-fcgi").expect("it is installed");
                let arguments = ["-bind", "-connect", site.door("127.0.0.1:9000")];
                let arguments = arguments.map(str::to_owned).into();
                (Client::Cgi(self.program(site, file, arguments)), None, None)
            }
            Way::Front(kind) => {
                let front = Front::start(kind, self.name, &places);
                (Client::Http(front.address()), Some(front), None)
            }
            Way::Fcgiwrap(kind) => {
                let socket = site.stage().folder("own").join("fcgiwrap.socket");
                let program = installed("fcgiwrap").expect("it is installed");
                let mut command = site.stage().user().command(&program);
                command.arg("-s").arg(format!("unix:{}", socket.display()));
                let behind =
                    fronts::started(command, site.stage(), || UnixStream::connect(&socket).is_ok());
                let places = places.with("/run/shop/fcgiwrap.socket", socket.display());
                let front = Front::start(kind, self.name, &places);
                (Client::Http(front.address()), Some(front), Some(behind))
            }
        };
        Running { client, front, _behind: behind }
    }

    fn program(&self, site: &Site, file: PathBuf, arguments: Vec<String>) -> Program {
        let log = site.folder.join(format!("{}.log", self.name));
        Program { file, arguments, variables: Vec::new(), log }
    }
}

impl Running {
    /// What was said where the host's own log does not have it.
    pub(super) fn log(&self) -> String {
        match (&self.client, &self.front) {
            (Client::Cgi(program), _) => std::fs::read_to_string(&program.log).unwrap_or_default(),
            (_, Some(front)) => front.log(),
            _ => String::new(),
        }
    }
}

/// What is printed is run: as an endpoint of the table, or by a test that is named here.
#[test]
fn every_printed_configuration_is_an_endpoint() {
    let printed = printed::names();
    let fronts = ENDPOINTS.iter().map(|endpoint| endpoint.name);
    let logins = logins::PRINTED.iter().map(|(name, _)| *name);
    let run: Vec<&str> = fronts.chain(logins).chain([site::HOST]).collect();
    let stray: Vec<_> = printed.iter().filter(|name| !run.contains(&name.as_str())).collect();
    assert!(stray.is_empty(), "no test runs {stray:?} of docs/gateways.md");
    assert!(printed.len() > 3, "the document prints {printed:?}");
}
