//! Two applications that are linked with one library, which has a key, a thread-local and a thread.

use super::{serving, wait_for_none};
use crate::harness::client::{Connection, get};
use crate::harness::gate::Gate;
use crate::harness::libraries::{TemporaryLibrary, c_app, c_library};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts what it is asked by each thread, in a key and in a thread-local with a destructor, and
/// has a thread that runs until the gate is open.
const COMMON: &str = r#"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread long *mine;
static void drop(void *it) { free(it); }
static void drop_mine(void *it) { (void)it; free(mine); mine = NULL; }
static void *runs(void *it)
{
    while (access(GATE, F_OK))
        usleep(1000);
    return it;
}
static void begin(void)
{
    pthread_t thread;
    pthread_key_create(&key, drop);
    if (pthread_create(&thread, NULL, runs, NULL))
        abort();
    pthread_setname_np(thread, "common");
    pthread_detach(thread);
}
long common(void)
{
    pthread_once(&once, begin);
    long *value = pthread_getspecific(key);
    if (!value)
        pthread_setspecific(key, value = calloc(1, sizeof *value));
    if (!mine) {
        mine = calloc(1, sizeof *mine);
        __cxa_thread_atexit_impl(drop_mine, NULL, &__dso_handle);
    }
    return ++*value - ++*mine;
}
"#;

/// An application that asks it in each call.
fn app(common: &TemporaryLibrary, text: &str) -> TemporaryLibrary {
    let folder = common.parent().unwrap().display();
    c_app(&[
        "FLAVOUR DSGI_FLAVOUR_BLOCKING",
        // Declared where it is called; anything but equal counts is a failure.
        "CALL extern long common(void); if (common() != 0) abort();",
        &format!("TEXT \"{text}\\n\""),
        &format!("-L{folder}"),
        &format!("-Wl,-rpath,{folder}"),
        "-lcommon",
    ])
}

#[test]
fn one_is_swapped_while_the_other_serves() {
    const SWAPS: usize = 100;
    let gate = Gate::new();
    let gate_option = format!("-DGATE=\"{}\"", gate.file().display());
    let options = ["-D_GNU_SOURCE", "-Wl,-soname,libcommon.so", &gate_option];
    let common = c_library("common", COMMON, &options);
    let (one, two, other) = (app(&common, "one"), app(&common, "two"), app(&common, "other"));
    let host = serving([("swapped", &*one), ("other", &*other)]);
    let (stopped, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connection = Connection::open(host.address());
            while !stopped.load(Ordering::Relaxed) {
                connection.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
                assert_eq!(connection.response().unwrap().text(), "other\n");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        for swap in 0..SWAPS {
            let (library, text) = if swap % 2 == 0 { (&two, "two\n") } else { (&one, "one\n") };
            host.deploy("swapped", library);
            assert_eq!(get(host.address(), "/swapped").text(), text);
        }
        stopped.store(true, Ordering::Relaxed);
        asking.join().expect("the other one serves on");
    });
    assert!(answered.load(Ordering::Relaxed) > 0);
    // Nobody knows for which of them the thread runs, so all of them wait for it.
    let waits = |app: &Value| {
        let held = app["retained"].as_array().map_or(&[][..], |held| held);
        let reason = |it: &Value| {
            let reason = it["reason"].as_str().unwrap_or_default();
            reason.starts_with("the thread \"common\" (tid ")
                && reason.ends_with("runs code of `libcommon.so`, which it needs")
        };
        held.len() == SWAPS && held.iter().all(reason)
    };
    host.wait_for_app("swapped", "what all of them wait for", waits);
    assert_eq!(get(host.address(), "/other").text(), "other\n");

    // Then for its key, until nobody uses it.
    gate.open();
    let key = "`libcommon.so`, which others use too, holds thread keys";
    let waits = |app: &Value| app["retained"][0]["reason"] == key;
    host.wait_for_app("swapped", key, waits);
    let alone = c_app(&["TEXT \"alone\\n\""]);
    for name in ["swapped", "other"] {
        host.deploy(name, &alone);
        assert_eq!(get(host.address(), &format!("/{name}")).text(), "alone\n");
    }
    wait_for_none(&host, "swapped");
    wait_for_none(&host, "other");
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap();
    assert!(!maps.contains("libcommon.so"), "{maps}");
    super::ends_well(host);
}
