//! nginx with a door to each backend: a port of its own, and one worker for all.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use crate::nginx;
use crate::process::{Server, free_address};

/// How nginx asks what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Over connections that are kept.
    Http,
    /// The same.
    FastCgi,
    /// Over a connection for each request.
    FastCgiOnce,
    Scgi,
    Uwsgi,
}

impl Door {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Http => "HTTP/1.1, connections kept",
            Self::FastCgi => "FastCGI, connections kept",
            Self::FastCgiOnce => "FastCGI, one for each request",
            Self::Scgi => "SCGI, one for each request",
            Self::Uwsgi => "uwsgi, one for each request",
        }
    }

    fn pass(self) -> String {
        let (protocol, more) = match self {
            Self::Http => ("proxy", "proxy_http_version 1.1; proxy_set_header Connection \"\";"),
            Self::FastCgi => ("fastcgi", "fastcgi_keep_conn on;"),
            Self::FastCgiOnce => ("fastcgi", ""),
            Self::Scgi => ("scgi", ""),
            Self::Uwsgi => ("uwsgi", ""),
        };
        if self == Self::Http {
            return format!("proxy_pass http://@UPSTREAM@; {more}");
        }
        let mut text = format!("{protocol}_pass @UPSTREAM@; {more}");
        // For SCGI nginx puts the length in front of all others by itself.
        let own = |name: &str| protocol == "scgi" && name == "CONTENT_LENGTH";
        for (name, value) in VARIABLES.iter().filter(|(name, _)| !own(name)) {
            let _ = write!(text, " {protocol}_param {name} {value};");
        }
        if protocol == "scgi" {
            text.push_str(" scgi_param SCGI 1;");
        }
        text
    }

    fn keeps(self) -> &'static str {
        match self {
            Self::Http | Self::FastCgi => "keepalive 128;",
            Self::FastCgiOnce | Self::Scgi | Self::Uwsgi => "",
        }
    }
}

/// Starts it on one core; gives where it listens for each backend.
pub(super) fn start(
    core: usize,
    folder: &Path,
    backends: &[(Door, SocketAddr)],
) -> Result<(Server, Vec<SocketAddr>)> {
    let mut addresses = Vec::new();
    let mut text = String::new();
    for (number, (door, backend)) in backends.iter().enumerate() {
        let address = free_address()?;
        let (upstream, keeps) = (format!("backend{number}"), door.keeps());
        let pass = door.pass().replace("@UPSTREAM@", &upstream);
        let _ = writeln!(text, "    upstream {upstream} {{ server {backend}; {keeps} }}");
        let _ = writeln!(text, "    server {{ listen {address}; location / {{ {pass} }} }}");
        addresses.push(address);
    }
    Ok((nginx::start_before(core, folder, &text)?, addresses))
}

/// What Debian's `fastcgi_params` and its like have, as far as a front tells it of a request.
const VARIABLES: [(&str, &str); 15] = [
    ("QUERY_STRING", "$query_string"),
    ("REQUEST_METHOD", "$request_method"),
    ("CONTENT_TYPE", "$content_type"),
    ("CONTENT_LENGTH", "$content_length"),
    ("REQUEST_URI", "$request_uri"),
    ("PATH_INFO", "$document_uri"),
    ("DOCUMENT_ROOT", "$document_root"),
    ("SERVER_PROTOCOL", "$server_protocol"),
    ("REQUEST_SCHEME", "$scheme"),
    ("HTTPS", "$https if_not_empty"),
    ("REMOTE_ADDR", "$remote_addr"),
    ("REMOTE_PORT", "$remote_port"),
    ("SERVER_ADDR", "$server_addr"),
    ("SERVER_PORT", "$server_port"),
    ("SERVER_NAME", "$server_name"),
];
