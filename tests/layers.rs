//! Layers around applications: named, swapped while requests run through them, counted, drained.

// What a layer's file and name may be.
mod given;
// Layers that are changed while they serve.
mod changed;
// Layers whose files are watched.
mod watched;

use crate::harness::client::{Response, get};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{TemporaryLibrary, c_app, fault_app, versions};
use crate::harness::operated::Operated;
use std::path::Path;

/// The layer that says which version of it a response has met, in two versions.
fn around(there: char) -> [TemporaryLibrary; 2] {
    let mark = |letter: char| format!("which layer this is:{letter}");
    versions(&fault_app("around"), mark('a').as_bytes(), mark(there).as_bytes())
}

/// A layer in C that hands every request on inwards; `options` as those of `c_app`.
fn through(options: &[&str]) -> TemporaryLibrary {
    let inner = "CALL return exchange->table->inner(exchange, reply);";
    c_app(&[&["KIND DSGI_KIND_LAYER", "TAKE ", inner][..], options].concat())
}

/// The same through the slot for a layer that is done with a request.
fn done(options: &[&str]) -> TemporaryLibrary {
    let pass = "CALL return exchange->table->pass(app, exchange, reply);";
    c_app(&[&["KIND DSGI_KIND_LAYER", "TAKE ", pass][..], options].concat())
}

/// An application in C that says this.
fn says(name: &str, text: &str) -> TemporaryLibrary {
    c_app(&[&format!("NAME \"{name}\""), &format!("TEXT \"{text}\\n\"")])
}

/// A host that serves these at their paths, with these layers around all of them.
fn served(apps: &[(&str, &Path)], layers: &[&Path]) -> Launch {
    let mounts = apps.iter().map(|(path, file)| format!("{path}={}", file.display()));
    let launch = mounts.fold(Launch::new(), |launch, mount| launch.arg("--mount").arg(mount));
    layers.iter().fold(launch, |launch, layer| launch.arg("--enable").arg(layer))
}

/// Puts another file in the place of a layer's, as a build or a package does it.
fn replace(layer: &Path, library: &Path) {
    let beside = layer.with_extension("new");
    std::fs::copy(library, &beside).unwrap();
    std::fs::rename(beside, layer).unwrap();
}

fn met(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.header("x-around"))
}

#[track_caller]
fn assert_met(host: &Host, path: &str, layer: &str, text: &str) {
    let response = get(host.address(), path);
    assert_eq!(met(&response), (200, Some(layer)), "{}", response.text());
    assert_eq!(response.text(), format!("{text}\n"));
}

/// Requests that the version of a name was given, and those in hand.
fn counted(host: &Operated, name: &str) -> (u64, u64) {
    let app = host.app(name);
    let number = |key: &str| app[key].as_u64().unwrap();
    (number("requests"), number("in_flight"))
}

#[test]
fn a_layer_stands_around_every_mount() {
    let [layer, _] = around('b');
    let (shop, blog) = (says("shop", "shop"), says("blog", "blog"));
    let host = Operated::start(served(&[("/a", &shop), ("/b", &blog)], &[&layer]));
    assert_met(&host, "/a", "a", "shop");
    assert_met(&host, "/b", "a", "blog");
    assert_eq!(get(host.address(), "/").status, 404);
    let shown = host.app("around");
    assert_eq!((&shown["kind"], &shown["state"]), (&"layer".into(), &"serving".into()));
    assert_eq!(shown["mounts"], serde_json::json!(["/a", "/b"]));
    assert_eq!(host.app("shop")["kind"], "application");
    let table = host.said(&["ps"]);
    let row = table.lines().find(|line| line.contains(" around ")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[1..5], ["around", "layer", "/a,/b", "serving"], "{table}");
}

#[test]
fn stacks_that_share_a_layer_count_apart_and_the_layer_counts_both() {
    let (layer, shop, blog, other) =
        (through(&["NAME \"log\""]), says("shop", "1"), says("blog", "2"), says("blog", "3"));
    let mounts: [(&str, &Path); 3] = [("/a", &shop), ("/b", &blog), ("/c", &shop)];
    let host = Operated::start(served(&mounts, &[&layer]).bare());
    for path in ["/a", "/b", "/c", "/b"] {
        assert_eq!(get(host.address(), path).status, 200);
    }
    let counts = || ["log", "shop", "blog"].map(|name| counted(&host, name).0);
    assert_eq!(counts(), [4, 2, 2]);
    // A swap of one member: the other stack goes on, and the layer remembers the one that is gone.
    host.deploy("blog", &other);
    assert_eq!(counts(), [4, 2, 0]);
    for path in ["/a", "/b"] {
        assert_eq!(get(host.address(), path).status, 200);
    }
    assert_eq!(counts(), [6, 3, 1]);
    let generation = |name: &str| host.app(name)["current"]["generation"].as_u64();
    assert_eq!(["shop", "blog", "log"].map(generation), [Some(1), Some(4), Some(3)]);
    assert_eq!(["shop", "blog", "log"].map(|name| counted(&host, name).1), [0; 3]);
}

/// A layer in C is come back to, or is not: what stands further in answers either way.
#[test]
fn layers_in_c_hand_requests_on_in_both_ways() {
    let layers = [done(&["NAME \"one\""]), through(&["NAME \"two\""]), done(&["NAME \"three\""])];
    let app = says("shop", "shop");
    let host = served(&[("/", &app)], &layers.each_ref().map(|layer| &**layer));
    let host = Operated::start(host);
    for _ in 0..3 {
        let response = get(host.address(), "/");
        assert_eq!((response.status, response.text()), (200, "shop\n"));
    }
    assert_eq!(["one", "two", "three", "shop"].map(|name| counted(&host, name)), [(3, 0); 4]);
}
