//! Where every row is put to: doors of ours, and front servers before them as the document
//! configures them.

use super::site::Site;
use crate::harness::asking::{Client, Program};
use crate::harness::fronts::{self, Front, Kind, installed, printed};
use crate::harness::service::Service;
use std::os::unix::net::UnixStream;

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
    front("apache-cgi", &fronts::APACHE),
    front("lighttpd-cgi", &fronts::LIGHTTPD),
];

impl Endpoint {
    /// What is not here that it needs.
    pub(super) fn missing(&self) -> Option<&'static str> {
        let needed: &[&'static str] = match self.way {
            Way::Http | Way::Http2 | Way::Cgi => &[],
            Way::Front(kind) => &[kind.program],
            Way::Fcgiwrap(kind) => &[kind.program, "fcgiwrap"],
        };
        needed.iter().copied().find(|program| installed(program).is_none())
    }

    pub(super) fn start(&self, site: &Site) -> Running {
        let http = || site.door("127.0.0.1:8080").parse().expect("an address");
        let places = site.places();
        let (client, front, behind) = match self.way {
            Way::Http => (Client::Http(http()), None, None),
            Way::Http2 => (Client::Http2(http()), None, None),
            Way::Cgi => {
                let log = site.folder.join("cgi.log");
                let (arguments, variables) = (Vec::new(), Vec::new());
                let program = Program { file: site.script(), arguments, variables, log };
                (Client::Cgi(program), None, None)
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

/// What is printed is run: as an endpoint of the table, or by the test that is named here.
#[test]
fn every_printed_configuration_is_an_endpoint() {
    let printed = printed::names();
    let run: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
    let stray: Vec<_> = printed.iter().filter(|name| !run.contains(&name.as_str())).collect();
    assert!(stray.is_empty(), "no test runs {stray:?} of docs/gateways.md");
    assert!(printed.len() > 3, "the document prints {printed:?}");
}
