//! The size rule: one side is of an older or a newer release, and neither reads nor writes beyond
//! what the other has.

use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{Frame, Head, Reply};
use dsgi::abi::leaf::{Header, Str};
use dsgi::abi::object::{BodyTable, Exchange, ExchangeTable};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::body::{Pull, Pulled, Stream};
use dsgi::bridge::exchange::{Derivation, Handle};
use dsgi::bridge::future::Pending;
use dsgi::export::{Linked, link};
use dsgi::{Environ, Error, Outcome, StartResponse, slot};

use crate::host::{Answer, App, Host, Input};

/// A struct of another release: so many bytes that belong to it, and neighbours behind it.
#[repr(C, align(8))]
struct Lent {
    words: [u64; 64],
    size: usize,
}

const NEIGHBOUR: u64 = 0xA5A5_A5A5_A5A5_A5A5;

impl Lent {
    /// Zeroed, with its size set.
    fn zeroed(size: usize) -> Self {
        assert!(size % 8 == 0 && size + 64 <= 512, "{size} bytes of 512");
        let mut words = [NEIGHBOUR; 64];
        words[..size / 8].fill(0);
        words[0] = u64::try_from(size).expect("a small number");
        Self { words, size }
    }

    /// A struct of this release as one of `size` bytes holds it.
    fn holding<T: Growable>(value: &T, size: usize) -> Self {
        let mut lent = Self::zeroed(size);
        // SAFETY: both are zeroed structs that begin with their size.
        unsafe { Out::from_raw(lent.pointer()).write(value) };
        lent
    }

    fn pointer<T: Growable>(&mut self) -> *mut T {
        self.words.as_mut_ptr().cast()
    }

    fn read<T: Growable>(&mut self) -> T {
        // SAFETY: it begins with its size.
        unsafe { In::from_raw(self.pointer()).read() }
    }

    /// Nothing was written behind the end, and the size is the lender's own.
    fn check(&self) {
        let neighbours = &self.words[self.size / 8..];
        assert!(neighbours.iter().all(|word| *word == NEIGHBOUR), "written beyond {}", self.size);
        assert_eq!(self.words[0] & 0xFFFF_FFFF, self.size as u64, "the size was changed");
    }
}

fn fine(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 Fine", &[("X-Field", "value")])?;
    Ok(["hello"])
}

fn fails(_: Environ, _: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    Err(Error::status(404, "not here"))
}

async fn later(environ: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    fine(environ, start_response)
}

/// Sizes of [`Reply`] in an older release, in this one and in a newer one.
const REPLIES: [usize; 3] =
    [offset_of!(Reply, scratch), size_of::<Reply>(), size_of::<Reply>() + 24];

#[test]
fn a_reply_of_any_release_is_filled_within_its_size() {
    for size in REPLIES {
        let host = Host::new(link(fine));
        let mut reply = Lent::zeroed(size);
        assert_eq!(host.call_into(Out::from_raw(reply.pointer())), answer::READY);
        reply.check();
        // SAFETY: filled for this answer.
        let received = unsafe { Answer::read(answer::READY, &reply.read()) }.reply();
        assert_eq!(received.headers, [("X-Field".to_owned(), "value".to_owned())]);
        assert_eq!(received.finish().blocks, ["hello"]);

        let host = Host::new(link(fails));
        let mut reply = Lent::zeroed(size);
        assert_eq!(host.call_into(Out::from_raw(reply.pointer())), answer::ERROR);
        reply.check();
        // SAFETY: filled for this answer.
        let answer = unsafe { Answer::read(answer::ERROR, &reply.read()) };
        assert!(matches!(answer, Answer::Fault { status: 404, text, .. } if text == "not here"));

        let host = Host::new(link(later));
        let mut reply = Lent::zeroed(size);
        assert_eq!(host.call_into(Out::from_raw(reply.pointer())), answer::PENDING);
        reply.check();
        // SAFETY: ownership came with the answer.
        let mut pending = unsafe { Pending::from_raw(reply.read::<Reply>().future) };
        let mut reply = Lent::zeroed(size);
        assert_eq!(pending.poll(Waker::noop(), Out::from_raw(reply.pointer())), answer::READY);
        reply.check();
        // SAFETY: filled for this answer.
        let received = unsafe { Answer::read(answer::READY, &reply.read()) }.reply();
        assert_eq!(received.finish().blocks, ["hello"]);
    }
}

/// No lender is that small; but whatever its size is, nobody writes behind it.
#[test]
fn nothing_is_ever_written_behind_a_reply() {
    for size in (8..=size_of::<Reply>()).step_by(8) {
        let host = Host::new(link(fine));
        let mut reply = Lent::zeroed(size);
        assert_eq!(host.call_into(Out::from_raw(reply.pointer())), answer::READY);
        reply.check();
    }
}

#[test]
fn a_frame_of_any_release_is_filled_within_its_size() {
    struct Endless;
    impl Pull for Endless {
        fn pull(&mut self, _: Option<&Waker>) -> Pulled {
            let data = dsgi::bridge::bytes::SharedBytes::constant(b"block");
            Poll::Ready(Some(Ok(dsgi::bridge::body::Frame::Data(data))))
        }
        fn close(self: Box<Self>, _: Outcome, _: u64) {}
    }
    for size in [offset_of!(Frame, fault), size_of::<Frame>(), size_of::<Frame>() + 24] {
        let body = dsgi::bridge::body::make(Endless);
        let mut frame = Lent::zeroed(size);
        // SAFETY: just made; polled once, then closed; the frame is lent.
        let filled = unsafe {
            let poll = slot!(BodyTable, body, poll).expect("a slot");
            assert_eq!(poll(body, ptr::null(), Out::from_raw(frame.pointer())), answer::READY);
            drop(Stream::from_raw(body));
            frame.read::<Frame>().data.bytes()
        };
        frame.check();
        assert_eq!(filled, b"block");
    }
}

#[test]
fn tables_of_other_releases_are_called() {
    // The first one ends before `drain`, as if that had come later.
    for size in [offset_of!(AppTable, drain), size_of::<AppTable>(), size_of::<AppTable>() + 16] {
        let Linked { table, app, .. } = link(fine);
        let mut theirs = Lent::holding(&table, size);
        let read = theirs.read::<AppTable>();
        assert_eq!((read.size as usize, read.abi), (size, ABI));
        assert_eq!(read.drain.is_some(), size >= size_of::<AppTable>());
        assert_eq!(Host::new(App::new(read, app)).run().blocks, ["hello"]);
    }
}

/// An exchange of a host whose release, or whose author, has the first slots only.
#[repr(C)]
struct Small {
    table: *const ExchangeTable,
    head: In<Head>,
    releases: AtomicUsize,
}

static SMALL: ExchangeTable = ExchangeTable {
    size: offset_of!(ExchangeTable, read) as u32,
    reserved: 0,
    head: Some(small_head),
    clone: None,
    release: Some(small_release),
    // Beyond the size: never called.
    read: Some(never),
    derive: None,
    inner: None,
    log: None,
    cancelled: Some(never_asked),
    inform: None,
    value: None,
    set_value: None,
    member: None,
    pass: None,
};

unsafe extern "C" fn small_head(exchange: *const Exchange) -> In<Head> {
    // SAFETY: every exchange with this table is a `Small` that is alive.
    unsafe { (*exchange.cast::<Small>()).head }
}

unsafe extern "C" fn small_release(exchange: *mut Exchange) {
    // SAFETY: as above.
    unsafe { &(*exchange.cast::<Small>()).releases }.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn never(
    _: *mut Exchange,
    _: *const dsgi::abi::object::Waker,
    _: Out<Frame>,
) -> u32 {
    std::process::abort()
}

unsafe extern "C" fn never_asked(_: *const Exchange) -> u32 {
    std::process::abort()
}

#[test]
fn what_a_small_host_lacks_is_absent() {
    struct Told(std::sync::Arc<AtomicUsize>);
    impl Pull for Told {
        fn pull(&mut self, _: Option<&Waker>) -> Pulled {
            Poll::Ready(None)
        }
        fn close(self: Box<Self>, _: Outcome, _: u64) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let whole = Head { method: Str::lend(b"GET"), generation: 7, ..Head::absent() };
    let mut head = Lent::holding(&whole, offset_of!(Head, generation));
    let releases = AtomicUsize::new(0);
    let small = Small { table: &SMALL, head: In::from_raw(head.pointer()), releases };
    let exchange: *mut Exchange = (&raw const small).cast_mut().cast();
    let closes = std::sync::Arc::new(AtomicUsize::new(0));
    // SAFETY: released once, which is only counted.
    let mut handle = unsafe { Handle::from_raw(exchange) }.expect("a handle");
    assert_eq!(handle.text(dsgi::bridge::exchange::Text::Method), b"GET");
    assert_eq!(handle.generation(), 0, "read beyond the head's size");
    assert!(handle.duplicate().is_none());
    assert!(matches!(handle.read(None), Poll::Ready(None)));
    assert!(!handle.cancelled());
    handle.log(1, "nobody listens");
    let input = Some(Stream::of(Told(std::sync::Arc::clone(&closes))));
    let refused = handle.derive(Derivation { input, ..Derivation::default() });
    assert_eq!(refused.expect_err("derived").message, "this host changes no requests");
    assert_eq!(closes.load(Ordering::SeqCst), 1, "the body that was given is closed");
    let mut reply = Reply::absent();
    assert_eq!(handle.inner(Out::lend(&mut reply)), answer::UNSUPPORTED);
    assert_eq!(small.releases.load(Ordering::SeqCst), 1);
}

/// Rows of a table are found by the maker's stride, and a stride that cannot be one finds none.
#[test]
fn rows_are_found_by_their_stride() {
    #[repr(C)]
    struct Wide {
        row: Header,
        later: u64,
    }
    let row = |name: &'static str| {
        let row =
            Header { id: 0, reserved: 0, name: Str::lend(name.as_bytes()), value: Str::EMPTY };
        Wide { row, later: NEIGHBOUR }
    };
    let wide = [row("one"), row("two")];
    let names = |stride: usize| -> Vec<&[u8]> {
        let stride = u32::try_from(stride).expect("a small number");
        // SAFETY: two rows, so far apart; a wrong stride finds none.
        unsafe { dsgi::abi::leaf::rows(ptr::from_ref(&wide[0].row), 2, stride) }
            // SAFETY: lent above.
            .map(|row| unsafe { row.name.bytes() })
            .collect()
    };
    assert_eq!(names(size_of::<Wide>()), [b"one", b"two"]);
    for stride in [0, 8, size_of::<Header>() - 8, size_of::<Header>() + 4] {
        assert!(names(stride).is_empty(), "a stride of {stride} found rows");
    }
    assert_eq!(wide[1].later, NEIGHBOUR);
}

/// Null where an object should be does nothing at all.
#[test]
fn null_objects_are_harmless() {
    // SAFETY: null is no object, and every slot of it is absent.
    unsafe {
        let mut pending = Pending::from_raw(ptr::null_mut());
        let mut reply = Reply::absent();
        assert_eq!(pending.poll(Waker::noop(), Out::lend(&mut reply)), answer::ERROR);
        drop(pending);
        let mut stream = Stream::from_raw(ptr::null_mut());
        assert!(matches!(stream.pull(None), Poll::Ready(None)));
        assert!(stream.size_hint().is_none());
        stream.close(Outcome::Completed, 0);
        assert!(Handle::from_raw(ptr::null_mut()).is_none());
        let Linked { table, app, .. } = link(fine);
        let call = table.call.expect("a slot");
        let answer = call(app, ptr::null_mut(), Out::lend(&mut reply));
        assert_eq!(answer, answer::UNSUPPORTED);
        let host = Host::new(App::new(table, app));
        assert_eq!(host.call_into(Out::from_raw(ptr::null_mut())), answer::READY);
    }
}

/// An application without state of its own may have null for it.
#[test]
fn the_first_argument_may_be_null() {
    unsafe extern "C" fn call(app: *mut c_void, exchange: *mut Exchange, _: Out<Reply>) -> u32 {
        // SAFETY: the exchange passes to this call.
        drop(unsafe { Handle::from_raw(exchange) });
        if app.is_null() { answer::CANCELLED } else { answer::TAKEN }
    }
    let table = AppTable { abi: ABI, call: Some(call), ..AppTable::absent() };
    let host = Host::with(vec![App::new(table, ptr::null_mut())], Input::ended());
    assert!(matches!(host.call(), Answer::Other(answer::CANCELLED)));
}
