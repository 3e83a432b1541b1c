//! A head as it lies in memory: rows, and the text that they point into.
//!
//! Most heads lie in one piece. One that is larger lies elsewhere, and that of a layer may be what
//! the application inside has said, handed on as it came, or changed by what edits it.

use std::fmt;
use std::mem::MaybeUninit;

use super::HeaderList;
use crate::Head;
use crate::abi::leaf::{Header, Str};
use crate::bridge::inward::GivenHead;
use crate::bridge::room::Rest;

/// Fields that most responses have room for.
const ROWS: usize = 8;
/// Bytes of names and values that most responses have room for.
const TEXT: usize = 320;

pub(super) struct Filled {
    pub(super) status: u16,
    pub(super) count: u32,
    pub(super) reason: Str,
    rows: [MaybeUninit<Header>; ROWS],
    text: [MaybeUninit<u8>; TEXT],
    pub(super) beside: Beside,
}

/// What a head has beside the room it lies in.
pub(super) enum Beside {
    /// Nothing, as nearly always.
    Nothing,
    /// Rows and text that have no room here.
    Large(Large),
    /// What a layer needs.
    Around(Around),
}

/// A head that does not fit: rows and text as large as they must be.
pub(super) struct Large(Box<Laid>);

struct Laid {
    rows: Vec<Header>,
    _text: Vec<u8>,
}

/// The head of a layer's response.
#[derive(Default)]
pub(super) struct Around {
    /// Room for whoever is called inside.
    rest: Option<Rest>,
    /// What changes a head that is said, the last one first.
    edits: Vec<Edit>,
    /// Where the rows are, if not here.
    elsewhere: Elsewhere,
}

#[derive(Default)]
enum Elsewhere {
    #[default]
    No,
    Large(Large),
    /// Where the application inside has put them.
    Given(GivenHead),
}

/// Changes a head that is said.
pub(crate) type Edit = Box<dyn FnMut(&mut Head) + Send>;

impl Filled {
    /// Writes what is read of a head before one is filled in.
    ///
    /// # Safety
    /// `head` is valid for writes.
    #[inline]
    pub(super) unsafe fn begin(head: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*head).status).write(0);
            (&raw mut (*head).count).write(0);
            (&raw mut (*head).reason).write(Str::EMPTY);
            (&raw mut (*head).beside).write(Beside::Nothing);
        }
    }

    /// Fills a head in. Rows point into the text beside them, so neither is borrowed as a whole.
    ///
    /// # Safety
    /// `head` is valid, and nobody else uses it meanwhile.
    #[inline(always)]
    pub(super) unsafe fn fill(head: *mut Self, status: u16, reason: &str, headers: HeaderList<'_>) {
        let length = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            + reason.len();
        // SAFETY: the caller's promise; all bytes together fit, as just computed.
        unsafe {
            let usual = matches!((*head).beside, Beside::Nothing);
            if !usual || headers.len() > ROWS || length > TEXT {
                (*head).fill_beside(status, reason, headers);
                return;
            }
            let fields = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            Self::lay_here(head, status, reason.as_bytes(), fields);
        }
    }

    /// # Safety
    /// As for `fill`; everything fits.
    #[inline(always)]
    unsafe fn lay_here<'a>(
        head: *mut Self,
        status: u16,
        reason: &[u8],
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            (*head).status = status;
            (*head).count = u32::try_from(fields.len()).unwrap_or(u32::MAX);
            let mut text = (&raw mut (*head).text).cast::<u8>();
            let mut put = |bytes: &[u8]| {
                let at = Str { ptr: text, len: bytes.len() };
                text.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                text = text.add(bytes.len());
                at
            };
            (*head).reason = put(reason);
            let mut row = (&raw mut (*head).rows).cast::<Header>();
            for (name, value) in fields {
                let (name, value) = (put(name), put(value));
                row.write(Header { id: 0, reserved: 0, name, value });
                row = row.add(1);
            }
        }
    }

    /// The way of a head that is large, is said again, or is a layer's.
    #[cold]
    fn fill_beside(&mut self, status: u16, reason: &str, headers: HeaderList<'_>) {
        let is_edited = |around: &Around| !around.edits.is_empty();
        if matches!(&self.beside, Beside::Around(around) if is_edited(around)) {
            let mut head = Head::new(status);
            head.set_reason(reason);
            headers.iter().for_each(|(name, value)| head.append(name, *value));
            return self.say(head);
        }
        let fields = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.lay(status, reason.as_bytes(), fields);
    }

    /// Says a head of one's own, which is changed first by what edits it.
    pub(super) fn say(&mut self, mut head: Head) {
        if let Beside::Around(around) = &mut self.beside {
            around.edits.iter_mut().rev().for_each(|edit| edit(&mut head));
        }
        let fields = head.iter_bytes();
        self.lay(head.status(), head.reason_bytes(), fields);
    }

    /// Says what the application inside has said, as it lies where nothing changes it.
    pub(super) fn hand_on(&mut self, given: GivenHead) {
        if self.around().edits.is_empty() {
            (self.status, self.count, self.reason) =
                (given.status(), given.count(), given.reason());
            self.around().elsewhere = Elsewhere::Given(given);
        } else {
            self.say(given.read());
        }
    }

    pub(super) fn lay<'a>(
        &mut self,
        status: u16,
        reason: &[u8],
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) {
        let length = fields.clone().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let large = if fields.len() > ROWS || length + reason.len() > TEXT {
            self.status = status;
            self.count = u32::try_from(fields.len()).unwrap_or(u32::MAX);
            let (reason, large) = Large::of(reason, fields, length + reason.len());
            self.reason = reason;
            Some(large)
        } else {
            // SAFETY: borrowed, and everything fits, as just computed.
            unsafe { Self::lay_here(self, status, reason, fields) };
            None
        };
        match (&mut self.beside, large) {
            (Beside::Around(around), large) => {
                around.elsewhere = large.map_or(Elsewhere::No, Elsewhere::Large);
            }
            (beside, large) => *beside = large.map_or(Beside::Nothing, Beside::Large),
        }
    }

    /// What a layer needs, which is there from now on.
    pub(super) fn around(&mut self) -> &mut Around {
        if !matches!(self.beside, Beside::Around(_)) {
            let elsewhere = match std::mem::replace(&mut self.beside, Beside::Nothing) {
                Beside::Large(large) => Elsewhere::Large(large),
                Beside::Nothing | Beside::Around(_) => Elsewhere::No,
            };
            self.beside = Beside::Around(Around { elsewhere, ..Around::default() });
        }
        match &mut self.beside {
            Beside::Around(around) => around,
            Beside::Nothing | Beside::Large(_) => unreachable!("it was made just now"),
        }
    }

    /// Rows that lie here, as nearly always.
    #[inline(always)]
    pub(super) const fn rows_here(&self) -> Option<*const Header> {
        match &self.beside {
            Beside::Nothing => Some(self.rows.as_ptr().cast()),
            Beside::Large(_) | Beside::Around(_) => None,
        }
    }

    /// The first row, wherever it is, and the bytes from one row to the next.
    pub(super) fn rows(&self) -> (*const Header, u32) {
        let here = (self.rows.as_ptr().cast(), size_of::<Header>() as u32);
        self.beside.rows().unwrap_or(here)
    }

    /// Whether something is kept beside the room that the caller lends.
    pub(super) fn needs_keeping(&self) -> bool {
        match &self.beside {
            Beside::Nothing => false,
            Beside::Large(_) => true,
            Beside::Around(around) => match &around.elsewhere {
                Elsewhere::No => false,
                Elsewhere::Large(_) => true,
                Elsewhere::Given(given) => given.needs_keeping(),
            },
        }
    }

    /// Ends what is beside the room.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        // Nearly always nothing, and told without a call.
        if !matches!(self.beside, Beside::Nothing) {
            self.end_beside();
        }
    }

    #[cold]
    fn end_beside(&mut self) {
        self.beside = Beside::Nothing;
    }
}

impl Beside {
    fn rows(&self) -> Option<(*const Header, u32)> {
        let large = match self {
            Self::Large(large)
            | Self::Around(Around { elsewhere: Elsewhere::Large(large), .. }) => large,
            Self::Around(Around { elsewhere: Elsewhere::Given(given), .. }) => {
                return Some(given.rows());
            }
            Self::Nothing | Self::Around(_) => return None,
        };
        Some((large.0.rows.as_ptr(), size_of::<Header>() as u32))
    }
}

impl Around {
    pub(super) fn with_rest(rest: Option<Rest>) -> Self {
        Self { rest, ..Self::default() }
    }

    /// The room for whoever is called inside: it is lent once.
    pub(super) fn take_rest(&mut self) -> Option<Rest> {
        self.rest.take()
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        self.edits.push(edit);
    }
}

impl Large {
    fn of<'a>(
        reason: &[u8],
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        length: usize,
    ) -> (Str, Self) {
        let mut text = Vec::with_capacity(length);
        let first: *const u8 = text.as_ptr();
        let mut put = |bytes: &[u8]| {
            let at = Str { ptr: first.wrapping_add(text.len()), len: bytes.len() };
            text.extend_from_slice(bytes);
            at
        };
        let reason = put(reason);
        let rows = fields
            .map(|(name, value)| {
                let (name, value) = (put(name), put(value));
                Header { id: 0, reserved: 0, name, value }
            })
            .collect();
        (reason, Self(Box::new(Laid { rows, _text: text })))
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filled({} with {} fields)", self.status, self.count)
    }
}
