//! Clients that write without a pause while versions replace each other. Every write that was
//! acknowledged is there afterwards, and nothing else.

use super::{FORMS, host_of, ledger, wait_for_the_end_of_all_others, written};
use crate::harness::DEADLINE;
use crate::harness::client::Connection;
use crate::harness::skip::long_tests_run;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// Writers at work.
struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    next: u32,
    acknowledged: BTreeSet<u32>,
    swaps: usize,
    stage: Stage,
    /// Of writers that span swaps, so many have a write in hand.
    in_hand: usize,
}

#[derive(Default, PartialEq)]
enum Stage {
    #[default]
    Writing,
    Over,
}

/// Those that write at once, and those whose write is in hand for so many swaps.
const QUICK: usize = 4;
const SPANS: [usize; 3] = [1, 2, 3];

impl Writers {
    fn start(address: SocketAddr) -> Self {
        let (progress, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { address, progress, changed });
        let quick = [0; QUICK].into_iter();
        let start = |span: usize| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || match span {
                0 => shared.write_at_once(),
                span => shared.write_over(span),
            })
        };
        let threads = quick.chain(SPANS).map(start).collect();
        Self { shared, threads }
    }

    fn wait_for(&self, what: &str, enough: impl Fn(&Progress) -> bool) {
        self.shared.wait_for(what, enough);
    }

    fn swapped(&self) {
        self.shared.change(|progress| progress.swaps += 1);
    }

    /// What was acknowledged, once every writer has its answer.
    fn stop(self) -> Vec<u32> {
        self.shared.change(|progress| progress.stage = Stage::Over);
        for thread in self.threads {
            thread.join().expect("a writer that ends well");
        }
        let progress = self.shared.progress.lock().unwrap();
        progress.acknowledged.iter().copied().collect()
    }
}

impl Shared {
    fn write_at_once(&self) {
        let mut connection = Connection::open(self.address);
        while let Some(number) = self.next() {
            connection
                .send(format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
            self.acknowledge(number, &mut connection);
        }
    }

    /// The version that begins a write ends it when others serve.
    fn write_over(&self, span: usize) {
        let mut connection = Connection::open(self.address);
        while let Some(number) = self.next() {
            connection.send(format!(
                "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
                 Expect: 100-continue\r\n\r\n"
            ));
            assert_eq!(connection.response().unwrap().status, 100);
            let mut until = 0;
            self.change(|progress| {
                progress.in_hand += 1;
                until = progress.swaps + span;
            });
            self.wait_for("swaps", |progress| {
                progress.swaps >= until || progress.stage == Stage::Over
            });
            connection.send("x");
            self.acknowledge(number, &mut connection);
            self.change(|progress| progress.in_hand -= 1);
        }
    }

    fn acknowledge(&self, number: u32, connection: &mut Connection) {
        let response = connection.response().unwrap();
        assert_eq!((response.status, response.text()), (200, "written\n"));
        self.change(|progress| {
            progress.acknowledged.insert(number);
        });
    }

    fn next(&self) -> Option<u32> {
        let mut progress = self.progress.lock().unwrap();
        progress.next += 1;
        (progress.stage == Stage::Writing).then_some(progress.next)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait_for(&self, what: &str, enough: impl Fn(&Progress) -> bool) {
        let progress = self.progress.lock().unwrap();
        let waited =
            self.changed.wait_timeout_while(progress, DEADLINE, |progress| !enough(progress));
        assert!(!waited.unwrap().1.timed_out(), "not seen: {what}");
    }
}

/// So many swaps with writes between; what was acknowledged, and what is there.
fn write_during_swaps(
    form: &str,
    arguments: &[&str],
    swaps: usize,
    writes: usize,
) -> [Vec<u32>; 2] {
    let versions = ledger(form);
    let host = host_of(form, &versions[0], arguments);
    let writers = Writers::start(host.address());
    for swap in 1..=swaps {
        let enough = writes * swap / swaps;
        writers.wait_for("writes before a swap", |progress| {
            progress.acknowledged.len() >= enough && progress.in_hand > 0
        });
        host.deploy("ledger", &versions[swap % 2]);
        writers.swapped();
    }
    let acknowledged = writers.stop();
    wait_for_the_end_of_all_others(&host);
    [acknowledged, written(&host)]
}

#[test]
fn no_acknowledged_write_is_lost_by_a_swap() {
    let (swaps, writes) = if long_tests_run() { (100, 10_000) } else { (20, 2_000) };
    for form in FORMS {
        let [acknowledged, there] = write_during_swaps(form, &[], swaps, writes);
        assert!(acknowledged.len() >= writes, "{}", acknowledged.len());
        assert_eq!(there, acknowledged, "{form}");
        println!("{form}: {swaps} swaps, {} writes, all there", acknowledged.len());
    }
}

/// The control of the test above: without the last words, writes are lost, and it is seen.
#[test]
fn without_the_last_word_writes_are_lost() {
    for form in FORMS {
        let arguments = ["--set", "ledger.merge=error"];
        let [acknowledged, there] = write_during_swaps(form, &arguments, 5, 200);
        let [acknowledged, there] =
            [acknowledged, there].map(|numbers| numbers.into_iter().collect::<BTreeSet<_>>());
        let lost = acknowledged.difference(&there).count();
        assert!(lost > 0, "{form}: nothing is lost");
        assert_eq!(there.difference(&acknowledged).count(), 0, "{form}");
    }
}
