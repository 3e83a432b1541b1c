//! Room for the head of an answer, lent by whoever asks for it.
//!
//! Whoever answers puts the head there instead of asking an allocator. An author may keep
//! `start_response` for longer than the call, so the room counts its users: the caller uses it
//! again when it is the only one, and else leaves it to the others.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::abi::grown::Reply;
use crate::abi::leaf::Keep;
use crate::abi::pointer::{Growable, Out};

/// Bytes of room for one application.
pub(super) const BYTES: usize = 832;

/// Members that a room has parts for. Who stands deeper asks an allocator.
const MOST: usize = 8;

/// Room of the caller's, beside its out-struct.
#[derive(Debug)]
pub struct Room(NonNull<Block>);

/// What stands in front of the bytes.
#[repr(C, align(8))]
#[derive(Debug)]
struct Block {
    users: AtomicU32,
    /// Bytes that follow.
    length: u32,
    /// Members that it is wide enough for.
    members: usize,
}

// SAFETY: the caller's part is owned, and what others do with the bytes is theirs.
unsafe impl Send for Room {}

impl Room {
    /// Room that nothing was written to yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Block::make(1))
    }

    /// Makes sure that it is wide enough for a stack of so many members, each of which takes its
    /// part. It stays so.
    #[inline]
    pub fn widen(&mut self, members: usize) {
        // SAFETY: alive, because this is one of its users.
        if members > unsafe { self.0.as_ref() }.members {
            self.replace(members);
        }
    }

    #[cold]
    fn replace(&mut self, members: usize) {
        *self = Self(Block::make(members));
    }

    /// An empty out-struct that lends this room.
    #[inline(always)]
    #[must_use]
    pub fn reply(&mut self) -> Reply {
        let block = self.0.as_ptr();
        // SAFETY: alive, and the bytes follow it; only addresses are taken.
        let (users, bytes, length) =
            unsafe { (&raw mut (*block).users, block.add(1), (*block).length) };
        Reply {
            scratch: bytes.cast(),
            scratch_length: u64::from(length),
            scratch_users: users.cast(),
            scratch_keep: Keep { owner: block.cast(), release: Some(release) },
            ..Growable::absent()
        }
    }

    /// Whether nobody else uses it: to be asked before it is lent again.
    #[inline]
    #[must_use]
    pub fn is_free(&self) -> bool {
        // SAFETY: alive, because this is one of its users.
        let users = unsafe { &(*self.0.as_ptr()).users };
        users.load(Ordering::Acquire) == 1
    }

    /// Makes sure that it may be lent again: leaves it to whoever goes on using it.
    #[inline]
    pub fn renew(&mut self) {
        if !self.is_free() {
            // SAFETY: alive, because this is one of its users.
            self.replace(unsafe { self.0.as_ref() }.members);
        }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: alive, because this is one of its users.
        let users = unsafe { &(*self.0.as_ptr()).users };
        if users.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: nobody uses it any more.
            unsafe { Block::free(self.0) };
        }
    }
}

unsafe extern "C" fn release(owner: *mut std::ffi::c_void) {
    // SAFETY: a block of a room; called by whoever took the last user away.
    unsafe { Block::free(NonNull::new_unchecked(owner.cast())) };
}

impl Block {
    const fn layout(length: usize) -> Layout {
        match Layout::from_size_align(size_of::<Self>() + length, align_of::<Self>()) {
            Ok(layout) => layout,
            Err(_) => panic!("a few kilobytes"),
        }
    }

    /// A block with room for so many members behind it, and one user.
    fn make(members: usize) -> NonNull<Self> {
        let length = BYTES * members.min(MOST);
        let members = if members < MOST { members } else { usize::MAX };
        let layout = Self::layout(length);
        // SAFETY: not of size zero.
        let Some(block) = NonNull::new(unsafe { alloc(layout) }.cast::<Self>()) else {
            handle_alloc_error(layout)
        };
        let length = length as u32;
        // SAFETY: just allocated. The bytes may stay as they are.
        unsafe { block.write(Self { users: AtomicU32::new(1), length, members }) };
        block
    }

    /// # Safety
    /// `block` was made by `make`, and nobody uses it any more.
    unsafe fn free(block: NonNull<Self>) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(block.as_ptr().cast(), Self::layout(block.as_ref().length as usize)) };
    }
}

/// What the caller lends for an answer, during the call.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    reply: Out<Reply>,
    _call: PhantomData<&'a Reply>,
}

/// What is left of a room behind a part of it, to be lent further inwards by whoever has the part.
#[derive(Debug)]
pub(crate) struct Rest {
    place: NonNull<u8>,
    length: u64,
    users: NonNull<AtomicU32>,
    keep: Keep,
}

/// A part of a room, used until it is given back.
#[derive(Debug)]
pub(super) struct Part {
    users: NonNull<AtomicU32>,
    keep: Keep,
}

impl Asked<'_> {
    /// # Safety
    /// `reply` is lent for as long as the result lives, with its size set, and its scratch is for
    /// this call alone.
    #[inline]
    #[must_use]
    pub const unsafe fn new(reply: Out<Reply>) -> Self {
        Self { reply, _call: PhantomData }
    }

    /// The out-struct itself, for who hands it on.
    pub(crate) const fn reply(self) -> Out<Reply> {
        self.reply
    }

    /// Takes the room for a `T`, where it is lent, has enough and may be kept.
    #[inline]
    pub(super) fn take<T>(self) -> Option<(NonNull<MaybeUninit<T>>, Part)> {
        // SAFETY: lent with its size set.
        let lent = unsafe { self.reply.borrow() }?;
        let place = NonNull::new(lent.scratch.cast::<MaybeUninit<T>>())?;
        let users = NonNull::new(lent.scratch_users.cast::<AtomicU32>())?;
        let fits = lent.scratch_length >= size_of::<T>() as u64 && place.is_aligned();
        if !fits || lent.scratch_keep.release.is_none() {
            return None;
        }
        // SAFETY: lent, and an atomic for everybody.
        unsafe { users.as_ref() }.fetch_add(1, Ordering::Relaxed);
        Some((place, Part { users, keep: lent.scratch_keep }))
    }
}

impl Asked<'_> {
    /// What is left of the room when a `T` has taken its part.
    #[inline]
    pub(super) fn rest<T>(self) -> Option<Rest> {
        // SAFETY: lent with its size set.
        let lent = unsafe { self.reply.borrow() }?;
        let length = lent.scratch_length.checked_sub(size_of::<T>() as u64)?;
        let place = NonNull::new(lent.scratch.wrapping_add(size_of::<T>()))?;
        let users = NonNull::new(lent.scratch_users.cast::<AtomicU32>())?;
        Some(Rest { place, length, users, keep: lent.scratch_keep })
    }
}

impl Rest {
    /// An empty out-struct that lends what is left.
    #[inline]
    pub(super) fn reply(&self) -> Reply {
        Reply {
            scratch: self.place.as_ptr(),
            scratch_length: self.length,
            scratch_users: self.users.as_ptr().cast(),
            scratch_keep: self.keep,
            ..Growable::absent()
        }
    }
}

// SAFETY: it is lent by whoever uses the part in front of it, which may be any thread.
unsafe impl Send for Rest {}

impl Part {
    /// Gives the room back; nothing in it may be used any more.
    ///
    /// # Safety
    /// Whatever was in it is gone.
    #[inline]
    pub(super) unsafe fn give_back(self) {
        // SAFETY: alive, because this is one of its users.
        if unsafe { self.users.as_ref() }.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: nobody uses it any more.
            unsafe { self.keep.free() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_used_again_only_by_its_last_user() {
        let mut room = Room::new();
        let mut reply = room.reply();
        // SAFETY: lent for this test.
        let asked = unsafe { Asked::new(Out::lend(&mut reply)) };
        let (first, part) = asked.take::<u64>().expect("room for eight bytes");
        assert!(asked.take::<[u64; BYTES]>().is_none(), "more room than there is");
        // SAFETY: nothing is in it.
        unsafe { part.give_back() };
        assert!(room.is_free());
        room.renew();
        let mut reply = room.reply();
        // SAFETY: lent for this test.
        let (second, part) = unsafe { Asked::new(Out::lend(&mut reply)) }.take::<u64>().unwrap();
        assert_eq!(first, second);
        assert!(!room.is_free(), "somebody uses it");
        room.renew();
        assert_ne!(room.reply().scratch.cast(), second.as_ptr(), "taken from who uses it");
        // SAFETY: still there, and used by this test alone.
        unsafe { second.as_ptr().write(MaybeUninit::new(7)) };
        // SAFETY: nothing needs to be dropped.
        unsafe { part.give_back() };
    }

    /// Each layer takes a part and lends the rest, and all of it is given back.
    #[test]
    fn layers_share_a_wide_room() {
        let mut room = Room::new();
        room.widen(3);
        let mut lent = room.reply();
        let mut parts = Vec::new();
        for _ in 0..3 {
            // SAFETY: lent for this test.
            let asked = unsafe { Asked::new(Out::lend(&mut lent)) };
            let (place, part) = asked.take::<[u64; BYTES / 8]>().expect("room for each");
            let rest = asked.rest::<[u64; BYTES / 8]>().expect("what is left, if only nothing");
            assert!(parts.iter().all(|(other, _)| *other != place), "taken twice");
            parts.push((place, part));
            lent = rest.reply();
        }
        // SAFETY: lent for this test.
        let asked = unsafe { Asked::new(Out::lend(&mut lent)) };
        assert!(asked.take::<u64>().is_none(), "more than there is");
        assert!(!room.is_free());
        // SAFETY: nothing is in them.
        parts.into_iter().for_each(|(_, part)| unsafe { part.give_back() });
        assert!(room.is_free());
    }

    #[test]
    fn what_cannot_be_kept_is_not_taken() {
        let mut room = Room::new();
        let mut lent = room.reply();
        lent.scratch_users = std::ptr::null_mut();
        // SAFETY: lent for this test.
        assert!(unsafe { Asked::new(Out::lend(&mut lent)) }.take::<u64>().is_none());
        let mut lent = Reply { scratch_keep: Keep::NOTHING, ..room.reply() };
        // SAFETY: lent for this test.
        assert!(unsafe { Asked::new(Out::lend(&mut lent)) }.take::<u64>().is_none());
        assert!(room.is_free());
    }
}
