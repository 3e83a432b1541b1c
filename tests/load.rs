//! A library on its way into service: tried in a child, copied, opened, started.

// What the child of a probe is and has, and what becomes of whatever a library leaves in it.
pub(crate) mod child;
// The private copy that is served instead of the file.
mod copy;
// Constructors and `init` that do not come back as they should.
mod faults;
// Types of the boundary that differ from the host's.
mod layout;

use std::path::PathBuf;
use tempfile::TempDir;

/// A file that a library of `app.c` writes to, in a folder of its own.
struct Report {
    file: PathBuf,
    _folder: TempDir,
}

impl Report {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { file: folder.path().join("report"), _folder: folder }
    }

    /// The option of `c_app` that names it.
    fn option(&self) -> String {
        format!("REPORT \"{}\"", self.file.display())
    }

    /// All whole lines so far; none before the library has written one.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(ToOwned::to_owned).collect()
    }
}
