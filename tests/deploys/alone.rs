//! An application that says that only one version of it may run at a time.

use super::{assert_says, path, says, shop};
use crate::harness::libraries::c_app;
use crate::harness::refusal::refused;

const ALONE: [&str; 2] = ["NAME \"shop\"", "FLAGS DSGI_TRAIT_FLAG_EXCLUSIVE"];

#[test]
fn no_two_versions_of_it_run_side_by_side() {
    let [name, flags] = ALONE;
    let (first, second) =
        (c_app(&[name, flags, "TEXT \"first\\n\""]), c_app(&[name, flags, "TEXT \"second\\n\""]));
    let host = shop(&first);
    for file in [path(&second), path(&says("another"))] {
        let refusal = refused(&host.verb(&["deploy", "shop", file]), 65);
        refusal.says(["only one version of `shop` may run at a time"]).helps(["host drain shop"]);
        assert_says(&host, "first");
    }
    // It can be replaced once it is gone.
    assert!(host.verb(&["drain", "shop"]).status.success());
    host.wait_for_app("shop", "nothing of the first", |app| {
        app["retained"].as_array().is_some_and(Vec::is_empty)
    });
    assert!(host.verb(&["deploy", "shop", path(&second)]).status.success());
    assert_says(&host, "second");
    refused(&host.verb(&["rollback", "shop"]), 65).says(["only one version"]);
    assert_says(&host, "second");
}
