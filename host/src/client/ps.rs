//! `host ps`: hosts and their applications.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::ask::{Patience, read};
use super::show::{Align, Table, age, build, number, short};
use super::{ClientError, hosts};
use crate::cli::Reach;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::operator::{App, Hold, State, Status};

/// A host with its applications.
#[derive(Debug, Serialize)]
struct Seen {
    host: Status,
    apps: Vec<App>,
}

const COLUMNS: [(&str, Align); 11] = [
    ("HOST", Align::Left),
    ("APP", Align::Left),
    ("MOUNTS", Align::Left),
    ("STATE", Align::Left),
    ("VERSION", Align::Left),
    ("GEN", Align::Right),
    ("DIGEST", Align::Left),
    ("AGE", Align::Right),
    ("IN FLIGHT", Align::Right),
    ("REQUESTS", Align::Right),
    ("PANICS", Align::Right),
];

/// Shows the hosts of this user, or one of them.
pub(crate) fn ps(reach: &Reach) -> Result<(), Failure> {
    let (mut seen, mut missed) = (Vec::new(), None);
    for socket in hosts::all(reach)? {
        match see(&socket) {
            Ok(host) => seen.push(host),
            // Another one ends, or hangs: the rest is worth showing.
            Err(error) => {
                if let Some(earlier) = missed.replace(error) {
                    eprintln!("{}", Failure::from(earlier));
                }
            }
        }
    }
    if !seen.is_empty() || missed.is_none() {
        let mut out = io::stdout().lock();
        if reach.json {
            serde_json::to_writer(&mut out, &seen).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        } else {
            out.write_all(table(&seen, Moment::now()).as_bytes())?;
        }
        out.flush()?;
    }
    missed.map_or(Ok(()), |error| Err(error.into()))
}

fn see(socket: &Path) -> Result<Seen, ClientError> {
    let host = read(socket, "/v1/status", Patience::Short)?.document()?;
    let apps = read(socket, "/v1/apps", Patience::Short)?.document()?;
    Ok(Seen { host, apps })
}

fn table(seen: &[Seen], now: Moment) -> String {
    let mut table = Table::new(COLUMNS);
    for Seen { host, apps } in seen {
        for app in apps {
            table.row(cells(host, app, now));
            if let State::Failed { why } = &app.state {
                table.remark(&format!("failed: {why}"));
            }
            for held in &app.retained {
                let state = match held.state {
                    Hold::Draining => "drains",
                    Hold::Pinned => "is pinned",
                };
                let (what, since) = (build(&held.build), age(held.since.age(now)));
                let reason = &held.reason;
                table.remark(&format!("version {what} {state} since {since}: {reason}"));
            }
        }
    }
    table.text()
}

fn cells(host: &Status, app: &App, now: Moment) -> [String; 11] {
    let of = |text: Option<String>| text.unwrap_or_else(|| String::from("-"));
    let current = app.current.as_ref();
    [
        host.name.clone(),
        app.name.clone(),
        app.mounts.join(","),
        String::from(word(&app.state)),
        of(current.map(|build| build.version.clone())),
        number(current.map(|build| build.generation)),
        of(current.map(|build| short(&build.digest).to_owned())),
        of(app.since.map(|since| age(since.age(now)))),
        number(app.in_flight),
        number(app.requests),
        number(app.panics),
    ]
}

const fn word(state: &State) -> &'static str {
    match state {
        State::Serving => "serving",
        State::Deploying => "deploying",
        State::Draining => "draining",
        State::Drained => "drained",
        State::Failed { .. } => "failed",
    }
}
