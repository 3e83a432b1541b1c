//! A host for one request, on nothing but the tables: makes the exchange, calls the stack, pulls
//! the body, ends it. Each test binary that needs one has it as a module.
//!
//! It never frees a handle before the end, so that a second release, or a use after the release, is
//! counted instead of crashing; every test ends with that count.
#![allow(dead_code, reason = "each test uses its part")]

mod exchange;
mod received;

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use dsgi::Outcome;
use dsgi::abi::answer;
use dsgi::abi::app::{AppTable, flavour};
use dsgi::abi::grown;
use dsgi::abi::pointer::Out;
use dsgi::bridge::future::Pending;
use dsgi::bridge::reply::Scratch;
use dsgi::bridge::room::Room;
use dsgi::export::Linked;

pub(crate) use self::exchange::{Input, Part, Texts};
pub(crate) use self::received::{Answer, Done};

/// One request on its way through a stack.
pub(crate) struct Host {
    request: Arc<Request>,
    texts: Texts,
}

/// What all handles of the request share.
pub(crate) struct Request {
    stack: Vec<App>,
    /// Every handle that was ever made. They are freed with the request.
    handles: Mutex<Vec<*mut exchange::Made>>,
    /// Rules that somebody broke.
    broken: Mutex<Vec<String>>,
    /// Entries of the error log.
    log: Mutex<Vec<String>>,
    /// What layers have given.
    values: Mutex<Vec<exchange::Given>>,
    input: Mutex<Input>,
    /// Told when somebody begins to wait for the input.
    awaited: Condvar,
    cancelled: AtomicBool,
    /// Whether it is a host that takes no values.
    no_values: AtomicBool,
    /// Whether somebody else judges what was broken.
    judged: AtomicBool,
}

// SAFETY: the handles are used under the boundary's rules, and freed when nobody has them.
unsafe impl Send for Request {}
// SAFETY: as above; everything else is behind locks.
unsafe impl Sync for Request {}

/// An application or a layer, by its table.
pub(crate) struct App {
    table: AppTable,
    app: *mut c_void,
    /// Whether it cannot wait for what is further in, so that the host does.
    waits_not: bool,
}

// SAFETY: the boundary's rule: applications are called by any thread, several at once.
unsafe impl Send for App {}
// SAFETY: as above.
unsafe impl Sync for App {}

impl App {
    /// One made by hand.
    pub(crate) fn new(table: AppTable, app: *mut c_void) -> Self {
        Self { table, app, waits_not: false }
    }
}

impl From<Linked> for App {
    fn from(linked: Linked) -> Self {
        let waits_not = linked.descriptor.flavour != flavour::ASYNC;
        Self { table: linked.table, app: linked.app, waits_not }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // SAFETY: made with the table, and nobody uses it any more.
        unsafe {
            if let Some(shutdown) = self.table.shutdown {
                shutdown(self.app);
            }
            if let Some(drop) = self.table.drop {
                drop(self.app);
            }
        }
    }
}

impl Host {
    /// A usual request through a stack of one.
    pub(crate) fn new(app: impl Into<App>) -> Self {
        Self::with(vec![app.into()], Input::ended())
    }

    /// A request with a body, through a stack, outermost first.
    pub(crate) fn with(stack: Vec<App>, input: Input) -> Self {
        Self::saying(Texts::default(), stack, input)
    }

    /// A request whose head says this.
    pub(crate) fn saying(texts: Texts, stack: Vec<App>, input: Input) -> Self {
        let request = Arc::new(Request {
            stack,
            handles: Mutex::default(),
            broken: Mutex::default(),
            log: Mutex::default(),
            values: Mutex::default(),
            input: Mutex::new(input),
            awaited: Condvar::new(),
            cancelled: AtomicBool::new(false),
            no_values: AtomicBool::new(false),
            judged: AtomicBool::new(false),
        });
        Self { request, texts }
    }

    /// Calls the stack and lets it fill `reply`.
    pub(crate) fn call_into(&self, reply: Out<grown::Reply>) -> u32 {
        let handle = exchange::make(&self.request, 0, self.texts.clone());
        self.request.call(0, handle, reply)
    }

    /// Calls the stack; waits for the answer if there is none yet.
    pub(crate) fn call(&self) -> Answer {
        match self.start() {
            Started::Answered(answer) => answer,
            Started::Pending(pending) => wait(pending),
        }
    }

    /// Calls the stack, and waits for nothing.
    pub(crate) fn start(&self) -> Started {
        let mut room = Room::new();
        let mut reply = room.reply();
        match self.call_into(Out::lend(&mut reply)) {
            answer::PENDING if !reply.future.is_null() => {
                // SAFETY: ownership came with the answer; the maker is in this program.
                Started::Pending(unsafe { Pending::from_raw(reply.future) })
            }
            // SAFETY: filled for this answer.
            answer => Started::Answered(unsafe { Answer::read(answer, &reply) }),
        }
    }

    /// The usual way of a request: the call, the whole body, its end.
    pub(crate) fn run(&self) -> Done {
        self.call().finish()
    }

    /// The next part of the request body arrives.
    pub(crate) fn feed(&self, part: Part) {
        let waker = {
            let mut input = lock(&self.request.input);
            input.parts.push_back(part);
            input.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until somebody waits for the request body.
    pub(crate) fn until_awaited(&self) {
        let request = &self.request;
        drop(wait_while(&request.awaited, lock(&request.input), |input| input.waker.is_none()));
    }

    /// Whether somebody waits for the request body.
    pub(crate) fn is_awaited(&self) -> bool {
        lock(&self.request.input).waker.is_some()
    }

    /// It is one of a release without values.
    pub(crate) fn takes_no_values(&self) {
        self.request.no_values.store(true, Ordering::Relaxed);
    }

    /// The client leaves.
    pub(crate) fn cancel(&self) {
        self.request.cancelled.store(true, Ordering::Relaxed);
    }

    /// Entries of the error log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        lock(&self.request.log).clone()
    }

    /// Ends the stack, whoever has broken a rule: entries of the error log, and how many handles
    /// nobody has released.
    pub(crate) fn ended(self) -> (Vec<String>, usize) {
        self.request.judged.store(true, Ordering::Relaxed);
        (self.log(), self.held())
    }

    /// Handles that were ever made.
    pub(crate) fn made(&self) -> usize {
        lock(&self.request.handles).len()
    }

    /// Handles that were made and not released yet.
    pub(crate) fn held(&self) -> usize {
        exchange::held(&self.request)
    }
}

impl Drop for Host {
    /// Every handle was released exactly once, and nobody broke a rule.
    fn drop(&mut self) {
        let broken = lock(&self.request.broken).clone();
        let held = self.held();
        if !thread::panicking() && !self.request.judged.load(Ordering::Relaxed) {
            assert_eq!((held, broken), (0, Vec::new()), "handles not released, rules broken");
            assert!(!self.is_awaited(), "a waker was left behind");
        }
    }
}

impl Request {
    /// Calls the application at `depth` of the stack.
    fn call(
        &self,
        depth: usize,
        handle: *mut dsgi::abi::object::Exchange,
        reply: Out<grown::Reply>,
    ) -> u32 {
        let app = &self.stack[depth];
        let call = app.table.call.expect("a call function");
        // SAFETY: the application is alive; the handle passes, the reply is lent.
        unsafe { call(app.app, handle, reply) }
    }

    /// The same for whoever stands at a depth: waits for an answer that comes later, where the
    /// caller cannot.
    fn call_inner(
        &self,
        depth: usize,
        handle: *mut dsgi::abi::object::Exchange,
        reply: Out<grown::Reply>,
    ) -> u32 {
        let answer = self.call(depth, handle, reply);
        if answer != answer::PENDING || !self.stack[depth - 1].waits_not {
            return answer;
        }
        // SAFETY: lent for this call; ownership of the future came with the answer.
        let mut pending = unsafe { Pending::from_raw(reply.read().future) };
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        loop {
            match pending.poll(&waker, reply) {
                answer::PENDING => bell.wait(),
                answer => return answer,
            }
        }
    }

    fn broken(&self, rule: &str) {
        lock(&self.broken).push(rule.to_owned());
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        exchange::free_all(&lock(&self.handles));
    }
}

/// What a call came to.
pub(crate) enum Started {
    Answered(Answer),
    Pending(Pending),
}

/// Polls until there is an answer, parked in between.
pub(crate) fn wait(mut pending: Pending) -> Answer {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        match poll(&mut pending, &waker) {
            Some(answer) => return answer,
            None => bell.wait(),
        }
    }
}

/// One poll.
pub(crate) fn poll(pending: &mut Pending, waker: &Waker) -> Option<Answer> {
    let mut scratch = Scratch::new();
    let mut reply = scratch.reply();
    match pending.poll(waker, Out::lend(&mut reply)) {
        answer::PENDING => None,
        // SAFETY: filled for this answer.
        answer => Some(unsafe { Answer::read(answer, &reply) }),
    }
}

/// What a waiting thread is woken by.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// Waits until it is rung.
    pub(crate) fn wait(&self) {
        *wait_while(&self.heard, lock(&self.rung), |rung| !*rung) = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *lock(&self.rung) = true;
        self.heard.notify_all();
    }
}

/// Waits as long as `goes_on`, but not for ever: a wake that is lost must not stop the tests.
fn wait_while<'a, T>(
    heard: &Condvar,
    state: MutexGuard<'a, T>,
    goes_on: impl Fn(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    let waited = heard.wait_timeout_while(state, DEADLINE, goes_on);
    let (state, waited) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    assert!(!waited.timed_out(), "nobody was woken");
    state
}

/// Only decides how late a broken test is reported.
const DEADLINE: Duration = Duration::from_secs(60);

/// What `close` and `on_close` were told, in order.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<Vec<(Outcome, u64)>>>);

impl Ends {
    pub(crate) fn tell(&self) -> impl FnOnce(Outcome, u64) + Send + 'static {
        let ends = Arc::clone(&self.0);
        move |outcome, sent| lock(&ends).push((outcome, sent))
    }

    pub(crate) fn told(&self) -> Vec<(Outcome, u64)> {
        lock(&self.0).clone()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
