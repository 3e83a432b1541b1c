//! How a test says that it cannot run here. `tests/run` counts it as skipped, not as passed, and
//! fails when `tests/skips.txt` does not list it with this reason.

use std::fs::OpenOptions;
use std::io::Write;

/// Records that the test `name` (its full name, as libtest prints it) does not run here because of
/// `reason`. The test returns right after.
///
/// ```ignore
/// if !command_exists("nghttp") {
///     return skip("http::speaks_to_nghttp", "nghttp is not installed");
/// }
/// ```
pub(crate) fn skip(name: &str, reason: &str) {
    eprintln!("skipped: {name}: {reason}");
    let Some(path) = std::env::var_os("DSGI_SKIPS") else { return };
    // One write in append mode: lines of tests that run at the same time stay whole.
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{name} | {reason}\n").as_bytes()))
        .expect("the file named by DSGI_SKIPS takes a line");
}

/// Whether the long tests run too: `tests/run --long`.
pub(crate) fn long_tests_run() -> bool {
    std::env::var_os("DSGI_LONG").is_some_and(|value| value == "1")
}
