//! Leaves things behind in the process that loads it, each by a function of its own. It is no
//! application: the tests of unloading call it by hand.
#![allow(unsafe_code, reason = "exports functions, and installs a signal's")]

use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Counts when it is dropped.
struct Counted(Option<&'static AtomicUsize>);

/// Makes another thread-local when it is dropped.
struct Chained(Option<&'static AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(counter) = self.0 {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Chained {
    fn drop(&mut self) {
        let counter = self.0.take();
        let _ = thread::current().id();
        LATER.with(|counted| counted.borrow_mut().0 = counter);
    }
}

thread_local! {
    static COUNTED: RefCell<Counted> = const { RefCell::new(Counted(None)) };
    static CHAINED: RefCell<Chained> = const { RefCell::new(Chained(None)) };
    static LATER: RefCell<Counted> = const { RefCell::new(Counted(None)) };
}

static GO: AtomicBool = AtomicBool::new(false);

/// Nothing at all.
#[unsafe(no_mangle)]
extern "C" fn leave_nothing(_: &'static AtomicUsize) {
    let words: Vec<String> = (0..10).map(|number| format!("{number}")).collect();
    assert_eq!(words.concat(), "0123456789");
}

/// What std keeps of the calling thread: a value of a key.
#[unsafe(no_mangle)]
extern "C" fn leave_current(_: &'static AtomicUsize) {
    assert!(thread::current().id() == thread::current().id());
}

/// A value that counts when it is dropped.
#[unsafe(no_mangle)]
extern "C" fn leave_drop(counter: &'static AtomicUsize) {
    COUNTED.with(|counted| counted.borrow_mut().0 = Some(counter));
}

/// A value that leaves another one, and a value of a key, when it is dropped.
#[unsafe(no_mangle)]
extern "C" fn leave_chain(counter: &'static AtomicUsize) {
    CHAINED.with(|chained| chained.borrow_mut().0 = Some(counter));
}

/// A thread that runs until `let_go`.
#[unsafe(no_mangle)]
extern "C" fn leave_thread(_: &'static AtomicUsize) {
    let wait = || {
        while !GO.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
    };
    thread::Builder::new().name("left".into()).spawn(wait).expect("a thread");
}

/// A thread that does what it is told, of another library, and runs until `let_go`.
#[unsafe(no_mangle)]
extern "C" fn lend_thread(job: extern "C" fn(&'static AtomicUsize), counter: &'static AtomicUsize) {
    let (done, wait) = std::sync::mpsc::channel();
    let run = move || {
        job(counter);
        done.send(()).expect("it is waited for");
        while !GO.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
    };
    thread::Builder::new().name("lent".into()).spawn(run).expect("a thread");
    wait.recv().expect("the job is done");
}

/// Ends the threads of the two functions above.
#[unsafe(no_mangle)]
extern "C" fn let_go(_: &'static AtomicUsize) {
    GO.store(true, Ordering::SeqCst);
}

/// An open pair of sockets.
#[unsafe(no_mangle)]
extern "C" fn leave_sockets(_: &'static AtomicUsize) {
    let (one, other) = UnixStream::pair().expect("a pair of sockets");
    Box::leak(Box::new((one, other)));
}

unsafe extern "C" {
    fn signal(number: i32, function: usize) -> usize;
    fn exit(code: i32) -> !;
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_signal(_: i32) {
    SIGNALS.fetch_add(1, Ordering::SeqCst);
}

/// A function for a signal, whose number is in the counter, and no value of its own.
#[unsafe(no_mangle)]
extern "C" fn leave_handler(number: &'static AtomicUsize) {
    let number = number.load(Ordering::SeqCst) as i32;
    // SAFETY: the function only counts.
    unsafe { signal(number, count_signal as *const () as usize) };
}

/// Ignores a signal, whose number is in the counter.
#[unsafe(no_mangle)]
extern "C" fn ignore_signal(number: &'static AtomicUsize) {
    const IGNORE: usize = 1;
    // SAFETY: there is no function.
    unsafe { signal(number.load(Ordering::SeqCst) as i32, IGNORE) };
}

/// How often the function for a signal was called.
#[unsafe(no_mangle)]
extern "C" fn signals_seen(count: &'static AtomicUsize) {
    count.store(SIGNALS.load(Ordering::SeqCst), Ordering::SeqCst);
}

/// Ends the process, as a library must not.
#[unsafe(no_mangle)]
extern "C" fn end_process(_: &'static AtomicUsize) {
    // SAFETY: ends the process.
    unsafe { exit(3) }
}
