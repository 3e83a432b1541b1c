//! The host with every fallback in place of what this system has.

use super::host::Launch;
use super::project;
use std::process::Command;
use std::sync::LazyLock;

/// Such a host about to be started, or to run a verb; built when first asked for.
pub(crate) fn launch() -> Launch {
    static PROGRAM: LazyLock<String> = LazyLock::new(build);
    Launch::program(&PROGRAM)
}

fn build() -> String {
    let script = project().join("tests/build-portable");
    let output = Command::new("bash").arg(script).output().expect("bash starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the portable host cannot be built:\n{said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
