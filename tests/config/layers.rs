//! What a config says of layers and hosts is what is served.

use super::{Place, version};
use crate::harness::client::{Response, request};
use crate::harness::host::{Host, run};
use crate::harness::libraries::fault_app;
use rustix::process::Signal;

const STACKS: &str = r#"
[layers.outer]
path = "around.so"
[apps.shop]
path = "shop.so"
[apps.blog]
path = "blog.so"
[[mount]]
path = "/"
app = "shop"
[[mount]]
host = "*.example.org"
path = "/"
app = "blog"
stack = ["outer"]
"#;

fn get(host: &Host, name: &str) -> Response {
    let head = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    request(host.address(), head)
}

/// What answers for this host, and whether the layer is around it.
fn served(host: &Host, name: &str) -> (String, bool) {
    let response = get(host, name);
    assert_eq!(response.status, 200, "{}", response.text());
    (response.text().trim_end().to_owned(), response.header("x-around").is_some())
}

#[test]
fn stacks_and_hosts_are_as_they_are_written() {
    let place = Place::new(STACKS);
    place.add("around.so", &fault_app("around"));
    place.add("shop.so", &version("shop"));
    place.add("blog.so", &version("blog"));
    let check = || run(["check".as_ref(), place.config().as_os_str()]);
    let said = String::from_utf8(check().stdout).unwrap();
    for part in ["`outer` passed its probe", "`blog` passed its probe", "fine, with 2 mounts"] {
        assert!(said.contains(part), "{said}");
    }
    let host = place.launch().start();
    let (shop, blog) = (|around| (String::from("shop"), around), (String::from("blog"), true));
    assert_eq!(served(&host, "a.example.org"), blog);
    assert_eq!(served(&host, "example.org"), shop(false));
    // Around every mount, outside of what a mount names.
    place.write(&format!("enable = [\"outer\"]\n{}", STACKS.replace("stack = [\"outer\"]\n", "")));
    host.signal(Signal::HUP);
    host.wait_for_log("read again: ");
    assert_eq!(served(&host, "a.example.org"), blog);
    assert_eq!(served(&host, "example.org"), shop(true));
    // An application where a layer belongs is found before anything starts.
    place.add("around.so", &version("no layer"));
    let output = check();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("around.so` is an application, not a layer"), "{said}");
    assert_eq!(output.status.code(), Some(65));
}
