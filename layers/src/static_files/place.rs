//! From the path of a request to an open file below a folder, and never to one outside of it.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of which files may be sent.
#[derive(Debug)]
pub(super) struct Root {
    folder: PathBuf,
    hidden: Hidden,
}

/// What becomes of names that begin with a dot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Hidden {
    /// They are not there.
    #[default]
    Off,
    /// They are files like others.
    Shown,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(File, Metadata),
    /// A folder, by its way from the root.
    Folder(PathBuf),
}

impl Root {
    /// A folder that is there.
    ///
    /// # Errors
    /// It is not, or is no folder.
    pub(super) fn new(folder: &Path, hidden: Hidden) -> io::Result<Self> {
        let folder = folder.canonicalize()?;
        if !folder.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { folder, hidden })
    }

    /// What a decoded path leads to; `None` for nothing that may be sent, whatever the reason.
    ///
    /// # Errors
    /// What the system could not do.
    pub(super) fn find(&self, path: &str) -> io::Result<Option<Found>> {
        match self.way(path) {
            Some(way) => self.open(&way),
            None => Ok(None),
        }
    }

    /// The way from the root: a name for each segment, none of which leads anywhere but down.
    fn way(&self, path: &str) -> Option<PathBuf> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut way = PathBuf::new();
        for name in path.split('/').filter(|_| !path.is_empty()) {
            let special = name.is_empty() || name == "." || name == "..";
            let hidden = self.hidden == Hidden::Off && name.starts_with('.');
            // On some systems these separate, too, or name a disk.
            let foreign = name.contains(['\0', '\\', ':']) && cfg!(windows) || name.contains('\0');
            if special || hidden || foreign {
                return None;
            }
            way.push(name);
        }
        Some(way)
    }

    /// Opens what lies there, where no symlink has led out of the root.
    pub(super) fn open(&self, way: &Path) -> io::Result<Option<Found>> {
        match self.try_open(way) {
            Ok(found) => Ok(found),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn try_open(&self, way: &Path) -> io::Result<Option<Found>> {
        let real = self.folder.join(way).canonicalize()?;
        if !real.starts_with(&self.folder) {
            return Ok(None);
        }
        let file = open(&real)?;
        let found = file.metadata()?;
        Ok(match found.file_type() {
            kind if kind.is_file() => Some(Found::File(file, found)),
            kind if kind.is_dir() => Some(Found::Folder(way.to_path_buf())),
            _ => None,
        })
    }
}

/// A name that is not there and one that must not be read are the same to a client.
fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
    ) || is_loop(error)
}

#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

#[cfg(not(unix))]
fn is_loop(_: &io::Error) -> bool {
    false
}

/// A path without symlinks: one that was put in its place meanwhile is not followed, and a FIFO
/// does not make it wait.
#[cfg(unix)]
fn open(real: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(real)
}

#[cfg(not(unix))]
fn open(real: &Path) -> io::Result<File> {
    File::open(real)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use super::*;

    fn read(root: &Root, path: &str) -> Option<String> {
        match root.find(path).unwrap() {
            Some(Found::File(mut file, _)) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                Some(text)
            }
            Some(Found::Folder(way)) => Some(format!("folder {}", way.display())),
            None => None,
        }
    }

    #[test]
    fn nothing_outside_of_the_root_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for (file, text) in [
            ("secret", "outside"),
            ("root-beside", "beside"),
            ("root/plain", "plain"),
            ("root/a/b/deep", "deep"),
            ("root/with space", "space"),
            ("root/.env", "hidden"),
            ("root/.git/config", "hidden"),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        let root_of = |hidden| Root::new(&root, hidden).unwrap();
        let plain = root_of(Hidden::Off);
        for (path, found) in [
            ("/plain", Some("plain")),
            ("plain", Some("plain")),
            ("/a/b/deep", Some("deep")),
            ("/with space", Some("space")),
            ("/", Some("folder ")),
            ("/a", Some("folder a")),
            ("/a/b/", Some("folder a/b")),
            ("/absent", None),
            ("/plain/x", None),
            ("/../secret", None),
            ("/a/../plain", None),
            ("/..", None),
            ("/./plain", None),
            ("//plain", None),
            ("/a//b/deep", None),
            ("/../root-beside", None),
            ("/.env", None),
            ("/.git/config", None),
            ("/pla\0in", None),
            (&format!("/{}", "x".repeat(5000)), None),
        ] {
            assert_eq!(read(&plain, path).as_deref(), found, "{path:?}");
        }
        let shown = root_of(Hidden::Shown);
        assert_eq!(read(&shown, "/.env").as_deref(), Some("hidden"));
        // By these a name has two paths, or none.
        for path in ["/../secret", "/a/../plain", "/./plain", "/a/b/../../plain"] {
            assert_eq!(read(&shown, path), None, "{path}");
        }
        Root::new(&folder.path().join("none"), Hidden::Off).unwrap_err();
        Root::new(&folder.path().join("secret"), Hidden::Off).unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn symlinks_lead_to_what_is_inside_only() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("plain"), "plain").unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        symlink("plain", path.join("inside")).unwrap();
        symlink(path.join("plain"), path.join("absolute")).unwrap();
        symlink("../secret", path.join("out")).unwrap();
        symlink(folder.path(), path.join("up")).unwrap();
        symlink("loop", path.join("loop")).unwrap();
        symlink("nowhere", path.join("dangling")).unwrap();
        let root = Root::new(&path, Hidden::Off).unwrap();
        assert_eq!(read(&root, "/inside").as_deref(), Some("plain"));
        assert_eq!(read(&root, "/absolute").as_deref(), Some("plain"));
        for path in ["/out", "/up/secret", "/up", "/loop", "/dangling"] {
            assert_eq!(read(&root, path), None, "{path}");
        }
        // A FIFO without a writer would make a plain open wait for ever.
        let made = std::process::Command::new("mkfifo").arg(path.join("fifo")).status();
        assert!(made.unwrap().success());
        assert_eq!(read(&root, "/fifo"), None);
    }
}
