//! The door is plain C: an application that knows nothing but the header is served like any other.

use crate::harness::host::Host;
use crate::harness::{client, libraries, project};

#[test]
fn an_application_in_c_answers_the_same_bytes_as_one_in_rust() {
    let source = std::fs::read_to_string(project().join("sample-plugins/hello-c/hello.c")).unwrap();
    let in_c = libraries::c_library("hello_c", &source, &["-std=c11", "-Werror"]);
    let in_rust = libraries::sample("hello");
    let mount = format!("/c={}", in_c.display());
    let host =
        Host::start(["--load".as_ref(), in_rust.as_os_str(), "--mount".as_ref(), mount.as_ref()]);
    let (in_rust, in_c) = (client::get(host.address(), "/"), client::get(host.address(), "/c"));
    assert_eq!((in_c.status, in_c.text()), (200, "I'm a DSGI application.\n"));
    assert_eq!(in_c.body, in_rust.body);
    assert_eq!(in_c.header("content-type"), in_rust.header("content-type"));
}
