//! Reading a library's file once, whatever the path turns out to be.
//!
//! Called for every file that a user names. Invariant: everything is asked of the one descriptor
//! that was opened; opening neither waits nor becomes a terminal's owner.

use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::ArtifactError;
use crate::platform::files::{kind, modified, open_to_read};
use crate::plugin::file_bytes::FileBytes;

/// Larger files are refused: the whole file is in memory while it is checked, and the largest
/// debug builds of large applications reach some 300 MB.
const SIZE_MAX: u64 = 1 << 30;

/// What a folder is called in errors.
pub(super) const FOLDER: &str = "a folder";

/// The bytes of a regular file.
///
/// # Errors
/// It is missing, something else, unreadable, too large, or being written.
pub(crate) fn read(path: &Path) -> Result<FileBytes, ArtifactError> {
    read_at_most(path, SIZE_MAX)
}

pub(super) fn read_at_most(path: &Path, most: u64) -> Result<FileBytes, ArtifactError> {
    let unreadable = |source| ArtifactError::Read { file: path.to_path_buf(), source };
    let (opened, before) = open(path, most)?;
    // One byte more than was promised shows a file that grows.
    let room = usize::try_from(before.len() + 1);
    let room = room.map_err(|error| unreadable(io::Error::other(error)))?;
    let bytes = FileBytes::read(&opened, room).map_err(unreadable)?;
    let after = opened.metadata().map_err(unreadable)?;
    if !is_whole(bytes.len() as u64, &before, &after) {
        return Err(ArtifactError::Changed { file: path.to_path_buf() });
    }
    Ok(bytes)
}

/// The bytes of a regular file that is opened where it lies, as far as somebody looks at them.
///
/// # Errors
/// It is missing, something else, unreadable, or too large.
pub(super) fn map(path: &Path) -> Result<FileBytes, ArtifactError> {
    let (opened, _) = open(path, SIZE_MAX)?;
    let unreadable = |source| ArtifactError::Read { file: path.to_path_buf(), source };
    FileBytes::map(&opened).map_err(unreadable)
}

/// A regular file that is not too large.
fn open(path: &Path, most: u64) -> Result<(File, Metadata), ArtifactError> {
    let file = || path.to_path_buf();
    let opened = open_to_read(path).map_err(|error| not_opened(path, error))?;
    let found = opened.metadata();
    let found = found.map_err(|source| ArtifactError::Read { file: file(), source })?;
    if let Some(found) = other_kind(found.file_type()) {
        return Err(ArtifactError::NotAFile { file: file(), found });
    }
    let size = found.len();
    if size > most {
        return Err(ArtifactError::TooLarge { file: file(), size, most });
    }
    Ok((opened, found))
}

fn not_opened(path: &Path, source: io::Error) -> ArtifactError {
    let file = path.to_path_buf();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ArtifactError::NotFound { file, nearest: nearest(path) }
        }
        io::ErrorKind::PermissionDenied => ArtifactError::Permission { file, source },
        // A socket or a device without a driver cannot be opened, so its path is asked.
        _ => match fs::metadata(path).ok().and_then(|it| other_kind(it.file_type())) {
            Some(found) => ArtifactError::NotAFile { file, found },
            None => ArtifactError::Read { file, source },
        },
    }
}

fn other_kind(found: FileType) -> Option<&'static str> {
    if found.is_file() {
        None
    } else if found.is_dir() {
        Some(FOLDER)
    } else {
        Some(kind(found))
    }
}

/// Whether nobody wrote between the two looks at a file.
fn is_whole(read: u64, before: &Metadata, after: &Metadata) -> bool {
    let written = |it: &Metadata| (it.len(), modified(it));
    read == before.len() && written(before) == written(after)
}

/// The file nearby that was probably meant: one with few letters changed, or with the `lib` and
/// `.so` that compilers add.
fn nearest(path: &Path) -> Option<PathBuf> {
    const FILES_MAX: usize = 1000;
    let wanted = path.file_name()?;
    let parent = path.parent()?;
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let best = fs::read_dir(folder)
        .ok()?
        .take(FILES_MAX)
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .map(|name| {
            (distance(bare(wanted.as_encoded_bytes()), bare(name.as_encoded_bytes())), name)
        })
        .min()?;
    let most = bare(wanted.as_encoded_bytes()).len() / 3;
    (best.0 <= most).then(|| parent.join(best.1))
}

fn bare(name: &[u8]) -> &[u8] {
    let name = name.strip_prefix(b"lib").unwrap_or(name);
    name.strip_suffix(b".so").unwrap_or(name)
}

/// How many letters have to be changed, left out or put in.
pub(crate) fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, left) in one.iter().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, right) in other.iter().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        let cases =
            [("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "ab", 1), ("", "ab", 2)];
        for (one, other, expected) in cases {
            assert_eq!(distance(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
            assert_eq!(distance(other.as_bytes(), one.as_bytes()), expected, "{other} {one}");
        }
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }

    #[test]
    fn a_write_of_the_same_length_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let before = file.as_file().metadata().unwrap();
        assert!(is_whole(0, &before, &file.as_file().metadata().unwrap()));
        assert!(!is_whole(1, &before, &before));
        file.as_file().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(!is_whole(0, &before, &file.as_file().metadata().unwrap()));
    }

    #[test]
    fn the_system_s_refusals_are_told_apart() {
        let error = |kind: io::ErrorKind| not_opened(Path::new("/x/y.so"), kind.into()).to_string();
        assert_eq!(error(io::ErrorKind::PermissionDenied), "may not read `/x/y.so`");
        assert_eq!(error(io::ErrorKind::NotADirectory), "no such file: `/x/y.so`");
        assert_eq!(error(io::ErrorKind::Other), "cannot read `/x/y.so`");
    }
}
