//! `host deploy`, `host rollback`, `host drain`: wishes, and how far they have come.

use std::io::{self, IsTerminal, Write};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::ask::{Answer, wish};
use super::show::build;
use super::{ClientError, hosts};
use crate::cli::{self, OneApp, Reach};
use crate::control::Line;
use crate::failure::{Failure, on_one_line};
use crate::operator::{App, Deployed, Progress, State, Verdict};

/// Takes another version into service.
pub(crate) fn deploy(typed: &cli::Deploy, out: &mut dyn Write) -> Result<(), Failure> {
    let file = std::path::absolute(&typed.file)?;
    let file = file.to_str().ok_or_else(|| ClientError::Path(file.clone()))?;
    let body = json!({ "file": file, "force": typed.force, "wait": typed.wait });
    let last = if typed.wait { Last::Verdict } else { Last::Done };
    Granted::new(&typed.app, &typed.reach, out).ask("deployments", &body, last)
}

/// Takes the previous version into service again.
pub(crate) fn rollback(typed: &OneApp, out: &mut dyn Write) -> Result<(), Failure> {
    Granted::new(&typed.app, &typed.reach, out).ask("rollback", &json!({}), Last::Done)
}

/// Takes an application out of service.
pub(crate) fn drain(typed: &OneApp, out: &mut dyn Write) -> Result<(), Failure> {
    Granted::new(&typed.app, &typed.reach, out).ask("drain", &json!({}), Last::Done)
}

/// A wish, and how it is told.
struct Granted<'a> {
    app: &'a str,
    reach: &'a Reach,
    form: Form,
    shown: Shown,
    out: &'a mut dyn Write,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// Where progress is shown: one line of a terminal, written over and over, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Terminal,
    Nowhere,
}

/// What must have been said for the answer to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Done,
    Verdict,
}

impl<'a> Granted<'a> {
    fn new(app: &'a str, reach: &'a Reach, out: &'a mut dyn Write) -> Self {
        let form = if reach.json { Form::Json } else { Form::Text };
        let shown = if io::stderr().is_terminal() { Shown::Terminal } else { Shown::Nowhere };
        Self { app, reach, form, shown, out }
    }

    fn ask(mut self, verb: &str, body: &serde_json::Value, last: Last) -> Result<(), Failure> {
        let socket = hosts::one(self.reach)?;
        let path = format!("/v1/apps/{}/{verb}", utf8_percent_encode(self.app, NON_ALPHANUMERIC));
        let mut answer = wish(&socket, &path, body)?;
        let said = self.follow(&mut answer);
        self.shown.clear();
        let app = || self.app.to_owned();
        Err(Failure::from(match (said?, last) {
            (Some(Line::Refused(problem)), _) => ClientError::Problem(problem),
            (Some(Line::Verdict(Verdict::RolledBack { why })), _) => {
                ClientError::RolledBack { app: app(), why }
            }
            (Some(Line::Verdict(Verdict::Undecided { why })), _) => {
                ClientError::Undecided { app: app(), why }
            }
            (Some(Line::Verdict(Verdict::Stayed)), _) => return Ok(()),
            (Some(Line::Deployed(_) | Line::Drained(_)), Last::Done) => return Ok(()),
            _ => answer.ended(),
        }))
    }

    /// Reads to the end; the last thing said is the answer.
    fn follow(&mut self, answer: &mut Answer) -> Result<Option<Line>, ClientError> {
        let mut last = None;
        while let Some(line) = answer.line()? {
            let said = serde_json::from_str(&line);
            match said.map_err(|error| answer.unreadable(error.to_string()))? {
                Line::Progress(progress) => self.progress(&progress),
                said => {
                    self.print(&said, &line);
                    last = Some(said);
                }
            }
        }
        Ok(last)
    }

    fn progress(&mut self, progress: &Progress) {
        let app = self.app;
        match progress {
            Progress::Begun(step) => self.shown.line(&format!("{app}: {step} ...")),
            Progress::Done(step) => {
                self.shown.line(&format!("{app}: {}, {} ms", step.name, step.milliseconds));
            }
            Progress::Note(note) if self.form == Form::Text => {
                self.shown.clear();
                eprintln!("{app}: {}", on_one_line(note));
            }
            Progress::Note(_) => {}
        }
    }

    /// A failure is told at the end, on stderr.
    fn print(&mut self, said: &Line, json: &str) {
        let text = match (said, self.form) {
            (Line::Progress(_) | Line::Refused(_), _) => return,
            (_, Form::Json) => json.to_owned(),
            (Line::Deployed(deployed), Form::Text) => deployed_text(deployed),
            (Line::Drained(app), Form::Text) => drained_text(app),
            (Line::Verdict(Verdict::Stayed), Form::Text) => {
                format!("{}: the crash window is over, it stays", self.app)
            }
            (Line::Verdict(_), Form::Text) => return,
        };
        self.shown.clear();
        // What was done is done, whether or not somebody reads of it.
        let _ = writeln!(self.out, "{}", text.trim_end()).and_then(|()| self.out.flush());
    }
}

impl Shown {
    fn line(self, text: &str) {
        if self == Self::Terminal {
            // A terminal that is gone shows nothing.
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K{}", on_one_line(text));
        }
    }

    fn clear(self) {
        if self == Self::Terminal {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::{Build, Step};

    #[test]
    fn a_deploy_is_told_in_full() {
        let build = |generation: u64| Build {
            version: format!("1.{generation}"),
            digest: "0123456789abcdef".repeat(4),
            generation,
        };
        let step = |(name, milliseconds): (&str, u64)| Step { name: name.to_owned(), milliseconds };
        let deployed = Deployed {
            app: String::from("shop"),
            old: Some(build(3)),
            new: build(4),
            steps: [("read", 2), ("probe", 1041)].map(step).to_vec(),
            in_flight_on_old: 7,
            descriptor_name: Some(String::from("sh\u{1b}op")),
        };
        let expected = "\
shop: 1.3 (0123456789ab, generation 3) -> 1.4 (0123456789ab, generation 4)
  the library calls itself `sh?op`
  read       2 ms
  probe   1041 ms
  in flight on the old version: 7
";
        assert_eq!(deployed_text(&deployed), expected);
        let first = Deployed { old: None, steps: Vec::new(), descriptor_name: None, ..deployed };
        assert_eq!(deployed_text(&first), "shop: 1.4 (0123456789ab, generation 4)\n");
    }
}
