//! A core's side of all pools: who waits there for an answer, and which pools to wake.
//!
//! Both are seen to by one task of the core, which comes after all that is ready in the same round:
//! then a pool is woken once for the whole round. Nothing here is shared with other threads.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::post::{Letter, Post};
use super::queue::SHARE;
use super::{Shared, watch};
use crate::clock::{self, Deadline};

/// Where requests of this core wait for pools.
pub(crate) struct Desk {
    post: &'static Post,
    seats: RefCell<Seats>,
    /// Pools that got something to do in this round.
    errands: RefCell<Vec<Arc<Shared>>>,
    /// Wakes the task that sees to all this.
    waker: RefCell<Option<Waker>>,
}

#[derive(Default)]
struct Seats {
    seats: Vec<Seat>,
    free: Vec<usize>,
}

/// One request that waits.
#[derive(Default)]
struct Seat {
    waker: Option<Waker>,
    /// The tick at which it waits no longer.
    due: u64,
}

thread_local! {
    static DESK: Cell<Option<&'static Desk>> = const { Cell::new(None) };
}

/// The desk of this core. It lives as long as the process, as cores do.
#[inline]
pub(crate) fn here() -> Option<&'static Desk> {
    DESK.get()
}

/// The desk that this post is of, as long as its core runs; seats are taken and left on that core.
#[inline]
pub(crate) fn of(post: &'static Post) -> Option<&'static Desk> {
    here().filter(|desk| std::ptr::eq(desk.post, post))
}

/// Has a pool woken: by a core once for its round, by others at once.
pub(super) fn kick(pool: &Arc<Shared>, waiting: usize) {
    match here() {
        // What is more than one thread's share must not wait for the round to end.
        Some(desk) if !waiting.is_multiple_of(SHARE) => desk.kick_later(pool),
        _ => pool.kick(),
    }
}

impl Desk {
    /// Opens the desk of this thread; the task must be run by this thread.
    pub(crate) fn open() -> Clerk {
        let post: &'static Post = Box::leak(Box::new(Post::new()));
        watch::over_post(post);
        let (seats, errands, waker) = Default::default();
        let desk: &'static Self = Box::leak(Box::new(Self { post, seats, errands, waker }));
        DESK.set(Some(desk));
        Clerk { letters: Vec::new(), errands: Vec::new(), ticks: 0, alarm: None }
    }

    pub(crate) const fn post(&self) -> &'static Post {
        self.post
    }

    /// A seat for a request that waits no longer than this.
    pub(crate) fn sit(&self, limit: Duration) -> usize {
        let mut seats = self.seats.borrow_mut();
        let seat = seats.free.pop().unwrap_or_else(|| {
            seats.seats.push(Seat::default());
            seats.seats.len() - 1
        });
        seats.seats[seat].due = clock::due(limit);
        seat
    }

    /// Whom to wake once the answer is there; ready when it has waited too long.
    pub(crate) fn wait(&self, seat: usize, waker: &Waker) -> Poll<()> {
        let mut seats = self.seats.borrow_mut();
        let seat = &mut seats.seats[seat];
        let due = seat.due;
        if !seat.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let other = seat.waker.replace(waker.clone());
            // It may be the last trace of something that sits here, too.
            drop(seats);
            drop(other);
        }
        if clock::now() >= due { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Gives a seat back. An answer that comes for it later wakes the next one for nothing.
    pub(crate) fn rise(&self, seat: usize) {
        let mut seats = self.seats.borrow_mut();
        let waker = seats.seats[seat].waker.take();
        seats.free.push(seat);
        drop(seats);
        drop(waker);
    }

    fn kick_later(&self, pool: &Arc<Shared>) {
        let mut errands = self.errands.borrow_mut();
        if errands.iter().any(|known| Arc::ptr_eq(known, pool)) {
            return;
        }
        errands.push(Arc::clone(pool));
        if errands.len() == 1
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    fn seated(&self) -> bool {
        let seats = self.seats.borrow();
        seats.seats.len() > seats.free.len()
    }

    /// Wakes those who have waited too long.
    fn call_time(&self, now: u64) {
        let seats = self.seats.borrow();
        let due = seats.seats.iter().filter(|seat| seat.due <= now);
        due.filter_map(|seat| seat.waker.as_ref()).for_each(Waker::wake_by_ref);
    }
}

/// The task that sees to a desk.
pub(crate) struct Clerk {
    letters: Vec<Letter>,
    errands: Vec<Arc<Shared>>,
    /// When it last looked who has waited too long.
    ticks: u64,
    /// Wakes it for the next look.
    alarm: Option<Deadline>,
}

impl Clerk {
    fn look_at_the_clock(&mut self, desk: &Desk, context: &Context<'_>) {
        let now = clock::now();
        if now != self.ticks {
            self.ticks = now;
            self.alarm = None;
            desk.call_time(now);
        }
        if self.alarm.is_none() && desk.seated() {
            let mut alarm = Deadline::new(Duration::ZERO);
            // Over at the next tick, and not before.
            let _ = alarm.poll(context);
            self.alarm = Some(alarm);
        }
    }
}

impl Future for Clerk {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(desk) = here() else { return Poll::Ready(()) };
        if !desk.waker.borrow().as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *desk.waker.borrow_mut() = Some(context.waker().clone());
        }
        desk.post.collect(context.waker(), &mut this.letters);
        for Letter(seat, answer) in this.letters.drain(..) {
            if let Some(waker) = desk.seats.borrow().seats.get(seat).and_then(|s| s.waker.as_ref())
            {
                waker.wake_by_ref();
            }
            drop(answer);
        }
        this.errands.append(&mut desk.errands.borrow_mut());
        this.errands.drain(..).for_each(|pool| pool.kick());
        this.look_at_the_clock(desk, context);
        Poll::Pending
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        if let Some(desk) = DESK.take() {
            desk.post.close();
            // What is queued is done all the same.
            let errands = desk.errands.take();
            errands.into_iter().for_each(|pool| pool.kick());
            *desk.waker.borrow_mut() = None;
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seats = self.seats.borrow();
        write!(f, "Desk({} waiting)", seats.seats.len() - seats.free.len())
    }
}

impl fmt::Debug for Clerk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clerk")
    }
}
