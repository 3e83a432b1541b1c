//! From the texts of a config to its tables: read as TOML, put in what strings stand for, put the
//! files together, and compare with the keys that there are.
//!
//! Every mistake of that kind is told at once: what is wrong is taken out, and the rest is looked
//! at again. Invariant: a text that stands for something else is quoted as it is written.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::expand::{Unexpanded, expand};
use super::place::{Mistake, Source, Sources, Span};
use super::tables::Tables;
use crate::limits::CONFIG_MISTAKES;
use crate::plugin::artifact::distance;

/// Where texts stand that stand for others.
#[derive(Debug, Default)]
pub(super) struct Secrets(BTreeSet<usize>);

/// Keys whose values are put together when several files have some.
const LISTS: [&str; 3] = ["include", "listen", "mount"];

/// What serde says of a key that is missing, before its name.
const LACK: &str = "missing field";

/// What a file says it includes.
pub(super) fn includes(source: &Source) -> Result<Vec<(Span, String)>, Mistake> {
    // A file is read again with all others, and mistakes of this one are told then.
    if !source.text.contains("include") {
        return Ok(Vec::new());
    }
    let table = parse(source)?;
    let patterns = table.get("include").and_then(|value| value.get_ref().as_array());
    let texts = patterns.into_iter().flatten().filter_map(|one| {
        let text = one.get_ref().as_str()?.to_owned();
        Some((moved(source, &one.span()), text))
    });
    Ok(texts.collect())
}

/// The tables of all files together.
pub(super) fn tables(sources: &Sources) -> Result<(Tables, Secrets), Vec<Mistake>> {
    let (mut whole, mut mistakes, mut secrets) = (DeTable::new(), Vec::new(), Secrets::default());
    for source in sources.files() {
        match parse(source) {
            Ok(table) => {
                let mut settling = Settling { sources, source, mistakes, secrets };
                let table = settling.table(table);
                Settling { mistakes, secrets, .. } = settling;
                put_together(&mut whole, table, &LISTS, &mut mistakes);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    let mut root = Spanned::new(0..0, DeValue::Table(whole));
    let mut lacking: Vec<Span> = Vec::new();
    while mistakes.len() < CONFIG_MISTAKES {
        let error = match Tables::deserialize(ValueDeserializer::from(root.clone())) {
            Ok(tables) if mistakes.is_empty() => return Ok((tables, secrets)),
            Ok(_) => break,
            Err(error) => error,
        };
        let at = error.span().unwrap_or_default();
        // What was taken out may be the very key, mistyped.
        let follows = is_lack(&error) && lacking.contains(&at);
        if !follows && !mistakes.iter().any(|known| known.lies_in(&at)) {
            let (what, help) = in_our_words(error.message());
            let what = if secrets.has(&at) { secrets.hide(sources, &at, &what) } else { what };
            mistakes.push(Mistake::new(at.clone(), what).maybe_help(help));
        }
        match take_out(&mut root, &at) {
            Some(table) => lacking.push(table),
            None => break,
        }
    }
    Err(mistakes)
}

/// A mistake in a text that should stand for another.
pub(super) fn unexpanded(sources: &Sources, at: &Span, wrong: Unexpanded) -> Mistake {
    let Unexpanded { part, what, help } = wrong;
    // It may be written with escapes.
    let found = sources.written(at).find(&part).map(|before| at.start + before);
    let at = found.map_or_else(|| at.clone(), |start| start..start + part.len());
    Mistake::new(at, what).help(help)
}

/// Which of these names was meant; all of them, when it is none.
pub(super) fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let far = |one: &str| distance(name.as_bytes(), one.as_bytes());
    let names: Vec<&str> = names.into_iter().collect();
    let nearest = names.iter().min_by_key(|one| far(one))?;
    match far(nearest) {
        distance if distance < name.len() && distance <= (name.len() / 3).max(1) => {
            Some(format!("did you mean `{nearest}`?"))
        }
        // Of many names only a near one helps.
        _ if names.len() > 30 => None,
        _ => Some(format!("possible here: {}", names.join(", "))),
    }
}

impl Secrets {
    pub(super) fn has(&self, at: &Span) -> bool {
        self.0.contains(&at.start)
    }

    /// What is wrong with a text, without what the text stands for.
    fn hide(&self, sources: &Sources, at: &Span, what: &str) -> String {
        let written = sources.written(at).trim_matches(['"', '\'']);
        match what.split_once(", expected ") {
            Some((_, expected)) => format!("`{written}` is a string, expected {expected}"),
            None => format!("what `{written}` stands for is not possible here"),
        }
    }
}

fn parse(source: &Source) -> Result<DeTable<'_>, Mistake> {
    let wrong = |error: Error| {
        let at = error.span().unwrap_or_default();
        let name = source.text.get(at.clone()).unwrap_or_default();
        let what = match error.message() {
            "duplicate key" => format!("`{name}` is defined twice"),
            deep if deep.contains("recurs") => String::from("nested too deep"),
            other => in_our_words(other).0,
        };
        Mistake::new(moved(source, &at), what)
    };
    DeTable::parse(&source.text).map(Spanned::into_inner).map_err(wrong)
}

/// A place in one file as a place among all.
fn moved(source: &Source, at: &Span) -> Span {
    source.start + at.start..source.start + at.end
}

/// Gives values their places among all files, and strings what they stand for.
struct Settling<'a> {
    sources: &'a Sources,
    source: &'a Source,
    mistakes: Vec<Mistake>,
    secrets: Secrets,
}

impl<'a> Settling<'a> {
    fn table(&mut self, table: DeTable<'a>) -> DeTable<'a> {
        let settled = table.into_iter().map(|(key, value)| {
            let at = moved(self.source, &key.span());
            (Spanned::new(at, key.into_inner()), self.value(value))
        });
        settled.collect()
    }

    fn value(&mut self, value: Spanned<DeValue<'a>>) -> Spanned<DeValue<'a>> {
        let at = moved(self.source, &value.span());
        let value = match value.into_inner() {
            DeValue::String(text) => DeValue::String(self.text(&at, text)),
            DeValue::Table(table) => DeValue::Table(self.table(table)),
            DeValue::Array(all) => {
                DeValue::Array(all.into_iter().map(|one| self.value(one)).collect())
            }
            other => other,
        };
        Spanned::new(at, value)
    }

    fn text(&mut self, at: &Span, text: Cow<'a, str>) -> Cow<'a, str> {
        match expand(&text, self.source.folder()) {
            Ok(None) => text,
            Ok(Some(expanded)) => {
                self.secrets.0.insert(at.start);
                expanded.into()
            }
            Err(wrong) => {
                self.mistakes.push(unexpanded(self.sources, at, wrong));
                text
            }
        }
    }
}

/// Adds the keys of one file to those of the files before; each has its own, but for `lists`.
fn put_together<'a>(
    whole: &mut DeTable<'a>,
    table: DeTable<'a>,
    lists: &[&str],
    mistakes: &mut Vec<Mistake>,
) {
    for (key, value) in table {
        let name = key.get_ref().clone();
        let Some(first) = whole.get_key_value(&*name).map(|(first, _)| first.span()) else {
            whole.insert(key, value);
            continue;
        };
        let there = whole.get_mut(&*name).map(Spanned::get_mut);
        match (there, value.into_inner()) {
            (Some(DeValue::Table(whole)), DeValue::Table(table)) => {
                put_together(whole, table, &[], mistakes);
            }
            (Some(DeValue::Array(whole)), DeValue::Array(more)) if lists.contains(&&*name) => {
                more.into_iter().for_each(|one| whole.push(one));
            }
            _ => {
                let what = format!("`{name}` is defined twice");
                let mistake = Mistake::new(key.span(), what).beside(first, "here first");
                mistakes.push(mistake);
            }
        }
    }
}

/// Takes out what stands at a place, and gives the place of the table or array that it was in.
fn take_out(within: &mut Spanned<DeValue<'_>>, at: &Span) -> Option<Span> {
    let covers = |span: Span| span.start <= at.start && at.end <= span.end;
    let own = within.span();
    match within.get_mut() {
        DeValue::Table(table) => {
            let mut name = None;
            for (key, value) in table.iter_mut() {
                if let Some(found) = take_out(value, at) {
                    return Some(found);
                }
                if covers(key.span()) || covers(value.span()) {
                    name = Some(key.get_ref().clone());
                    break;
                }
            }
            table.remove(&*name?).map(|_| own)
        }
        DeValue::Array(all) => {
            if let Some(found) = all.iter_mut().find_map(|one| take_out(one, at)) {
                return Some(found);
            }
            let found = all.iter().position(|one| covers(one.span()))?;
            let rest = all.iter().enumerate().filter(|(number, _)| *number != found);
            *all = rest.map(|(_, one)| one.clone()).collect();
            Some(own)
        }
        _ => None,
    }
}

/// Whether a key is missing.
fn is_lack(error: &Error) -> bool {
    error.message().starts_with(LACK)
}

/// What the reader of TOML says, in words of ours, and the name that was probably meant.
fn in_our_words(message: &str) -> (String, Option<String>) {
    let one_line = message.lines().collect::<Vec<_>>().join(", ");
    for (theirs, ours) in [("unknown field", "unknown key"), ("unknown variant", "unknown value")] {
        if let Some(rest) = one_line.strip_prefix(theirs) {
            let mut quoted = rest.split('`').skip(1).step_by(2);
            let name = quoted.next().unwrap_or_default();
            let names: Vec<&str> = quoted.collect();
            return (format!("{ours} `{name}`"), meant(name, names));
        }
    }
    if let Some(rest) = one_line.strip_prefix(LACK) {
        return (format!("the key{rest} is missing"), None);
    }
    match one_line.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => {
            (format!("{found}, expected {}", kind_of(expected)), None)
        }
        _ => (one_line, None),
    }
}

/// What serde expects, as people call it who write TOML.
fn kind_of(expected: &str) -> &str {
    match expected {
        "a sequence" => "an array",
        "a map" => "a table",
        "usize" | "u64" => "a number from 0 on",
        "u32" => "a number from 0 to 4294967295",
        "path string" => "a string",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
}
