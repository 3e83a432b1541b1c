//! A private nginx that answers the hello by `return 200`: the server to be level with.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::process::{Server, free_address, pinned};
use crate::tools::NGINX;

/// Starts one worker on one core; everything it writes lies in `folder`.
pub(crate) fn start(core: usize, folder: &Path) -> Result<Server> {
    start_with(core, folder, configuration)
}

/// The same with other words in place of its answer.
pub(crate) fn start_serving(core: usize, folder: &Path, words: &str) -> Result<Server> {
    start_with(core, folder, |address| configuration(address).replace(ANSWER, words))
}

/// The same with upstreams and servers of one's own beside it.
pub(crate) fn start_before(core: usize, folder: &Path, servers: &str) -> Result<Server> {
    let own = "    server {";
    start_with(core, folder, |address| {
        configuration(address).replacen(own, &format!("{servers}{own}"), 1)
    })
}

fn start_with(
    core: usize,
    folder: &Path,
    configuration: impl Fn(SocketAddr) -> String,
) -> Result<Server> {
    let folder = folder.join("nginx");
    fs::create_dir(&folder).context("no folder for nginx")?;
    let address = free_address()?;
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration(address))?;
    let mut command = pinned(core, NGINX.find()?)?;
    command.arg("-p").arg(&folder).arg("-c").arg(&file).args(["-e", "stderr"]);
    Server::listening(command, address, &folder.join("log")).context("`nginx`")
}

/// What it is told.
pub(crate) fn configuration(address: SocketAddr) -> String {
    CONFIGURATION.replace("@ADDRESS@", &address.to_string())
}

const ANSWER: &str = "return 200 \"I'm a DSGI application.\\n\"";

// A connection lives as long as the load wants it: by default it would end after 1000 requests,
// and new connections would be part of the figure.
const CONFIGURATION: &str = r#"
daemon off;
worker_processes 1;
pid nginx.pid;
lock_file nginx.lock;
events { worker_connections 1024; }
http {
    access_log off;
    error_log stderr crit;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
    tcp_nodelay on;
    default_type "text/plain; charset=utf-8";
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen @ADDRESS@;
        location / { return 200 "I'm a DSGI application.\n"; }
    }
}
"#;
