//! The facts of a library for people: what `host inspect FILE` prints.
//!
//! Invariant: one fact a line, its key first and in one column; what needs attention says so in
//! words.

use std::fmt;

use super::{Facts, Flavour, Kind, Overlap, Panic, Probe, Stays, Tls};

/// One line for each fact; `layout` is what the caller knows of it, `declared` or `proved`.
pub(crate) fn describe(facts: &Facts, layout: &str) -> String {
    let descriptor = &facts.descriptor;
    let lines = [
        ("name", descriptor.name.clone()),
        ("version", or_unsaid(&descriptor.version)),
        ("kind", String::from(kind(descriptor.kind))),
        ("abi", descriptor.abi.to_string()),
        ("layout", layout.to_owned()),
        ("flavour", String::from(flavour(descriptor.flavour))),
        ("panic", String::from(panic(descriptor.panic))),
        ("probe", probe(&descriptor.probe)),
        ("swap", String::from(overlap(descriptor.overlap))),
        ("unload", unload(facts)),
        ("compiler", or_unsaid(&descriptor.compiler)),
        ("kit", or_unsaid(&descriptor.kit)),
        ("needs", needs(facts)),
        ("search path", facts.search_path.clone().unwrap_or_else(|| String::from("none"))),
        ("tls", String::from(tls(facts.tls))),
        (
            "allocator",
            String::from(facts.marks.and_then(|marks| marks.allocator).unwrap_or("the process's")),
        ),
        ("build id", facts.build_id.clone().unwrap_or_else(|| String::from("none"))),
    ];
    lines.iter().map(|(key, value)| format!("{:<13}{value}\n", format!("{key}:"))).collect()
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => f.write_str("its descriptor says pinned"),
            Self::NoDelete => f.write_str("it was linked with -z nodelete"),
            Self::Unique { count: 1, example } => write!(f, "its symbol `{example}` is unique"),
            Self::Unique { count, example } => {
                write!(f, "{count} of its symbols are unique, such as `{example}`")
            }
        }
    }
}

fn or_unsaid(text: &str) -> String {
    String::from(if text.is_empty() { "not said" } else { text })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "application",
        Kind::Layer => "layer",
    }
}

fn flavour(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::NonBlocking => "non-blocking",
        Flavour::Blocking => "blocking",
        Flavour::Async => "async",
        Flavour::AsInside => "that of what is inside",
    }
}

fn panic(panic: Panic) -> &'static str {
    match panic {
        Panic::Unwind => "unwind: one request answers 500",
        Panic::Abort => "abort: ends the whole process",
        Panic::Unsaid => "not said",
    }
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Open => String::from("open"),
        Probe::Layout => String::from("layout"),
        Probe::Init => String::from("init"),
        Probe::Request { path } => format!("request, GET {path}"),
    }
}

fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allowed => "beside the old generation",
        Overlap::Exclusive => "exclusive: after the old generation has stopped",
    }
}

fn unload(facts: &Facts) -> String {
    if facts.never_unloads.is_empty() {
        let but = facts
            .marks
            .and_then(|marks| marks.signals.warning())
            .map(|warning| format!(", but {warning}"));
        return format!("when nothing uses it{}", but.unwrap_or_default());
    }
    let reasons: Vec<_> = facts.never_unloads.iter().map(ToString::to_string).collect();
    format!("never: {}", reasons.join("; "))
}

fn needs(facts: &Facts) -> String {
    let mut needs = facts.needed.clone();
    needs.extend(facts.glibc.map(|glibc| format!("glibc {glibc} or newer")));
    if needs.is_empty() { String::from("nothing") } else { needs.join(", ") }
}

fn tls(tls: Tls) -> &'static str {
    match tls {
        Tls::OnDemand => "on demand",
        Tls::Static => "static: takes room in a small block that all libraries share",
    }
}
