//! `host events`: follows what happens.

use std::io::{self, ErrorKind, Write};

use super::ask::{Patience, read};
use super::hosts;
use crate::cli::Reach;
use crate::failure::{Failure, on_one_line};
use crate::operator::Event;

/// How an event is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// Prints the events that the host remembers, then each as it happens, until the host ends.
pub(crate) fn events(reach: &Reach) -> Result<(), Failure> {
    let form = if reach.json { Form::Json } else { Form::Text };
    let mut answer = read(&hosts::one(reach)?, "/v1/events", Patience::Endless)?;
    let mut kind = String::new();
    while let Some(line) = answer.line()? {
        if let Some(name) = line.strip_prefix("event: ") {
            name.clone_into(&mut kind);
        }
        let Some(data) = line.strip_prefix("data: ") else { continue };
        if kind == "missed" {
            eprintln!("host: too slow, some events were missed: {data}");
            continue;
        }
        match print(data, form) {
            Ok(()) => {}
            // Whoever read it has seen enough.
            Err(Unprinted::Out(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(Unprinted::Out(error)) => return Err(error.into()),
            Err(Unprinted::Data(why)) => return Err(answer.unreadable(why).into()),
        }
    }
    Ok(())
}

enum Unprinted {
    Out(io::Error),
    Data(String),
}

fn print(data: &str, form: Form) -> Result<(), Unprinted> {
    let line = match form {
        Form::Json => data.to_owned(),
        Form::Text => {
            let event = serde_json::from_str(data);
            text(&event.map_err(|error| Unprinted::Data(error.to_string()))?)
        }
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Unprinted::Out)
}

fn text(event: &Event) -> String {
    let (time, kind) = (event.time, event.kind.name());
    let app = event.app.as_deref().unwrap_or("-");
    on_one_line(&format!("{time}  {app}  {kind}: {}", event.text))
}
