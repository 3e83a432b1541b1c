//! Runs two runtimes of its own, as an asynchronous application does, and ends them again. It is no
//! application: the tests of unloading call it by hand.
#![allow(unsafe_code, reason = "exports a function")]

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Threads, tasks, timers and sockets on both kinds of runtime.
#[unsafe(no_mangle)]
extern "C" fn leave_runtimes(_: &'static AtomicUsize) {
    let one = Builder::new_current_thread().enable_all().build().expect("a runtime");
    work(&one);
    let two = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let two = two.expect("a runtime");
    work(&two);
    two.shutdown_timeout(Duration::from_secs(30));
}

#[expect(clippy::disallowed_methods, reason = "what libraries do that the host must not")]
fn work(runtime: &Runtime) {
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            listener.local_addr().expect("an address").port()
        });
        let blocking = tokio::task::spawn_blocking(|| std::thread::current().id());
        assert!(task.await.expect("a port") > 0);
        blocking.await.expect("a thread");
    });
}
