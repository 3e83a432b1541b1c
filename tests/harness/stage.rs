//! A folder that other users may enter: servers that are not ours to run as we like, and the
//! programs they start, find there what they need.

use super::user::User;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Such a folder, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: TempDir,
    user: User,
}

impl Stage {
    /// Where the temporary folder of ours is closed to others, it lies in one that is not.
    pub(crate) fn new() -> Self {
        let usual = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into(), "/dev/shm".into()];
        let open = usual.iter().find(|folder| is_open(folder)).expect("a folder open to all");
        let folder = tempfile::tempdir_in(open).expect("a temporary folder");
        let stage = Self { folder, user: User::other_than_root(&["www-data"]) };
        stage.open(stage.path());
        stage
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Who is to run what needs this folder.
    pub(crate) fn user(&self) -> User {
        self.user
    }

    /// A folder in it that belongs to this user.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path().join(name);
        std::fs::create_dir(&folder).expect("a folder in one of ours");
        self.open(&folder);
        self.user.give(&folder);
        folder
    }

    /// A copy of a program or a library without what only a debugger reads.
    pub(crate) fn copy_program(&self, file: &Path) -> PathBuf {
        let copy = self.copy(file);
        let stripped = Command::new("strip").arg("--strip-debug").arg(&copy).status();
        assert!(stripped.expect("strip is installed with gcc").success());
        copy
    }

    /// A copy of a file, to be read and run by all.
    pub(crate) fn copy(&self, file: &Path) -> PathBuf {
        let copy = self.path().join(file.file_name().expect("a file"));
        std::fs::copy(file, &copy).expect("the file is copied");
        self.open(&copy);
        copy
    }

    /// A file, to be read and run by all.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.path().join(name);
        std::fs::write(&file, text).expect("the file is written");
        self.open(&file);
        file
    }

    fn open(&self, path: &Path) {
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, open).expect("a file of ours");
    }
}

/// Whether everybody may go through a folder and all above it.
fn is_open(folder: &Path) -> bool {
    let may_pass = |folder: &Path| {
        std::fs::metadata(folder).is_ok_and(|it| it.permissions().mode() & 0o001 != 0)
    };
    folder.is_dir() && folder.ancestors().all(may_pass)
}

#[test]
fn it_lies_where_others_may_go() {
    let stage = Stage::new();
    assert!(is_open(stage.path()));
    let closed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o700)).unwrap();
    assert!(!is_open(closed.path()));
}
