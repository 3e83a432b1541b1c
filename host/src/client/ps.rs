//! `host ps`: hosts and their applications.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::ask::read;
use super::show::{Align, Table, age, build, number, short};
use super::{ClientError, hosts};
use crate::cli::Reach;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::operator::{App, Hold, Role, Stage, State, Status};

/// A host with its applications.
#[derive(Debug, Serialize)]
struct Seen {
    host: Status,
    apps: Vec<App>,
}

const COLUMNS: [(&str, Align); 12] = [
    ("HOST", Align::Left),
    ("APP", Align::Left),
    ("KIND", Align::Left),
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
pub(crate) fn ps(reach: &Reach, out: &mut dyn Write) -> Result<(), Failure> {
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
        if reach.json {
            serde_json::to_writer(&mut *out, &seen).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        } else {
            out.write_all(table(&seen, Moment::now()).as_bytes())?;
        }
        out.flush()?;
    }
    missed.map_or(Ok(()), |error| Err(error.into()))
}

fn see(socket: &Path) -> Result<Seen, ClientError> {
    let host = read(socket, "/v1/status")?.document()?;
    let apps = read(socket, "/v1/apps")?.document()?;
    Ok(Seen { host, apps })
}

fn table(seen: &[Seen], now: Moment) -> String {
    let mut table = Table::new(COLUMNS);
    for Seen { host, apps } in seen {
        match host.stage {
            Stage::Starting => table.row(stage(host, "starting")),
            Stage::ShuttingDown => table.row(stage(host, "shutting down")),
            Stage::Serving => {}
        }
        for app in apps {
            table.row(cells(host, app, now));
            if let State::Failed { why } = &app.state {
                table.remark(&format!("failed: {why}"));
            }
            for held in &app.retained {
                let state = match held.state {
                    Hold::Draining => "has been draining",
                    Hold::Pinned => "has been pinned",
                };
                let (what, since) = (build(&held.build), age(held.since.age(now)));
                let reason = &held.reason;
                table.remark(&format!("version {what} {state} for {since}: {reason}"));
            }
        }
    }
    table.text()
}

/// A host that does not just serve.
fn stage(host: &Status, stage: &str) -> [String; 12] {
    let mut cells: [String; 12] = std::array::from_fn(|_| String::from("-"));
    cells[0].clone_from(&host.name);
    stage.clone_into(&mut cells[4]);
    cells
}

fn cells(host: &Status, app: &App, now: Moment) -> [String; 12] {
    let of = |text: Option<String>| text.unwrap_or_else(|| String::from("-"));
    let current = app.current.as_ref();
    [
        host.name.clone(),
        app.name.clone(),
        String::from(match app.kind {
            Role::Application => "app",
            Role::Layer => "layer",
        }),
        if app.mounts.is_empty() { of(None) } else { mounts(&app.mounts) },
        String::from(word(&app.state)),
        of(current.map(|build| build.version.clone())),
        number(current.map(|build| build.generation)),
        of(current.map(|build| match &*build.digest {
            "" => String::from("linked"),
            digest => short(digest).to_owned(),
        })),
        of(app.since.map(|since| age(since.age(now)))),
        number(app.in_flight),
        number(app.requests),
        number(app.panics),
    ]
}

/// The first few of them: a layer may stand around thousands.
fn mounts(mounts: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = mounts[..mounts.len().min(SHOWN)].join(",");
    match mounts.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown},+{more}"),
    }
}

const fn word(state: &State) -> &'static str {
    match state {
        State::Serving => "serving",
        State::Deploying => "deploying",
        State::Holding => "holding",
        State::Draining => "draining",
        State::Drained => "drained",
        State::Failed { .. } => "failed",
        State::Removed => "removed",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn build(generation: u64) -> serde_json::Value {
        let version = format!("1.{generation}");
        json!({ "version": version, "digest": "0123456789abcdef", "generation": generation })
    }

    #[test]
    fn a_few_mounts_stand_for_all() {
        let paths = ["/", "/b", "/c", "/d", "/e"].map(String::from);
        assert_eq!(mounts(&paths[..3]), "/,/b,/c");
        assert_eq!(mounts(&paths), "/,/b,/c,+2");
    }

    #[test]
    fn a_table_shows_what_holds_a_generation() {
        let [noon, five] = ["12:00", "12:05"].map(|time| format!("2026-01-31T{time}:00.000Z"));
        let mut held = build(2);
        held["state"] = json!("pinned");
        held["reason"] = json!("a signal handler");
        held["since"] = json!(noon);
        let app = |name: &str| {
            json!({
                "name": name, "kind": "application", "mounts": ["/", "/b"],
                "state": "serving", "current": build(3),
                "since": noon, "layout": "proved", "in_flight": 1, "requests": 12345,
                "panics": null, "previous": null, "retained": [],
            })
        };
        let (mut shop, mut bad) = (app("shop"), app("bad"));
        shop["retained"] = json!([held]);
        bad["state"] = json!("failed");
        bad["why"] = json!("`bad.so` is no library");
        for none in ["current", "since", "in_flight", "requests"] {
            bad[none] = json!(null);
        }
        let mut log = app("log");
        log["kind"] = json!("layer");
        log["current"] = build(4);
        log["current"]["digest"] = json!("");
        let host = json!({
            "name": "8080", "pid": 1, "version": "0.1.0", "started": noon, "stage": "serving",
            "listeners": [], "control": "/c.sock", "state": null, "limits": {},
        });
        let mut seen = vec![Seen {
            host: serde_json::from_value(host).unwrap(),
            apps: serde_json::from_value(json!([shop, bad, log])).unwrap(),
        }];
        let expected = "\
HOST  APP   KIND   MOUNTS  STATE    VERSION  GEN  DIGEST        AGE  IN FLIGHT  REQUESTS  PANICS
8080  shop  app    /,/b    serving  1.3        3  0123456789ab   5m          1     12345       -
    version 1.2 (0123456789ab, generation 2) has been pinned for 5m: a signal handler
8080  bad   app    /,/b    failed   -          -  -               -          -         -       -
    failed: `bad.so` is no library
8080  log   layer  /,/b    serving  1.4        4  linked         5m          1     12345       -
";
        let now = five.parse().unwrap();
        assert_eq!(table(&seen, now), expected);
        seen[0].apps.clear();
        seen[0].host.stage = Stage::Starting;
        let text = table(&seen, now);
        let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words[..5], ["8080", "-", "-", "-", "starting"], "{text}");
    }
}
