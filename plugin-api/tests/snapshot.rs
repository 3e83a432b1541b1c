//! The boundary as one committed text, `tests/abi.txt`: whoever changes a layout sees it in the
//! diff, and names it under the ABI heading of CHANGELOG.md.
//!
//! It is made from the layouts that are proved to a host; offsets come from the compiler.
#![cfg(feature = "layout-proof")]

mod boundary;

use std::fmt::Write as _;
use std::path::Path;

use boundary::layout::{Described, Kind, Of, described};
use boundary::{Type, numbers, types};
use dsgi::abi::app::{NOTE_NAME, NOTE_SECTION};
use dsgi::abi::{ABI, SYMBOL, known, proof};

const RENEW: &str = "DSGI_RENEW=1 cargo test -p dsgi --test snapshot";

#[test]
fn the_boundary_is_as_committed() {
    boundary::check_numbers();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi.txt");
    let now = snapshot();
    if std::env::var_os("DSGI_RENEW").is_some_and(|value| value == "1") {
        std::fs::write(&path, &now).expect("a writable file");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(now == committed, "\n{}\n", difference(&committed, &now));
}

#[test]
fn a_difference_is_shown_with_the_way_to_renew() {
    let shown = difference("same\nold\n", "same\nnew\nmore\n");
    assert!(shown.contains("line 2\n  committed: old\n  now:       new\n"), "{shown}");
    assert!(shown.contains(RENEW), "{shown}");
    let shown = difference("same\n", "same\nmore\n");
    assert!(shown.contains("line 2\n  committed: (nothing)\n  now:       more\n"), "{shown}");
}

/// What is described to a host is what is there: the same types, fields, sizes and offsets.
#[test]
fn every_type_is_proved_in_full() {
    let described = described();
    let proved: Vec<&str> =
        described.keys().map(String::as_str).filter(|name| *name != "Proof").collect();
    let mut there: Vec<&str> =
        types().iter().map(|of| of.name).filter(|name| *name != "Note").collect();
    there.sort_unstable();
    assert_eq!(proved, there);
    for of in types() {
        let Some(proved) = described.get(of.name) else { continue };
        assert_eq!(proved.size, of.size, "{}", of.name);
        let there: Vec<_> =
            of.fields.iter().map(|field| (field.name, field.offset, field.size)).collect();
        assert_eq!(repr_c(proved), there, "{}", of.name);
    }
}

/// A later field that lay where an earlier release has padding would be read as garbage: nobody
/// zeroes padding.
#[test]
fn no_type_has_padding() {
    for of in types() {
        assert_eq!(of.padding(), 0, "{} has padding; fill it with reserved fields", of.name);
    }
}

/// Offsets as the rule of `repr(C)` gives them.
fn repr_c(of: &Described) -> Vec<(&str, usize, usize)> {
    let mut end = 0_usize;
    let mut fields = Vec::new();
    for member in &of.members {
        let offset = end.next_multiple_of(member.align);
        fields.push((member.name.as_str(), offset, member.size));
        end = offset + member.size;
    }
    fields
}

fn snapshot() -> String {
    let described = described();
    let note = String::from_utf8_lossy(&NOTE_NAME).trim_end_matches('\0').to_owned();
    let mut text = format!(
        "The boundary between host and library, on 64-bit systems. Made by\n    {RENEW}\n\n\
         ABI {ABI}\nsymbol {SYMBOL}\nproof {}\nnote {NOTE_SECTION} {note}\n",
        proof::SYMBOL
    );
    for of in types() {
        write_type(&mut text, &of, described.get(of.name));
    }
    text.push_str("\nNumbers\n");
    for (name, value) in numbers() {
        writeln!(text, "    {name} = {value}").expect("a string takes text");
    }
    text.push_str("\nKnown header names\n");
    for (at, name) in known::NAMES.iter().enumerate() {
        writeln!(text, "    {} = {name}", at + 1).expect("a string takes text");
    }
    text
}

fn write_type(text: &mut String, of: &Type, proved: Option<&Described>) {
    let kind = match proved.map(|proved| proved.kind) {
        Some(Kind::Frozen) => "frozen",
        Some(Kind::Grows) => "grows",
        None => "not proved",
    };
    let (name, size, align) = (of.name, of.size, of.align);
    writeln!(text, "\n{name}: {kind}, {size} bytes, alignment {align}").expect("a text");
    for (at, field) in of.fields.iter().enumerate() {
        let member = proved.and_then(|proved| proved.members.get(at));
        let (name, offset) = (field.name, field.offset);
        let what = member.map_or_else(|| format!("{} bytes", field.size), |member| say(&member.of));
        writeln!(text, "    {offset:>3}  {name}: {what}").expect("a string takes text");
    }
}

fn say(of: &Of) -> String {
    match of {
        Of::Type(of) => of.rust.clone(),
        Of::Hidden => String::from("pointer, described by itself"),
        Of::Slot { parameters, answer } => {
            let parameters: Vec<String> =
                parameters.iter().map(|(name, of)| format!("{name}: {}", of.rust)).collect();
            let answer = match answer.rust.as_str() {
                "()" => String::new(),
                other => format!(" -> {other}"),
            };
            format!("fn({}){answer}", parameters.join(", "))
        }
    }
}

/// The first differing line of both, and what to do.
fn difference(committed: &str, now: &str) -> String {
    let (mut old, mut new) = (committed.lines(), now.lines());
    for line in 1.. {
        let (old, new) = (old.next(), new.next());
        if old != new || old.is_none() {
            let (old, new) = (old.unwrap_or("(nothing)"), new.unwrap_or("(nothing)"));
            return format!(
                "the boundary differs from plugin-api/tests/abi.txt at line {line}\n  \
                 committed: {old}\n  now:       {new}\n\
                 if that is meant, name it under the ABI heading of CHANGELOG.md and renew:\n  \
                 {RENEW}"
            );
        }
    }
    unreachable!("lines end")
}
