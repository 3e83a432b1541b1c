//! `host deploy`, `host rollback`, `host drain`: wishes, and how far they have come.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::ask::{Answer, wish};
use super::show::build;
use super::{ClientError, hosts};
use crate::cli::{self, OneApp};
use crate::control::Line;
use crate::failure::{Failure, on_one_line};
use crate::operator::{App, Deployed, Progress, State, Verdict};

/// Where progress is shown: one line of a terminal, written over and over, or nowhere.
#[derive(Debug)]
enum Shown {
    Terminal,
    Nowhere,
}

/// Takes another version into service.
pub(crate) fn deploy(typed: &cli::Deploy) -> Result<(), Failure> {
    let file = std::path::absolute(&typed.file)?;
    let file = file.to_str().ok_or_else(|| ClientError::Path(file.clone()))?;
    let body = json!({ "file": file, "force": typed.force, "wait": typed.wait });
    let socket = hosts::one(&typed.reach)?;
    grant(&socket, &typed.app, "deployments", &body, Form::of(&typed.reach))
}

/// Takes the previous version into service again.
pub(crate) fn rollback(typed: &OneApp) -> Result<(), Failure> {
    let socket = hosts::one(&typed.reach)?;
    grant(&socket, &typed.app, "rollback", &json!({}), Form::of(&typed.reach))
}

/// Takes an application out of service.
pub(crate) fn drain(typed: &OneApp) -> Result<(), Failure> {
    let socket = hosts::one(&typed.reach)?;
    grant(&socket, &typed.app, "drain", &json!({}), Form::of(&typed.reach))
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

impl Form {
    fn of(reach: &cli::Reach) -> Self {
        if reach.json { Self::Json } else { Self::Text }
    }
}

fn grant(
    socket: &Path,
    app: &str,
    verb: &str,
    body: &serde_json::Value,
    form: Form,
) -> Result<(), Failure> {
    let shown = if io::stderr().is_terminal() { Shown::Terminal } else { Shown::Nowhere };
    let path = format!("/v1/apps/{}/{verb}", utf8_percent_encode(app, NON_ALPHANUMERIC));
    let mut answer = wish(socket, &path, body)?;
    let last = follow(&mut answer, app, form, &shown);
    shown.clear();
    last.map_err(Failure::from)
}

/// Reads to the end, which is the answer.
fn follow(answer: &mut Answer, app: &str, form: Form, shown: &Shown) -> Result<(), ClientError> {
    let mut state = None;
    while let Some(line) = answer.line()? {
        let said = serde_json::from_str(&line);
        let said = said.map_err(|error| answer.unreadable(error.to_string()))?;
        if form == Form::Json && !matches!(said, Line::Progress(_) | Line::Refused(_)) {
            shown.clear();
            print(&line);
        }
        match &said {
            Line::Progress(progress) => shown.progress(app, progress, form),
            Line::Deployed(deployed) if form == Form::Text => {
                shown.clear();
                print(&deployed_text(deployed));
            }
            Line::Drained(app) if form == Form::Text => print(&drained_text(app)),
            Line::Deployed(_) | Line::Drained(_) | Line::Verdict(_) | Line::Refused(_) => {}
        }
        if !matches!(said, Line::Progress(_)) {
            state = Some(said);
        }
    }
    match state {
        None => Err(answer.ended()),
        Some(Line::Refused(problem)) => Err(ClientError::Problem(problem)),
        Some(Line::Verdict(Verdict::RolledBack { why })) => {
            Err(ClientError::RolledBack { app: app.to_owned(), why })
        }
        Some(Line::Verdict(Verdict::Undecided { why })) => {
            Err(ClientError::Undecided { app: app.to_owned(), why })
        }
        Some(_) => Ok(()),
    }
}

impl Shown {
    fn progress(&self, app: &str, progress: &Progress, form: Form) {
        match (self, progress) {
            (Self::Terminal, Progress::Begun(step)) => self.line(&format!("{app}: {step} ...")),
            (Self::Terminal, Progress::Done(step)) => {
                self.line(&format!("{app}: {}, {} ms", step.name, step.milliseconds));
            }
            (_, Progress::Note(note)) if form == Form::Text => {
                self.clear();
                eprintln!("{app}: {}", on_one_line(note));
            }
            (Self::Nowhere, _) | (Self::Terminal, Progress::Note(_)) => {}
        }
    }

    fn line(&self, text: &str) {
        // A terminal that is gone shows nothing.
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{}", on_one_line(text));
    }

    fn clear(&self) {
        if let Self::Terminal = self {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

/// What was done is done, whoever reads of it or not.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
}

fn deployed_text(deployed: &Deployed) -> String {
    let Deployed { app, old, new, steps, in_flight_on_old, descriptor_name } = deployed;
    let mut text = match old {
        Some(old) => format!("{app}: {} -> {}\n", build(old), build(new)),
        None => format!("{app}: {}\n", build(new)),
    };
    if let Some(name) = descriptor_name {
        text.push_str(&format!("  the library calls itself `{name}`\n"));
    }
    let width = steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
    for step in steps {
        text.push_str(&format!("  {:<width$} {:>6} ms\n", step.name, step.milliseconds));
    }
    if old.is_some() {
        text.push_str(&format!("  in flight on the old version: {in_flight_on_old}\n"));
    }
    lines(&text)
}

fn drained_text(app: &App) -> String {
    let state = match (&app.state, app.in_flight) {
        (State::Drained, _) => String::from("drained"),
        (_, Some(count)) => format!("draining, {count} in flight"),
        (_, None) => String::from("draining"),
    };
    lines(&format!("{}: {state}", app.name))
}

/// Without what a terminal would obey.
fn lines(text: &str) -> String {
    text.chars().map(|one| if one.is_control() && one != '\n' { '?' } else { one }).collect()
}
