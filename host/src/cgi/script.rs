//! A CGI script of two lines: `#!/usr/bin/host cgi`, and the library, as seen from the script.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits::SCRIPT_BYTES;

/// Nothing to serve for one request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptError {
    /// The server has started this program, and not a script.
    #[error("nothing says what to serve, and under a CGI server arguments do not count")]
    Nothing,
    /// Its second line is missing, empty, or no text.
    #[error("`{}` names no library in its second line", .0.display())]
    NoLibrary(PathBuf),
    /// It cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ScriptError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Nothing => {
                Some(String::from("set DSGI_LOAD or DSGI_CONFIG, or let a script name a library"))
            }
            Self::NoLibrary(_) => {
                Some(String::from("line 1 is `#!/usr/bin/host cgi`, line 2 the library: ./app.so"))
            }
            Self::Read { .. } => None,
        }
    }
}

/// The library that a file names, or is.
pub(crate) fn library_of(file: &Path) -> Result<PathBuf, ScriptError> {
    let read = |source| ScriptError::Read { file: file.to_path_buf(), source };
    // Without its absolute path a name could be taken for something else, such as `NAME=FILE`.
    let file = std::path::absolute(file).map_err(read)?;
    let mut start = Vec::with_capacity(SCRIPT_BYTES);
    // What is no file, or not there, is told by who opens libraries.
    let Ok(script) = File::open(&file) else { return Ok(file) };
    let _ = script.take(SCRIPT_BYTES as u64).read_to_end(&mut start);
    if !start.starts_with(b"#!") {
        return Ok(file);
    }
    let line = start.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    match std::str::from_utf8(line).map(str::trim) {
        Ok(library) if !library.is_empty() => {
            Ok(file.parent().unwrap_or(Path::new("/")).join(library))
        }
        _ => Err(ScriptError::NoLibrary(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_line_is_seen_from_the_script() {
        let folder = tempfile::tempdir().unwrap();
        let library = |text: &str| {
            let file = folder.path().join("x.cgi");
            std::fs::write(&file, text).unwrap();
            library_of(&file).ok()
        };
        let at = |name: &str| Some(folder.path().join(name));
        assert_eq!(library("#!/usr/bin/host cgi\n../lib/app.so\n"), at("../lib/app.so"));
        assert_eq!(library("#!/usr/bin/host cgi\r\n app.so \r\n"), at("app.so"));
        assert_eq!(library("#!/usr/bin/host cgi\n/lib/app.so"), Some(PathBuf::from("/lib/app.so")));
        assert_eq!(library("\x7fELF\napp.so\n"), at("x.cgi"));
        for wrong in ["#!/usr/bin/host cgi", "#!/usr/bin/host cgi\n\napp.so\n"] {
            assert_eq!(library(wrong), None, "{wrong:?}");
        }
    }
}
