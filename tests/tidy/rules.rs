//! The smaller rules. Each takes a file and returns what is wrong with it, one line per place.

use super::code::{code_only, is_word, line_of, words};
use super::tree::File;

const COLUMNS_MAX: usize = 100;

/// Words that name no thing.
const VAGUE: [&str; 4] = ["manager", "handler", "helper", "util"];

/// Spelled in parts, so that this file passes its own rule.
const LEFT: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

pub(super) fn too_long(file: &File, most: usize) -> Vec<String> {
    let lines = file.text.lines().count();
    let found = (lines > most).then(|| (lines, format!("{lines} lines: at most {most}, split it")));
    file.at_lines(found)
}

pub(super) fn not_ascii(file: &File) -> Vec<String> {
    file.at_lines(lines_where(file, |line| {
        let stray = line.chars().find(|one| !one.is_ascii())?;
        Some(format!("`{}` is not ASCII", stray.escape_unicode()))
    }))
}

/// A line that cannot be broken, because it holds an address, may be longer.
pub(super) fn too_wide(file: &File) -> Vec<String> {
    file.at_lines(lines_where(file, |line| {
        let columns = line.chars().count();
        (columns > COLUMNS_MAX && !line.contains("://"))
            .then(|| format!("{columns} columns: at most {COLUMNS_MAX}"))
    }))
}

pub(super) fn undocumented_module(file: &File) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    let documented = first.starts_with("//! ") || first.starts_with("#![doc = ");
    let what = "the file's first line must say, after `//! `, what the module is";
    file.at_lines((!documented).then(|| (1, what.to_owned())))
}

pub(super) fn left_to_be_done(file: &File) -> Vec<String> {
    let marks = words(&file.text).filter(|(_, word)| LEFT.contains(word));
    file.at_lines(marks.map(|(offset, word)| {
        (line_of(&file.text, offset), format!("`{word}`: do it, or write an issue"))
    }))
}

/// A call `f(true)` says nothing to its reader: an enum or two functions do.
pub(super) fn bool_parameters(file: &File, imposed: &[(&str, &str, &str)]) -> Vec<String> {
    let code = code_only(&file.text);
    let mut found = Vec::new();
    for (offset, word) in words(&code) {
        let after = &code[offset + word.len()..];
        let Some((name_offset, name)) = words(after).next().filter(|_| word == "fn") else {
            continue;
        };
        // `fn(A) -> B` is a type: no name follows.
        if !after[..name_offset].chars().all(char::is_whitespace) {
            continue;
        }
        let Some(parameters) = parameters(&after[name_offset + name.len()..]) else { continue };
        let is_imposed = imposed.iter().any(|one| (one.0, one.1) == (file.path.as_str(), name));
        if !is_imposed && parameters.iter().any(|one| is_bool(one)) {
            let what = format!("`{name}` takes a bool: use an enum or two functions");
            found.push((line_of(&code, offset), what));
        }
    }
    file.at_lines(found)
}

pub(super) fn stray_unsafe(file: &File, allowed: &[(&str, &str)]) -> Vec<String> {
    if allowed.iter().any(|(place, _)| file.path.starts_with(place)) {
        return Vec::new();
    }
    let code = code_only(&file.text);
    let found = words(&code).filter(|(_, word)| *word == "unsafe");
    file.at_lines(found.map(|(offset, _)| {
        let what = "unsafe code stands in the places that UNSAFE in tests/tidy.rs lists";
        (line_of(&code, offset), what.to_owned())
    }))
}

/// A line for each place that is allowed unsafe code and has none.
pub(super) fn unused_places(files: &[File], allowed: &[(&str, &str)]) -> Vec<String> {
    let uses = |file: &File| words(&code_only(&file.text)).any(|(_, word)| word == "unsafe");
    let is_used = |place| files.iter().any(|file| file.path.starts_with(place) && uses(file));
    let unused = allowed.iter().filter(|(place, _)| !is_used(place));
    unused.map(|(place, _)| format!("no unsafe code in {place}: take it from UNSAFE")).collect()
}

pub(super) fn vague_type_names(file: &File) -> Vec<String> {
    const DEFINES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
    let code = code_only(&file.text);
    let mut found = Vec::new();
    let mut previous = "";
    for (offset, word) in words(&code) {
        let small = word.to_lowercase();
        if let Some(vague) = VAGUE.iter().find(|vague| small.contains(**vague))
            && DEFINES.contains(&previous)
        {
            let what = format!("type `{word}`: \"{vague}\" says nothing, name what it is");
            found.push((line_of(&code, offset), what));
        }
        previous = word;
    }
    file.at_lines(found)
}

/// Lines of tests/skips.txt: `full name of a test | reason`.
pub(super) fn bad_skips(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let bad = |line: &str| {
        let (name, reason) = line.split_once(" | ").unwrap_or((line, ""));
        let complete = !name.is_empty() && name.trim() == name && !reason.trim().is_empty();
        (!complete).then(|| format!("tests/skips.txt: `{line}`: write NAME | REASON"))
    };
    lines.filter_map(bad).collect()
}

fn lines_where(
    file: &File,
    problem: impl Fn(&str) -> Option<String>,
) -> impl Iterator<Item = (usize, String)> {
    let found = move |(index, line)| Some((index + 1, problem(line)?));
    file.text.lines().enumerate().filter_map(found)
}

/// The parameters of a function whose name ended where `after` begins.
fn parameters(after: &str) -> Option<Vec<&str>> {
    let mut rest = after;
    if after.starts_with('<') {
        rest = &after[closing(after, '<', '>')? + 1..];
    }
    let rest = rest.trim_start();
    let inside = rest.strip_prefix('(').and(rest.get(1..closing(rest, '(', ')')?))?;
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (at, one) in inside.char_indices() {
        match one {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '>' if !inside[..at].ends_with('-') => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inside[start..]);
    Some(found)
}

/// Where the bracket that `text` begins with is closed. The `>` of an arrow closes nothing.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0;
    for (at, one) in text.char_indices() {
        if one == open {
            depth += 1;
        } else if one == close && !(close == '>' && text[..at].ends_with('-')) {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// `x: bool`, by value or by reference; not `Option<bool>`, which at least has a `None`.
fn is_bool(parameter: &str) -> bool {
    let kind = parameter.split_once(':').map_or("", |(_, kind)| kind.trim());
    let bare = kind.trim_start_matches('&').trim_start();
    let bare = match bare.strip_prefix('\'') {
        Some(lifetime) => lifetime.trim_start_matches(is_word).trim_start(),
        None => bare,
    };
    bare.strip_prefix("mut ").unwrap_or(bare) == "bool"
}

#[cfg(test)]
mod tests;
