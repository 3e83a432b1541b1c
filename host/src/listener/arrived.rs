//! Connections that were accepted, on their way to the cores that serve them.

use std::net::TcpStream;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::web_servers::{self, WebServers};
use super::{Preface, Protocol};
use crate::cores::{Core, Cores, Served};
use crate::duty::Duties;
use crate::forwarded::Trusted;
use crate::gateway::{fastcgi, front, http, proxied, scgi, uwsgi};
use crate::limits::Limits;
use crate::log::Sparing;
use crate::message::Origin;
use crate::platform::door::Come;

static STRANGERS: Sparing = Sparing::new();

/// Gives each connection to the core with the fewest, and of several to the first from a number on.
/// A core is woken once for all that it gets.
pub(super) fn hand_over(come: impl Iterator<Item = Come>, kind: &Kind, cores: &Cores, from: usize) {
    let mut shares: Vec<(&Core, Vec<Arrived>)> = Vec::new();
    for come in come.filter(|come| admits(kind, come)) {
        let Some((core, served)) = cores.least_loaded(from) else { return };
        let arrived = Arrived::new(come, kind, core, served);
        match shares.iter_mut().find(|(known, _)| std::ptr::eq(*known, core)) {
            Some((_, share)) => share.push(arrived),
            None => shares.push((core, vec![arrived])),
        }
    }
    for (core, mut share) in shares {
        match share.pop() {
            Some(only) if share.is_empty() => only.serve(core.runtime()),
            last => drop(core.runtime().spawn(async move {
                let here = Handle::current();
                share.into_iter().chain(last).for_each(|one| one.serve(&here));
            })),
        }
    }
}

fn admits(kind: &Kind, come: &Come) -> bool {
    let is_admitted = kind.web_servers.admit(come.remote);
    if !is_admitted {
        let from = come.remote.map_or("a Unix socket".into(), |it| it.ip().to_string());
        STRANGERS.warn(format_args!(
            "a connection of FastCGI from {from} is closed: `{}` does not name it",
            web_servers::VARIABLE
        ));
    }
    is_admitted
}

/// What comes in at a listener.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) protocol: Protocol,
    pub(super) preface: Preface,
    pub(super) trusted: Option<Arc<Trusted>>,
    pub(super) web_servers: WebServers,
    pub(super) limits: Arc<Limits>,
}

/// A connection, and what it is served with.
struct Arrived {
    stream: TcpStream,
    origin: Origin,
    protocol: Protocol,
    preface: Preface,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
    served: Served,
}

impl Arrived {
    fn new(come: Come, kind: &Kind, core: &Core, served: Served) -> Self {
        let Come { stream, remote } = come;
        let Kind { protocol, preface, .. } = *kind;
        // What a front server has connected to is not what its client has.
        let local = match protocol {
            Protocol::Http => stream.local_addr().ok(),
            Protocol::FastCgi | Protocol::Scgi | Protocol::Uwsgi => None,
        };
        let (gateway, trusted) = (protocol.name(), kind.trusted.clone());
        let origin = Origin { gateway, trusted, ..Origin::http(remote, local) };
        let (duties, limits) = (Arc::clone(core.duties()), Arc::clone(&kind.limits));
        Self { stream, origin, protocol, preface, duties, limits, served }
    }

    /// Serves it on the core that it was given to.
    fn serve(self, core: &Handle) {
        match self.preface {
            Preface::None => self.serve_bare(core),
            Preface::Proxy => drop(core.spawn(self.serve_proxied())),
        }
    }

    fn serve_bare(self, core: &Handle) {
        let Self { stream, origin, protocol, duties, limits, served, .. } = self;
        match protocol {
            Protocol::Http => core.spawn(http::serve(stream, origin, duties, limits, served)),
            Protocol::FastCgi => {
                core.spawn(front::serve(stream, origin, duties, limits, served, fastcgi::serve))
            }
            Protocol::Scgi => {
                core.spawn(front::serve(stream, origin, duties, limits, served, scgi::serve))
            }
            Protocol::Uwsgi => {
                core.spawn(front::serve(stream, origin, duties, limits, served, uwsgi::serve))
            }
        };
    }

    /// The same once it is known who is there.
    async fn serve_proxied(self) {
        let opened = proxied::open(self.stream, self.origin, Arc::clone(&self.duties)).await;
        if let Some((stream, origin)) = opened {
            Self { stream, origin, ..self }.serve_bare(&Handle::current());
        }
    }
}
