//! Who may connect to FastCGI, where the environment says so.

use std::net::{IpAddr, SocketAddr};

use super::ListenError;
use super::listen::Protocol;

/// What names them (FastCGI 1.0, 3.2). A program that starts others, as spawn-fcgi, sets it.
pub(super) const VARIABLE: &str = "FCGI_WEB_SERVER_ADDRS";

/// Where web servers connect from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WebServers {
    Anywhere,
    /// These addresses, so not by a Unix socket.
    At(Vec<IpAddr>),
}

impl WebServers {
    /// Those of a listener that speaks this.
    pub(super) fn of(protocol: Protocol) -> Result<Self, ListenError> {
        match std::env::var_os(VARIABLE) {
            Some(list) if protocol == Protocol::FastCgi => Self::read(&list.to_string_lossy()),
            _ => Ok(Self::Anywhere),
        }
    }

    fn read(list: &str) -> Result<Self, ListenError> {
        if list.trim().is_empty() {
            return Ok(Self::Anywhere);
        }
        let one = |text: &str| {
            let text = text.trim();
            text.parse().map_err(|_| ListenError::WebServers(text.to_owned()))
        };
        list.split(',').map(one).collect::<Result<_, _>>().map(Self::At)
    }

    /// Whether a connection from there is taken.
    pub(super) fn admit(&self, remote: Option<SocketAddr>) -> bool {
        match self {
            Self::Anywhere => true,
            // A socket of both kinds of IP tells those of the older kind in the newer form.
            Self::At(all) => remote.is_some_and(|remote| {
                let from = remote.ip().to_canonical();
                all.iter().any(|known| known.to_canonical() == from)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_who_may_connect() {
        let from = |text: &str| Some(SocketAddr::new(text.parse().unwrap(), 4711));
        let list = WebServers::read("199.170.183.28, ::1").unwrap();
        for (remote, is_admitted) in [
            (from("199.170.183.28"), true),
            (from("::ffff:199.170.183.28"), true),
            (from("::1"), true),
            (from("199.170.183.29"), false),
            (None, false),
        ] {
            assert_eq!(list.admit(remote), is_admitted, "{remote:?}");
        }
        assert!(WebServers::read("").unwrap().admit(None), "an empty list is none");
        for (list, wrong) in
            [("127.0.0.1,", ""), ("localhost", "localhost"), ("::1 ::2", "::1 ::2")]
        {
            let refused = WebServers::read(list).unwrap_err().to_string();
            assert!(refused.contains(&format!("names `{wrong}`")), "{refused}");
        }
    }
}
