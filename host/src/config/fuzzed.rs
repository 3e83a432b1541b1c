//! What fuzzing asks of the reader of configs, whatever the text: what is wrong is told where it
//! stands and on a line of its own, and a comment means nothing.
//!
//! A NUL, which TOML has nowhere, ends one file and begins the next.

use std::path::Path;

use super::meaning::{self, Kinds, Look};
use super::place::{Mistakes, Sources};
use super::shape;

pub(crate) fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // It must not read what happens to lie on this machine, nor wait for it.
    if text.contains("file:") {
        return;
    }
    // Whoever reads a file takes off the mark that it may begin with.
    let bare = |text: &str| text.trim_start_matches('\u{feff}').to_owned();
    let files: Vec<String> = text.split('\0').take(3).map(bare).collect();
    let told = |before: &str| {
        let mut sources = Sources::default();
        for (number, text) in files.iter().enumerate() {
            sources.add(Path::new(&format!("{number}.toml")), format!("{before}{text}"));
        }
        meant(&sources).map_err(|mistakes| {
            readable(&mistakes, before.len() + text.len());
            moved(&mistakes.to_string(), before.lines().count())
        })
    };
    assert_eq!(told("# a comment\n"), told(""), "a comment means nothing");
}

fn meant(sources: &Sources) -> Result<String, Mistakes> {
    for file in sources.files() {
        let _ = shape::includes(file);
    }
    let read = shape::tables(sources).and_then(|(tables, secrets)| {
        meaning::of(sources, &tables, &secrets, &Kinds::linked(), Look::Text)
    });
    // What a config means has no `==`: it is compared once, here.
    read.map(|written| format!("{written:?}")).map_err(|mistakes| {
        assert!(!mistakes.is_empty(), "refused for nothing");
        sources.show(mistakes)
    })
}

/// A terminal obeys control characters.
fn readable(mistakes: &Mistakes, bytes: usize) {
    let line = mistakes.to_string();
    assert!(!line.contains(char::is_control), "not on one line: {line:?}");
    let pictures = mistakes.pictures();
    let obeyed = |one: char| one.is_control() && one != '\n';
    assert!(!pictures.contains(obeyed), "not for a terminal: {pictures:?}");
    assert!(mistakes.picture().len() < 8 * bytes + 4096, "a picture of half the world");
}

/// A mistake as if it stood so many lines above; its text has the number of its line behind the
/// first colon.
fn moved(told: &str, lines: usize) -> String {
    let (file, rest) = told.split_once(':').expect("a file");
    let (line, what) = rest.split_once(':').expect("a line");
    let line: usize = line.parse().expect("its number");
    let above = line.checked_sub(lines).expect("a line of the file, not of the comment");
    assert!(above > 0, "lines begin with 1");
    format!("{file}:{above}:{what}")
}
