//! The files of a config: the one that is named, and what it includes.
//!
//! Invariant: each is read once, so that none includes itself and no key is at odds with itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::expand::expand;
use super::place::{Mistake, Sources, Span};
use super::shape;
use crate::limits::{CONFIG_BYTES, CONFIG_DEPTH, CONFIG_FILES};

/// Why the text of a file is not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    System(#[from] io::Error),
    #[error("it is a folder")]
    Folder,
    #[error("a config has at most {} MiB, all its files together", CONFIG_BYTES >> 20)]
    Large,
}

/// Reads a file and those that it includes. What is wrong with one is among the mistakes.
pub(super) fn gather(file: &Path) -> Result<(Sources, Vec<Mistake>), Unreadable> {
    let mut gathering = Gathering::default();
    let text = gathering.read(file)?;
    gathering.add(file, &text);
    Ok((gathering.sources, gathering.mistakes))
}

#[derive(Default)]
struct Gathering {
    sources: Sources,
    mistakes: Vec<Mistake>,
    /// Numbers of files by what they really are.
    known: BTreeMap<PathBuf, usize>,
    /// From the first file to the one that is looked at.
    chain: Vec<usize>,
    /// Bytes so far.
    bytes: u64,
}

impl Gathering {
    fn read(&mut self, file: &Path) -> Result<Vec<u8>, Unreadable> {
        if file.is_dir() {
            return Err(Unreadable::Folder);
        }
        let mut text = Vec::new();
        let room = CONFIG_BYTES - self.bytes;
        // A pipe says its size only by its end.
        File::open(file)?.take(room + 1).read_to_end(&mut text)?;
        self.bytes += text.len() as u64;
        if self.bytes > CONFIG_BYTES { Err(Unreadable::Large) } else { Ok(text) }
    }

    /// Adds a file with what it includes.
    fn add(&mut self, file: &Path, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let bare = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let number = self.sources.add(file, bare.to_owned());
        self.known.insert(identity(file), number);
        let start = self.sources.files()[number].start;
        if let Err(error) = std::str::from_utf8(bytes) {
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            // What is before is valid, and as long as it was but for the mark.
            let at = start + error.valid_up_to() - (text.len() - bare.len());
            let what = format!("the byte 0x{byte:02x} is not UTF-8");
            let mark = char::REPLACEMENT_CHARACTER.len_utf8();
            return self.mistakes.push(Mistake::new(at..at + mark, what));
        }
        let includes = match shape::includes(&self.sources.files()[number]) {
            Ok(includes) => includes,
            Err(mistake) => return self.mistakes.push(mistake),
        };
        self.chain.push(number);
        for (at, pattern) in includes {
            if let Err(mistake) = self.include(&at, &pattern) {
                self.mistakes.push(mistake);
            }
        }
        self.chain.pop();
    }

    /// Adds the files that a pattern means.
    fn include(&mut self, at: &Span, pattern: &str) -> Result<(), Mistake> {
        let folder = self.sources.file(at).folder().to_path_buf();
        let expanded = expand(pattern, &folder)
            .map_err(|wrong| shape::unexpanded(&self.sources, at, wrong))?;
        let pattern = expanded.as_deref().unwrap_or(pattern);
        for file in files_of(&folder, pattern).map_err(|what| Mistake::new(at.clone(), what))? {
            let shown = file.display();
            if let Some(number) = self.known.get(&identity(&file)) {
                return Err(self.again(at, &file, *number));
            }
            if self.chain.len() >= CONFIG_DEPTH {
                let what = format!("`{shown}` would be included {CONFIG_DEPTH} files deep");
                return Err(Mistake::new(at.clone(), what).help("include it from a file above"));
            }
            if self.known.len() >= CONFIG_FILES {
                let what = format!("a config has at most {CONFIG_FILES} files");
                return Err(Mistake::new(at.clone(), what));
            }
            let bytes = self.read(&file).map_err(|error| {
                Mistake::new(at.clone(), format!("cannot read `{shown}`: {error}"))
            })?;
            self.add(&file, &bytes);
        }
        Ok(())
    }

    /// A file that is there already.
    fn again(&self, at: &Span, file: &Path, number: usize) -> Mistake {
        let shown = file.display();
        let Some(first) = self.chain.iter().position(|above| *above == number) else {
            return Mistake::new(at.clone(), format!("`{shown}` is included twice"));
        };
        let name = |number: &usize| self.sources.files()[*number].path.display().to_string();
        let what = match &self.chain[first..] {
            [only] => format!("`{}` includes itself", name(only)),
            circle => {
                let names: Vec<String> = circle.iter().chain([&number]).map(name).collect();
                format!("`{}`", names.join("` includes `"))
            }
        };
        Mistake::new(at.clone(), what)
    }
}

/// What a file really is, by whatever name.
fn identity(file: &Path) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf())
}

/// The files that a pattern means, in the order of their names.
fn files_of(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let (place, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    if place.contains('*') {
        return Err(format!("`{pattern}`: only the last part of a path may have a `*`"));
    }
    if !name.contains('*') {
        return Ok(vec![folder.join(pattern)]);
    }
    let place = if place.is_empty() && pattern.starts_with('/') { "/" } else { place };
    let place = folder.join(place);
    // An empty path is the working folder, which has no name of its own.
    let here = if place.as_os_str().is_empty() { Path::new(".") } else { &*place };
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => format!("there is no folder `{}`", here.display()),
        _ => format!("cannot read the folder `{}`: {error}", here.display()),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(here).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.file_name();
        // An editor's own files begin with a dot.
        let is_it = |file: &str| !file.starts_with('.') && fits(name, file);
        if file.to_str().is_some_and(is_it) {
            files.push(place.join(file));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a name is of the form of a pattern, where `*` is any text.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name) in [
            ("*", ""),
            ("*.toml", "a.toml"),
            ("*.toml", ".toml"),
            ("a*b*c", "abc"),
            ("a*b*c", "a-b-b-c"),
            ("a**c", "ac"),
            ("a", "a"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.toml", "a.tom"), ("a*a", "a"), ("a*b*c", "acb"), ("a", "ab"), ("*b*b", "b")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
