//! The mistakes authors make do not compile, and the compiler's message says what to do.
//!
//! `mistakes/NAME.rs` is the mistake, `mistakes/NAME.stderr` what the pinned compiler says of it;
//! `TRYBUILD=overwrite cargo test -p dsgi --test mistakes` writes the latter anew. Read them: they
//! are the text an author sees.

/// The compiler whose wording is committed.
const PINNED: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained() {
    explained("mistakes_are_explained", "tests/mistakes/*.rs");
}

#[cfg(feature = "tower")]
#[test]
fn mistakes_of_services_are_explained() {
    explained("mistakes_of_services_are_explained", "tests/mistakes_of_services/*.rs");
}

fn explained(name: &str, cases: &str) {
    let compiler = env!("DSGI_COMPILER");
    if !compiler.starts_with(PINNED) {
        return skip(name, &format!("not the pinned compiler: {compiler}"));
    }
    trybuild::TestCases::new().compile_fail(cases);
}

/// Records a skip as `tests/run` expects it.
fn skip(name: &str, reason: &str) {
    use std::io::Write as _;
    eprintln!("skipped: {name}: {reason}");
    let Some(path) = std::env::var_os("DSGI_SKIPS") else { return };
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(format!("{name} | {reason}\n").as_bytes()).expect("the file takes a line");
}
