//! One look at a source: its files with their sizes and times, and the folders where a change of
//! them shows.
//!
//! A crate is its folder, and the folders of the crates that cargo names in the `.d` file beside
//! the library: its path dependencies. Invariant: what cargo itself writes is not looked at, or a
//! build would be a reason for the next one.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, SystemTime};

use super::settle::Files;
use crate::limits::WATCHED_FILES;
use crate::platform::files::{changed, identity, modified};

/// What tells that a file is another one, or was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: (u64, u64),
    size: u64,
    /// In nanoseconds.
    modified: i128,
    /// The same for those who set the time of what they write.
    changed: i128,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// None when there is nothing.
    pub(super) files: Files,
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Look {
    /// Looks at a file, or at a crate that was built to this library.
    pub(super) fn at(file: &Path, library: Option<&Path>) -> Self {
        let mut look = Self::default();
        if file.is_dir() {
            look.at_crate(file, library);
        } else {
            look.at_file(file);
        }
        look
    }

    fn at_file(&mut self, file: &Path) {
        self.add(file);
        let Ok(path) = absolute(file) else { return };
        let real = path.canonicalize().ok();
        // Whoever moves a symlink changes the folder that the symlink lies in.
        let links = path.ancestors().filter(|part| part.is_symlink());
        let places = links.chain([&*path]).chain(real.as_deref());
        self.folders.extend(places.filter_map(Path::parent).map(Path::to_path_buf));
    }

    fn at_crate(&mut self, folder: &Path, library: Option<&Path>) {
        let Ok(folder) = folder.canonicalize() else { return };
        let sources = library.map(|library| sources_of(library, &folder)).unwrap_or_default();
        let mut crates = BTreeSet::from([folder.clone()]);
        let places: BTreeSet<&Path> = sources.iter().filter_map(|file| file.parent()).collect();
        for place in places {
            // Generated into the target folder: no work of a person.
            if place.ancestors().any(is_made_by_cargo) {
                continue;
            }
            let own = place.ancestors().find(|folder| folder.join("Cargo.toml").is_file());
            crates.extend(own.map(Path::to_path_buf));
            let here = sources.iter().filter(|file| file.parent() == Some(place));
            here.for_each(|file| self.add(file));
            self.folders.insert(place.to_path_buf());
        }
        for folder in crates {
            self.walk(folder);
        }
        // Of the workspace, and what says how to build.
        for folder in folder.ancestors().skip(1) {
            for name in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"] {
                self.add(&folder.join(name));
            }
        }
    }

    fn walk(&mut self, top: PathBuf) {
        let mut left = vec![top];
        while let Some(folder) = left.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let (path, kind) = (entry.path(), entry.file_type());
                if self.files.len() >= WATCHED_FILES {
                    return;
                }
                if is_hidden(&entry.file_name()) {
                    continue;
                }
                match kind {
                    Ok(kind) if kind.is_dir() && !is_made_by_cargo(&path) => left.push(path),
                    Ok(kind) if kind.is_dir() => {}
                    // A symlink may lead to a folder, which is not followed: it may lead back.
                    _ => self.add(&path),
                }
            }
            self.folders.insert(folder);
        }
    }

    fn add(&mut self, file: &Path) {
        if let Ok(metadata) = fs::metadata(file)
            && !metadata.is_dir()
        {
            self.files.insert(file.to_path_buf(), Stamp::of(&metadata));
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            identity: identity(metadata),
            size: metadata.len(),
            modified: modified(metadata),
            changed: changed(metadata),
        }
    }

    /// Whether the file has not been written to since then.
    pub(super) fn before(&self, time: SystemTime) -> bool {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i128::try_from(since.as_nanos()).is_ok_and(|since| self.modified < since)
    }

    #[cfg(test)]
    pub(super) fn of_test(size: u64, seconds: i64) -> Self {
        let modified = i128::from(seconds) * 1_000_000_000;
        Self { identity: (1, 1), size, modified, changed: modified }
    }
}

/// Version control and editors write there.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Target folders say that they are.
fn is_made_by_cargo(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").is_file()
}

/// The files that a library was made of, as cargo says beside it.
fn sources_of(library: &Path, folder: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(library.with_extension("d")).unwrap_or_default();
    names(&text).into_iter().map(|name| folder.join(name)).collect()
}

/// The names behind the colon of a line of make, where a backslash keeps a space in a name.
fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines() {
        let Some((_, line)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if letters.peek() == Some(&' ') => name.extend(letters.next()),
                ' ' => names.push(std::mem::take(&mut name)),
                _ => name.push(letter),
            }
        }
        names.push(name);
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_make_may_have_spaces() {
        let text = "/t/lib a.so: /c/src/lib.rs /c/a\\ b.rs\n\nno rule\n/t/x:\n";
        assert_eq!(names(text), ["/c/src/lib.rs", "/c/a b.rs"]);
    }

    #[test]
    fn a_crate_is_its_own_files_and_those_of_its_path_dependencies() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        let write = |name: &str, text: &str| {
            let path = top.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for name in ["Cargo.toml", "shop/Cargo.toml", "shop/src/lib.rs", "shop/.git/HEAD"] {
            write(name, "");
        }
        for name in ["price/Cargo.toml", "price/src/lib.rs", "price/src/new.rs", "text.txt"] {
            write(name, "");
        }
        write("shop/target/CACHEDIR.TAG", "");
        write("shop/target/debug/build/out.rs", "");
        let sources = ["shop/src/lib.rs", "price/src/lib.rs", "shop/target/debug/build/out.rs"];
        let sources = sources.map(|name| top.join(name).display().to_string()).join(" ");
        write("shop/target/debug/libshop.d", &format!("x: {sources}\n"));
        let library = top.join("shop/target/debug/libshop.so");
        let seen = |library| {
            let look = Look::at(&top.join("shop"), library);
            let own = look.files.into_keys().filter_map(|path| {
                path.strip_prefix(&top).ok().map(|path| path.display().to_string())
            });
            own.collect::<Vec<_>>()
        };
        let own = ["Cargo.toml", "shop/Cargo.toml", "shop/src/lib.rs"];
        assert_eq!(seen(None), own);
        let others = ["price/Cargo.toml", "price/src/lib.rs", "price/src/new.rs"];
        let expected = [&own[..1], &others, &own[1..]].concat();
        assert_eq!(seen(Some(&*library)), expected);
    }

    #[test]
    fn a_file_is_looked_for_where_its_links_lie() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        fs::create_dir(top.join("one")).unwrap();
        fs::write(top.join("one/app.so"), "").unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, top.join(name)).unwrap();
        link("one", "..data");
        link("..data/app.so", "app.so");
        let look = Look::at(&top.join("app.so"), None);
        assert_eq!(look.files.len(), 1);
        assert_eq!(look.folders, BTreeSet::from([top.clone(), top.join("one")]));
        let look = Look::at(&top.join("..data/app.so"), None);
        assert!(look.folders.contains(&top), "{look:?}");
        assert!(Look::at(&top.join("none.so"), None).files.is_empty());
    }
}
