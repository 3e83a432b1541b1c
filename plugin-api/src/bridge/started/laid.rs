//! A head that is said at once by whoever answers, without a `start_response` in between.

use super::{Sent, Shared, Started, bad_status};
use crate::Result;
use crate::bridge::room::Asked;

impl Started {
    /// A head of these fields, in the room that the caller lends; an empty reason is the usual one.
    ///
    /// # Errors
    /// When the status is none.
    pub(crate) fn laid<'a>(
        asked: Asked<'_>,
        status: u16,
        reason: &[u8],
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> Result<Sent> {
        if !matches!(status, 101 | 200..=999) {
            return Err(bad_status(&status.to_string()));
        }
        let shared = match asked.take() {
            Some((place, part)) => Self::put(place, Some(part), 1),
            None => Self::put(Box::leak(Box::new_uninit()).into(), None, 1),
        };
        shared.say(|head| head.lay(status, reason, fields))?;
        Shared::send(shared)
    }
}
