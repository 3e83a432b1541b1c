//! What is asked, and what everybody is expected to answer.
//!
//! `LONG` stands for 4000 letters in a target, a field and what is expected of them.

mod answers;
mod requests;
mod uploads;

use crate::harness::asking::{Ask, Payload};

/// A request, and what comes back.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) ask: Ask<'static>,
    pub(super) expected: Expected,
}

/// What is looked at, and what it is.
pub(super) type Expected = &'static [(&'static str, &'static str)];

pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    [requests::ROWS, uploads::ROWS, answers::ROWS, answers::WRONG].into_iter().flatten()
}

const fn row(name: &'static str, ask: Ask<'static>, expected: Expected) -> Row {
    Row { name, ask, expected }
}

const fn get(target: &'static str) -> Ask<'static> {
    method("GET", target)
}

const fn method(method: &'static str, target: &'static str) -> Ask<'static> {
    Ask { method, target, fields: &[], body: Payload::None }
}

const fn post(target: &'static str, body: Payload) -> Ask<'static> {
    with(Ask { body, ..method("POST", target) }, &[("Content-Type", "text/plain")])
}

const fn with(ask: Ask<'static>, fields: &'static [(&'static str, &'static str)]) -> Ask<'static> {
    Ask { fields, ..ask }
}
