//! Puts a row to an endpoint, and looks at what its expectations name.

use super::deviations;
use super::rows::{Expected, Row};
use super::site::Site;
use crate::harness::asking::{Answered, Ask, Client, End, pattern};
use crate::harness::eventually;
use std::ops::ControlFlow;
use std::path::Path;

/// Bodies that are longer are told by length and digest.
const SHOWN_BYTES: usize = 400;

/// What differs from what is expected, one line each.
pub(super) fn look(
    row: &Row,
    endpoint: &str,
    client: &Client,
    site: &Site,
    expected: Expected,
) -> Vec<String> {
    let sign = site.signs.join(format!("{}-{endpoint}", row.name.replace(' ', "-")));
    let name = sign.file_name().expect("a name").to_string_lossy().into_owned();
    // Long where a wait ends by what a client does, and short where it is known not to.
    let patience = if deviations::collects_blocks(endpoint) { "300" } else { "30000" };
    let put = |text: &str| {
        let text = text.replace("SIGN", &name).replace("PATIENCE", patience);
        text.replace("LONG", &"x".repeat(4000))
    };
    let target = put(row.ask.target);
    let values: Vec<String> = row.ask.fields.iter().map(|(_, value)| put(value)).collect();
    let fields: Vec<(&str, &str)> =
        row.ask.fields.iter().zip(&values).map(|((name, _), value)| (*name, &**value)).collect();
    let ask = Ask { target: &target, fields: &fields, ..row.ask };
    let leaves = expected.iter().any(|(what, _)| *what == "outcome");
    let answered = client.ask(&ask, &mut |body| {
        if leaves {
            return ControlFlow::Break(());
        }
        if body.starts_with(b"first\n") {
            std::fs::write(&sign, "").expect("a sign");
        }
        ControlFlow::Continue(())
    });
    let differs = |(what, expected): &(&str, &str)| {
        let (seen, expected) = (seen(what, &answered, &sign), put(expected));
        (seen != expected).then(|| format!("(\"{what}\", {seen:?}), // not {expected:?}"))
    };
    expected.iter().filter_map(differs).collect()
}

/// What is seen of this: `status`, `field NAME`, `environ KEY`, `body`, `end`, `interim`, or the
/// `outcome` that the application was told.
fn seen(what: &str, answered: &Answered, sign: &Path) -> String {
    let or_none = |values: Vec<&str>| match &*values {
        [] => "-".to_owned(),
        values => values.join(" | "),
    };
    let number = |it: Option<u16>| it.map_or("none".to_owned(), |it| it.to_string());
    match what.split_once(' ').unwrap_or((what, "")) {
        ("status", _) => number(answered.status),
        ("interim", _) => number(answered.interim),
        ("field", name) => or_none(answered.values(name)),
        ("environ", key) => {
            let text = String::from_utf8_lossy(&answered.body);
            let lines = text.lines().filter_map(|line| line.split_once('='));
            or_none(lines.filter(|(known, _)| *known == key).map(|(_, value)| value).collect())
        }
        ("body", _) if answered.body.len() > SHOWN_BYTES => {
            let bytes = answered.body.len();
            let is_sent = answered.body == pattern(bytes);
            let is_letters = || answered.body.chunks(64 * 1024).zip(0..).all(is_a_block_of_letters);
            match () {
                () if is_sent => format!("{bytes} bytes as they were sent"),
                () if is_letters() => format!("{bytes} bytes of letters"),
                () => format!("{bytes} other bytes"),
            }
        }
        ("body", _) => answered.body.escape_ascii().to_string(),
        ("end", _) => match answered.end {
            End::Whole => "whole".to_owned(),
            End::Broken => "broken".to_owned(),
            End::Left => "left".to_owned(),
        },
        ("outcome", _) => eventually("the end of a body", || std::fs::read_to_string(sign).ok()),
        _ => panic!("nothing is known of {what}"),
    }
}

/// Blocks of `/bytes` have one letter each, in the order of the alphabet.
fn is_a_block_of_letters((block, number): (&[u8], usize)) -> bool {
    block == [b'a' + u8::try_from(number % 26).unwrap_or(0); 64 * 1024]
}
