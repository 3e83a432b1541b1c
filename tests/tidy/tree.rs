//! The project's own files.

use crate::harness::project;
use std::path::Path;

/// A text of the project.
#[derive(Debug)]
pub(super) struct File {
    /// From the project's folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// The same text as if it stood at `path`.
    #[cfg(test)]
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Problems found at lines, as `path:line: what`.
    pub(super) fn at_lines(&self, found: impl IntoIterator<Item = (usize, String)>) -> Vec<String> {
        let path = &self.path;
        found.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
    }
}

/// The files whose path starts with one of `folders` and ends with one of `endings`; an empty
/// ending stands for the scripts that have none.
pub(super) fn files(folders: &[&str], endings: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    collect(&project(), "", &mut files);
    files.retain(|path| folders.iter().any(|folder| path.starts_with(folder)));
    files.retain(|path| endings.contains(&ending(path)));
    files.sort();
    let read = |path: String| {
        let bytes = std::fs::read(project().join(&path)).expect("a readable file");
        File { path, text: String::from_utf8_lossy(&bytes).into_owned() }
    };
    files.into_iter().map(read).collect()
}

fn ending(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.trim_start_matches('.').rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    // What cargo and git make is nobody's text.
    const MADE: [&str; 2] = ["target", ".git"];
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if !MADE.contains(&name.as_str()) {
                collect(&entry.path(), &format!("{path}/"), found);
            }
        } else {
            found.push(path);
        }
    }
}

#[test]
fn endings() {
    for (path, end) in [("a/b.rs", "rs"), ("tests/run", ""), (".gitignore", ""), ("x.tar.gz", "gz")]
    {
        assert_eq!(ending(path), end, "{path}");
    }
}

#[test]
fn this_file_is_found() {
    let found = files(&["tests/tidy"], &["rs"]);
    assert!(found.iter().any(|file| file.path == "tests/tidy/tree.rs"));
    assert!(found.iter().all(|file| file.path.starts_with("tests/tidy")));
}
