//! Layers that are changed while they serve: by a deploy, a drain, a panic, a reload, a restart.

use super::{around, assert_met, counted, met, replace, says, served, through};
use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::{fault_app, own_copy, versions};
use crate::harness::operated::Operated;
use crate::harness::skip::long_tests_run;
use crate::swap::loader::{Loader, Shape};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in ASCII")
}

fn is_at_rest(host: &Operated, name: &str) -> bool {
    let app = host.app(name);
    app["retained"].as_array().is_some_and(Vec::is_empty) && app["in_flight"] == 0
}

/// No response fails, is cut or meets two versions of a member; what was replaced is unmapped.
#[test]
fn layers_and_applications_are_swapped_under_load() {
    let swaps = if long_tests_run() { 400 } else { 40 };
    let layers = around('b');
    let mark = |letter: char| format!("which version this is:{letter}");
    let [pool, later] = ["two", "two-async"]
        .map(|package| versions(&fault_app(package), mark('a').as_bytes(), mark('b').as_bytes()));
    let mounts = [format!("/pool=pool={}", text(&pool[0])), format!("/async={}", text(&later[0]))];
    let launch = Launch::new().env("DSGI_LOG", "warn").args(["--mount", &mounts[0], "--mount"]);
    let host = Operated::start(launch.arg(&mounts[1]).arg("--enable").arg(&layers[0]));
    let names = ["around", "pool", "two-async"];
    let files = [&layers, &pool, &later];
    // Once there and back: what a first swap makes for good is there then.
    for at in [1, 0] {
        names.iter().zip(files).for_each(|(name, versions)| drop(host.deploy(name, &versions[at])));
    }
    let at_rest = || names.iter().all(|name| is_at_rest(&host, name));
    eventually("the end of every generation that was replaced", || at_rest().then_some(()));
    let before = host.possessions();
    let all = ["/pool", "/async"].map(|mount| (mount, &Shape::ALL[..]));
    let loader = Loader::start(host.address(), all);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            for swap in 0..swaps {
                let at = 1 + swap % 2;
                host.deploy(names[at], &files[at][(swap / 2 + 1) % 2]);
            }
        });
        for swap in 0..swaps {
            host.deploy("around", &layers[(swap + 1) % 2]);
            let answered = loader.answered();
            loader.wait_for("a response after a swap", |seen| seen.answered() > answered);
        }
        others.join().unwrap();
    });
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "after {:?}", seen.whole);
    eventually("the end of every generation that was replaced", || at_rest().then_some(()));
    host.wait_for_no_more_than(&before);
    println!("{} swaps, {} responses", 2 * swaps, seen.answered());
}

#[test]
fn a_layer_is_deployed_and_rolled_back_by_its_name() {
    let [a, b] = around('b');
    let app = says("shop", "shop");
    let host = Operated::start(served(&[("/", &app)], &[&a]).bare());
    let said = host.deploy("around", &b);
    assert_eq!((&said["app"], &said["new"]["generation"]), (&"around".into(), &3.into()), "{said}");
    assert_met(&host, "/", "b", "shop");
    assert_eq!(host.app("shop")["current"]["generation"], 1, "the application was left alone");
    host.said(&["rollback", "around"]);
    assert_met(&host, "/", "a", "shop");
    let kinds = host.kinds_until("around", "rolled_back");
    assert_eq!(kinds[0], "deployed", "{kinds:?}");
}

/// It may be what asks for a password.
#[test]
fn a_layer_that_was_drained_lets_nobody_by() {
    let (app, layer) = (says("shop", "shop"), around('b'));
    let host = Operated::start(served(&[("/", &app)], &[&layer[0]]));
    host.said(&["drain", "around"]);
    let response = get(host.address(), "/");
    assert_eq!(response.status, 503);
    assert!(response.text().contains("the layer `around` was taken out of service"));
    // The application serves, around which nobody stands.
    assert_eq!(host.app("shop")["state"], "serving");
    host.wait_for_app("around", "that it is drained", |app| app["state"] == "drained");
    host.said(&["rollback", "around"]);
    assert_met(&host, "/", "a", "shop");
}

#[test]
fn panics_of_a_layer_take_the_layer_back_and_not_the_application() {
    let (app, [good, bad]) = (says("shop", "shop"), around('p'));
    let host = Operated::start(served(&[("/", &app)], &[&good]).bare());
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.verb(&["deploy", "--wait", "around", text(&bad)]));
        let serves = |app: &Value| app["current"]["generation"] == 3;
        host.wait_for_app("around", "that it serves", serves);
        for _ in 0..5 {
            assert_eq!(get(host.address(), "/").status, 500);
        }
        let output = deploy.join().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(said.contains("`around` was rolled back: it panicked 5 times"), "{said}");
    });
    assert_met(&host, "/", "a", "shop");
    let shop = host.app("shop");
    assert_eq!((&shop["panics"], &shop["current"]["generation"]), (&0.into(), &1.into()), "{shop}");
    assert!(host.log().contains("app=\"around\" status=500"), "the log names another one");
}

/// Requests of its mounts wait while the one version ends and the other one starts.
#[test]
fn a_layer_of_which_one_version_runs_is_replaced_behind_a_gate() {
    let alone = |more: &str| through(&["NAME \"log\"", "FLAGS DSGI_TRAIT_FLAG_EXCLUSIVE", more]);
    let (app, first, second) = (says("shop", "shop"), alone("STATUS 200"), alone("STATUS 201"));
    let host = Operated::start(served(&[("/", &app)], &[&first]).bare());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let answers = std::iter::repeat_with(|| get(host.address(), "/").status);
            answers.take_while(|_| !over.load(Ordering::Relaxed)).collect::<Vec<_>>()
        });
        host.deploy("log", &second);
        over.store(true, Ordering::Relaxed);
        let answers = asking.join().unwrap();
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    });
    assert!(host.kinds_until("log", "holding").contains(&String::from("deploy_started")));
    assert_eq!(get(host.address(), "/").text(), "shop\n");
    assert_eq!(host.app("log")["current"]["generation"], 3);
    assert_eq!(host.app("shop")["current"]["generation"], 1);
}

/// The one thread of the pool waits for each answer of the application in its turn; the core that
/// works for both is never held.
#[test]
fn a_layer_that_waits_stands_around_an_application_that_answers_later() {
    let (folder, [layer, _]) = (tempfile::tempdir().unwrap(), around('b'));
    let text = format!(
        "server.listen = [\"127.0.0.1:0\"]\nserver.limits.pool_threads = 1\n\
         [apps.shop]\npath = {:?}\n[[mount]]\npath = \"/\"\napp = \"shop\"\n",
        fault_app("two-async")
    );
    let file = folder.path().join("host.toml");
    fs::write(&file, text).unwrap();
    let launch = Launch::new().arg("--config").arg(&file).arg("--enable").arg(&layer);
    let host = Operated::start(launch);
    let mut client = Http2::open(host.address());
    let sent: Vec<_> = (0..100).map(|_| client.get("/")).collect();
    for sent in sent {
        let response = client.response(sent).unwrap();
        assert_eq!((met(&response), response.body.len()), ((200, Some("a")), 64));
    }
    let sent = client.get("/stream");
    let response = client.response(sent).unwrap();
    assert_eq!((met(&response), response.body.len()), ((200, Some("a")), 64 * 4096));
    let threads = host.possessions();
    assert!(format!("{threads:?}").contains("pool around"), "{threads:?}");
    assert_eq!(counted(&host, "around"), (101, 0));
}

/// Sends the signal and gives what came of it; `count` counts the reloads of the host.
fn reload(host: &Host, count: usize) -> String {
    host.signal(Signal::HUP);
    let done = ["read again: ", "everything stays as it was: "];
    eventually("the reload", || {
        let log = host.log();
        let mut lines = log.lines().filter(|line| done.iter().any(|done| line.contains(done)));
        lines.nth(count - 1).map(str::to_owned)
    })
}

#[test]
fn a_reload_takes_a_changed_layer_or_leaves_everything() {
    let (app, [a, b]) = (says("shop", "shop"), around('b'));
    let layer = own_copy(&a);
    let host = Operated::start(served(&[("/", &app)], &[&layer]));
    assert!(reload(&host, 1).contains("0 deployed, 0 added, 0 removed"));
    replace(&layer, &b);
    assert_met(&host, "/", "a", "shop");
    assert!(reload(&host, 2).contains("1 deployed, 0 added, 0 removed"));
    assert_met(&host, "/", "b", "shop");
    replace(&layer, &app);
    let line = reload(&host, 3);
    assert!(line.contains("everything stays") && line.contains("not a layer"), "{line}");
    assert_met(&host, "/", "b", "shop");
    assert_eq!(host.app("shop")["current"]["generation"], 1);
}

#[test]
fn a_layer_that_was_deployed_is_there_after_a_restart() {
    let (folder, app, [a, b]) = (tempfile::tempdir().unwrap(), says("shop", "shop"), around('b'));
    let layer = own_copy(&a);
    let start = || {
        let launch = served(&[("/", &app)], &[&layer]);
        Operated::start(launch.arg("--state").arg(folder.path()))
    };
    let mut host = start();
    host.deploy("around", &b);
    host.terminate();
    assert!(host.wait().success());
    assert_met(&start(), "/", "b", "shop");
}

/// Mounts, layers around them and files, one step each; who is left alone keeps its generation.
#[test]
fn a_reload_changes_the_layers_of_mounts() {
    let (folder, [a, b]) = (tempfile::tempdir().unwrap(), around('b'));
    let (shop, blog) = (says("shop", "shop"), says("blog", "blog"));
    let file = folder.path().join("host.toml");
    let write = |layers: &str, [of_shop, of_blog]: [&str; 2]| {
        let (shop, blog) = (text(&shop), text(&blog));
        let text = format!(
            "{layers}\n[server]\nlisten = [\"127.0.0.1:0\"]\n\
             [apps.shop]\npath = {shop:?}\n[apps.blog]\npath = {blog:?}\n\
             [[mount]]\npath = \"/a\"\napp = \"shop\"\nstack = [{of_shop}]\n\
             [[mount]]\npath = \"/b\"\napp = \"blog\"\nstack = [{of_blog}]\n"
        );
        fs::write(&file, text).unwrap();
    };
    let layer = |name: &str, file: &Path| format!("layers.{name}.path = {:?}\n", text(file));
    write(&layer("mark", &a), ["\"mark\"", ""]);
    let host = Operated::start(Launch::new().arg("--config").arg(&file));
    let marks = || {
        ["/a", "/b"].map(|path| {
            let response = get(host.address(), path);
            assert_eq!(response.status, 200, "{}", response.text());
            response.header("x-around").unwrap_or("-").to_owned()
        })
    };
    assert_eq!(marks(), ["a", "-"]);
    assert_eq!(host.app("mark")["mounts"], serde_json::json!(["/a"]));

    write(&layer("mark", &a), ["", "\"mark\""]);
    assert!(reload(&host, 1).contains("0 deployed, 0 added, 0 removed"));
    assert_eq!(marks(), ["-", "a"]);
    assert_eq!(host.app("mark")["mounts"], serde_json::json!(["/b"]));

    let both = format!("{}{}", layer("mark", &a), layer("other", &b));
    write(&format!("enable = [\"other\"]\n{both}"), ["\"mark\"", ""]);
    assert!(reload(&host, 2).contains("0 deployed, 1 added, 0 removed"));
    assert_eq!(marks(), ["b", "b"]);
    assert_eq!(host.app("other")["mounts"], serde_json::json!(["/a", "/b"]));

    // One that does not start leaves everything as it was.
    let bad = through(&["FAULT \"no key\""]);
    write(&format!("enable = [\"other\"]\n{both}{}", layer("bad", &bad)), ["\"bad\"", "\"mark\""]);
    let line = reload(&host, 3);
    assert!(line.contains("everything stays") && line.contains("no key"), "{line}");
    assert_eq!(marks(), ["b", "b"]);

    write("", ["", ""]);
    assert!(reload(&host, 4).contains("0 deployed, 0 added, 2 removed"));
    assert_eq!(marks(), ["-", "-"]);
    let generation = |name: &str| host.app(name)["current"]["generation"].as_u64();
    assert_eq!(["shop", "blog"].map(generation), [Some(1), Some(2)], "somebody was replaced");
    let gone = |line: &str| line.contains("app=\"other\"") && line.contains("is gone");
    eventually("the end of a layer", || host.log().lines().any(gone).then_some(()));
}
