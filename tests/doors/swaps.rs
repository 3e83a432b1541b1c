//! Swaps while a front server keeps its connections under load: nothing fails, is cut or mixed.

use super::peer::LISTEN;
use crate::harness::client::get;
use crate::harness::fronts::printed::Places;
use crate::harness::fronts::{Front, NGINX, installed};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, versions};
use crate::harness::operated::Operated;
use crate::harness::skip::{long_tests_run, skip};
use crate::swap::loader::{Loader, Seen, Shape};

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
    let loaders = MOUNTS.map(|mount| Loader::start(front.address(), [(mount, &SHAPES[..])]));
    // An even number: the first version is the last one.
    let swaps = if long_tests_run() { 200 } else { 60 };
    for swap in 1..=swaps {
        host.deploy("two", &both[swap % 2]);
        let answered = loaders.each_ref().map(Loader::answered);
        for (loader, answered) in loaders.iter().zip(answered) {
            loader.wait_for("a response after a swap", |seen| seen.answered() > answered);
        }
        if loaders.iter().any(|loader| loader.wrong() > 0) {
            eprintln!("after {swap} swaps");
            break;
        }
    }
    let seen = loaders.map(Loader::stop);
    for (mount, seen) in MOUNTS.iter().zip(&seen) {
        assert_eq!(seen.wrong, [], "{mount}: {:?}\n{}", seen.whole, front.log());
    }
    for (mount, seen) in MOUNTS.iter().zip(&seen) {
        for shape_and_version in SHAPES.iter().flat_map(|shape| [(*shape, 'a'), (*shape, 'b')]) {
            assert!(seen.whole.contains_key(&shape_and_version), "{mount}: {shape_and_version:?}");
        }
    }
    for mount in MOUNTS {
        let last = get(front.address(), &format!("{mount}/"));
        assert_eq!((last.status, last.header("x-version")), (200, Some("a")), "{mount}");
    }
    let sum = |count: fn(&Seen) -> u64| seen.iter().map(count).sum::<u64>();
    let [received, sent] = [sum(|seen| seen.received >> 20), sum(|seen| seen.sent >> 20)];
    let responses = sum(Seen::answered);
    println!("{swaps} swaps, {responses} responses, {received} MiB received, {sent} MiB sent");
}
