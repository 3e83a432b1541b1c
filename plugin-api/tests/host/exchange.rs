//! The exchange as this host makes it: one handle per holder, each counted.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use dsgi::abi::answer;
use dsgi::abi::app::kind;
use dsgi::abi::grown::{self, Changes, Frame, Head, Value, frame_kind, head_flag};
use dsgi::abi::leaf::{Fault, Header, Keep, Str, rows};
use dsgi::abi::object::{self, Exchange, ExchangeTable};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::bridge::body::Stream;
use dsgi::bridge::bytes::{Failure, SharedBytes, fault};
use dsgi::bridge::waker;
use dsgi::slot;

use super::{Mutex, Request, lock};

/// One handle.
#[repr(C)]
pub(crate) struct Made {
    table: *const ExchangeTable,
    releases: AtomicUsize,
    /// Place in the stack of whoever holds it.
    depth: AtomicUsize,
    request: Weak<Request>,
    texts: Arc<Texts>,
    head: Head,
    _rows: [Vec<Header>; 2],
    /// A body that a layer put in the client's place, until the release.
    input: Mutex<Option<Arc<Mutex<Stream>>>>,
}

/// What the head says.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    pub(crate) method: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) target: &'static str,
    pub(crate) script_name: &'static str,
    pub(crate) path_info: String,
    pub(crate) server_name: &'static str,
    pub(crate) server_port: u32,
    pub(crate) protocol: u32,
    pub(crate) length: Option<u64>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) variables: Vec<(String, String)>,
}

impl Default for Texts {
    fn default() -> Self {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            method: "POST",
            scheme: "http",
            target: "/outside",
            script_name: "",
            path_info: String::from("/outside"),
            server_name: "example.org",
            server_port: 80,
            protocol: 11,
            length: None,
            headers: vec![pair("host", "example.org"), pair("x-from", "client")],
            variables: Vec::new(),
        }
    }
}

/// The request body: what has arrived, and who waits for more.
pub(crate) struct Input {
    pub(super) parts: VecDeque<Part>,
    pub(super) waker: Option<Waker>,
    owner: Option<*const Made>,
}

/// A part of the request body.
pub(crate) enum Part {
    Data(&'static str),
    Trailers(Vec<(String, Vec<u8>)>),
    End,
}

impl Input {
    /// No body.
    pub(crate) fn ended() -> Self {
        Self::arrived(vec![Part::End])
    }

    /// A body of which so much is there already.
    pub(crate) fn arrived(parts: Vec<Part>) -> Self {
        Self { parts: parts.into(), waker: None, owner: None }
    }
}

impl Made {
    fn input(&self) -> Option<Arc<Mutex<Stream>>> {
        lock(&self.input).clone()
    }
}

/// A new handle.
pub(super) fn make(request: &Arc<Request>, depth: usize, texts: Texts) -> *mut Exchange {
    make_of(request, depth, Arc::new(texts), None)
}

fn make_of(
    request: &Arc<Request>,
    depth: usize,
    texts: Arc<Texts>,
    input: Option<Arc<Mutex<Stream>>>,
) -> *mut Exchange {
    let row = |(name, value): &(String, String)| Header {
        id: 0,
        reserved: 0,
        name: Str::lend(name.as_bytes()),
        value: Str::lend(value.as_bytes()),
    };
    let headers: Vec<Header> = texts.headers.iter().map(row).collect();
    let variables: Vec<Header> = texts.variables.iter().map(row).collect();
    let count = |rows: &[Header]| u32::try_from(rows.len()).expect("a few rows");
    let head = Head {
        protocol: texts.protocol,
        flags: texts.length.map_or(0, |_| head_flag::LENGTH),
        content_length: texts.length.unwrap_or(0),
        server_port: texts.server_port,
        method: Str::lend(texts.method.as_bytes()),
        scheme: Str::lend(texts.scheme.as_bytes()),
        target: Str::lend(texts.target.as_bytes()),
        script_name: Str::lend(texts.script_name.as_bytes()),
        path_info: Str::lend(texts.path_info.as_bytes()),
        server_name: Str::lend(texts.server_name.as_bytes()),
        software: Str::lend(b"stub/1"),
        header_stride: size_of::<Header>() as u32,
        header_count: count(&headers),
        headers: headers.as_ptr(),
        variable_count: count(&variables),
        variables: variables.as_ptr(),
        generation: 7,
        ..Growable::absent()
    };
    let made = Box::into_raw(Box::new(Made {
        table: &TABLE,
        releases: AtomicUsize::new(0),
        depth: AtomicUsize::new(depth),
        request: Arc::downgrade(request),
        texts,
        head,
        _rows: [headers, variables],
        input: Mutex::new(input),
    }));
    lock(&request.handles).push(made);
    made.cast()
}

/// Handles that nobody released.
pub(super) fn held(request: &Request) -> usize {
    let handles = lock(&request.handles);
    // SAFETY: handles are freed with the request only.
    handles.iter().filter(|made| unsafe { (***made).releases.load(Ordering::SeqCst) } == 0).count()
}

/// Frees every handle, with the request.
pub(super) fn free_all(handles: &[*mut Made]) {
    for made in handles {
        // SAFETY: made by `make_of`, and freed here only.
        drop(unsafe { Box::from_raw(*made) });
    }
}

static TABLE: ExchangeTable = ExchangeTable {
    size: size_of::<ExchangeTable>() as u32,
    reserved: 0,
    head: Some(head),
    clone: Some(clone),
    release: Some(release),
    read: Some(read),
    derive: Some(derive),
    inner: Some(inner),
    log: Some(log),
    cancelled: Some(cancelled),
    inform: None,
    value: Some(value),
    set_value: Some(set_value),
    member: Some(member),
    pass: Some(pass),
};

/// The handle behind a pointer; a use after the release is noted, and harmless.
fn live<'a>(exchange: *const Exchange) -> (&'a Made, Arc<Request>) {
    // SAFETY: made by `make_of`; freed with the request only, which every test outlives.
    let made = unsafe { &*exchange.cast::<Made>() };
    let request = made.request.upgrade().expect("the request is alive");
    if made.releases.load(Ordering::SeqCst) != 0 {
        request.broken("a handle was used after its release");
    }
    (made, request)
}

unsafe extern "C" fn head(exchange: *const Exchange) -> In<Head> {
    In::lend(&live(exchange).0.head)
}

unsafe extern "C" fn clone(exchange: *const Exchange) -> *mut Exchange {
    let (made, request) = live(exchange);
    let depth = made.depth.load(Ordering::SeqCst);
    make_of(&request, depth, Arc::clone(&made.texts), made.input())
}

unsafe extern "C" fn release(exchange: *mut Exchange) {
    let (made, request) = live(exchange);
    if made.releases.fetch_add(1, Ordering::SeqCst) != 0 {
        request.broken("a handle was released twice");
    }
    let replaced = lock(&made.input).take();
    drop(replaced);
    let waker = {
        let mut input = lock(&request.input);
        // Releasing an exchange drops the wakers stored for it.
        let mine = input.owner.is_some_and(|owner| std::ptr::eq(owner, made));
        if mine { input.waker.take() } else { None }
    };
    drop(waker);
}

unsafe extern "C" fn read(
    exchange: *mut Exchange,
    lent: *const object::Waker,
    frame: Out<Frame>,
) -> u32 {
    let (made, request) = live(exchange);
    if let Some(input) = made.input() {
        // SAFETY: lent for this call.
        return unsafe { read_replaced(&mut lock(&input), lent, frame) };
    }
    let mut input = lock(&request.input);
    if !std::ptr::eq(*input.owner.get_or_insert(made), made) {
        return answer::TAKEN;
    }
    let part = match input.parts.pop_front() {
        Some(part) => part,
        None if request.cancelled.load(Ordering::Relaxed) => return answer::CANCELLED,
        None if lent.is_null() => return answer::WOULD_BLOCK,
        None => {
            // SAFETY: lent for this call; what is kept is a clone.
            input.waker = unsafe { waker::borrow(lent) }.map(|waker| (*waker).clone());
            request.awaited.notify_all();
            return answer::PENDING;
        }
    };
    drop(input);
    let mut filled = Frame::absent();
    match part {
        Part::Data(text) => {
            filled.kind = frame_kind::DATA;
            filled.data = SharedBytes::constant(text.as_bytes()).into_raw();
        }
        Part::Trailers(fields) => {
            let (kind, table) = trailers(fields);
            filled = Frame { kind, ..table };
        }
        Part::End => return answer::END,
    }
    // SAFETY: lent for this call.
    unsafe { frame.write(&filled) };
    answer::READY
}

/// A frame of trailers as the other side receives it.
fn trailers(fields: Vec<(String, Vec<u8>)>) -> (u32, Frame) {
    struct Once(Option<Vec<(String, Vec<u8>)>>);
    impl dsgi::bridge::body::Pull for Once {
        fn pull(&mut self, _: Option<&Waker>) -> dsgi::bridge::body::Pulled {
            let frame = self.0.take().map(dsgi::bridge::body::Frame::Trailers);
            std::task::Poll::Ready(frame.map(Ok))
        }
        fn close(self: Box<Self>, _: dsgi::Outcome, _: u64) {}
    }
    let body = dsgi::bridge::body::make(Once(Some(fields)));
    let mut frame = Frame::absent();
    // SAFETY: just made; polled once, then closed.
    unsafe {
        let poll = slot!(object::BodyTable, body, poll).expect("a poll function");
        assert_eq!(poll(body, std::ptr::null(), Out::lend(&mut frame)), answer::READY);
        drop(Stream::from_raw(body));
    }
    (frame.kind, frame)
}

/// # Safety
/// Waker and frame are lent for this call.
unsafe fn read_replaced(input: &mut Stream, lent: *const object::Waker, frame: Out<Frame>) -> u32 {
    // SAFETY: lent for this call.
    let waker = unsafe { waker::borrow(lent) };
    let pulled = input.pull(waker.as_deref());
    let (answer, filled) = match pulled {
        std::task::Poll::Pending => return answer::PENDING,
        std::task::Poll::Ready(None) => return answer::END,
        std::task::Poll::Ready(Some(Ok(dsgi::bridge::body::Frame::Data(data)))) => {
            let data = data.into_raw();
            (answer::READY, Frame { kind: frame_kind::DATA, data, ..Frame::absent() })
        }
        std::task::Poll::Ready(Some(Ok(dsgi::bridge::body::Frame::Trailers(fields)))) => {
            (answer::READY, trailers(fields).1)
        }
        std::task::Poll::Ready(Some(Err(failure))) => {
            let fault = fault(failure);
            (answer::ERROR, Frame { fault, ..Frame::absent() })
        }
    };
    // SAFETY: lent for this call.
    unsafe { frame.write(&filled) };
    answer
}

unsafe extern "C" fn derive(
    exchange: *const Exchange,
    changes: In<Changes>,
    why: *mut Fault,
) -> *mut Exchange {
    let (made, request) = live(exchange);
    // SAFETY: lent for this call, with its size set.
    let changes = unsafe { changes.read() };
    let input = (!changes.input.is_null())
        // SAFETY: it passes to the host, whatever the host answers.
        .then(|| Arc::new(Mutex::new(unsafe { Stream::from_raw(changes.input) })));
    let mut texts = (*made.texts).clone();
    // SAFETY: lent for this call.
    for row in unsafe { rows(changes.variables, changes.variable_count, changes.variable_stride) } {
        // SAFETY: as above.
        let (name, value) =
            unsafe { (text(row.name), (!row.value.ptr.is_null()).then(|| text(row.value))) };
        if let Err(reason) = texts.change(&name, value) {
            // SAFETY: lent for this call.
            unsafe { why.write(fault(Failure::new(500, reason))) };
            return std::ptr::null_mut();
        }
    }
    let input = input.or_else(|| made.input());
    make_of(&request, made.depth.load(Ordering::SeqCst), Arc::new(texts), input)
}

impl Texts {
    fn change(&mut self, name: &str, value: Option<String>) -> Result<(), String> {
        if value.as_ref().is_some_and(|value| value.contains('\n')) {
            return Err(format!("the value of `{name}` has a line break"));
        }
        if name == "PATH_INFO" {
            self.path_info = value.unwrap_or_default();
        } else if let Some(field) = name.strip_prefix("HTTP_") {
            let field = field.to_ascii_lowercase().replace('_', "-");
            self.headers.retain(|(known, _)| *known != field);
            self.headers.extend(value.map(|value| (field, value)));
        } else {
            self.variables.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(())
    }
}

unsafe extern "C" fn pass(
    _: *mut c_void,
    exchange: *mut Exchange,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: what was promised to this call.
    unsafe { inner(exchange, reply) }
}

unsafe extern "C" fn inner(exchange: *mut Exchange, reply: Out<grown::Reply>) -> u32 {
    let (made, request) = live(exchange);
    let depth = made.depth.fetch_add(1, Ordering::SeqCst) + 1;
    if depth == request.stack.len() {
        // SAFETY: the handle passed to this call.
        unsafe { release(exchange) };
        return answer::UNSUPPORTED;
    }
    request.call_inner(depth, exchange, reply)
}

unsafe extern "C" fn log(exchange: *const Exchange, level: u32, line: Str) {
    let (_, request) = live(exchange);
    // SAFETY: lent for this call.
    let line = unsafe { text(line) };
    lock(&request.log).push(format!("{level} {line}"));
}

/// Whoever stands around something is called a layer, and the last one the application.
unsafe extern "C" fn member(exchange: *const Exchange, inwards: i32, kind: *mut u32) -> Str {
    let (made, request) = live(exchange);
    let last = request.stack.len() - 1;
    let depth = made.depth.load(Ordering::SeqCst).checked_add_signed(inwards as isize);
    let (number, name) = match depth.filter(|depth| *depth <= last) {
        None => (0, ""),
        Some(depth) if depth == last => (kind::APPLICATION, "tea"),
        Some(_) => (kind::LAYER, "layer"),
    };
    // SAFETY: lent for this call.
    unsafe { kind.write(number) };
    Str::lend(name.as_bytes())
}

unsafe extern "C" fn cancelled(exchange: *const Exchange) -> u32 {
    u32::from(live(exchange).1.cancelled.load(Ordering::Relaxed))
}

unsafe extern "C" fn value(exchange: *const Exchange, name: Str, out: Out<Value>) -> u32 {
    let (_, request) = live(exchange);
    // SAFETY: lent for this call, and the name of each value as long as the value.
    let found = lock(&request.values)
        .iter()
        .rev()
        .find(|value| unsafe { value.0.name.bytes() == name.bytes() })
        .map(|value| value.0);
    let Some(value) = found else { return answer::END };
    // SAFETY: lent for this call.
    unsafe { out.write(&Value { keep: Keep::NOTHING, ..value }) };
    answer::READY
}

unsafe extern "C" fn set_value(exchange: *mut Exchange, value: In<Value>) -> u32 {
    let (_, request) = live(exchange);
    if request.no_values.load(Ordering::Relaxed) {
        return answer::UNSUPPORTED;
    }
    // SAFETY: lent for this call; what it points to passes to this host.
    lock(&request.values).push(Given(unsafe { value.read() }));
    answer::READY
}

/// A value, until the request is over.
pub(super) struct Given(Value);

// SAFETY: the boundary's rule: values are shared by all, and freed on any thread.
unsafe impl Send for Given {}

impl Drop for Given {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { self.0.keep.free() };
    }
}

/// # Safety
/// The text is lent for this call.
unsafe fn text(lent: Str) -> String {
    // SAFETY: the caller's promise.
    String::from_utf8(unsafe { lent.bytes() }.to_vec()).expect("UTF-8")
}
