//! One application, built by three compilers, of which each takes another one's place: what they
//! have compiled into a library, std and its thread-locals included, goes with it.
//!
//! The older and the newer compiler are Debian's; `tests/install-tools` unpacks them.

use crate::harness::client::get;
use crate::harness::crates::{Crates, Target};
use crate::harness::host::Launch;
use crate::harness::host::run;
use crate::harness::operated::Operated;
use crate::harness::project;
use crate::harness::skip::skip;
use std::path::{Path, PathBuf};

const NAME: &str = "compilers::what_three_compilers_have_built_takes_each_others_place";

/// Keeps a value that is dropped on each thread, and what std keeps of a thread; it panics when it
/// is told to, for a panic is the library's own std at work.
const SOURCE: &str = r#"
use dsgi::{Environ, StartResponse};
use std::cell::RefCell;

thread_local! {
    static ASKED: RefCell<Vec<std::thread::Thread>> = const { RefCell::new(Vec::new()) };
}

fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    ASKED.with(|asked| asked.borrow_mut().push(std::thread::current()));
    assert_ne!(environ.get("PATH_INFO"), Some("/panic"), "as it was told");
    start_response("200 OK", &[("Content-Type", "text/plain")])?;
    Ok([env!("COMPILER")])
}

dsgi::app!(app, name = "compiled");
"#;

/// A compiler, by its release; `root` is where it was unpacked, none for the one of this project.
#[derive(Debug)]
struct Compiler {
    release: String,
    root: Option<PathBuf>,
}

impl Compiler {
    fn pinned() -> Self {
        let toolchain = std::fs::read_to_string(project().join("rust-toolchain.toml")).unwrap();
        let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
        let release = channel.unwrap().trim_matches('"').to_owned();
        Self { release, root: None }
    }

    fn unpacked(release: &str) -> Option<Self> {
        let root = project().join("target/tools").join(format!("rustc-{release}"));
        root.exists().then(|| Self { release: release.to_owned(), root: Some(root) })
    }

    /// Builds the crate; a compiler that is not ours gets a folder of its own for what it makes.
    fn build(&self, crates: &Crates) -> PathBuf {
        let target = match &self.root {
            None => Target::Shared,
            Some(_) => Target::Beside(format!("rustc-{}", self.release)),
        };
        let mut cargo = crates.cargo(&target);
        if let Some(root) = &self.root {
            let libraries = root.join("usr/lib/x86_64-linux-gnu");
            cargo.env("RUSTC", root.join("usr/bin/rustc")).env("LD_LIBRARY_PATH", libraries);
        }
        cargo.env("COMPILER", &self.release).args(["build", "--package", "compiled"]);
        let output = cargo.current_dir(crates.path("compiled")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{said}", self.release);
        let library = target.folder().unwrap().join("debug/libcompiled.so");
        // The next compiler may have the same folder.
        let own = crates.path(&format!("lib{}.so", self.release));
        std::fs::copy(library, &own).unwrap();
        own
    }
}

#[test]
fn what_three_compilers_have_built_takes_each_others_place() {
    let others = ["1.85", "1.96"].map(Compiler::unpacked);
    let [Some(older), Some(newer)] = others else {
        return skip(NAME, "Debian's rustc 1.85 and 1.96 are not unpacked");
    };
    let crates = Crates::new();
    let manifest =
        format!("[dependencies]\ndsgi = {{ path = {:?} }}\n", project().join("plugin-api"));
    crates.library("compiled", &manifest, SOURCE);
    crates.lock_versions("compiled");
    let compilers = [Compiler::pinned(), older, newer];
    let libraries = std::thread::scope(|scope| {
        let building = compilers.each_ref().map(|it| scope.spawn(|| it.build(&crates)));
        building.map(|building| building.join().unwrap())
    });
    for (compiler, library) in compilers.iter().zip(&libraries) {
        let output = run(["inspect".as_ref(), library.as_os_str()]);
        let facts = String::from_utf8(output.stdout).unwrap();
        let named = facts.lines().find(|line| line.starts_with("compiler:")).unwrap();
        assert!(named.contains(&format!("rustc {}", compiler.release)), "{named}");
    }
    let load = format!("compiled={}", libraries[0].display());
    // A backtrace maps files for good, in the library that has panicked.
    let launch = Launch::new().env("RUST_BACKTRACE", "0").args(["--load", &load]);
    let launch = launch.breaking(&["call-no-panic"]);
    let host = Operated::start(launch);
    let serve = |compiler: &Compiler, library: &Path| {
        host.deploy("compiled", library);
        for _ in 0..4 {
            let response = get(host.address(), "/");
            assert_eq!((response.status, response.text()), (200, &*compiler.release));
        }
        assert_eq!(get(host.address(), "/panic").status, 500);
        // What served before has gone, and nothing of it is mapped.
        let gone = |app: &serde_json::Value| app["retained"].as_array().unwrap().is_empty();
        let app = host.wait_for_app("compiled", "the end of the one before", gone);
        assert_eq!(app["layout"], "proved", "{app}");
        assert!(!host.said(&["ps"]).contains("pinned"));
    };
    let round = || compilers.iter().zip(&libraries).rev().for_each(|(it, file)| serve(it, file));
    // What a first swap makes for good is there then.
    round();
    let before = host.possessions();
    (0..10).for_each(|_| round());
    host.wait_for_no_more_than(&before);
}
