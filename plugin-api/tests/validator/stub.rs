//! A host for one request: a head that says what it is told to say, and a way to use the answer.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use dsgi::Outcome;
use dsgi::abi::answer;
use dsgi::abi::app::{AppTable, kind};
use dsgi::abi::grown::{Frame, Head, Init, Instance, Reply, head_flag};
use dsgi::abi::leaf::{Header, Str, rows};
use dsgi::abi::object::{self, Exchange, ExchangeTable, HostTable};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::bridge::body;
use dsgi::bridge::body::Stream;
use dsgi::bridge::bytes::read_fault;
use dsgi::bridge::future::Pending;
use dsgi::bridge::reply::{ReplyBody, take_body};
use dsgi::export::{Linked, entrance};
use dsgi::validator::Validator;

/// What the head of the request says.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) target: &'static str,
    pub(crate) script_name: &'static str,
    pub(crate) path_info: &'static str,
    pub(crate) server_name: &'static str,
    pub(crate) server_port: u32,
    pub(crate) protocol: u32,
    pub(crate) length: Option<u64>,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            method: "GET",
            scheme: "http",
            target: "/shop/tea",
            script_name: "/shop",
            path_info: "/tea",
            server_name: "a.example",
            server_port: 8080,
            protocol: 11,
            length: None,
            fields: vec![("host", "a.example")],
            variables: Vec::new(),
        }
    }
}

/// One member of a stack.
pub(crate) struct Member {
    pub(crate) table: AppTable,
    pub(crate) app: *mut c_void,
}

impl From<Linked> for Member {
    fn from(linked: Linked) -> Self {
        Self { table: linked.table, app: linked.app }
    }
}

impl Member {
    /// The validator, with this config.
    pub(crate) fn validator(config: &str) -> Self {
        let table = entrance::<Validator>().table;
        let host = HostTable { log: Some(host_log), ..HostTable::absent() };
        let init = Init {
            purpose: dsgi::abi::grown::purpose::SERVE,
            generation: 1,
            name: Str::lend(b"validator"),
            config: Str::lend(config.as_bytes()),
            host: In::lend(&host),
            ..Growable::absent()
        };
        let mut made = Instance::absent();
        // SAFETY: everything is lent for the call.
        let answer = unsafe { table.init.expect("init")(In::lend(&init), Out::lend(&mut made)) };
        assert_eq!(answer, answer::READY, "the validator was not made");
        Self { table, app: made.app }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // SAFETY: made with the table, and nobody uses it any more.
        unsafe {
            if let Some(shutdown) = self.table.shutdown {
                shutdown(self.app);
            }
            self.table.drop.expect("drop")(self.app);
        }
    }
}

/// Lines of the host's own log.
static HOST_LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" fn host_log(_: u64, level: u32, _: Str, text: Str) {
    // SAFETY: lent for this call.
    let text = String::from_utf8_lossy(unsafe { text.bytes() }).into_owned();
    lock(&HOST_LOG).push(format!("{level} {text}"));
}

/// A request on its way through a stack.
pub(crate) struct Host {
    stack: Vec<Member>,
    head: Head,
    _rows: [Vec<Header>; 2],
    log: Mutex<Vec<String>>,
    held: AtomicUsize,
}

#[repr(C)]
struct Made {
    table: &'static ExchangeTable,
    host: *const Host,
    depth: usize,
}

/// What a stack has answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply {
        status: u32,
        reason: Vec<u8>,
        fields: Vec<(Vec<u8>, Vec<u8>)>,
        body: ReplyBody,
    },
    Fault(u16, String),
    Pending(Pending),
    /// None of those, or a body of no known kind.
    Other(u32),
}

impl Host {
    pub(crate) fn new(facts: &Facts, stack: Vec<Member>) -> Box<Self> {
        let row = |(name, value): &(&'static str, &'static str)| Header {
            id: 0,
            reserved: 0,
            name: Str::lend(name.as_bytes()),
            value: Str::lend(value.as_bytes()),
        };
        let fields: Vec<Header> = facts.fields.iter().map(row).collect();
        let variables: Vec<Header> = facts.variables.iter().map(row).collect();
        let count = |rows: &[Header]| u32::try_from(rows.len()).expect("a few rows");
        let text = |text: &'static str| Str::lend(text.as_bytes());
        let head = Head {
            protocol: facts.protocol,
            flags: facts.length.map_or(0, |_| head_flag::LENGTH),
            content_length: facts.length.unwrap_or(0),
            server_port: facts.server_port,
            method: text(facts.method),
            scheme: text(facts.scheme),
            target: text(facts.target),
            script_name: text(facts.script_name),
            path_info: text(facts.path_info),
            server_name: text(facts.server_name),
            software: Str::lend(b"stub/1"),
            header_stride: size_of::<Header>() as u32,
            header_count: count(&fields),
            headers: fields.as_ptr(),
            variable_count: count(&variables),
            variables: variables.as_ptr(),
            ..Growable::absent()
        };
        let (log, held) = (Mutex::default(), AtomicUsize::new(0));
        Box::new(Self { stack, head, _rows: [fields, variables], log, held })
    }

    pub(crate) fn call(&self) -> Answer {
        let mut reply = Reply::absent();
        let answer = self.call_member(0, self.handle(0), Out::lend(&mut reply));
        // SAFETY: filled for this answer.
        unsafe { Answer::read(answer, &reply) }
    }

    fn handle(&self, depth: usize) -> *mut Exchange {
        self.held.fetch_add(1, Ordering::SeqCst);
        Box::into_raw(Box::new(Made { table: &TABLE, host: self, depth })).cast()
    }

    fn call_member(&self, depth: usize, handle: *mut Exchange, reply: Out<Reply>) -> u32 {
        let member = &self.stack[depth];
        // SAFETY: the member is alive; the handle passes, the reply is lent.
        unsafe { member.table.call.expect("call")(member.app, handle, reply) }
    }

    /// Ends the stack: the lines that the validator has written, with their levels, and how many
    /// handles nobody has released.
    pub(crate) fn told(self: Box<Self>) -> (Vec<String>, usize) {
        let host = *self;
        let held = host.held.load(Ordering::SeqCst);
        drop(host.stack);
        let mut lines = host.log.into_inner().unwrap_or_else(PoisonError::into_inner);
        lines.append(&mut lock(&HOST_LOG));
        lines.retain(|line| line.contains("validator: "));
        (lines, held)
    }
}

static TABLE: ExchangeTable = ExchangeTable {
    size: size_of::<ExchangeTable>() as u32,
    reserved: 0,
    head: Some(head),
    clone: Some(clone),
    release: Some(release),
    read: Some(read),
    derive: None,
    inner: Some(inner),
    log: Some(log),
    cancelled: None,
    inform: None,
    value: None,
    set_value: None,
    member: Some(member),
};

/// # Safety
/// A handle that was not released.
unsafe fn made<'a>(exchange: *const Exchange) -> (&'a Made, &'a Host) {
    // SAFETY: made by `handle`; the host outlives its handles.
    unsafe {
        let made = &*exchange.cast::<Made>();
        (made, &*made.host)
    }
}

unsafe extern "C" fn head(exchange: *const Exchange) -> In<Head> {
    // SAFETY: the boundary's rule: an alive handle.
    In::lend(&unsafe { made(exchange) }.1.head)
}

unsafe extern "C" fn clone(exchange: *const Exchange) -> *mut Exchange {
    // SAFETY: the boundary's rule: an alive handle.
    let (made, host) = unsafe { made(exchange) };
    host.handle(made.depth)
}

unsafe extern "C" fn release(exchange: *mut Exchange) {
    // SAFETY: the boundary's rule: an alive handle, given up by this call.
    unsafe {
        made(exchange).1.held.fetch_sub(1, Ordering::SeqCst);
        drop(Box::from_raw(exchange.cast::<Made>()));
    }
}

unsafe extern "C" fn read(_: *mut Exchange, _: *const object::Waker, _: Out<Frame>) -> u32 {
    answer::END
}

unsafe extern "C" fn inner(exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, of which this is the only user.
    let (depth, host) = unsafe {
        let made = &mut *exchange.cast::<Made>();
        made.depth += 1;
        (made.depth, &*made.host)
    };
    host.call_member(depth, exchange, reply)
}

unsafe extern "C" fn log(exchange: *const Exchange, level: u32, text: Str) {
    // SAFETY: the boundary's rule: an alive handle, and a lent text.
    let (host, text) = unsafe { (made(exchange).1, text.bytes()) };
    lock(&host.log).push(format!("{level} {}", String::from_utf8_lossy(text)));
}

/// The validators are layers, and what they stand around is an application.
unsafe extern "C" fn member(exchange: *const Exchange, inwards: i32, kind: *mut u32) -> Str {
    // SAFETY: the boundary's rule: an alive handle.
    let (made, host) = unsafe { made(exchange) };
    let last = host.stack.len() - 1;
    let depth = made.depth.checked_add_signed(inwards as isize).filter(|depth| *depth <= last);
    let (number, name) = match depth {
        None => (0, ""),
        Some(depth) if depth == last => (kind::APPLICATION, "tea"),
        Some(_) => (kind::LAYER, "validator"),
    };
    // SAFETY: lent for this call.
    unsafe { kind.write(number) };
    Str::lend(name.as_bytes())
}

impl Answer {
    /// # Safety
    /// `reply` was filled for this answer, and nothing was taken from it.
    pub(crate) unsafe fn read(answer: u32, reply: &Reply) -> Self {
        match answer {
            answer::READY => {
                // SAFETY: the caller's promise; the rows are copied before `keep` is released.
                let (reason, fields, body) = unsafe {
                    let fields = rows(reply.headers, reply.header_count, reply.header_stride)
                        .map(|row| (row.name.bytes().to_vec(), row.value.bytes().to_vec()))
                        .collect();
                    let reason = reply.reason.bytes().to_vec();
                    reply.keep.free();
                    (reason, fields, take_body(reply))
                };
                match body {
                    Some(body) => Self::Reply { status: reply.status, reason, fields, body },
                    None => Self::Other(answer),
                }
            }
            // SAFETY: ownership came with the answer.
            answer::ERROR => unsafe {
                let fault = read_fault(reply.fault);
                Self::Fault(fault.status, fault.message)
            },
            // SAFETY: as above.
            answer::PENDING if !reply.future.is_null() => unsafe {
                Self::Pending(Pending::from_raw(reply.future))
            },
            other => Self::Other(other),
        }
    }

    /// What comes of it in a host that keeps the rules.
    pub(crate) fn finish(self) -> Done {
        match self {
            Self::Reply { status, reason, fields, body } => {
                let (blocks, failure) = match body {
                    ReplyBody::Stream(stream) => pull(stream),
                    ReplyBody::Whole(bytes) => (vec![bytes.to_vec()], None),
                    ReplyBody::Empty => (Vec::new(), None),
                    ReplyBody::File(range) => {
                        if let Some(end) = range.end {
                            end.close(Outcome::Completed, range.length);
                        }
                        (vec![format!("{} of a file", range.length).into_bytes()], None)
                    }
                    ReplyBody::Upgrade(upgrade) => panic!("nobody asks for {upgrade:?}"),
                };
                Done::Response { status, reason, fields, blocks, failure }
            }
            Self::Fault(status, text) => Done::Fault(status, text),
            Self::Pending(pending) => poll(pending).finish(),
            Self::Other(answer) => Done::Other(answer),
        }
    }

    /// The stream, of an answer that must have one.
    pub(crate) fn stream(self) -> Stream {
        match self {
            Self::Reply { body: ReplyBody::Stream(stream), .. } => stream,
            other => panic!("no stream but {other:?}"),
        }
    }
}

/// A response that is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Response {
        status: u32,
        reason: Vec<u8>,
        fields: Vec<(Vec<u8>, Vec<u8>)>,
        blocks: Vec<Vec<u8>>,
        failure: Option<String>,
    },
    Fault(u16, String),
    Other(u32),
}

/// Polls until there is an answer; whoever waits here is ready the next time.
fn poll(mut pending: Pending) -> Answer {
    for _ in 0..10 {
        let mut reply = Reply::absent();
        let answer = pending.poll(Waker::noop(), Out::lend(&mut reply));
        if answer != answer::PENDING {
            // SAFETY: filled for this answer.
            return unsafe { Answer::read(answer, &reply) };
        }
    }
    panic!("it does not answer");
}

/// Pulls to the end and closes, as a host does.
fn pull(mut stream: Stream) -> (Vec<Vec<u8>>, Option<String>) {
    let (mut blocks, mut failure) = (Vec::new(), None);
    let outcome = loop {
        match stream.pull(Some(Waker::noop())) {
            Poll::Pending => {}
            Poll::Ready(None) => break Outcome::Completed,
            Poll::Ready(Some(Ok(body::Frame::Data(data)))) => blocks.push(data.to_vec()),
            Poll::Ready(Some(Ok(body::Frame::Trailers(fields)))) => {
                blocks.push(format!("{fields:?}").into_bytes());
            }
            Poll::Ready(Some(Err(failed))) => {
                failure = Some(failed.message);
                break Outcome::Failed;
            }
        }
    };
    let sent = blocks.iter().map(|block| block.len() as u64).sum();
    stream.close(outcome, sent);
    (blocks, failure)
}

/// One test at a time: what is said to the host's log belongs to nobody else.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    lock(&TURN)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
