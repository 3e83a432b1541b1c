//! An exchange that is only looked at, before it is known who takes it.

use std::fmt;
use std::marker::PhantomData;

use super::exchange::Text;
use crate::abi::grown::Head;
use crate::abi::leaf::{Str, rows};
use crate::abi::object::{Exchange, ExchangeTable};
use crate::slot;

/// A handle that somebody else owns.
#[derive(Clone, Copy)]
pub struct Glance<'a> {
    exchange: *mut Exchange,
    _owner: PhantomData<&'a Exchange>,
}

impl<'a> Glance<'a> {
    /// # Safety
    /// The handle is null, or alive as long as the result and what is read by it, and follows the
    /// boundary's rules.
    #[inline]
    #[must_use]
    pub const unsafe fn of(exchange: *mut Exchange) -> Self {
        Self { exchange, _owner: PhantomData }
    }

    /// One text of the head.
    #[must_use]
    pub fn text(&self, text: Text) -> &'a [u8] {
        let text = self.head(|head| text.of(head));
        // SAFETY: the host keeps the texts until the handle is released.
        text.map_or(&[], |text: Str| unsafe { text.bytes() })
    }

    /// Header fields: lower-case names and values, in the order received.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let table = self.head(|head| (head.headers, head.header_count, head.header_stride));
        let (first, count, stride) = table.unwrap_or((std::ptr::null(), 0, 0));
        // SAFETY: the host keeps the rows until the handle is released.
        unsafe { rows(first, count, stride) }
            // SAFETY: as above.
            .map(|row| unsafe { (row.name.bytes(), row.value.bytes()) })
    }

    fn head<T>(&self, read: impl FnOnce(&Head) -> T) -> Option<T> {
        let exchange = self.exchange;
        // SAFETY: null, or alive; the host's struct carries its size.
        unsafe {
            let head = slot!(ExchangeTable, exchange, head)?(exchange);
            Some(match head.borrow() {
                Some(head) => read(head),
                None => read(&head.read()),
            })
        }
    }
}

impl fmt::Debug for Glance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glance({:p})", self.exchange)
    }
}
