//! `--watch` of a layer's file, while requests run through the layer.

use super::{around, replace, says, served};
use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::Host;
use crate::harness::libraries::{TemporaryLibrary, c_app, fault_app, own_copy, versions};
use crate::swap::loader::{Loader, Shape};

fn wait_for_mark(host: &Host, mark: &str) {
    eventually(&format!("the layer `{mark}`"), || {
        let response = get(host.address(), "/");
        assert_eq!(response.status, 200, "{}", response.text());
        (response.header("x-around") == Some(mark)).then_some(())
    });
}

/// The application whose bodies say who made them.
fn two() -> TemporaryLibrary {
    let mark = b"which version this is:a";
    versions(&fault_app("two"), mark, mark).into_iter().next().unwrap()
}

#[test]
fn a_layers_file_is_deployed_and_a_broken_one_is_not() {
    let (app, [a, b]) = (two(), around('b'));
    let layer = own_copy(&a);
    let host = served(&[("/", &app)], &[&layer]).arg("--watch").start();
    wait_for_mark(&host, "a");
    let loader = Loader::start(host.address(), [("", &Shape::ALL[..])]);
    let serves_on = |mark: &str| {
        let answered = loader.answered();
        loader.wait_for("responses after a change", |seen| seen.answered() > answered + 50);
        wait_for_mark(&host, mark);
    };
    replace(&layer, &b);
    wait_for_mark(&host, "b");
    serves_on("b");
    let broken = [
        (c_app(&["KIND DSGI_KIND_LAYER", "FAULT \"no key\""]), "no key"),
        (c_app(&["KIND DSGI_KIND_LAYER", "INIT ABORT"]), "SIGABRT"),
        (says("shop", "shop"), "not a layer"),
    ];
    for (library, why) in &broken {
        replace(&layer, library);
        let line = host.wait_for_log(why);
        assert!(line.contains("not deployed: ") && line.contains("app=\"around\""), "{line}");
        serves_on("b");
    }
    replace(&layer, &a);
    wait_for_mark(&host, "a");
    serves_on("a");
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "after {:?}", seen.whole);
    assert_eq!(host.wait_for_logs("not deployed: ", broken.len()).len(), broken.len());
}
