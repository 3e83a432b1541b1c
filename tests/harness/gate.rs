//! A file that something in a library waits for, so that a test says how far it gets.

use super::libraries::{TemporaryLibrary, c_app};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Shut until it is opened.
#[derive(Debug)]
pub(crate) struct Gate {
    file: PathBuf,
    _folder: TempDir,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { file: folder.path().join("open"), _folder: folder }
    }

    /// The file that is there once it is open.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A version of `shop` whose `init` waits for it where this holds.
    pub(crate) fn library(&self, place: &str, text: &str) -> TemporaryLibrary {
        let file = self.file.display();
        let init = format!("INIT while (({place}) && access(\"{file}\", F_OK)) usleep(1000);");
        c_app(&["NAME \"shop\"", &init, &format!("TEXT \"{text}\\n\"")])
    }

    pub(crate) fn open(&self) {
        std::fs::write(&self.file, "").expect("a file in a folder of our own");
    }
}
