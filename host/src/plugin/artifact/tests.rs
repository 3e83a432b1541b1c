//! Artifacts of real files, and private folders as several processes leave them.
//!
//! Other processes are played by other descriptors of the same lock, which the system treats
//! alike. Invariant: each test has a base folder of its own.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use super::copy::Medium;
use super::staging::{base, make_private};
use super::*;
use crate::plugin::inspect::Unfit;
use crate::plugin::inspect::fixture::{library, neighbour};

/// A folder with a library and a private folder below it.
struct Place {
    folder: TempDir,
    library: PathBuf,
}

impl Place {
    fn new(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = library(folder.path(), options);
        Self { folder, library }
    }

    fn base(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    fn staging(&self) -> Staging {
        Staging::open_in(&self.base()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The message for a file, its folder left out, and the help.
    fn refusal(&self, file: &Path) -> (String, Option<String>) {
        let error = Artifact::take(file, &self.staging()).expect_err("it was accepted");
        let folder = format!("{}/", self.folder.path().display());
        let short = |text: String| text.replace(&folder, "");
        (short(error.to_string()), error.help().map(short))
    }
}

#[test]
fn the_copy_has_the_bytes_and_goes_with_the_artifact() {
    let place = Place::new(&[]);
    let staging = place.staging();
    let artifact = Artifact::take(&place.library, &staging).unwrap();
    assert_eq!(artifact.source, place.library);
    assert_eq!(artifact.file.parent(), Some(staging.folder()));
    let bytes = fs::read(&place.library).unwrap();
    assert_eq!(fs::read(&artifact.file).unwrap(), bytes);
    assert_eq!(artifact.digest, digest(&bytes));
    assert_eq!(fs::metadata(&artifact.file).unwrap().mode() & 0o7777, 0o400);
    assert_eq!(fs::metadata(staging.folder()).unwrap().mode() & 0o7777, 0o700);
    let again = Artifact::take(&place.library, &staging).unwrap();
    assert_ne!(again.file, artifact.file, "the linker would take it for the same library");

    let (folder, file) = (staging.folder().to_path_buf(), again.file.clone());
    drop(again);
    assert!(!file.exists() && artifact.file.exists());
    drop(staging);
    assert!(artifact.file.exists(), "a copy in use went with the folder");
    drop(artifact);
    assert!(!folder.exists());
}

#[test]
fn digests_are_sha_256() {
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest(b"abc"), known);
}

#[test]
fn relative_paths_and_symlinks_are_followed() {
    let place = Place::new(&[]);
    symlink("libfixture.so", place.path("current.so")).unwrap();
    let artifact = Artifact::take(&place.path("current.so"), &place.staging()).unwrap();
    assert_eq!(artifact.source, place.path("current.so"), "rebuilt links would not be seen");
    assert_eq!(fs::read(&artifact.file).unwrap(), fs::read(&place.library).unwrap());
}

#[test]
fn what_is_no_file_is_named() {
    let place = Place::new(&[]);
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _listener = UnixListener::bind(place.path("socket")).unwrap();
    let refused = |path: &Path| place.refusal(path).0;
    assert_eq!(refused(&fifo), "`fifo` is a FIFO: a library is a regular file");
    assert_eq!(refused(&place.path("socket")), "`socket` is a socket: a library is a regular file");
    let device = Path::new("/dev/null");
    assert_eq!(refused(device), "`/dev/null` is a device: a library is a regular file");
    fs::create_dir(place.path("folder")).unwrap();
    let (error, help) = place.refusal(&place.path("folder"));
    assert_eq!(error, "`folder` is a folder: a library is a regular file");
    assert!(help.unwrap().contains("Cargo.toml"));
    symlink("loop", place.path("loop")).unwrap();
    assert_eq!(refused(&place.path("loop")), "cannot read `loop`");
}

#[test]
fn a_missing_file_has_its_neighbour_named() {
    let place = Place::new(&[]);
    for name in ["libfixtrue.so", "fixture.so", "libfixture"] {
        let (error, help) = place.refusal(&place.path(name));
        assert_eq!(error, format!("no such file: `{name}`"));
        assert_eq!(help.as_deref(), Some("did you mean `libfixture.so`?"), "{name}");
    }
    assert_eq!(place.refusal(&place.path("other.so")).1, None);
    let (error, help) = place.refusal(&place.path("nowhere/libfixture.so"));
    assert_eq!(error, "no such file: `nowhere/libfixture.so`");
    assert_eq!(help.as_deref(), Some("there is no folder `nowhere`"));
}

#[test]
fn files_that_are_no_library_leave_nothing_behind() {
    let place = Place::new(&[]);
    let staging = place.staging();
    let empty = place.path("empty.so");
    File::create(&empty).unwrap();
    let error = Artifact::take(&empty, &staging).unwrap_err();
    assert!(matches!(&error, ArtifactError::Inspect(it) if it.reason == Unfit::Empty), "{error}");
    let left: Vec<_> = fs::read_dir(staging.folder()).unwrap().collect();
    assert_eq!(left.len(), 1, "more than the lock: {left:?}");
}

#[test]
fn sizes_are_limited_and_watched() {
    let place = Place::new(&[]);
    let size = fs::metadata(&place.library).unwrap().len();
    assert_eq!(source::read_at_most(&place.library, size).unwrap().len() as u64, size);
    let error = source::read_at_most(&place.library, size - 1).unwrap_err().to_string();
    assert!(error.contains(&format!("{size} bytes, and at most {}", size - 1)), "{error}");
    // A file that says it is empty and gives bytes is one that somebody writes to.
    let error = read(Path::new("/proc/self/status")).unwrap_err();
    assert!(matches!(error, ArtifactError::Changed { .. }), "{error}");
}

#[test]
fn a_library_beside_the_original_is_not_lost_silently() {
    let place = Place::new(&[]);
    let folder = place.folder.path();
    neighbour(folder, "libdep.so");
    let search = format!("-L{}", folder.display());
    let build = |path: &str| {
        library(folder, &["-Wl,--no-as-needed", &search, "-ldep", &format!("-Wl,-rpath,{path}")])
    };
    fs::create_dir(folder.join("inner")).unwrap();
    for (path, moved) in [
        ("$ORIGIN", "libfixture.so"),
        ("/opt:${ORIGIN}/", "libfixture.so"),
        ("$ORIGIN/../", "inner/libfixture.so"),
    ] {
        fs::rename(build(path), folder.join(moved)).unwrap();
        let (error, help) = place.refusal(&folder.join(moved));
        let expected = format!(
            "`{moved}` needs `libdep.so` from its own folder ($ORIGIN), \
             which a private copy cannot see"
        );
        assert_eq!(error, expected, "{path}");
        assert!(help.unwrap().contains("statically"));
    }
    // Not there, so that it is looked for elsewhere; and not looked for there.
    assert!(Artifact::take(&build("$ORIGIN/lib"), &place.staging()).is_ok());
    assert!(Artifact::take(&build("/opt"), &place.staging()).is_ok());
}

#[test]
fn a_file_that_is_replaced_while_it_is_taken_is_one_or_the_other() {
    let place = Place::new(&["-Wl,--build-id=0x01"]);
    let other = Place::new(&["-Wl,--build-id=0x02"]);
    let contents = [&place, &other].map(|it| fs::read(&it.library).unwrap());
    let (staging, done) = (place.staging(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for content in contents.iter().cycle() {
                fs::write(place.path("next"), content).unwrap();
                fs::rename(place.path("next"), &place.library).unwrap();
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..200 {
            let artifact = Artifact::take(&place.library, &staging).unwrap();
            let bytes = fs::read(&artifact.file).unwrap();
            assert_eq!(artifact.digest, digest(&bytes));
            let at = contents.iter().position(|it| *it == bytes).expect("a mixture");
            assert_eq!(artifact.facts.build_id, Some(format!("0{}", at + 1)));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_copy_in_memory_is_opened_by_children_and_never_changed() {
    let place = Place::new(&[]);
    make_private(&place.base()).unwrap();
    let staging = Staging::make(&place.base(), Medium::Memory).unwrap();
    let artifact = Artifact::take(&place.library, &staging).unwrap();
    assert_eq!(fs::read(&artifact.file).unwrap(), fs::read(&place.library).unwrap());
    assert_eq!(fs::read_dir(staging.folder()).unwrap().count(), 1, "more than the lock");
    let opened = fs::OpenOptions::new().write(true).open(&artifact.file);
    assert!(opened.and_then(|mut file| file.write_all(b"x")).is_err(), "it can be changed");
    let complaints = |file: &Path| {
        let output = Command::new("true").env("LD_PRELOAD", file).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(complaints(&artifact.file), "");
    assert_ne!(complaints(&place.path("missing.so")), "", "the linker complains of nothing");
}

#[test]
fn the_medium_follows_the_mount() {
    // The test runs from there, so it can be executed there.
    let test = std::env::current_exe().unwrap();
    assert_eq!(Medium::of(test.parent().unwrap()).unwrap(), Medium::Disk);
}

#[test]
fn only_a_runtime_folder_of_this_user_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().to_path_buf();
    let temporary = Path::new("/temporary");
    let user = fs::metadata(&ours).unwrap().uid();
    let fallback = PathBuf::from(format!("/temporary/dsgi-{user}"));
    assert_eq!(base(Some(ours.clone()), temporary), ours.join("dsgi"));
    assert_eq!(base(None, temporary), fallback);
    assert_eq!(base(Some(ours.join("missing")), temporary), fallback);
    assert_eq!(base(Some("relative".into()), temporary), fallback);
    assert_eq!(base(Some(PathBuf::new()), temporary), fallback);
    assert_eq!(base(Some(foreign(folder.path())), temporary), fallback);
}

/// A folder of another user.
fn foreign(folder: &Path) -> PathBuf {
    let path = folder.join("foreign");
    fs::create_dir(&path).unwrap();
    // Only root may give a folder away, and nobody else needs to: the root folder is another's.
    match std::os::unix::fs::chown(&path, Some(12_345), None) {
        Ok(()) => path,
        Err(_) => PathBuf::from("/"),
    }
}

#[test]
fn a_folder_that_is_not_private_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| Staging::open_in(path).expect_err("it was accepted");
    let link = folder.path().join("link");
    symlink(folder.path(), &link).unwrap();
    let error = refused(&link);
    assert!(error.to_string().ends_with("is a symlink, and must be a folder"), "{error}");
    assert!(error.help().unwrap().starts_with("remove "));
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    let error = refused(&file).to_string();
    assert!(error.ends_with("is something else, and must be a folder"), "{error}");

    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o750)).unwrap();
    let error = refused(&open);
    assert!(error.to_string().ends_with("its mode is 750, and must be 700"), "{error}");
    assert!(error.help().unwrap().contains("chmod 700"));
    fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Staging::open_in(&open).is_ok());

    let error = refused(&foreign(folder.path())).to_string();
    assert!(error.contains("belongs to user"), "{error}");
    let error = refused(&folder.path().join("missing/base"));
    assert!(error.to_string().starts_with("cannot make the private folder"), "{error}");
    assert!(error.help().unwrap().contains("TMPDIR"));
}

#[test]
fn only_folders_of_processes_that_are_gone_are_removed() {
    let place = Place::new(&[]);
    let living = place.staging();
    let copy = Artifact::take(&place.library, &living).unwrap();
    let in_base = |name: &str| {
        let path = place.base().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let crashed = in_base("99-0123456789abcdef");
    File::create(crashed.join("lock")).unwrap();
    fs::write(crashed.join("0-app.so"), "left").unwrap();
    let half_removed = in_base("98-0123456789abcdef");
    fs::write(half_removed.join("0-app.so"), "left").unwrap();
    let others = ["shop", "99-", "-0123456789abcdef", "99-0123456789abcdeg", "x9-0123456789abcdef"];
    let others = others.map(in_base);
    fs::write(place.base().join("97-0123456789abcdef"), "a file").unwrap();
    let outside = place.path("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, place.base().join("96-0123456789abcdef")).unwrap();

    let second = place.staging();
    assert!(!crashed.exists() && !half_removed.exists());
    assert!(living.folder().exists() && copy.file.exists() && second.folder().exists());
    assert!(others.iter().all(|path| path.exists()));
    assert!(place.base().join("97-0123456789abcdef").exists());
    assert!(place.base().join("96-0123456789abcdef").exists());
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0, "a symlink was followed");
}

#[test]
fn processes_that_start_together_do_not_remove_each_other() {
    let place = Place::new(&[]);
    let started = thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..25).map(|_| place.staging()).collect::<Vec<_>>()))
            .collect();
        starts.into_iter().flat_map(|start| start.join().unwrap()).collect::<Vec<_>>()
    });
    let folders: HashSet<_> = started.iter().map(|it| it.folder().to_path_buf()).collect();
    assert_eq!(folders.len(), 200);
    assert!(folders.iter().all(|folder| folder.join("lock").exists()));
}

#[test]
fn a_cleared_folder_is_gone_and_says_so() {
    let place = Place::new(&[]);
    let staging = place.staging();
    let artifact = Artifact::take(&place.library, &staging).unwrap();
    staging.clear();
    assert!(!staging.folder().exists() && !artifact.file.exists());
    let error = Artifact::take(&place.library, &staging).unwrap_err();
    assert!(matches!(error, ArtifactError::Copy { .. }), "{error}");
}
