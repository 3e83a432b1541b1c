//! The request's body and the error log are the host's, and nobody else closes them.

use dsgi::Environ;

fn input(mut environ: Environ) {
    environ.input().close();
}

fn errors(environ: Environ) {
    environ.errors().close();
}

fn main() {
    let _ = (input, errors);
}
