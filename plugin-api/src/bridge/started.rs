//! What an application has said of its response so far: PEP 3333's state machine, and the head.
//!
//! It is the cost of `start_response` that a small request feels, so a head lies in the room that
//! the caller lends, where it lends any. Rows point into the text beside them: a head is filled
//! where it stays, and is handed to the other side as it is.

mod filled;
#[cfg(feature = "tower")]
mod laid;

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering, fence};

pub(crate) use self::filled::Edit;
use self::filled::{Around, Beside, Filled};
use super::inward::GivenHead;
use super::room::{Asked, Part, Rest};
use crate::abi::grown;
use crate::abi::leaf::{Header, Keep};
use crate::{Error, Head, Result, rules};

/// Header fields as names and values, in the order they are sent.
pub type HeaderList<'a> = &'a [(&'a str, &'a str)];

/// The head of a response.
pub struct Started {
    users: AtomicUsize,
    /// Whose turn it is: only who has moved it to `FILLING` may write the rest.
    phase: AtomicU8,
    /// The room it lies in; none for a box.
    room: Option<Part>,
    head: UnsafeCell<Filled>,
}

/// A head, shared by `start_response` and whoever answers.
pub struct Shared(pub(super) NonNull<Started>);

/// A head that was sent: it never changes again.
#[derive(Debug)]
pub struct Sent(Shared);

/// The phases of a head.
mod phase {
    /// Nothing was said.
    pub(super) const WAITING: u8 = 0;
    /// Somebody says it right now.
    pub(super) const FILLING: u8 = 1;
    /// Said, and not sent yet.
    pub(super) const HELD: u8 = 2;
    /// Sent: nobody writes any more.
    pub(super) const SENT: u8 = 3;
}

// A room has place for one, and that of a layer for one more each.
const _: () = assert!(size_of::<Started>() <= super::room::BYTES);

// SAFETY: the pointers lead into the very same allocation, which `Shared` keeps where it is.
unsafe impl Send for Started {}
// SAFETY: `phase` lets one writer in at a time, and readers only when nobody writes any more.
unsafe impl Sync for Started {}

impl Started {
    /// Nothing was said yet.
    #[inline]
    #[must_use]
    #[allow(clippy::new_ret_no_self, reason = "a head is always shared")]
    pub fn new() -> Shared {
        Self::put(Box::leak(Box::new_uninit()).into(), None, 1)
    }

    /// Nothing was said yet: for whoever answers and for `start_response`, in the room that the
    /// caller lends.
    #[inline]
    #[must_use]
    pub fn asked(asked: Asked<'_>) -> (Shared, Shared) {
        let shared = match asked.take() {
            Some((place, part)) => Self::put(place, Some(part), 2),
            None => Self::put(Box::leak(Box::new_uninit()).into(), None, 2),
        };
        let other = Shared(shared.0);
        (shared, other)
    }

    /// The same for a layer, which lends what is left of the room to whoever it calls.
    #[inline]
    #[must_use]
    pub fn asked_around(asked: Asked<'_>) -> (Shared, Shared) {
        let rest = asked.rest::<Self>();
        let (shared, other) = Self::asked(asked);
        let rest = if shared.room.is_some() { rest } else { None };
        // SAFETY: nobody else has it yet.
        unsafe { (*shared.head.get()).beside = Beside::Around(Around::with_rest(rest)) };
        (shared, other)
    }

    /// Puts a head that has so many users at its place, which is nobody else's.
    #[inline]
    fn put(place: NonNull<MaybeUninit<Self>>, room: Option<Part>, users: usize) -> Shared {
        let place: NonNull<Self> = place.cast();
        // SAFETY: fits, and every field is written that is read before a head is filled in.
        unsafe {
            let place = place.as_ptr();
            (&raw mut (*place).users).write(AtomicUsize::new(users));
            (&raw mut (*place).phase).write(AtomicU8::new(phase::WAITING));
            (&raw mut (*place).room).write(room);
            Filled::begin((&raw mut (*place).head).cast());
        }
        Shared(place)
    }

    /// `start_response`: the first call holds the head, a second one fails.
    ///
    /// # Errors
    /// When it was called before, or the status is malformed.
    #[inline]
    pub fn start(&self, status: &str, headers: HeaderList<'_>) -> Result<()> {
        match self.begin(phase::WAITING) {
            Ok(()) => self.fill(status, headers, phase::WAITING),
            Err(phase) => Err(not_again(phase)),
        }
    }

    /// Replaces a head that was not sent yet, because of `error`.
    ///
    /// # Errors
    /// When it was sent, or the status is malformed.
    pub fn replace(
        &self,
        error: &dyn fmt::Display,
        status: &str,
        headers: HeaderList<'_>,
    ) -> Result<()> {
        let held = self.begin(phase::HELD).map(|()| phase::HELD);
        match held.or_else(|_| self.begin(phase::WAITING).map(|()| phase::WAITING)) {
            Ok(before) => self.fill(status, headers, before),
            Err(phase::SENT) => {
                Err(Error::new(format!("the head was sent before this error: {error}")))
            }
            Err(_) => Err(second_call()),
        }
    }

    /// Says the head that the application inside has said.
    ///
    /// # Errors
    /// When a head was said before.
    pub(super) fn hand_on(&self, given: GivenHead) -> Result<()> {
        self.say(|head| head.hand_on(given))
    }

    /// Says a head of one's own.
    ///
    /// # Errors
    /// When a head was said before, or its status is none.
    pub(crate) fn send_head(&self, said: Head) -> Result<()> {
        if !matches!(said.status(), 101 | 200..=999) {
            return Err(bad_status(&said.status().to_string()));
        }
        self.say(|head| head.say(said))
    }

    fn say(&self, say: impl FnOnce(&mut Filled)) -> Result<()> {
        self.begin(phase::WAITING).map_err(not_again)?;
        // SAFETY: our turn, see `begin`; pointers of an earlier head were not given away.
        say(unsafe { &mut *self.head.get() });
        self.phase.store(phase::HELD, Ordering::Release);
        Ok(())
    }

    /// Changes every head that is said from now on.
    pub(crate) fn edit(&self, edit: Edit) {
        let _ = self.with_around(|around| around.edit(edit));
    }

    /// The room for whoever is called inside, which is lent once.
    pub(super) fn rest(&self) -> Option<Rest> {
        self.with_around(Around::take_rest).flatten()
    }

    /// Changes what a layer needs; none once the head was sent.
    fn with_around<T>(&self, change: impl FnOnce(&mut Around) -> T) -> Option<T> {
        let waits = self.begin(phase::WAITING).map(|()| phase::WAITING);
        let before = waits.or_else(|_| self.begin(phase::HELD).map(|()| phase::HELD)).ok()?;
        // SAFETY: our turn, see `begin`; pointers of an earlier head were not given away.
        let changed = change(unsafe { (*self.head.get()).around() });
        self.phase.store(before, Ordering::Release);
        Some(changed)
    }

    /// Takes the turn to write in this phase, or says which other it is in.
    #[inline]
    fn begin(&self, phase: u8) -> Result<(), u8> {
        let order = (Ordering::Acquire, Ordering::Relaxed);
        self.phase.compare_exchange(phase, phase::FILLING, order.0, order.1).map(drop)
    }

    /// Fills the head in; a status that is none leaves it as it was `before`.
    ///
    /// Inlined, so that a head of constants is nearly one as well (measured: 90 instructions of a
    /// small request).
    #[inline(always)]
    fn fill(&self, status: &str, headers: HeaderList<'_>, before: u8) -> Result<()> {
        let parsed = parse_status(status);
        if let Ok((code, reason)) = parsed {
            // SAFETY: our turn, see `begin`; pointers of an earlier head were not given away.
            unsafe { Filled::fill(self.head.get(), code, reason, headers) };
        }
        let after = if parsed.is_ok() { phase::HELD } else { before };
        self.phase.store(after, Ordering::Release);
        parsed.map(drop).map_err(|NoStatus| bad_status(status))
    }
}

impl Shared {
    /// The head, to be sent now.
    ///
    /// # Errors
    /// When there is none yet, or it was sent before.
    #[inline]
    pub fn send(self) -> Result<Sent> {
        let order = (Ordering::Acquire, Ordering::Relaxed);
        match self.phase.compare_exchange(phase::HELD, phase::SENT, order.0, order.1) {
            Ok(_) => Ok(Sent(self)),
            Err(phase) => Err(not_to_be_sent(phase)),
        }
    }
}

// SAFETY: as a shared `Started` with a count of its users, which is `Send + Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Deref for Shared {
    type Target = Started;

    #[inline]
    fn deref(&self) -> &Started {
        // SAFETY: alive, because this is one of its users.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        self.users.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for Shared {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_last() {
            // SAFETY: this was the last user.
            unsafe { end(self.0) };
        }
    }
}

impl Shared {
    /// Takes this user away, and says whether it was the last one.
    #[inline(always)]
    fn is_last(&self) -> bool {
        // A user that is alone stays alone: only users make more of them.
        let alone = self.users.load(Ordering::Acquire) == 1;
        let last = alone || self.users.fetch_sub(1, Ordering::Release) == 1;
        if last {
            fence(Ordering::Acquire);
        }
        last
    }
}

/// Ends a head that nobody uses any more. Not inlined, so that dropping `start_response` is.
///
/// # Safety
/// As it says; it is gone afterwards.
#[inline(never)]
unsafe fn end(started: NonNull<Started>) {
    // SAFETY: the caller's promise; a head without a room was made as a box.
    unsafe {
        let Some(part) = (*started.as_ptr()).room.take() else {
            drop(Box::from_raw(started.as_ptr()));
            return;
        };
        (*started.as_ref().head.get()).end();
        part.give_back();
    }
}

#[cold]
fn not_to_be_sent(phase: u8) -> Error {
    match phase {
        phase::SENT => Error::new("the head was sent twice"),
        _ => broken(&rules::BEFORE_BODY, "start_response was not called before the body began"),
    }
}

#[cold]
fn not_again(phase: u8) -> Error {
    match phase {
        phase::SENT => {
            broken(&rules::NOT_AFTER_SENT, "start_response was called after the head was sent")
        }
        _ => second_call(),
    }
}

fn second_call() -> Error {
    broken(
        &rules::ONE_CALL,
        "start_response was called a second time; `start_response.replace(&error, ..)` changes a \
         head",
    )
}

/// The error of whoever has broken a rule, which the validator finds in it by its name.
fn broken(rule: &rules::Rule, text: &str) -> Error {
    Error::new(format!("{text} (rule {})", rule.id))
}

impl Sent {
    /// HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head().status
    }

    #[inline]
    fn head(&self) -> &Filled {
        // SAFETY: sent, so nobody writes any more, and `send` has seen all that was written.
        unsafe { &*self.0.head.get() }
    }

    /// Hands the head over in a reply; it is released with the reply's `keep`.
    #[inline(always)]
    pub(super) fn hand_over(self, reply: &mut grown::Reply) {
        let head = self.head();
        reply.status = u32::from(head.status);
        reply.reason = head.reason;
        reply.header_count = head.count;
        reply.header_stride = size_of::<Header>() as u32;
        let Some(rows) = head.rows_here() else { return self.hand_over_beside(reply) };
        reply.headers = rows;
        // In the caller's room it needs nobody to keep it.
        if self.0.room.is_none() {
            self.be_kept(reply);
        }
    }

    /// The way of a head that is large, or lies elsewhere.
    #[cold]
    #[inline(never)]
    fn hand_over_beside(self, reply: &mut grown::Reply) {
        let head = self.head();
        (reply.headers, reply.header_stride) = head.rows();
        if self.0.room.is_none() || head.needs_keeping() {
            self.be_kept(reply);
        }
    }

    fn be_kept(self, reply: &mut grown::Reply) {
        let owner = ManuallyDrop::new(self).0.0.as_ptr().cast();
        reply.keep = Keep { owner, release: Some(release) };
    }
}

unsafe extern "C" fn release(owner: *mut c_void) {
    // SAFETY: made by `hand_over`, released once.
    drop(unsafe { Shared(NonNull::new_unchecked(owner.cast::<Started>())) });
}

/// PEP 3333: three digits, one space, a reason; we also take the digits alone.
#[inline(always)]
fn parse_status(status: &str) -> Result<(u16, &str), NoStatus> {
    let (digits, reason) = match status.as_bytes() {
        [a, b, c, b' ', ..] => ([*a, *b, *c], &status[4..]),
        [a, b, c] => ([*a, *b, *c], ""),
        _ => return Err(NoStatus),
    };
    match digits {
        [a @ b'2'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            let number = |digit: u8| u16::from(digit - b'0');
            Ok((number(a) * 100 + number(b) * 10 + number(c), reason))
        }
        // The one that is final although it is informational: the connection is taken over.
        [b'1', b'0', b'1'] => Ok((101, reason)),
        _ => Err(NoStatus),
    }
}

/// A text that is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NoStatus;

#[cold]
fn bad_status(status: &str) -> Error {
    let digits = status.bytes().take_while(u8::is_ascii_digit).count();
    let behind = status.as_bytes().get(3);
    let rule = match (digits, behind) {
        (3, None | Some(b' ')) => &rules::STATUS_FINAL,
        (3, Some(_)) => &rules::STATUS_REASON,
        _ => &rules::STATUS_DIGITS,
    };
    let text = format!(
        "the status `{status}` given to start_response is not three digits from 200 to 999, or \
         101, and a reason"
    );
    broken(rule, &text)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase.load(Ordering::Relaxed) {
            phase::WAITING => "Started(nothing yet)",
            phase::SENT => "Started(sent)",
            _ => "Started(held)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::leaf::rows;
    use crate::abi::pointer::Growable;

    fn handed_over(status: &str, headers: HeaderList<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let started = Started::new();
        started.start(status, headers).unwrap();
        let sent = started.send().unwrap();
        let mut reply = grown::Reply::absent();
        sent.hand_over(&mut reply);
        // SAFETY: the rows live until `keep` is released.
        unsafe {
            let read = rows(reply.headers, reply.header_count, reply.header_stride)
                .map(|row| (row.name.bytes().to_vec(), row.value.bytes().to_vec()))
                .chain([(b"reason".to_vec(), reply.reason.bytes().to_vec())])
                .collect();
            reply.keep.free();
            read
        }
    }

    #[test]
    fn small_and_large_heads_are_handed_over_whole() {
        let long = "v".repeat(400);
        for (count, value) in [(0, "v"), (3, ""), (8, "v"), (9, "v"), (2, &*long)] {
            let names: Vec<String> = (0..count).map(|number| format!("x-{number}")).collect();
            let headers: Vec<(&str, &str)> = names.iter().map(|name| (&**name, value)).collect();
            let read = handed_over("404 Not There", &headers);
            let expected: Vec<_> = headers
                .iter()
                .copied()
                .chain([("reason", "Not There")])
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect();
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn the_head_follows_the_rules_of_pep_3333() {
        assert!(Started::new().send().is_err(), "a head was sent that nobody gave");
        let started = Started::new();
        started.start("200 OK", &[("A", "1")]).unwrap();
        assert!(started.start("200 OK", &[]).is_err(), "a second call was taken");
        started.replace(&"late", "503 Closed", &[]).unwrap();
        assert_eq!(started.clone().send().unwrap().status(), 503);
        assert!(started.clone().send().is_err(), "the head was sent twice");
        assert!(started.start("200 OK", &[]).is_err(), "taken after the head was sent");
        let late = started.replace(&"too late", "500 X", &[]).unwrap_err();
        assert!(late.message().contains("too late"));
    }

    #[test]
    fn a_status_is_three_digits_and_a_reason() {
        assert_eq!(parse_status("200 OK").unwrap(), (200, "OK"));
        assert_eq!(parse_status("999").unwrap(), (999, ""));
        assert_eq!(parse_status("101 Switching").unwrap(), (101, "Switching"));
        for wrong in ["", "20", "2000", "abc OK", "100 Continue", "200OK", " 200 OK", "20\u{e9}"] {
            assert!(parse_status(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
