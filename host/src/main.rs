//! The program `host`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dsgi_host::run()
}
