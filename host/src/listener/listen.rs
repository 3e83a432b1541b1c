//! Where to listen, and what is spoken there, as a user says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::forwarded::Trusted;

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) protocol: Protocol,
    pub(crate) address: Address,
    /// Permission bits of a Unix socket.
    pub(crate) mode: Option<u32>,
    /// Whose a Unix socket is.
    pub(crate) owner: Option<String>,
    pub(crate) preface: Preface,
    /// Whose fields are believed there.
    pub(crate) trusted: Option<Arc<Trusted>>,
}

/// What clients or front servers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 and HTTP/2.
    Http,
    FastCgi,
    Scgi,
    Uwsgi,
}

/// What comes before the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preface {
    None,
    /// A header of the PROXY protocol.
    Proxy,
}

/// Where they find us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `127.0.0.1:8080`, to be resolved.
    Tcp(String),
    /// `unix:/run/app.sock`.
    Unix(PathBuf),
}

/// Nothing of that name is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownProtocol;

/// Neither `ip:port` nor `unix:PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAddress;

impl Listen {
    pub(crate) const fn new(protocol: Protocol, address: Address) -> Self {
        Self { protocol, address, mode: None, owner: None, preface: Preface::None, trusted: None }
    }

    /// Where to listen when nobody says anything.
    pub(crate) fn usual() -> Self {
        Self::new(Protocol::Http, Address::Tcp(String::from("127.0.0.1:8080")))
    }
}

impl Protocol {
    pub(crate) const ALL: [Self; 4] = [Self::Http, Self::FastCgi, Self::Scgi, Self::Uwsgi];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::FastCgi => "fastcgi",
            Self::Scgi => "scgi",
            Self::Uwsgi => "uwsgi",
        }
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or(UnknownProtocol)
    }
}

impl FromStr for Address {
    type Err = NoAddress;

    /// A host and a port are only resolved when they are listened on.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        match text.strip_prefix("unix:") {
            Some("") => Err(NoAddress),
            Some(path) => Ok(Self::Unix(path.into())),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Tcp(text.to_owned()))
                }
                _ => Err(NoAddress),
            },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_two_forms() {
        let tcp = |text: &str| Ok(Address::Tcp(text.to_owned()));
        for (text, address) in [
            ("127.0.0.1:0", tcp("127.0.0.1:0")),
            ("[::1]:8080", tcp("[::1]:8080")),
            ("localhost:80", tcp("localhost:80")),
            ("unix:/run/a.sock", Ok(Address::Unix("/run/a.sock".into()))),
            ("unix:", Err(NoAddress)),
            ("127.0.0.1", Err(NoAddress)),
            (":80", Err(NoAddress)),
            ("a:65536", Err(NoAddress)),
        ] {
            assert_eq!(text.parse(), address, "{text}");
        }
    }

    #[test]
    fn protocols_are_called_as_they_are_shown() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.name().parse(), Ok(protocol));
        }
        assert_eq!("ajp".parse::<Protocol>(), Err(UnknownProtocol));
    }
}
