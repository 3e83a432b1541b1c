//! Swaps while a front server keeps its connections under load: nothing fails, is cut or mixed.

use super::peer::LISTEN;
use crate::harness::client::get;
use crate::harness::fronts::printed::Places;
use crate::harness::fronts::{Front, NGINX, installed};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, versions};
use crate::harness::operated::Operated;
use crate::harness::skip::{long_tests_run, skip};
use crate::swap::loader::{Loader, Shape};

const NAME: &str = "doors::swaps::two_hundred_swaps_behind_a_front_fail_nothing";

/// It does not ask again by itself, which would hide what fails.
const NGINX_TEXT: &str = "upstream fast {
    server 127.0.0.1:9000;
    keepalive 8;
}
server {
    listen 127.0.0.1:8000;
    client_max_body_size 16m;
    keepalive_requests 1000000000;
    location /fastcgi {
        include fastcgi_params;
        fastcgi_keep_conn on;
        fastcgi_next_upstream off;
        fastcgi_pass fast;
    }
    location /scgi {
        include scgi_params;
        scgi_next_upstream off;
        scgi_pass 127.0.0.1:9001;
    }
    location /uwsgi {
        include uwsgi_params;
        uwsgi_next_upstream off;
        uwsgi_pass 127.0.0.1:9002;
    }
}
";

const MOUNTS: [&str; 3] = ["/fastcgi", "/scgi", "/uwsgi"];
const SHAPES: [Shape; 4] = [Shape::KeepAlive, Shape::New, Shape::Upload, Shape::Download];

#[test]
fn two_hundred_swaps_behind_a_front_fail_nothing() {
    if installed(NGINX.program).is_none() {
        return skip(NAME, "nginx is not installed");
    }
    let both = versions(&fault_app("two"), b"which version this is:a", b"which version this is:b");
    let mut launch = Launch::new().env("DSGI_LOG", "warn").args(LISTEN);
    for mount in MOUNTS {
        launch = launch.arg("--mount").arg(format!("{mount}=two={}", both[0].display()));
    }
    let host = Operated::start(launch);
    let address = |number: usize| host.addresses()[number].split_once("://").unwrap().1.to_owned();
    let places = Places::default().with("127.0.0.1:9000", address(0));
    let places = places.with("127.0.0.1:9001", address(1)).with("127.0.0.1:9002", address(2));
    let front = Front::with(&NGINX, NGINX_TEXT, &places);
    let loader = Loader::start(front.address(), MOUNTS.map(|mount| (mount, &SHAPES[..])));
    // An even number: the first version is the last one.
    let swaps = if long_tests_run() { 200 } else { 60 };
    for swap in 1..=swaps {
        host.deploy("two", &both[swap % 2]);
        let answered = loader.answered();
        loader.wait_for("a response after a swap", |seen| seen.answered() > answered);
        assert_eq!(loader.wrong(), 0, "after {swap} swaps: {:?}\n{}", loader.stop(), front.log());
    }
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "{:?}\n{}", seen.whole, front.log());
    for (shape, version) in SHAPES.iter().flat_map(|shape| [(shape, 'a'), (shape, 'b')]) {
        assert!(seen.whole.contains_key(&(*shape, version)), "no {shape:?} of {version}: {seen:?}");
    }
    for mount in MOUNTS {
        let last = get(front.address(), &format!("{mount}/"));
        assert_eq!((last.status, last.header("x-version")), (200, Some("a")), "{mount}");
    }
    println!("{swaps} swaps, {} responses", seen.answered());
}
